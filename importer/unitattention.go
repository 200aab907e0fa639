package importer

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// spelt is an attention written as nodes: MatMul of queries and transposed keys,
// scales by numbers, at most one addition, Softmax, MatMul with values.
type spelt struct {
	query, key, value *graphsurgery.Value
	factors           []factor
	bias              *graphsurgery.Value
	softmax           *graphsurgery.Node
	nodes             []*graphsurgery.Node
}

// factor is a number that scores are multiplied with or divided by.
type factor struct {
	by     *graphsurgery.Value
	divide bool
}

// attentionAt reads the attention around a Softmax, nil if there is none of this form.
func (p *Program) attentionAt(softmax *graphsurgery.Node) *unit {
	weights := softmax.Output(0)
	context := soleReader(weights)
	if context == nil || p.steps[context] == nil || !plainOp(context, "MatMul") || context.Input(0) != weights {
		return nil
	}
	s, ok := spelt{value: context.Input(1), softmax: softmax}.above(softmax.Input(0))
	if !ok {
		return nil
	}
	s.nodes = append(s.nodes, softmax, context)
	return &unit{nodes: s.nodes, lower: s.lower}
}

// above reads what is between the Softmax and the product of queries and keys,
// from below. nodes are in the file's order.
func (s spelt) above(v *graphsurgery.Value) (spelt, bool) {
	if v == nil || v.Producer() == nil || soleReader(v) == nil {
		return s, false
	}
	n := v.Producer()
	found, ok := s, false
	switch {
	case plainOp(n, "MatMul"):
		found.query, found.key, ok = n.Input(0), n.Input(1), true
	case plainOp(n, "Div"):
		s.factors = append(slices.Clone(s.factors), factor{n.Input(1), true})
		found, ok = s.above(n.Input(0))
	case plainOp(n, "Mul"):
		for i := 0; i < 2 && !ok; i++ {
			next := s
			next.factors = append(slices.Clone(s.factors), factor{n.Input(1 - i), false})
			found, ok = next.above(n.Input(i))
		}
	case plainOp(n, "Add") && s.bias == nil && len(s.factors) == 0: // (x + b)·f would scale the bias
		for i := 0; i < 2 && !ok; i++ {
			next := s
			next.bias = n.Input(1 - i)
			found, ok = next.above(n.Input(i))
		}
	}
	found.nodes = append(found.nodes, n)
	return found, ok
}

// plainOp tells a node of the default domain.
func plainOp(n *graphsurgery.Node, op string) bool { return n.Domain() == "" && n.Op() == op }

// lower computes the attention, or declines if shapes and numbers turn out
// otherwise.
func (s spelt) lower(t *tracer) *wire {
	q, k, v := t.wireOf(s.query), t.wireOf(s.key), t.wireOf(s.value)
	rank := len(q.dims)
	if rank != 3 && rank != 4 || len(k.dims) != rank || len(v.dims) != rank || !isFloat(q.dtype) || !s.overLast(t, rank) {
		return nil
	}
	stack := rank - 2
	if !slices.Equal(q.dims[:stack], k.dims[:stack]) || !slices.Equal(q.dims[:stack], v.dims[:stack]) ||
		q.dims[rank-1] != k.dims[stack] || v.dims[stack] != k.dims[rank-1] {
		return nil
	}
	scale, ok := s.scale(t)
	if !ok || math.IsInf(1/scale, 0) {
		return nil
	}
	a := attention{tracer: t, scale: scale, q: t.ofRank4(q), k: graph.Transpose(t.ofRank4(k), 2, 3), v: t.ofRank4(v)}
	if s.bias != nil {
		b := t.wireOf(s.bias)
		scores := append(slices.Clone(q.dims[:rank-1]), k.dims[rank-1])
		all, err := broadcastDims(b.dims, scores)
		if err != nil || !slices.Equal(all, scores) || b.dtype != q.dtype {
			return nil
		}
		a.bias = graph.ExpandLeftToRank(t.nodeOf(b), 4)
	}
	y := attend(a)
	return t.wire(graph.Reshape(y, append(slices.Clone(q.dims[:rank-1]), v.dims[rank-1])...))
}

// ofRank4 puts an axis before a stack of matrices of rank 3.
func (t *tracer) ofRank4(w *wire) *graph.Node { return graph.ExpandLeftToRank(t.nodeOf(w), 4) }

// scale is the product of the factors, if all are known numbers.
func (s spelt) scale(t *tracer) (float64, bool) {
	scale := 1.0
	for _, f := range s.factors {
		w := t.wireOf(f.by)
		if w.host == nil || w.host.len() != 1 || len(w.dims) > 4 {
			return 0, false
		}
		if by := w.host.scalar(); f.divide {
			scale /= by
		} else {
			scale *= by
		}
	}
	return scale, true
}

// overLast tells whether the softmax runs over the last of rank axes, the keys.
// Before opset 13 it runs over all axes from its own on, which is 1 by default.
func (s spelt) overLast(t *tracer, rank int) bool {
	def := int64(-1)
	if opset, _ := s.softmax.Graph().Opset(""); opset < 13 {
		def = 1
	}
	axis := s.softmax.Int("axis", def)
	return axis == -1 || axis == int64(rank)-1
}
