package passes

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Inline puts the bodies of model-local functions in the place of their calls:
// of those that choose accepts, of all if it is nil.
func Inline(choose func(*gs.Function) bool) Pass {
	if choose == nil {
		choose = func(*gs.Function) bool { return true }
	}
	return Pass{
		Name: "inline",
		Doc: "Puts the bodies of model-local functions in the place of their calls, and drops functions that are not called any more. Attributes that a body takes from its call are bound to those of the call or their defaults. " +
			"A call inside an inlined body is inlined in the next repetition. Names are made unique by the call's label. " +
			"Subgraphs: calls in them are inlined, too. Functions: calls in those that stay are inlined. " +
			"Optional inputs: what the call leaves out, the body's nodes leave out. Graph outputs: keep their names.",
		Repeat:  true,
		Ensures: []Condition{{"no call of such a function is left", func(m *gs.Model) error { return noCall(m, choose) }}},
		Edit:    func(m *gs.Model, p *gs.Patch) (int, error) { return inlineCalls(m, p, choose) },
	}
}

func noCall(m *gs.Model, choose func(*gs.Function) bool) error {
	for _, g := range m.Graphs() {
		for _, n := range g.Nodes() {
			if f := n.Function(); f != nil && choose(f) {
				return fmt.Errorf("node %q calls %q", n.Label(), f.Name())
			}
		}
	}
	return nil
}

// inlineCalls inlines the calls in the main graph and in functions that stay.
// Bodies that are themselves inlined are left alone: they change in the places
// they are copied to.
func inlineCalls(m *gs.Model, p *gs.Patch, choose func(*gs.Function) bool) (int, error) {
	s := &sizes{choose: choose, of: map[*gs.Function]int{}}
	changed, total := 0, 0
	for _, g := range m.Graphs() {
		if f := g.Function(); f != nil && choose(f) {
			continue
		}
		for _, n := range g.Nodes() {
			size, err := s.node(n)
			if err != nil {
				return 0, err
			}
			if total += size; total > maxInlined {
				return 0, &gs.UnsupportedError{What: fmt.Sprintf("inlining would give more than %d nodes", maxInlined), Hint: "inline single functions"}
			}
			if f := n.Function(); f != nil && choose(f) {
				p.Inline(n)
				changed++
			}
		}
	}
	if changed == 0 {
		return dropUncalled(m, p, choose), nil
	}
	return changed, nil
}

// maxInlined is the number of nodes that a model may have by default when it is
// loaded: functions that call each other twice would double it each time.
const maxInlined = 250_000

// sizes counts the nodes that functions have once the chosen ones are inlined: 0
// while it is being counted.
type sizes struct {
	choose func(*gs.Function) bool
	of     map[*gs.Function]int
}

// node counts a node, which is that of a body if it is a call that is inlined. Its
// subgraphs are not counted.
func (s *sizes) node(n *gs.Node) (int, error) {
	f := n.Function()
	if f == nil || !s.choose(f) {
		return 1, nil
	}
	size, begun := s.of[f]
	if begun && size == 0 {
		return 0, &gs.UnsupportedError{Node: n.Label(), Op: n.Op(), Domain: n.Domain(), What: fmt.Sprintf("function %q calls itself", f.Name())}
	}
	if begun {
		return size, nil
	}
	s.of[f] = 0
	size, err := s.graph(f.Body())
	if err != nil {
		return 0, err
	}
	s.of[f] = max(1, size)
	return s.of[f], nil
}

// graph counts the nodes of a graph and its subgraphs, up to the limit.
func (s *sizes) graph(g *gs.Graph) (int, error) {
	total := 0
	for _, n := range g.Nodes() {
		size, err := s.node(n)
		if err != nil {
			return 0, err
		}
		for _, body := range n.Subgraphs() {
			inner, err := s.graph(body)
			if err != nil {
				return 0, err
			}
			size += inner
		}
		total = min(total+size, maxInlined+1)
	}
	return total, nil
}

// dropUncalled removes the chosen functions once nobody calls them.
func dropUncalled(m *gs.Model, p *gs.Patch, choose func(*gs.Function) bool) int {
	s := findNeeds(m)
	changed := 0
	for _, f := range m.Functions() {
		if choose(f) && !s.functions[f] {
			p.RemoveFunction(f)
			changed++
		}
	}
	return changed
}
