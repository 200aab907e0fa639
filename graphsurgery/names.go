package graphsurgery

import "strconv"

// nameKind tells what has a name; a name can have several. Values and nodes may
// share one (ONNX IR specification, "Names Within a Graph"), a fresh name is
// nobody's.
type nameKind uint8

const (
	valueName nameKind = 1 << iota
	nodeName
	otherName // a graph's or a function's
	anyName   = valueName | nodeName | otherName
)

// String names the kind in messages.
func (k nameKind) String() string {
	switch k {
	case valueName:
		return "value"
	case nodeName:
		return "node"
	}
	return "name"
}

// FreshName gives base, or base with a number, such that nothing in the model
// has that name: no value, node, graph or function. It does not reserve the
// name; [Patch.FreshName] does.
func (m *Model) FreshName(base string) string {
	return newNameSet(m).find(base, anyName)
}

// FreshName is [Model.FreshName] of the graph's model.
func (g *Graph) FreshName(base string) string { return g.model.FreshName(base) }

// names holds every name in the model, subgraphs and functions included. It is
// made when first asked for after a change, and must not be written to.
func (m *Model) names() map[string]nameKind {
	if known := m.taken.Load(); known != nil {
		return *known
	}
	used := make(map[string]nameKind, 2*len(m.Graph.nodes)+len(m.Graph.inits))
	m.walkAll(func(g *Graph) {
		used[g.Name()] |= otherName
		for name := range g.values {
			used[name] |= valueName
		}
		for _, n := range g.nodes {
			if name := n.Name(); name != "" {
				used[name] |= nodeName
			}
		}
	})
	m.taken.Store(&used)
	return used
}

// fewGraphs are quicker asked one by one than all names are gathered.
const fewGraphs = 8

// nameSet is the names of a model and those that a patch adds.
type nameSet struct {
	model  *Model
	graphs []*Graph
	own    map[string]nameKind
	next   map[string]int // per base name, the first number not tried
}

func newNameSet(m *Model) *nameSet {
	return &nameSet{model: m, graphs: m.Graphs(), own: map[string]nameKind{}, next: map[string]int{}}
}

func (s *nameSet) has(name string, kind nameKind) bool {
	if s.own[name]&kind != 0 {
		return true
	}
	if kind != valueName || len(s.graphs) > fewGraphs {
		return s.model.names()[name]&kind != 0
	}
	for _, g := range s.graphs { // no need to gather all names
		if g.values[name] != nil {
			return true
		}
	}
	return false
}

// find gives base, or base with the first free number.
func (s *nameSet) find(base string, kind nameKind) string {
	name := base
	for i := max(1, s.next[base]); name == "" || s.has(name, kind); i++ {
		name = base + "_" + strconv.Itoa(i)
		s.next[base] = i
	}
	return name
}

// fresh finds a name and takes it.
func (s *nameSet) fresh(base string, kind nameKind) string {
	name := s.find(base, kind)
	s.own[name] |= kind
	return name
}

// take takes a name for a value or a node, unless another one has it.
func (s *nameSet) take(name string, kind nameKind) bool {
	if name == "" || s.has(name, kind) {
		return false
	}
	s.own[name] |= kind
	return true
}
