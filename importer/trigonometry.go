package importer

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// trigonometryOps are the trigonometric and hyperbolic functions and their
// inverses. 22 only adds types. Sin, Cos and Tanh are with the other elementwise
// operators.
func trigonometryOps() []operator {
	return []operator{
		curve(onnx("Tan", 7), func(x *graph.Node) *graph.Node { return graph.Div(graph.Sin(x), graph.Cos(x)) }),
		curve(onnx("Asin", 7), asin), curve(onnx("Acos", 7), acos), curve(onnx("Atan", 7), atan),
		curve(onnx("Sinh", 9), sinh), curve(onnx("Cosh", 9), cosh),
		curve(onnx("Asinh", 9), asinh), curve(onnx("Acosh", 9), acosh), curve(onnx("Atanh", 9), atanh),
	}
}

// curve is an operator of one float tensor without attributes.
func curve(key opKey, f func(x *graph.Node) *graph.Node) operator {
	return activation(key, "", func(_ *call, x *graph.Node) *graph.Node { return f(x) })
}

// cathetus is √(1-x²), exact near ±1.
func cathetus(x *graph.Node) *graph.Node {
	return graph.Sqrt(graph.Mul(graph.OneMinus(x), graph.OnePlus(x)))
}

// asin is Asin-7, with slope 1/√(1-x²). GoMLX's Atan2 has no gradient.
func asin(x *graph.Node) *graph.Node {
	return withSlope(graph.Atan2(x, cathetus(x)), x, func() *graph.Node { return graph.Reciprocal(cathetus(x)) })
}

// acos is Acos-7, with slope -1/√(1-x²).
func acos(x *graph.Node) *graph.Node {
	return withSlope(graph.Atan2(cathetus(x), x), x, func() *graph.Node { return graph.Neg(graph.Reciprocal(cathetus(x))) })
}

// atan is Atan-7, with slope 1/(1+x²).
func atan(x *graph.Node) *graph.Node {
	return withSlope(graph.Atan2(x, graph.OnesLike(x)), x, func() *graph.Node {
		return graph.Reciprocal(graph.OnePlus(graph.Mul(x, x)))
	})
}

// halfExp is exp(x)/2, which is finite where exp(x) just is not.
func halfExp(x *graph.Node) *graph.Node { return graph.Exp(graph.AddScalar(x, -math.Ln2)) }

// cosh is Cosh-9.
func cosh(x *graph.Node) *graph.Node { return graph.Add(halfExp(x), halfExp(graph.Neg(x))) }

// sinh is Sinh-9: below 1, where exponentials cancel, by way of expm1.
func sinh(x *graph.Node) *graph.Node {
	near := graph.LessThan(graph.Abs(x), constantLike(x, 1))
	small := graph.Where(near, x, graph.ZerosLike(x)) // bounded, so that its gradient is
	e := expm1(small)
	low := graph.MulScalar(graph.Add(e, graph.Div(e, graph.OnePlus(e))), 0.5)
	return graph.Where(near, low, graph.Sub(halfExp(x), halfExp(graph.Neg(x))))
}

// asinh is Asinh-9, sign(x)·log(|x|+√(x²+1)), with slope 1/√(x²+1). Above a
// million the square is left out: it would overflow, and 1 does not count.
func asinh(x *graph.Node) *graph.Node {
	size := graph.Abs(x)
	large := graph.GreaterThan(size, constantLike(x, 1e6))
	s := graph.Where(large, graph.OnesLike(x), size)
	root := graph.Sqrt(graph.OnePlus(graph.Mul(s, s)))
	near := graph.Log1p(graph.Add(s, graph.Div(graph.Mul(s, s), graph.OnePlus(root))))
	far := graph.AddScalar(graph.Log(graph.Where(large, size, graph.OnesLike(x))), math.Ln2)
	return withSlope(graph.Mul(graph.Sign(x), graph.Where(large, far, near)), x, func() *graph.Node {
		return graph.Where(large, graph.Reciprocal(size), graph.Reciprocal(root))
	})
}

// acosh is Acosh-9, log(x+√(x²-1)), with slope 1/√(x²-1), by way of x-1: that is
// exact near 1.
func acosh(x *graph.Node) *graph.Node {
	large := graph.GreaterThan(x, constantLike(x, 1e6))
	t := graph.Where(large, graph.OnesLike(x), graph.AddScalar(x, -1))
	root := graph.Sqrt(graph.Mul(t, graph.AddScalar(t, 2)))
	far := graph.AddScalar(graph.Log(graph.Where(large, x, graph.OnesLike(x))), math.Ln2)
	return withSlope(graph.Where(large, far, graph.Log1p(graph.Add(t, root))), x, func() *graph.Node {
		return graph.Where(large, graph.Reciprocal(x), graph.Reciprocal(root))
	})
}

// atanh is Atanh-9, (log(1+x)-log(1-x))/2.
func atanh(x *graph.Node) *graph.Node {
	return graph.MulScalar(graph.Sub(graph.Log1p(x), graph.Log1p(graph.Neg(x))), 0.5)
}
