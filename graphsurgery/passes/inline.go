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
	changed := 0
	for _, g := range m.Graphs() {
		if f := g.Function(); f != nil && choose(f) {
			continue
		}
		for _, n := range g.Nodes() {
			f := n.Function()
			if f == nil || !choose(f) {
				continue
			}
			if calls(f.Body(), f) {
				return 0, &gs.UnsupportedError{Node: n.Label(), Op: n.Op(), Domain: n.Domain(), What: fmt.Sprintf("function %q calls itself", f.Name())}
			}
			p.Inline(n)
			changed++
		}
	}
	if changed == 0 {
		return dropUncalled(m, p, choose), nil
	}
	return changed, nil
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

// directCalls lists the functions that a graph and its subgraphs call.
func directCalls(g *gs.Graph) []*gs.Function {
	var list []*gs.Function
	for _, n := range g.Nodes() {
		if f := n.Function(); f != nil {
			list = append(list, f)
		}
		for _, body := range n.Subgraphs() {
			list = append(list, directCalls(body)...)
		}
	}
	return list
}

// calls reports whether a graph calls a function, directly or through others.
func calls(g *gs.Graph, f *gs.Function) bool {
	seen := map[*gs.Function]bool{}
	queue := directCalls(g)
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		if next == f {
			return true
		}
		if !seen[next] {
			seen[next] = true
			queue = append(queue, directCalls(next.Body())...)
		}
	}
	return false
}
