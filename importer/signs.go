package importer

import (
	"math"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// signOps round numbers and look at their sign, and take means.
func signOps() []operator {
	return []operator{
		curve(onnx("Round", 11), roundEven),
		// IsInf-20 adds types.
		{key: onnx("IsInf", 10), attrs: "detect_negative detect_positive", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerIsInf)},
		{key: onnx("Mean", 1), attrs: "consumed_inputs", minIn: 1, maxIn: -1, maxOut: 1, lower: lowerMean},
		{key: onnx("Mean", 6), minIn: 1, maxIn: -1, maxOut: 1, lower: lowerMean}, // 8 broadcasts
	}
}

// roundEven is Round-11: halves go to the even neighbour. Its gradient is zero.
func roundEven(x *graph.Node) *graph.Node { return graph.Round(graph.StopGradient(x)) }

// absolute is Abs-1 and -6. The gradient at 0 is 0, as in PyTorch; GoMLX's is 1.
func absolute(x *graph.Node) *graph.Node {
	switch {
	case x.DType().IsUnsigned():
		return x
	case x.DType().IsFloat():
		return graph.Mul(x, graph.StopGradient(graph.Sign(x)))
	}
	return graph.Abs(x)
}

// signNode is Sign-9, whose gradient is zero.
func signNode(x *graph.Node) *graph.Node {
	if x.DType().IsUnsigned() {
		return graph.ConvertDType(graph.GreaterThan(x, constantLike(x, 0)), x.DType())
	}
	x = graph.StopGradient(x)
	if x.DType().IsFloat() { // the Go backend's sign of NaN is 0
		return graph.Where(graph.NotEqual(x, x), x, graph.Sign(x))
	}
	return graph.Sign(x)
}

// lowerIsInf is IsInf-10.
func lowerIsInf(c *call) *graph.Node {
	x := c.arg(0)
	minus := graph.Equal(x, constantLike(x, math.Inf(-1)))
	plus := graph.Equal(x, constantLike(x, math.Inf(1)))
	switch up, down := c.attrInt("detect_positive", 1) != 0, c.attrInt("detect_negative", 1) != 0; {
	case up && down:
		return graph.LogicalOr(plus, minus)
	case up:
		return plus
	case down:
		return minus
	}
	return graph.Zeros(c.graph, shapes.Make(plus.DType(), x.Shape().Dimensions...))
}

// lowerMean is Mean-1 to -13.
func lowerMean(c *call) []*wire {
	n, dims, flat := c.broadcast(c.in...)
	sum := n[0]
	for _, next := range n[1:] {
		sum = graph.Add(sum, next)
	}
	return c.same(graph.DivScalar(sum, float64(len(n))), dims, flat)
}
