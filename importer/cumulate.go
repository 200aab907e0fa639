package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// cumulateOps go along an axis from place to place.
func cumulateOps() []operator {
	return []operator{
		// CumSum-14 adds types.
		{key: onnx("CumSum", 11), attrs: "exclusive reverse", minIn: 2, maxIn: 2, maxOut: 1,
			lower: single(lowerCumulate(graph.Add, 0))},
		{key: onnx("CumProd", 26), attrs: "exclusive reverse", minIn: 2, maxIn: 2, maxOut: 1,
			lower: single(lowerCumulate(graph.Mul, 1))},
		{key: onnx("ReverseSequence", 10), attrs: "batch_axis time_axis", minIn: 2, maxIn: 2, maxOut: 1,
			lower: single(lowerReverseSequence)},
	}
}

// lowerCumulate is CumSum-11 and CumProd-26. Each pass combines every element with
// the one 1, 2, 4, … places before it: as many passes as the length has binary
// digits, of operators with a gradient.
func lowerCumulate(f func(a, b *graph.Node) *graph.Node, neutral float64) func(c *call) *graph.Node {
	return func(c *call) *graph.Node {
		at := c.ints(1)
		if len(at) != 1 {
			c.fail("axis has %d elements, want 1", len(at))
		}
		axis := c.axis(at[0], c.rank(0))
		x, n, reverse := c.arg(0), c.dims(0)[axis], c.attrInt("reverse", 0) != 0
		if product(c.dims(0)) == 0 {
			return x
		}
		if c.attrInt("exclusive", 0) != 0 {
			x = moved(x, axis, 1, neutral, reverse)
		}
		for by := 1; by < n; by *= 2 {
			x = f(x, moved(x, axis, by, neutral, reverse))
		}
		return x
	}
}

// moved shifts x along an axis, towards its end or, backwards, its start. What
// comes in is filled.
func moved(x *graph.Node, axis, by int, fill float64, backwards bool) *graph.Node {
	n := x.Shape().Dimensions[axis]
	edge := x.Shape().Clone()
	edge.Dimensions[axis] = min(by, n)
	in := graph.BroadcastToDims(constantLike(x, fill), edge.Dimensions...)
	if by >= n {
		return in
	}
	if backwards {
		return graph.Concatenate([]*graph.Node{sliceNode(x, axis, bounds{by, n, 1}), in}, axis)
	}
	return graph.Concatenate([]*graph.Node{in, sliceNode(x, axis, bounds{0, n - by, 1})}, axis)
}

// lowerReverseSequence is ReverseSequence-10: the first elements along time, as
// many as the batch element's length says, are read from the last to the first.
func lowerReverseSequence(c *call) *graph.Node {
	rank := c.rank(0)
	batch, time := c.axis(c.attrInt("batch_axis", 1), rank), c.axis(c.attrInt("time_axis", 0), rank)
	if batch == time || product(c.dims(1)) != c.dims(0)[batch] {
		c.fail("batch axis %d, time axis %d and %d lengths do not fit shape %v", batch, time, product(c.dims(1)), c.dims(0))
	}
	dims := make([]int, rank)
	for i := range dims {
		dims[i] = 1
	}
	dims[batch] = c.dims(0)[batch]
	lengths := graph.Reshape(graph.ConvertDType(c.arg(1), dtypes.Int64), dims...)
	at := graph.Iota(c.graph, shapes.Make(dtypes.Int64, c.dims(0)...), time)
	back := graph.AddScalar(graph.Sub(lengths, at), -1)
	return gatherAlong(c.arg(0), choose(graph.LessThan(at, lengths), back, at), time)
}
