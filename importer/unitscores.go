package importer

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// scoreForm is what stages do to the scores of an attention: scale·scores + bias, and masked
// where keep forbids.
type scoreForm struct {
	scale      float64
	bias, keep *graph.Node // of rank 4, or nil
	masked     float64
	last       int // axes that are not before the heads
}

// scoreStages follows the stages from the product of queries and keys, whose dimensions are
// given, to the softmax. It is false if something is done that scoreForm cannot say.
func (t *tracer) scoreStages(s spelt, dtype graphsurgery.DType, scores []int) (scoreForm, bool) {
	l := scoreForm{scale: 1, last: headAxes(len(scores))}
	dims := scores
	for i := len(s.stages) - 1; i >= 0; i-- {
		n, trunk := s.stages[i], s.trunks[i]
		ok := true
		switch n.Op() {
		case "Div", "Mul":
			ok = l.times(t.wireOf(n.Input(1-trunk)), n.Op() == "Div")
		case "Add":
			ok = t.addBias(&l, t.wireOf(n.Input(1-trunk)), dtype, dims)
		case "Where":
			ok = t.addKeep(&l, n, trunk, dims)
		case "Reshape":
			dims, ok = t.regrouped(n, dims, scores[len(scores)-l.last:])
		}
		if !ok {
			return l, false
		}
	}
	return l, slices.Equal(dims, scores)
}

// times multiplies everything so far by a number.
func (l *scoreForm) times(w *wire, divide bool) bool {
	if w.host == nil || w.host.len() != 1 || len(w.dims) > 3 {
		return false
	}
	by := w.host.scalar()
	if divide {
		by = 1 / by
	}
	l.scale *= by
	if l.bias != nil {
		l.bias = graph.MulScalar(l.bias, by)
	}
	if l.keep != nil && !(by > 0) {
		return false
	}
	l.masked *= by
	return true
}

// addBias adds numbers that broadcast to the scores. What was masked with a finite number
// would be changed by it.
func (t *tracer) addBias(l *scoreForm, w *wire, dtype graphsurgery.DType, dims []int) bool {
	if w.dtype != dtype || l.keep != nil && !math.IsInf(l.masked, -1) {
		return false
	}
	b := t.besideScores(w, dims, l.last)
	if b == nil {
		return false
	}
	if l.bias != nil {
		all, err := broadcastDims(l.bias.Shape().Dimensions, b.Shape().Dimensions)
		if err != nil {
			return false
		}
		b = graph.Add(graph.BroadcastToDims(l.bias, all...), graph.BroadcastToDims(b, all...))
	}
	l.bias = b
	return true
}

// addKeep reads a Where that puts a number in the place of scores, by which of its inputs
// the scores come.
func (t *tracer) addKeep(l *scoreForm, n *graphsurgery.Node, trunk int, dims []int) bool {
	fill := t.wireOf(n.Input(3 - trunk))
	if l.keep != nil || fill.host == nil || fill.host.len() != 1 || len(fill.dims) > len(dims) {
		return false
	}
	keep := t.besideScores(t.wireOf(n.Input(0)), dims, l.last)
	if keep == nil {
		return false
	}
	if trunk == 2 {
		keep = graph.LogicalNot(keep)
	}
	l.keep, l.masked = keep, fill.host.scalar()
	return true
}

// besideScores gives what broadcasts to scores of the given dimensions as [batch, heads,
// queries, keys], nil if it does not.
func (t *tracer) besideScores(w *wire, dims []int, last int) *graph.Node {
	all, err := broadcastDims(w.dims, dims)
	if err != nil || !slices.Equal(all, dims) {
		return nil
	}
	own := append(slices.Repeat([]int{1}, len(dims)-len(w.dims)), w.dims...)
	lead, tail := splitScores(own, last)
	n := graph.Reshape(t.nodeOf(w), own...)
	if product(lead) > 1 {
		lead = dims[:len(lead)]
		n = graph.BroadcastToDims(n, append(slices.Clone(lead), own[len(lead):]...)...)
	}
	return graph.Reshape(n, append([]int{product(lead)}, tail...)...)
}

// regrouped follows a Reshape that parts or joins axes before the heads only, as window
// attention does to add a mask per window. The last axes must stay what they are.
func (t *tracer) regrouped(n *graphsurgery.Node, dims, last []int) ([]int, bool) {
	shape := t.wireOf(n.Input(1))
	if shape.host == nil {
		return nil, false
	}
	to, free := slices.Clone(shape.host.asInts()), -1
	for i, d := range to {
		if d == 0 && n.Int("allowzero", 0) == 0 && i < len(dims) {
			to[i] = dims[i]
		}
		if d == -1 {
			free = i
		}
	}
	if free >= 0 {
		to[free] = 1
		if rest := product(to); rest > 0 {
			to[free] = product(dims) / rest
		}
	}
	same := len(to) > len(last) && product(to) == product(dims) && slices.Equal(to[len(to)-len(last):], last)
	return to, same
}
