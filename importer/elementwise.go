package importer

import (
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

// maxNode is Max. On a tie GoMLX gives the whole gradient to the first operand.
func maxNode(a, b *graph.Node) *graph.Node { return graph.Max(a, b) }

// minNode is Min. On a tie GoMLX gives the whole gradient to the second operand
// of Min, so they are swapped to agree with Max.
func minNode(a, b *graph.Node) *graph.Node { return graph.Min(b, a) }

// lowerClip6 is Clip-6: the bounds are attributes.
func lowerClip6(c *call) []*wire {
	return c.mapped(func(x *graph.Node) *graph.Node {
		if c.n.HasAttr("min") {
			x = graph.Max(x, constantLike(x, float64(c.n.Float("min", 0))))
		}
		if c.n.HasAttr("max") {
			x = graph.Min(constantLike(x, float64(c.n.Float("max", 0))), x)
		}
		return x
	})
}

// lowerClip is Clip-11 and later: the bounds are optional scalar inputs. The
// order of operands gives the gradient to x where x equals a bound, as PyTorch
// does.
func lowerClip(c *call) []*wire {
	return c.mapped(func(x *graph.Node) *graph.Node {
		if c.has(1) {
			x = graph.Max(x, graph.Reshape(c.arg(1)))
		}
		if c.has(2) {
			x = graph.Min(graph.Reshape(c.arg(2)), x)
		}
		return x
	})
}
