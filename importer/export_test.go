package importer

import (
	"slices"
	"strings"
)

// NewestOpset tells tests what the table goes up to.
const NewestOpset = newestOpset

// Compiled tells tests how many programs a runner keeps.
func (r *Runner) Compiled() int { return len(r.compiled) }

// Keeps tells whether a runner keeps a program for arguments of which one has this shape,
// as GoMLX prints it.
func (r *Runner) Keeps(shape string) bool {
	return slices.ContainsFunc(r.compiled, func(c *compiled) bool { return strings.Contains(c.key, shape) })
}

// Operators lists the operators of the table, with their domains unless that is
// the default one, sorted.
func Operators() []string {
	var names []string
	for key := range newTable() {
		name := key.Op
		if key.Domain != "" {
			name = key.Domain + "." + key.Op
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Units gives how many groups of nodes are lowered as one operator.
func (p *Program) Units() int {
	all := map[*unit]bool{}
	for _, u := range p.units {
		all[u] = true
	}
	return len(all)
}
