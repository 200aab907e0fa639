package importer

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// XLA's maximum and minimum drop a NaN of one operand, and its reductions any; an
// answer made of what is left would hide that something is broken. Here a NaN stays,
// as it does in PyTorch, numpy and onnx's own reference. ONNX Runtime keeps it in Max
// and Min, drops it in MaxPool, and in reductions it depends on the place.

// isNaN tells the elements that are no numbers.
func isNaN(x *graph.Node) *graph.Node { return graph.NotEqual(x, x) }

// larger is the maximum of two nodes, without a gradient where they are equal.
func larger(a, b *graph.Node) *graph.Node {
	if !a.DType().IsFloat() {
		return graph.Max(a, b)
	}
	return graph.Where(graph.LogicalOr(graph.GreaterThan(a, b), isNaN(a)), a, b)
}

// reduction is a reduction of GoMLX, such as graph.ReduceMax.
type reduction func(x *graph.Node, axes ...int) *graph.Node

// keepNaN makes the reduction to the largest or smallest element one that keeps NaN.
func keepNaN(f reduction) reduction {
	return func(x *graph.Node, axes ...int) *graph.Node {
		y := f(x, axes...)
		if !x.DType().IsFloat() {
			return y
		}
		some := graph.ReduceLogicalOr(isNaN(x), axes...)
		return graph.Where(some, constantLike(y, math.NaN()), y)
	}
}

// argument is a search of GoMLX, graph.ArgMax or graph.ArgMin.
type argument func(x *graph.Node, axis int, dtype ...dtypes.DType) *graph.Node

// argOf gives the first place of an extreme along an axis, that of the first NaN if
// there is one, without a gradient.
func argOf(f argument, x *graph.Node, axis int) *graph.Node {
	x = graph.StopGradient(x)
	at := f(x, axis, dtypes.Int64)
	if !x.DType().IsFloat() {
		return at
	}
	size := x.Shape().Dimensions[axis]
	place := graph.Iota(x.Graph(), shapes.Make(dtypes.Int64, x.Shape().Dimensions...), axis)
	first := graph.ReduceMin(graph.Where(isNaN(x), place, constantLike(place, float64(size))), axis)
	return graph.Where(graph.LessThan(first, constantLike(first, float64(size))), first, at)
}
