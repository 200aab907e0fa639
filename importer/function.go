package importer

import (
	"fmt"
	"math"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// lowerFunction lowers a call of one of the model's own functions by lowering
// its body. What the call leaves out, the body's nodes leave out.
func lowerFunction(c *call) []*wire {
	g := c.program.instances[c.n]
	if g == nil { // a call in the body of an If, Loop or Scan
		if g = c.instances[c.n]; g == nil {
			var err error
			if g, err = c.program.instance(c.n); err != nil {
				panic(err)
			}
			c.instances[c.n] = g
		}
	}
	return c.body(g, c.in...)
}

// expansion counts the nodes of a graph with the functions that it calls expanded;
// it stops counting where that is far too many. Functions do not call themselves
// (graphsurgery.Load sees to that). Bodies of If, Loop and Scan are left out.
func expansion(g *graphsurgery.Graph, known map[*graphsurgery.Function]int) int {
	total := 0
	for _, n := range g.Nodes() {
		total++
		if f := n.Function(); f != nil {
			size, ok := known[f]
			if !ok {
				size = expansion(f.Body(), known)
				known[f] = size
			}
			total = min(total+size, math.MaxInt32)
		}
	}
	return total
}

// instance gives the body of the function that n calls, with its attributes bound.
func (p *Program) instance(n *graphsurgery.Node) (*graphsurgery.Graph, error) {
	g, err := n.Instance()
	if err != nil {
		return nil, p.withFile(err)
	}
	misfit := func(what string, got, want int) error {
		return &graphsurgery.FormatError{File: p.model.Path(), Node: n.Name(), Op: n.Op(),
			What: fmt.Sprintf("the call has %d %s, its function %d", got, what, want)}
	}
	switch {
	case len(n.Inputs()) > len(g.Inputs()):
		return nil, misfit("inputs", len(n.Inputs()), len(g.Inputs()))
	case len(n.Outputs()) > len(g.Outputs()):
		return nil, misfit("outputs", len(n.Outputs()), len(g.Outputs()))
	}
	return g, nil
}
