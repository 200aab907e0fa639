package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// qlinearOps compute on quantised values.
func qlinearOps() []operator {
	const conv = "auto_pad dilations group kernel_shape pads strides"
	return []operator{
		{key: onnx("MatMulInteger", 10), minIn: 2, maxIn: 4, maxOut: 1, lower: lowerMatMulInteger},
		{key: onnx("ConvInteger", 10), attrs: conv, minIn: 2, maxIn: 4, maxOut: 1, check: checkAutoPad, lower: lowerConvInteger},
		// QLinearMatMul-10; 21 adds types.
		{key: onnx("QLinearMatMul", 10), minIn: 8, maxIn: 8, maxOut: 1, lower: lowerQLinearMatMul},
		{key: onnx("QLinearConv", 10), attrs: conv, minIn: 8, maxIn: 9, maxOut: 1, check: checkAutoPad, lower: lowerQLinearConv},
	}
}

// offset is a quantised tensor and its zero point, shaped to broadcast to it; nil
// for 0.
type offset struct{ value, zero *wire }

// product32 multiplies a-za by b-zb with f, once in 32-bit integers and, if either
// has a real form, once more in floats. The float sums are exact up to 2^24 and
// rounded as any float product beyond.
func (c *call) product32(a, b offset, f func(c *call) []*wire) *wire {
	minus := func(o offset, convert func(*wire) *wire) *wire {
		if o.zero == nil {
			return convert(o.value)
		}
		n, dims, flat := c.broadcast(convert(o.value), convert(o.zero))
		if !slices.Equal(dims, o.value.dims) {
			c.fail("zero points of shape %v for a tensor of shape %v", o.zero.dims, o.value.dims)
		}
		return c.same(graph.Sub(n[0], n[1]), dims, flat)[0]
	}
	out := f(c.on(minus(a, c.asInt32), minus(b, c.asInt32)))[0]
	if a.value.real == nil && b.value.real == nil {
		return out
	}
	to := realType([]*wire{a.value, b.value})
	asReal := func(w *wire) *wire { return c.asFloat(w, to) }
	out.real = f(c.on(minus(a, asReal), minus(b, asReal)))[0]
	return out
}

// perRow brings per-row numbers [rows] of a left operand to [rows, 1]; numbers
// per column of a right operand broadcast as they are.
func (c *call) perRow(i int) *wire {
	if !c.has(i) {
		return nil
	}
	switch w := c.in[i]; {
	case product(w.dims) == 1:
		return c.wire(graph.Reshape(c.arg(i)))
	case len(w.dims) == 1:
		return c.wire(graph.Reshape(c.arg(i), w.dims[0], 1))
	}
	return c.in[i]
}

// perColumn gives numbers per column, as a scalar if there is one only.
func (c *call) perColumn(i int) *wire {
	if c.has(i) && product(c.dims(i)) == 1 {
		return c.wire(graph.Reshape(c.arg(i)))
	}
	if !c.has(i) {
		return nil
	}
	return c.in[i]
}

// lowerMatMulInteger is MatMulInteger-10. Its gradient by what was quantised
// before it is the straight-through estimate: see quantize.go.
func lowerMatMulInteger(c *call) []*wire {
	return []*wire{c.product32(offset{c.in[0], c.perRow(2)}, offset{c.in[1], c.perColumn(3)}, lowerMatMul)}
}

// perChannel brings numbers per output channel of a kernel to [channels, 1, ...].
func (c *call) perChannel(i, kernel int) *wire {
	if !c.has(i) {
		return nil
	}
	if product(c.dims(i)) == 1 {
		return c.wire(graph.Reshape(c.arg(i)))
	}
	if product(c.dims(i)) != c.dims(kernel)[0] {
		c.fail("numbers of shape %v for %d channels", c.dims(i), c.dims(kernel)[0])
	}
	shape := slices.Repeat([]int{1}, c.rank(kernel))
	shape[0] = c.dims(kernel)[0]
	return c.wire(graph.Reshape(c.arg(i), shape...))
}

// lowerConvInteger is ConvInteger-10; padding counts as the zero point.
func lowerConvInteger(c *call) []*wire {
	return []*wire{c.product32(offset{c.in[0], c.perRow(2)}, offset{c.in[1], c.perChannel(3, 1)}, single(lowerConv))}
}

// requantised scales an integer product (or sum) y to floats and quantises them.
func (c *call) requantised(y *wire, factor *graph.Node, scale, zero int) []*wire {
	n, dims, flat := c.broadcast(c.asFloat(y, factor.DType()), c.wire(factor))
	x := c.same(graph.Mul(n[0], n[1]), dims, flat)[0]
	return []*wire{c.quantised(x, c.scalarOf(scale), c.scalarOf(zero), c.typeOf(zero))}
}

// scalarOf gives the one element of optional input i as a float, 0 without it.
func (c *call) scalarOf(i int) *wire {
	if !c.has(i) {
		return c.wire(graph.ScalarZero(c.graph, dtypes.Float32))
	}
	if product(c.dims(i)) != 1 {
		c.refuse("input %d of shape %v: a scale per element is not supported here", i, c.dims(i))
	}
	w := c.wire(graph.Reshape(c.arg(i)))
	return c.asFloat(w, scaleType(w))
}

// scaleType is the type that a scale or an integer zero point is computed with:
// float32, but float64 for a scale of that type.
func scaleType(w *wire) dtypes.DType {
	if w.dtype == graphsurgery.Double {
		return dtypes.Float64
	}
	return dtypes.Float32
}

// typeOf is the type that zero point i asks for, uint8 without one.
func (c *call) typeOf(i int) graphsurgery.DType {
	if !c.has(i) {
		return graphsurgery.Uint8
	}
	return c.in[i].dtype
}

// times multiplies two scales.
func (c *call) times(a, b *wire) *graph.Node {
	n, _, _ := c.broadcast(c.asFloat(a, scaleType(a)), c.asFloat(b, scaleType(a)))
	return graph.Mul(n[0], n[1])
}

// lowerQLinearMatMul is QLinearMatMul-10 and -21.
func lowerQLinearMatMul(c *call) []*wire {
	y := c.product32(offset{c.in[0], c.perRow(2)}, offset{c.in[3], c.perColumn(5)}, lowerMatMul)
	return c.requantised(y, c.times(c.perRow(1), c.perColumn(4)), 6, 7)
}

// lowerQLinearConv is QLinearConv-10; the bias is in units of the product.
func lowerQLinearConv(c *call) []*wire {
	y := c.product32(offset{c.in[0], c.perRow(2)}, offset{c.in[3], c.perChannel(5, 3)}, single(lowerConv))
	factor := c.times(c.perRow(1), c.perColumn(4))
	shape := slices.Repeat([]int{1}, len(y.dims))
	if c.has(8) {
		shape[1] = product(c.dims(8))
		bias := c.asFloat(c.wire(graph.Reshape(c.arg(8), shape...)), factor.DType())
		y = c.wire(graph.Add(c.nodeOf(c.asFloat(y, factor.DType())), c.nodeOf(bias)))
	}
	if factor.Shape().Size() > 1 {
		shape[1] = factor.Shape().Size()
		factor = graph.Reshape(factor, shape...)
	}
	return c.requantised(y, factor, 6, 7)
}
