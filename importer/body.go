package importer

import (
	"slices"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// maxUnrolled bounds the nodes that all bodies and functions together are lowered
// to in one graph: each iteration of a loop is a copy, and compiling takes its time.
const maxUnrolled = 100_000

// plan lists the nodes of g that its values targets need, in file order where that
// is topological.
func plan(g *graphsurgery.Graph, targets []*graphsurgery.Value) []*graphsurgery.Node {
	sorted, err := g.SortedNodes()
	if err != nil {
		panic(err)
	}
	wanted := needed(targets)
	var nodes []*graphsurgery.Node
	for _, n := range sorted {
		if slices.ContainsFunc(n.Outputs(), func(v *graphsurgery.Value) bool { return v != nil && wanted[v] }) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// needed walks back from targets and returns the values they depend on, those
// that bodies read from around them included.
func needed(targets []*graphsurgery.Value) map[*graphsurgery.Value]bool {
	seen := make(map[*graphsurgery.Value]bool)
	queue := slices.Clone(targets)
	for len(queue) > 0 {
		v := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if v == nil || seen[v] {
			continue
		}
		seen[v] = true
		if n := v.Producer(); n != nil {
			queue = append(queue, n.Inputs()...)
			for _, body := range n.Subgraphs() {
				queue = append(queue, captured(body)...)
			}
		}
	}
	return seen
}

// captured lists what a body and the bodies in it read from around the body.
func captured(body *graphsurgery.Graph) []*graphsurgery.Value {
	var out []*graphsurgery.Value
	note := func(values []*graphsurgery.Value) {
		for _, v := range values {
			if v != nil && !inside(v.Graph(), body) {
				out = append(out, v)
			}
		}
	}
	note(body.Outputs())
	for _, n := range body.Nodes() {
		note(n.Inputs())
		for _, inner := range n.Subgraphs() {
			note(captured(inner))
		}
	}
	return out
}

// inside tells whether g is around or a graph in it.
func inside(g, around *graphsurgery.Graph) bool {
	for ; g != nil; g = g.Outer() {
		if g == around {
			return true
		}
	}
	return false
}

// bodyOf gives a graph attribute, or fails.
func (c *call) bodyOf(attr string) *graphsurgery.Graph {
	g := c.n.Subgraph(attr)
	if g == nil {
		c.fail("attribute %q is missing", attr)
	}
	return g
}

// body lowers a body of the node with its inputs bound to wires, and gives its
// outputs. A nil wire is an input that was left out. What an earlier iteration
// computed is overwritten.
func (c *call) body(g *graphsurgery.Graph, inputs ...*wire) []*wire {
	if len(inputs) > len(g.Inputs()) {
		c.fail("%d values for the %d inputs of body %q", len(inputs), len(g.Inputs()), g.Name())
	}
	for i, v := range g.Inputs() {
		if i < len(inputs) && inputs[i] != nil {
			c.wires[v] = inputs[i]
		} else {
			c.wires[v] = leftOut
		}
	}
	nodes, ok := c.plans[g]
	if !ok {
		nodes = plan(g, g.Outputs())
		c.plans[g] = nodes
	}
	if c.unrolled += max(1, len(nodes)); c.unrolled > maxUnrolled {
		c.refuse("loops and functions that unroll to more than %d nodes", maxUnrolled)
	}
	for _, n := range nodes {
		c.step(n)
	}
	c.at = c.n
	out := make([]*wire, len(g.Outputs()))
	for i, v := range g.Outputs() {
		out[i] = c.wireOf(v)
	}
	return out
}
