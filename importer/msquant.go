package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// msQuantOps are com.microsoft's operators on quantised values. Those whose name
// begins with QLinear dequantise, compute in floats and quantise again.
func msQuantOps() []operator {
	return []operator{
		{key: microsoft("DynamicQuantizeMatMul", 1), minIn: 3, maxIn: 5, maxOut: 1, lower: lowerDynamicQuantizeMatMul},
		{key: microsoft("MatMulIntegerToFloat", 1), minIn: 4, maxIn: 7, maxOut: 1, lower: lowerMatMulIntegerToFloat},
		{key: microsoft("MatMulNBits", 1), attrs: "K N accuracy_level bits block_size", minIn: 3, maxIn: 6, maxOut: 1,
			check: checkNBits, lower: lowerMatMulNBits},
		{key: microsoft("QAttention", 1), attrs: "do_rotary mask_filter_value num_heads past_present_share_buffer scale unidirectional",
			minIn: 5, maxIn: 9, maxOut: 2, check: checkMSAttention, lower: lowerQAttention},
		{key: microsoft("QGemm", 1), attrs: "alpha transA transB", minIn: 6, maxIn: 9, maxOut: 1, lower: lowerQGemm},
		qlinearPair("QLinearAdd", graph.Add), qlinearPair("QLinearMul", graph.Mul),
		qlinearSingle("QLinearSigmoid", "", func(_ *call, x *graph.Node) *graph.Node { return graph.Sigmoid(x) }),
		qlinearSingle("QLinearLeakyRelu", "alpha", leakyRelu),
		qlinearSingle("QLinearSoftmax", "axis opset", qlinearSoftmax),
		{key: microsoft("QLinearConcat", 1), attrs: "axis", minIn: 5, maxIn: -1, maxOut: 1, lower: lowerQLinearConcat},
	}
}

// dequantisedBy gives quantised input x with one scale and zero point as floats.
func (c *call) dequantisedBy(x, scale, zero int) *wire {
	return c.dequantised(c.in[x], c.scalarOf(scale), c.scalarOf(zero))
}

// qlinearPair is an operator of two quantised tensors: value, scale and zero point
// of each, then scale and zero point of the result.
func qlinearPair(name string, f func(a, b *graph.Node) *graph.Node) operator {
	return operator{key: microsoft(name, 1), minIn: 2, maxIn: 8, maxOut: 1, lower: func(c *call) []*wire {
		n, dims, flat := c.broadcast(c.dequantisedBy(0, 1, 2), c.dequantisedBy(3, 4, 5))
		y := c.same(f(n[0], n[1]), dims, flat)[0]
		return []*wire{c.quantised(y, c.scalarOf(6), c.scalarOf(7), c.in[0].dtype)}
	}}
}

// qlinearSingle is an operator of one quantised tensor.
func qlinearSingle(name, attrs string, f func(c *call, x *graph.Node) *graph.Node) operator {
	return operator{key: microsoft(name, 1), attrs: attrs, minIn: 2, maxIn: 5, maxOut: 1, lower: func(c *call) []*wire {
		y := f(c, c.nodeOf(c.dequantisedBy(0, 1, 2)))
		return []*wire{c.quantised(c.wire(y), c.scalarOf(3), c.scalarOf(4), c.in[0].dtype)}
	}}
}

// qlinearSoftmax normalises along the axis, or from it on in the sense of opsets
// before 13.
func qlinearSoftmax(c *call, x *graph.Node) *graph.Node {
	axis := c.axis(c.attrInt("axis", -1), x.Rank())
	if c.attrInt("opset", 13) >= 13 {
		return softmax(x, axis)
	}
	d := x.Shape().Dimensions
	return graph.Reshape(softmax(graph.Reshape(x, product(d[:axis]), product(d[axis:])), 1), d...)
}

// lowerQLinearConcat joins quantised tensors: scale and zero point of the result,
// then value, scale and zero point of each.
func lowerQLinearConcat(c *call) []*wire {
	if len(c.in)%3 != 2 {
		c.fail("%d inputs, want two and three for each tensor", len(c.in))
	}
	var parts []*graph.Node
	for i := 2; i < len(c.in); i += 3 {
		parts = append(parts, c.nodeOf(c.dequantisedBy(i, i+1, i+2)))
	}
	y := graph.Concatenate(parts, c.axis(c.attrInt("axis", 0), parts[0].Rank()))
	return []*wire{c.quantised(c.wire(y), c.scalarOf(0), c.scalarOf(1), c.typeOf(1))}
}

// rescaled multiplies an integer product by a factor and adds an optional bias.
func (c *call) rescaled(y *wire, factor *graph.Node, bias int) *wire {
	n, dims, flat := c.broadcast(c.asFloat(y, factor.DType()), c.wire(factor))
	return c.sum(c.same(graph.Mul(n[0], n[1]), dims, flat)[0], c.optional(bias))
}

// lowerDynamicQuantizeMatMul quantises A as DynamicQuantizeLinear does and
// multiplies it by B. Inputs are A, B, scale, zero point and bias.
func lowerDynamicQuantizeMatMul(c *call) []*wire {
	q := lowerDynamicQuantize(c)
	y := c.product32(offset{q[0], q[2]}, offset{c.in[1], c.perColumn(3)}, lowerMatMul)
	return []*wire{c.rescaled(y, c.times(q[1], c.perColumn(2)), 4)}
}

// lowerMatMulIntegerToFloat multiplies quantised matrices. Inputs are A, B, their
// scales, their zero points and a bias.
func lowerMatMulIntegerToFloat(c *call) []*wire {
	y := c.product32(offset{c.in[0], c.perRow(4)}, offset{c.in[1], c.perColumn(5)}, lowerMatMul)
	return []*wire{c.rescaled(y, c.times(c.perRow(2), c.perColumn(3)), 6)}
}

// lowerQAttention is com.microsoft's Attention on quantised input and weights.
// Inputs are input, weights, bias, their scales, mask_index, their zero points, past.
func lowerQAttention(c *call) []*wire {
	y := c.product32(offset{c.in[0], c.perRow(6)}, offset{c.in[1], c.perColumn(7)}, lowerMatMul)
	packed := c.rescaled(y, c.times(c.perRow(3), c.perColumn(4)), 2)
	return c.packedAttention(packed, 5, 8, len(c.in))
}

// lowerQGemm is alpha·A·B + C on quantised matrices. Inputs are A, its scale and
// zero point, the same of B, C in units of the product, and scale and zero point
// of the result, without which it is float.
func lowerQGemm(c *call) []*wire {
	zero, scale := c.perColumn(5), c.perColumn(4)
	if c.attrInt("transB", 0) != 0 {
		zero = c.perRow(5)
	}
	y := c.product32(offset{c.in[0], c.perRow(2)}, offset{c.in[3], zero}, func(c *call) []*wire {
		return lowerMatMul(c.on(c.transposed(0, "transA", ""), c.transposed(1, "transB", "")))
	})
	factor := scaled(c.times(c.perRow(1), scale), float64(c.n.Float("alpha", 1)))
	if c.has(6) {
		y = c.sum(c.asFloat(y, factor.DType()), c.asFloat(c.in[6], factor.DType()))
	}
	if !c.has(7) {
		return []*wire{c.rescaled(y, factor, len(c.in))}
	}
	return c.requantised(y, factor, 7, 8)
}

// checkNBits knows weights of 2, 4 and 8 bits.
func checkNBits(n *graphsurgery.Node) string {
	if bits := n.Int("bits", 4); bits != 2 && bits != 4 && bits != 8 {
		return "bits of MatMulNBits other than 2, 4 and 8 is not supported"
	}
	if n.Input(4) != nil {
		return "g_idx of MatMulNBits is not supported"
	}
	return ""
}

// lowerMatMulNBits is A·Wᵀ + bias with W [N, K] in blocks along K, each with a
// scale and a zero point, and packed into bytes from the low bits on. Inputs are
// A, packed W [N, blocks, bytes], scales, zero points, g_idx and bias.
func lowerMatMulNBits(c *call) []*wire {
	bits, block := c.attrInt("bits", 4), c.attrInt("block_size", 0)
	n, k := c.attrInt("N", 0), c.attrInt("K", 0)
	if n < 1 || k < 1 || block < 1 {
		c.fail("N=%d, K=%d and block_size=%d", n, k, block)
	}
	blocks := (k + block - 1) / block
	if product(c.dims(1)) != n*blocks*block*bits/8 || product(c.dims(2)) != n*blocks {
		c.fail("weights of shape %v and scales of shape %v for N=%d, K=%d in blocks of %d", c.dims(1), c.dims(2), n, k, block)
	}
	to := c.arg(0).DType()
	w := graph.Reshape(unpackBits(c.arg(1), bits, to), n, blocks, block)
	zero := constantLike(w, float64(int(1)<<(bits-1)))
	if c.has(3) {
		zero = c.arg(3)
		if zero.DType() == dtypes.Uint8 {
			rows := (blocks*bits + 7) / 8
			if product(c.dims(3)) != n*rows {
				c.fail("zero points of shape %v for N=%d and %d blocks", c.dims(3), n, blocks)
			}
			zero = graph.SliceAxis(graph.Reshape(unpackBits(zero, bits, to), n, rows*8/bits), 1, graph.AxisRange(0, blocks))
		}
		zero = graph.Reshape(zero, n, blocks, 1)
	}
	w = graph.Mul(graph.Sub(w, zero), graph.Reshape(c.arg(2), n, blocks, 1))
	w = graph.SliceAxis(graph.Reshape(w, n, blocks*block), 1, graph.AxisRange(0, k))
	y := lowerMatMul(c.on(c.in[0], c.wire(graph.Transpose(w, 0, 1))))[0]
	return []*wire{c.sum(y, c.optional(5))}
}

// unpackBits makes one number of each group of bits of bytes, along a new last
// axis.
func unpackBits(x *graph.Node, bits int, to dtypes.DType) *graph.Node {
	if bits == 8 {
		return graph.ConvertDType(x, to)
	}
	var parts []*graph.Node
	for shift := 0; shift < 8; shift += bits {
		part := x
		if shift > 0 {
			part = graph.BitwiseShiftRightLogical(x, graph.Scalar(x.Graph(), x.DType(), shift))
		}
		part = graph.BitwiseAnd(part, graph.Scalar(x.Graph(), x.DType(), 1<<bits-1))
		parts = append(parts, graph.ConvertDType(graph.InsertAxes(part, -1), to))
	}
	return graph.Concatenate(parts, x.Rank())
}
