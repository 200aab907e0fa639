package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// attention is one scaled dot-product attention, in whichever operator it was
// spelt: softmax(cap(q·kᵀ·scale) + bias)·v per head.
type attention struct {
	*tracer // knows the type of products
	// q, k and v are [batch, heads, length, width]. k and v may have fewer heads,
	// each of which is then shared by a group of neighbouring query heads.
	q, k, v *graph.Node
	scale   float64
	// softcap c bounds scores as c·tanh(score/c) before anything is added; 0 does not.
	softcap float64
	// keep holds booleans of rank 4 that broadcast to the scores: what may be
	// looked at. Nil is everything.
	keep *graph.Node
	// bias holds numbers of rank 4 that broadcast to the scores. Nil is none.
	bias *graph.Node
	// causal lets query i see the keys up to past+i.
	causal bool
	past   int
	// precision is the type that the softmax is computed in; half types are
	// raised to float32. InvalidDType is the type of q.
	precision dtypes.DType
	// masked is what a score becomes that keep or causal forbids: minus infinity,
	// or the large number of com.microsoft's mask_filter_value.
	masked float64
}

// attend computes an attention. Every operator that attends comes through here,
// so that a faster form need be put in one place only.
func attend(a attention) *graph.Node {
	if y, ok := a.looped(); ok {
		return y
	}
	p := graph.ConvertDType(a.probabilities(), a.v.DType())
	heads := a.q.Shape().Dimensions[1]
	batch := []int{0, 1}
	y := a.dot(p, []int{3}, batch, repeatHeads(a.v, heads), []int{2}, batch)
	return graph.ConvertDType(y, a.q.DType())
}

// scores are q·kᵀ·scale, [batch, heads, queries, keys].
func (a attention) scores() *graph.Node {
	batch := []int{0, 1}
	k := repeatHeads(a.k, a.q.Shape().Dimensions[1])
	return a.dot(scaled(a.q, a.scale), []int{3}, batch, k, []int{3}, batch)
}

// capped are the scores after softcap.
func (a attention) capped() *graph.Node {
	s := a.scores()
	if a.softcap == 0 {
		return s
	}
	return graph.MulScalar(graph.Tanh(graph.DivScalar(s, a.softcap)), a.softcap)
}

// biased are the scores that go into the softmax.
func (a attention) biased() *graph.Node {
	s := a.capped()
	dims := s.Shape().Dimensions
	if a.bias != nil {
		s = graph.Add(s, a.bias)
	}
	forbidden := func() *graph.Node { return graph.BroadcastToDims(constantLike(s, a.masked), dims...) }
	if a.keep != nil {
		s = graph.Where(graph.BroadcastToDims(a.keep, dims...), s, forbidden())
	}
	if a.causal {
		at := func(axis int) *graph.Node {
			return graph.Iota(s.Graph(), shapes.Make(dtypes.Int32, dims...), axis)
		}
		s = graph.Where(graph.GreaterOrEqual(graph.AddScalar(at(2), a.past), at(3)), s, forbidden())
	}
	return s
}

// probabilities are what the values are weighed with.
func (a attention) probabilities() *graph.Node {
	s := a.biased()
	precision := a.precision
	if precision == dtypes.InvalidDType {
		precision = s.DType()
	}
	if precision.IsHalfPrecision() {
		precision = dtypes.Float32
	}
	return softmax(graph.ConvertDType(s, precision), 3)
}

// repeatHeads lets groups of query heads share a key head (grouped query
// attention). The number of heads must be a multiple of x's.
func repeatHeads(x *graph.Node, heads int) *graph.Node {
	d := x.Shape().Dimensions
	if d[1] == heads {
		return x
	}
	wide := graph.BroadcastToDims(graph.Reshape(x, d[0], d[1], 1, d[2], d[3]), d[0], d[1], heads/d[1], d[2], d[3])
	return graph.Reshape(wide, d[0], heads, d[2], d[3])
}

// splitHeads makes [batch, length, heads·width] to [batch, heads, length, width].
func splitHeads(x *graph.Node, batch, length, heads int) *graph.Node {
	width := 0
	if n := batch * length * heads; n > 0 {
		width = x.Shape().Size() / n
	}
	return graph.TransposeAllAxes(graph.Reshape(x, batch, length, heads, width), 0, 2, 1, 3)
}

// mergeHeads is the inverse of splitHeads.
func mergeHeads(x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	return graph.Reshape(graph.TransposeAllAxes(x, 0, 2, 1, 3), d[0], d[2], d[1]*d[3])
}

// withKeep adds a condition on what may be looked at.
func (a attention) withKeep(keep *graph.Node) attention {
	if a.keep != nil {
		dims, err := broadcastDims(a.keep.Shape().Dimensions, keep.Shape().Dimensions)
		if err != nil {
			panic(err)
		}
		keep = graph.LogicalAnd(graph.BroadcastToDims(a.keep, dims...), graph.BroadcastToDims(keep, dims...))
	}
	a.keep = keep
	return a
}
