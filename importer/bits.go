package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// bitOps work on the bits of integers, and Mod.
func bitOps() []operator {
	return []operator{
		bitwise(onnx("BitwiseAnd", 18), graph.BitwiseAnd),
		bitwise(onnx("BitwiseOr", 18), graph.BitwiseOr),
		bitwise(onnx("BitwiseXor", 18), graph.BitwiseXor),
		curve(onnx("BitwiseNot", 18), graph.BitwiseNot),
		{key: onnx("BitShift", 11), attrs: "direction", minIn: 2, maxIn: 2, maxOut: 1, check: checkBitShift, lower: lowerBitShift},
		{key: onnx("BitCast", 26), attrs: "to", minIn: 1, maxIn: 1, maxOut: 1, check: checkBitCast, lower: lowerBitCast},
		// Mod-13 adds a type.
		{key: onnx("Mod", 10), attrs: "fmod", minIn: 2, maxIn: 2, maxOut: 1, lower: lowerMod},
	}
}

// bitwise is an operator of two integer tensors under numpy's broadcasting rule.
func bitwise(key opKey, f func(a, b *graph.Node) *graph.Node) operator {
	return operator{key: key, minIn: 2, maxIn: 2, maxOut: 1, lower: func(c *call) []*wire {
		n, dims, flat := c.broadcast(c.in...)
		return c.same(f(n[0], n[1]), dims, flat)
	}}
}

// checkBitShift demands a direction.
func checkBitShift(n *graphsurgery.Node) string {
	switch d := n.Str("direction", ""); d {
	case "LEFT", "RIGHT":
		return ""
	default:
		return "direction=" + d + " of BitShift is not supported"
	}
}

// lowerBitShift is BitShift-11, of unsigned integers.
func lowerBitShift(c *call) []*wire {
	n, dims, flat := c.broadcast(c.in...)
	if c.n.Str("direction", "") == "LEFT" {
		return c.same(graph.BitwiseShiftLeft(n[0], n[1]), dims, flat)
	}
	return c.same(graph.BitwiseShiftRightLogical(n[0], n[1]), dims, flat)
}

// checkBitCast refuses types that no backend computes with.
func checkBitCast(n *graphsurgery.Node) string { return checkElementType(n, "to") }

// lowerBitCast is BitCast-26: the same bits as another type of the same width. It
// has no gradient.
func lowerBitCast(c *call) []*wire {
	to, err := computeDType(graphsurgery.DType(c.attrInt("to", 0)))
	if err != nil {
		c.refuse("%v", err)
	}
	return c.mapped(func(x *graph.Node) *graph.Node {
		x = graph.StopGradient(x)
		switch {
		case x.DType() == to:
			return x
		case x.DType().Size() != to.Size():
			c.fail("%s and %s are not of one width", x.DType(), to)
		case x.DType() == dtypes.Bool: // one byte, zero or one
			return graph.Bitcast(graph.ConvertDType(x, dtypes.Uint8), to)
		case to == dtypes.Bool:
			return graph.NotEqual(graph.Bitcast(x, dtypes.Uint8), graph.Scalar(c.graph, dtypes.Uint8, 0))
		}
		return graph.Bitcast(x, to)
	})
}

// lowerMod is Mod-10: with fmod the remainder has the sign of the dividend, else
// (integers only) that of the divisor.
func lowerMod(c *call) []*wire {
	n, dims, flat := c.broadcast(c.in...)
	if c.attrInt("fmod", 0) != 0 {
		return c.same(fmod(n[0], n[1]), dims, flat)
	}
	if isFloat(c.in[0].dtype) {
		c.fail("Mod of %s without fmod=1", c.in[0].dtype)
	}
	r := graph.Rem(n[0], n[1])
	if n[0].DType().IsUnsigned() {
		return c.same(r, dims, flat)
	}
	zero := constantLike(r, 0)
	differ := graph.LogicalXor(graph.LessThan(r, zero), graph.LessThan(n[1], zero))
	wrong := graph.LogicalAnd(graph.NotEqual(r, zero), differ)
	return c.same(choose(wrong, graph.Add(r, n[1]), r), dims, flat)
}

// fmod is the remainder of a/b cut towards zero. GoMLX's has no gradient: it is 1
// by a, and minus the whole quotient by b.
func fmod(a, b *graph.Node) *graph.Node {
	if !a.DType().IsFloat() {
		return graph.Rem(a, b)
	}
	zero := graph.ZerosLike(graph.Add(a, b)) // of the common shape
	a, b = graph.Add(a, zero), graph.Add(b, zero)
	r := graph.Rem(graph.StopGradient(a), graph.StopGradient(b))
	one := func() *graph.Node { return graph.OnesLike(a) }
	quotient := func() *graph.Node { return graph.Neg(roundEven(graph.Div(graph.Sub(a, r), b))) }
	return graph.Add(withSlope(r, a, one), withSlope(graph.ZerosLike(r), b, quotient))
}
