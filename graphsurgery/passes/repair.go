package passes

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Repair mends what some tools leave wrong and ONNX Runtime forgives, so that a
// model can be edited at all: every edit is verified.
func Repair() Pass {
	return Pass{
		Name: "repair",
		Doc: "Imports the operator sets of ONNX Runtime's own domains where nodes use them and the import is missing (its optimiser forgets it), and with that brings nodes into topological order (converters to float16 put casts last). " +
			"Nothing that is computed changes. Subgraphs and functions: mended, too. Graph outputs: stay.",
		Edit: repair,
	}
}

// runtimeDomains are those of ONNX Runtime's operators, all of version 1.
func runtimeDomains() []string {
	return []string{"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "com.microsoft.experimental"}
}

func repair(m *gs.Model, p *gs.Patch) (int, error) {
	changed := 0
	for _, g := range m.Graphs() {
		missing := map[string]bool{}
		for _, n := range g.Nodes() {
			domain := n.Domain()
			_, imported := g.Opset(domain)
			if imported || missing[domain] || !slices.Contains(runtimeDomains(), domain) {
				continue
			}
			missing[domain] = true
			p.In(g).Import(domain, 1)
			changed++
		}
		if have, ok := g.Opset(""); ok && g.Owner() == nil && !sorted(g) {
			p.In(g).SetOpset("", have) // marks the graph, which is then sorted
			changed++
		}
	}
	return changed, nil
}

// sorted reports whether every node of a graph, subgraphs included, stands behind
// those it reads.
func sorted(g *gs.Graph) bool {
	_, ok := readOutside(g)
	return ok
}

// readOutside lists, once each, the values of the graphs around that a graph
// reads, in its subgraphs too; ok is false if one of them is not sorted.
func readOutside(g *gs.Graph) (outside []*gs.Value, ok bool) {
	done, seen := map[*gs.Node]bool{}, map[*gs.Value]bool{}
	early := func(v *gs.Value) bool {
		switch {
		case v == nil:
		case v.Graph() == g:
			return v.Producer() != nil && !done[v.Producer()]
		case !seen[v]:
			seen[v] = true
			outside = append(outside, v)
		}
		return false
	}
	for _, n := range g.Nodes() {
		read := slices.Clone(n.Inputs())
		for _, body := range n.Subgraphs() {
			inner, ok := readOutside(body)
			if !ok {
				return nil, false
			}
			read = append(read, inner...)
		}
		if slices.ContainsFunc(read, early) {
			return nil, false
		}
		done[n] = true
	}
	return outside, !slices.ContainsFunc(g.Outputs(), early)
}
