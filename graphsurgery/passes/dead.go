package passes

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// needs is what a model's outputs depend on.
type needs struct {
	nodes     map[*gs.Node]bool
	values    map[*gs.Value]bool // read by such a node, or given out
	functions map[*gs.Function]bool
}

// findNeeds walks backwards from the main graph's outputs, into subgraphs and the
// functions that are called.
func findNeeds(m *gs.Model) *needs {
	s := &needs{nodes: map[*gs.Node]bool{}, values: map[*gs.Value]bool{}, functions: map[*gs.Function]bool{}}
	var queue []*gs.Node
	need := func(values []*gs.Value) {
		for _, v := range values {
			if v == nil || s.values[v] {
				continue
			}
			s.values[v] = true
			if n := v.Producer(); n != nil && !s.nodes[n] {
				s.nodes[n] = true
				queue = append(queue, n)
			}
		}
	}
	need(m.Graph.Outputs())
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		need(n.Inputs())
		for _, body := range n.Subgraphs() {
			need(body.Outputs())
		}
		if f := n.Function(); f != nil && !s.functions[f] {
			s.functions[f] = true
			need(f.Body().Outputs())
		}
	}
	return s
}

// DeadNodes removes what no output of the model depends on: nodes, initialisers
// and functions. (ONNX nodes have no effect but their outputs.)
func DeadNodes() Pass {
	return Pass{
		Name: "dead-nodes",
		Doc: "Removes nodes, initialisers and functions that no output of the model depends on. " +
			"Subgraphs and functions: cleaned, too. Optional outputs: stay, if the node does. " +
			"Graph inputs and outputs: all stay, and so do initialisers that a caller can override.",
		Ensures: []Condition{{"every node is needed", everyNodeNeeded}},
		Edit:    removeDead,
	}
}

func everyNodeNeeded(m *gs.Model) error {
	s := findNeeds(m)
	for _, g := range m.Graphs() {
		for _, n := range g.Nodes() {
			if !s.nodes[n] {
				return fmt.Errorf("nobody needs node %q", n.Label())
			}
		}
	}
	return nil
}

func removeDead(m *gs.Model, p *gs.Patch) (int, error) {
	s := findNeeds(m)
	changed := 0
	for _, g := range m.Graphs() {
		if gone(g, s) {
			continue // with the node or function it belongs to
		}
		for _, n := range g.Nodes() {
			if !s.nodes[n] {
				p.Remove(n)
				changed++
			}
		}
		changed += removeUnread(p, g, s)
	}
	for _, f := range m.Functions() {
		if !s.functions[f] {
			p.RemoveFunction(f)
			changed++
		}
	}
	return changed, nil
}

// gone reports whether a graph is dropped as a whole.
func gone(g *gs.Graph, s *needs) bool {
	if f := g.Function(); f != nil && !s.functions[f] {
		return true
	}
	for ; g.Owner() != nil; g = g.Outer() {
		if !s.nodes[g.Owner()] {
			return true
		}
	}
	return false
}

func removeUnread(p *gs.Patch, g *gs.Graph, s *needs) int {
	changed := 0
	for _, v := range g.Values() {
		if v.IsConstant() && !s.values[v] && !v.IsGraphOutput() {
			p.RemoveInitializer(v)
			changed++
		}
	}
	return changed
}
