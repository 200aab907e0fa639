package importer

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// geluUnit makes a unit of a GELU that was found, nil if a value inside is read
// elsewhere. Constants stay outside: others may read them.
func geluUnit(a recognize.Activation, place map[*graphsurgery.Node]int) *unit {
	if a.In == nil || a.Function != "gelu" {
		return nil
	}
	return closedUnit("gelu", a.Nodes, a.Out, place, func(t *tracer) *wire {
		w := t.wireOf(a.In)
		if w.host != nil || !isFloat(w.dtype) {
			return nil
		}
		if w.node == nil && w.flat != nil {
			return t.flatWire(gelu(w.flat), w.dims)
		}
		return t.wire(gelu(t.nodeOf(w)))
	})
}

// closedUnit makes a unit of nodes that were found to compute out, nil if it would be one
// node only or if a value inside is read elsewhere. Constants stay outside.
func closedUnit(kind string, nodes []*graphsurgery.Node, out *graphsurgery.Value, place map[*graphsurgery.Node]int, lower func(t *tracer) *wire) *unit {
	u := &unit{kind: kind, lower: lower}
	for _, n := range nodes {
		if n.Op() != "Constant" {
			u.nodes = append(u.nodes, n)
		}
	}
	slices.SortFunc(u.nodes, func(a, b *graphsurgery.Node) int { return place[a] - place[b] })
	for _, n := range u.nodes {
		if _, here := place[n]; !here || n.Domain() != "" {
			return nil
		}
		if v := n.Output(0); v != out && !u.keeps(v) {
			return nil
		}
	}
	if len(u.nodes) < 2 || u.last().Output(0) != out {
		return nil
	}
	return u
}

// keeps tells whether a value is read by the unit's nodes only.
func (u *unit) keeps(v *graphsurgery.Value) bool {
	if v == nil || v.IsGraphOutput() {
		return false
	}
	for _, use := range v.Uses() {
		if !slices.Contains(u.nodes, use.Node) {
			return false
		}
	}
	return true
}

// gelu is x·Φ(x) with a gradient of its own, Φ(x) + x·φ(x), that needs only x from
// the forward pass. Without it XLA keeps erf(x/√2) as well, which is as large as x,
// the widest tensor of a block. It would find the two equal and keep one, so the gradient
// writes Φ by the other tail.
//
// The pure Go backend gets no such gradient: a second Erf that needs only x is ready
// while the products of the next block run, and there Erf waits for workers of the
// pool without giving its own back (compute v0.1.6, internal/gobackend/ops,
// execErfGeneric), so that all can end up waiting for each other.
func gelu(x *graph.Node) *graph.Node {
	if x.Graph().Backend().String() == goBackend {
		return geluErf(x)
	}
	return withGradient([]*graph.Node{x}, func(in []*graph.Node) *graph.Node {
		return geluErf(in[0])
	}, func(in []*graph.Node, v *graph.Node) []*graph.Node {
		x := in[0]
		tail := graph.MulScalar(graph.OneMinus(graph.Erf(graph.MulScalar(x, -math.Sqrt2/2))), 0.5)
		density := graph.MulScalar(graph.Exp(graph.MulScalar(graph.Mul(x, x), -0.5)), 1/math.Sqrt(2*math.Pi))
		return []*graph.Node{graph.Mul(v, graph.Add(tail, graph.Mul(x, density)))}
	})
}
