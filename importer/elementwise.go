package importer

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// elementwiseOps are the arithmetic operators. Since version 7 the binary ones
// broadcast as numpy does; 13 and 14 only add types.
func elementwiseOps() []operator {
	return []operator{
		pairwise(onnx("Add", 7), graph.Add),
		pairwise(onnx("Sub", 7), graph.Sub),
		pairwise(onnx("Mul", 7), graph.Mul),
		// Div-7: integers round towards zero.
		pairwise(onnx("Div", 7), graph.Div),
		{key: onnx("Pow", 7), minIn: 2, maxIn: 2, maxOut: 1, lower: lowerPow},
		variadic(onnx("Sum", 8), graph.Add), variadic(onnx("Max", 8), maxNode), variadic(onnx("Min", 8), minNode),
		pointwise(onnx("Neg", 6), graph.Neg),
		pointwise(onnx("Abs", 6), absolute),
		pointwise(onnx("Sqrt", 6), graph.Sqrt),
		pointwise(onnx("Exp", 6), graph.Exp),
		pointwise(onnx("Log", 6), graph.Log),
		pointwise(onnx("Sin", 7), graph.Sin),
		pointwise(onnx("Cos", 7), graph.Cos),
		pointwise(onnx("Erf", 9), graph.Erf),
		pointwise(onnx("Reciprocal", 6), graph.Reciprocal),
		// The gradient of these is zero almost everywhere; GoMLX has none for most
		// of them, so it is cut off before them.
		pointwise(onnx("Floor", 6), stepped(graph.Floor)),
		pointwise(onnx("Ceil", 6), stepped(graph.Ceil)),
		pointwise(onnx("Sign", 9), signNode),
		{key: onnx("Clip", 6), attrs: "min max", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerClip6},
		{key: onnx("Clip", 11), minIn: 1, maxIn: 3, maxOut: 1, lower: lowerClip},
	}
}

// stepped lowers a function whose gradient is zero.
func stepped(f func(*graph.Node) *graph.Node) func(*graph.Node) *graph.Node {
	return func(x *graph.Node) *graph.Node { return f(graph.StopGradient(x)) }
}

// pairwise is an operator of two tensors under numpy's broadcasting rule.
func pairwise(key opKey, f func(a, b *graph.Node) *graph.Node) operator {
	return operator{key: key, minIn: 2, maxIn: 2, maxOut: 1,
		lower: func(c *call) []*wire {
			n, dims, flat := c.broadcast(c.in...)
			return c.same(f(n[0], n[1]), dims, flat)
		}}
}

// pointwise is an operator of one tensor.
func pointwise(key opKey, f func(*graph.Node) *graph.Node) operator {
	return operator{key: key, minIn: 1, maxIn: 1, maxOut: 1,
		lower: func(c *call) []*wire { return c.mapped(f) }}
}

// mapped applies f to input 0 in whichever form it has.
func (c *call) mapped(f func(*graph.Node) *graph.Node) []*wire {
	w := c.in[0]
	if w.node == nil && w.flat != nil {
		return []*wire{c.flatWire(f(w.flat), w.dims)}
	}
	return c.out(f(c.nodeOf(w)))
}

// variadic is an operator of one or more tensors, applied from the left.
func variadic(key opKey, f func(a, b *graph.Node) *graph.Node) operator {
	return operator{key: key, minIn: 1, maxIn: -1, maxOut: 1, lower: func(c *call) []*wire {
		n, dims, flat := c.broadcast(c.in...)
		out := n[0]
		for _, next := range n[1:] {
			out = f(out, next)
		}
		return c.same(out, dims, flat)
	}}
}

// maxNode is Max. XLA's maximum drops a NaN of its second operand, so floats are
// chosen by comparison.
func maxNode(a, b *graph.Node) *graph.Node {
	if !a.DType().IsFloat() {
		return graph.Max(a, b)
	}
	return tied(a, b, choose(graph.LogicalOr(graph.GreaterThan(a, b), graph.NotEqual(a, a)), a, b))
}

// minNode is Min, by the same rules.
func minNode(a, b *graph.Node) *graph.Node {
	if !a.DType().IsFloat() {
		return graph.Min(a, b)
	}
	return tied(a, b, choose(graph.LogicalOr(graph.LessThan(a, b), graph.NotEqual(a, a)), a, b))
}

// tied shares the gradient where a and b are equal, as PyTorch does.
func tied(a, b, otherwise *graph.Node) *graph.Node {
	half := graph.Add(graph.MulScalar(a, 0.5), graph.MulScalar(b, 0.5))
	return choose(graph.Equal(a, b), half, otherwise)
}

// atLeast bounds x from below, with the gradient to x where they are equal, as in
// PyTorch. NaN stays.
func atLeast(x, bound *graph.Node) *graph.Node { return choose(graph.LessThan(x, bound), bound, x) }

// atMost bounds x from above.
func atMost(x, bound *graph.Node) *graph.Node { return choose(graph.GreaterThan(x, bound), bound, x) }

// lowerClip6 is Clip-1 and -6: the bounds are attributes, by default those of
// float32.
func lowerClip6(c *call) []*wire {
	low, high := c.n.Float("min", -math.MaxFloat32), c.n.Float("max", math.MaxFloat32)
	return c.mapped(func(x *graph.Node) *graph.Node {
		return atMost(atLeast(x, constantLike(x, float64(low))), constantLike(x, float64(high)))
	})
}

// lowerClip is Clip-11 and later: the bounds are optional scalar inputs. If they
// cross, the result is the upper one.
func lowerClip(c *call) []*wire {
	return c.mapped(func(x *graph.Node) *graph.Node {
		if c.has(1) {
			x = atLeast(x, graph.Reshape(c.arg(1)))
		}
		if c.has(2) {
			x = atMost(x, graph.Reshape(c.arg(2)))
		}
		return x
	})
}
