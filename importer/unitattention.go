package importer

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// spelt is an attention written as nodes: MatMul of queries and transposed keys, what is
// done to the scores, Softmax, MatMul with values.
type spelt struct {
	query, key, value *graphsurgery.Value
	stages            []*graphsurgery.Node // between Softmax and scores, from below
	trunks            []int                // which input of each stage the scores come by
	softmax           *graphsurgery.Node
	casts             []*graphsurgery.Node // behind the Softmax
	nodes             []*graphsurgery.Node
}

// attentionAt reads the attention around a Softmax, nil if there is none of this form.
func (p *Program) attentionAt(softmax *graphsurgery.Node) *unit {
	s := spelt{softmax: softmax}
	weights := softmax.Output(0)
	context := soleReader(weights)
	for context != nil && plainOp(context, "Cast") {
		s.casts = append(s.casts, context)
		weights = context.Output(0)
		context = soleReader(weights)
	}
	if context == nil || p.steps[context] == nil || !plainOp(context, "MatMul") || context.Input(0) != weights {
		return nil
	}
	s.value = context.Input(1)
	s, ok := s.above(softmax.Input(0))
	if !ok {
		return nil
	}
	s.nodes = slices.Concat(s.nodes, []*graphsurgery.Node{softmax}, s.casts, []*graphsurgery.Node{context})
	return &unit{kind: "attention", nodes: s.nodes, lower: s.lower}
}

// above reads what is between the Softmax and the product of queries and keys,
// from below. nodes are in the file's order.
func (s spelt) above(v *graphsurgery.Value) (spelt, bool) {
	if v == nil || v.Producer() == nil || soleReader(v) == nil || len(s.stages) > 12 {
		return s, false
	}
	n := v.Producer()
	if plainOp(n, "MatMul") {
		s.query, s.key = n.Input(0), n.Input(1)
		s.nodes = append(s.nodes, n)
		return s, true
	}
	for _, i := range trunkInputs(n) {
		next := s
		next.stages = append(slices.Clone(s.stages), n)
		next.trunks = append(slices.Clone(s.trunks), i)
		if found, ok := next.above(n.Input(i)); ok {
			found.nodes = append(found.nodes, n)
			return found, true
		}
	}
	return s, false
}

// trunkInputs are the inputs of a node by which scores may come, if it does to them what
// an attention can do.
func trunkInputs(n *graphsurgery.Node) []int {
	switch {
	case n.Domain() != "":
	case n.Op() == "Div" || n.Op() == "Cast" || n.Op() == "Reshape":
		return []int{0}
	case n.Op() == "Mul" || n.Op() == "Add":
		return []int{0, 1}
	case n.Op() == "Where":
		return []int{1, 2}
	}
	return nil
}

// plainOp tells a node of the default domain.
func plainOp(n *graphsurgery.Node, op string) bool { return n.Domain() == "" && n.Op() == op }

// lower computes the attention, or declines if shapes and numbers turn out
// otherwise.
func (s spelt) lower(t *tracer) *wire {
	q, k, v := t.wireOf(s.query), t.wireOf(s.key), t.wireOf(s.value)
	rank := len(q.dims)
	if rank < 3 || len(k.dims) != rank || len(v.dims) != rank || !isFloat(q.dtype) || !s.overLast(rank) || !s.keepsType(q.dtype) {
		return nil
	}
	stack := rank - 2
	if !slices.Equal(q.dims[:stack], k.dims[:stack]) || !slices.Equal(q.dims[:stack], v.dims[:stack]) ||
		q.dims[rank-1] != k.dims[stack] || v.dims[stack] != k.dims[rank-1] || product(q.dims)*product(k.dims) == 0 {
		return nil
	}
	scores := append(slices.Clone(q.dims[:rank-1]), k.dims[rank-1])
	l, ok := t.scoreStages(s, q.dtype, scores)
	if !ok || math.IsInf(1/l.scale, 0) || math.IsNaN(l.scale) {
		return nil
	}
	a := attention{tracer: t, scale: l.scale, q: t.ofRank4(q), k: graph.Transpose(t.ofRank4(k), 2, 3), v: t.ofRank4(v),
		bias: l.bias, keep: l.keep, masked: l.masked}
	y := attend(a)
	return t.wire(graph.Reshape(y, append(slices.Clone(q.dims[:rank-1]), v.dims[rank-1])...))
}

// ofRank4 gives a stack of matrices as [batch, heads, rows, columns], where heads is 1 in a
// stack of rank 3, and all axes before the heads are one in one of rank 5 and more.
func (t *tracer) ofRank4(w *wire) *graph.Node {
	lead, tail := splitScores(w.dims, headAxes(len(w.dims)))
	return graph.Reshape(t.nodeOf(w), append([]int{product(lead)}, tail...)...)
}

// headAxes is how many of rank axes are heads, rows and columns: stacks of rank 3 have no
// axis of heads.
func headAxes(rank int) int { return min(rank-1, 3) }

// splitScores parts dimensions into those before the last axes, which are 2 or 3, and heads,
// rows, columns.
func splitScores(dims []int, last int) (lead, tail []int) {
	n := len(dims) - last
	if last == 2 {
		return dims[:n], []int{1, dims[n], dims[n+1]}
	}
	return dims[:n], dims[n:]
}

// keepsType tells whether all casts are to the type of the queries.
func (s spelt) keepsType(d graphsurgery.DType) bool {
	return !slices.ContainsFunc(s.nodes, func(n *graphsurgery.Node) bool { return n.Op() == "Cast" && castTarget(n) != d })
}

// overLast tells whether the softmax runs over the last of rank axes, the keys.
// Before opset 13 it runs over all axes from its own on, which is 1 by default.
func (s spelt) overLast(rank int) bool {
	if slices.ContainsFunc(s.stages, func(n *graphsurgery.Node) bool { return n.Op() == "Reshape" }) {
		rank = 0 // of the softmax's input; only -1 is sure then
	}
	def := int64(-1)
	if opset, _ := s.softmax.Graph().Opset(""); opset < 13 {
		def = 1
	}
	axis := s.softmax.Int("axis", def)
	return axis == -1 || axis == int64(rank)-1
}
