package diff

import (
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// matcher pairs the nodes and values of two models. Each is paired with one at
// most, and pairs are never taken back: the surest are made first.
type matcher struct {
	values map[*gs.Value]*gs.Value // of a to b
	nodes  map[*gs.Node]*gs.Node
	valueB map[*gs.Value]*gs.Value // of b to a
	nodeB  map[*gs.Node]*gs.Node
	facts  map[*gs.Node]string // what a node computes, but for its inputs
	sums   map[*gs.Tensor]string
	unread error // why the values of a tensor could not be read
}

func newMatcher() *matcher {
	return &matcher{
		values: map[*gs.Value]*gs.Value{}, nodes: map[*gs.Node]*gs.Node{},
		valueB: map[*gs.Value]*gs.Value{}, nodeB: map[*gs.Node]*gs.Node{},
		facts: map[*gs.Node]string{}, sums: map[*gs.Tensor]string{},
	}
}

// pairValues pairs two values, if both are free.
func (m *matcher) pairValues(a, b *gs.Value) {
	if a != nil && b != nil && m.values[a] == nil && m.valueB[b] == nil {
		m.values[a], m.valueB[b] = b, a
	}
}

func (m *matcher) pairNodes(a, b *gs.Node) bool {
	if m.nodes[a] != nil || m.nodeB[b] != nil {
		return false
	}
	m.nodes[a], m.nodeB[b] = b, a
	for i := range min(len(a.Outputs()), len(b.Outputs())) {
		m.pairValues(a.Output(i), b.Output(i))
	}
	return true
}

// graphs pairs two graphs' parts, those of subgraphs too.
func (m *matcher) graphs(a, b *gs.Graph) {
	m.ports(a, b)
	m.tensors(a, b)
	m.byKey(a, b, func(n *gs.Node) string { return m.fact(n) + "\n" + n.Name() + "\n" + n.String() })
	m.forward(a, b)
	m.byKey(a, b, func(n *gs.Node) string { return op(n) + "\n" + n.Name() + "\n" + outputs(n) })
	m.byKey(a, b, func(n *gs.Node) string {
		if n.Name() == "" {
			return ""
		}
		return op(n) + "\n" + n.Name()
	})
	for m.forward(a, b) || m.backward(a) {
	}
	m.byKey(a, b, func(n *gs.Node) string { return n.Name() + "\n" + outputs(n) }) // the operator changed
	for _, n := range a.Nodes() {
		for _, pair := range bodies(n, m.nodes[n]) {
			m.graphs(pair.a, pair.b)
		}
	}
}

// body is a subgraph of two matched nodes.
type body struct {
	attr string
	a, b *gs.Graph
}

func bodies(a, b *gs.Node) []body {
	if b == nil {
		return nil
	}
	var out []body
	for _, name := range a.AttrNames() {
		if ga, gb := a.Subgraph(name), b.Subgraph(name); ga != nil && gb != nil {
			out = append(out, body{name, ga, gb})
		}
	}
	return out
}

// ports pairs inputs of one name, then those left over in their order, where the
// declared types agree.
func (m *matcher) ports(a, b *gs.Graph) {
	for _, v := range a.Inputs() {
		m.pairValues(v, b.Input(v.Name()))
	}
	free := slices.DeleteFunc(slices.Clone(b.Inputs()), func(v *gs.Value) bool { return m.valueB[v] != nil })
	for _, v := range a.Inputs() {
		if m.values[v] != nil {
			continue
		}
		i := slices.IndexFunc(free, func(w *gs.Value) bool { return w.TypeText() == v.TypeText() })
		if i >= 0 {
			m.pairValues(v, free[i])
			free = slices.Delete(free, i, i+1)
		}
	}
}

// sparse lists the values of sparse initialisers.
func sparse(g *gs.Graph) []*gs.Value {
	return slices.DeleteFunc(g.Values(), func(v *gs.Value) bool { return v.SparseText() == "" })
}

// tensors pairs initialisers of one name, then those left over that are equal.
// Sparse ones are paired by name alone.
func (m *matcher) tensors(a, b *gs.Graph) {
	for _, v := range sparse(a) {
		if w := b.Value(v.Name()); w != nil && w.SparseText() != "" {
			m.pairValues(v, w)
		}
	}
	for _, t := range a.Initializers() {
		if b.Initializer(t.Name()) != nil {
			m.pairValues(a.Value(t.Name()), b.Value(t.Name()))
		}
	}
	free := map[string][]*gs.Tensor{}
	for _, t := range b.Initializers() {
		if m.valueB[b.Value(t.Name())] == nil {
			free[m.sum(t)] = append(free[m.sum(t)], t)
		}
	}
	for _, t := range a.Initializers() {
		v := a.Value(t.Name())
		if m.values[v] != nil || len(free) == 0 {
			continue
		}
		if same := free[m.sum(t)]; len(same) > 0 {
			m.pairValues(v, b.Value(same[0].Name()))
			free[m.sum(t)] = same[1:]
		}
	}
}

// byKey pairs free nodes with the same key, where it is unique in both graphs.
func (m *matcher) byKey(a, b *gs.Graph, key func(*gs.Node) string) {
	of := map[string][]*gs.Node{}
	for _, n := range b.Nodes() {
		if k := key(n); m.nodeB[n] == nil && k != "" {
			of[k] = append(of[k], n)
		}
	}
	count := map[string]int{}
	for _, n := range a.Nodes() {
		if m.nodes[n] == nil {
			count[key(n)]++
		}
	}
	for _, n := range a.Nodes() {
		k := key(n)
		if m.nodes[n] == nil && count[k] == 1 && len(of[k]) == 1 {
			m.pairNodes(n, of[k][0])
		}
	}
}

// forward pairs free nodes that compute the same from paired values, in the
// order of a.
func (m *matcher) forward(a, b *gs.Graph) bool {
	sources := map[string][]*gs.Node{} // nodes of b that read nothing
	for _, n := range b.Nodes() {
		if m.nodeB[n] == nil && firstInput(n) < 0 {
			sources[m.fact(n)] = append(sources[m.fact(n)], n)
		}
	}
	found := false
	for _, n := range a.Nodes() {
		if m.nodes[n] != nil {
			continue
		}
		if best := m.best(n, m.candidates(n, b, sources)); best != nil {
			found = m.pairNodes(n, best) || found
		}
	}
	return found
}

func (m *matcher) candidates(n *gs.Node, b *gs.Graph, sources map[string][]*gs.Node) []*gs.Node {
	first := firstInput(n)
	if first < 0 {
		return sources[m.fact(n)]
	}
	v := m.values[n.Input(first)]
	if v == nil {
		return nil
	}
	var out []*gs.Node
	for _, u := range v.Uses() {
		if u.Input == first && u.Node.Graph() == b {
			out = append(out, u.Node)
		}
	}
	return out
}

// best chooses a free node that computes the same, by preference one of the same
// name or outputs.
func (m *matcher) best(n *gs.Node, candidates []*gs.Node) *gs.Node {
	var best *gs.Node
	for _, c := range candidates {
		if m.nodeB[c] != nil || m.fact(c) != m.fact(n) || !m.sameInputs(n, c) {
			continue
		}
		if n.Name() != "" && c.Name() == n.Name() || outputs(c) == outputs(n) {
			return c
		}
		if best == nil {
			best = c
		}
	}
	return best
}

func (m *matcher) sameInputs(a, b *gs.Node) bool {
	if len(a.Inputs()) != len(b.Inputs()) {
		return false
	}
	for i, v := range a.Inputs() {
		if w := b.Input(i); v == nil != (w == nil) || v != nil && m.values[v] != w {
			return false
		}
	}
	return true
}

// backward pairs the free producers of what paired nodes read at the same place,
// if they do the same, in reverse order.
func (m *matcher) backward(a *gs.Graph) bool {
	found := false
	for _, n := range slices.Backward(a.Nodes()) {
		other := m.nodes[n]
		if other == nil {
			continue
		}
		for i, v := range n.Inputs() {
			w := other.Input(i)
			if v == nil || w == nil || v.Producer() == nil || w.Producer() == nil || v.OutputIndex() != w.OutputIndex() {
				continue
			}
			if m.fact(v.Producer()) == m.fact(w.Producer()) {
				found = m.pairNodes(v.Producer(), w.Producer()) || found
			}
		}
	}
	return found
}

func firstInput(n *gs.Node) int {
	return slices.IndexFunc(n.Inputs(), func(v *gs.Value) bool { return v != nil })
}

// op is the operator: "Relu", "com.microsoft.Gelu", "domain.Name:overload".
func op(n *gs.Node) string {
	s := n.Op()
	if n.Domain() != "" {
		s = n.Domain() + "." + s
	}
	if n.Overload() != "" {
		s += ":" + n.Overload()
	}
	return s
}

func outputs(n *gs.Node) string {
	names := make([]string, len(n.Outputs()))
	for i, v := range n.Outputs() {
		if v != nil {
			names[i] = v.Name()
		}
	}
	return strings.Join(names, "\n")
}

// fact is operator and attributes. Of subgraphs only the names count: they are
// compared when the nodes are matched.
func (m *matcher) fact(n *gs.Node) string {
	if s, ok := m.facts[n]; ok {
		return s
	}
	names := n.AttrNames()
	slices.Sort(names)
	s := op(n)
	for _, name := range names {
		s += "\n" + m.attr(n, name)
	}
	m.facts[n] = s
	return s
}

// attr is an attribute's text; a tensor is cut to its digest.
func (m *matcher) attr(n *gs.Node, name string) string {
	switch t := n.Tensor(name); {
	case n.Subgraph(name) != nil:
		return name + " = graph"
	case t != nil && t.Len() > 8:
		return name + " = " + t.Text(gs.Elide(4)) + " " + m.sum(t)
	}
	return n.AttrText(name)
}

// sum is a tensor's digest; one of strings, which have no byte form, is its own
// text. That of a tensor which cannot be read means nothing: unread is set.
func (m *matcher) sum(t *gs.Tensor) string {
	if s, ok := m.sums[t]; ok {
		return s
	}
	s, err := t.Digest()
	if err != nil {
		s = t.Text()
		if t.DType() != gs.String && m.unread == nil {
			m.unread = err
		}
	}
	m.sums[t] = s
	return s
}
