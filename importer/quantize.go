package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Quantised values are integers, through which GoMLX passes no gradient. So that
// what lies before a quantised operator can be trained, the wire of a quantised
// value has a second form, real: the same numbers as floats, whose gradient is
// the straight-through estimate. Rounding counts as the identity there, and what
// is cut at the ends of the integer range gets none (as in PyTorch's
// fake_quantize). Operators that lead back to floats take that form.

// quantizeOps turn floats to integers and back.
func quantizeOps() []operator {
	q := operator{attrs: "axis", minIn: 2, maxIn: 3, maxOut: 1, check: checkQuantized, lower: lowerQuantize}
	var ops []operator
	for _, v := range []struct {
		since          int64
		quant, dequant string
	}{
		// 13 adds the axis, 19 float8 and what it saturates to, 21 blocks and types,
		// 23 the precision of the division and the type of the result. Version 10 has
		// one scale for all.
		{10, "", ""}, {13, "axis", "axis"}, {19, "axis saturate", "axis"},
		{21, "axis block_size output_dtype saturate", "axis block_size"},
		{23, "axis block_size output_dtype precision saturate", "axis block_size output_dtype"},
	} {
		q.key, q.attrs, q.lower = onnx("QuantizeLinear", v.since), v.quant, lowerQuantize
		ops = append(ops, q)
		q.key, q.attrs, q.lower = onnx("DequantizeLinear", v.since), v.dequant, lowerDequantize
		ops = append(ops, q)
	}
	q.key, q.attrs, q.lower = microsoft("QuantizeLinear", 1), "axis block_size", lowerQuantize
	ops = append(ops, q)
	q.key, q.attrs, q.lower = microsoft("DequantizeLinear", 1), "axis block_size", lowerDequantize
	ops = append(ops, q)
	return append(ops, operator{key: onnx("DynamicQuantizeLinear", 11), minIn: 1, maxIn: 1, maxOut: 3, lower: lowerDynamicQuantize})
}

// checkQuantized refuses types that no backend computes with.
func checkQuantized(n *graphsurgery.Node) string {
	for _, attr := range []string{"output_dtype", "precision"} {
		if d := graphsurgery.DType(n.Int(attr, 0)); d != graphsurgery.Undefined {
			if attr == "output_dtype" && n.Op() == "QuantizeLinear" {
				d = storedDType(d)
			}
			if _, err := computeDType(d); err != nil {
				return attr + "=" + d.String() + " of " + n.Op() + " is not supported"
			}
		}
	}
	return ""
}

// lowerQuantize is QuantizeLinear-10 to -25: round half to even of x/scale, plus
// the zero point, cut to the range of the integers.
func lowerQuantize(c *call) []*wire {
	to := graphsurgery.Uint8
	switch d := graphsurgery.DType(c.n.Int("output_dtype", 0)); {
	case c.has(2):
		to = c.in[2].dtype
	case d != graphsurgery.Undefined:
		to = d
	}
	precision := c.arg(1).DType()
	if d := graphsurgery.DType(c.n.Int("precision", 0)); d != graphsurgery.Undefined {
		precision, _ = computeDType(d)
	}
	x, scale := c.asFloat(c.in[0], precision), c.asFloat(c.spread(1, 0), precision)
	zero := c.zeroPoint(2, 0, precision)
	return []*wire{c.quantised(x, scale, zero, to)}
}

// quantised makes the integers round(x/scale)+zero and their real form.
func (c *call) quantised(x, scale, zero *wire, to graphsurgery.DType) *wire {
	return c.quantisedTo(x, scale, zero, to, true)
}

// quantisedTo is quantised; bounded says that what the integer range cuts off gets
// no gradient.
func (c *call) quantisedTo(x, scale, zero *wire, to graphsurgery.DType, bounded bool) *wire {
	if f, small := smallFloatOf(to); small {
		n, dims, _ := c.broadcast(x, c.asFloat(scale, computeType(x)), c.asFloat(zero, computeType(x)))
		if !slices.Equal(dims, x.dims) {
			c.fail("scales of shape %v for a tensor of shape %v", scale.dims, x.dims)
		}
		raw := c.asFloat(c.wire(graph.Reshape(graph.Add(graph.Div(n[0], n[1]), n[2]), dims...)), dtypes.Float32)
		return c.encoded(raw, f, to, c.attrInt("saturate", 1) != 0, toEven)
	}
	low, high, ok := integerRange(to)
	if !ok {
		c.refuse("quantisation to %s is not supported", to)
	}
	n, dims, flat := c.broadcast(x, c.asFloat(scale, computeType(x)), c.asFloat(zero, computeType(x)))
	if !slices.Equal(dims, x.dims) {
		c.fail("scales of shape %v for a tensor of shape %v", scale.dims, x.dims)
	}
	raw := graph.Div(n[0], n[1])
	cut := func(v *graph.Node) *graph.Node {
		return graph.Min(graph.Max(v, constantLike(v, low)), constantLike(v, high))
	}
	whole := graph.StopGradient(cut(graph.Add(graph.StopGradient(graph.Round(graph.StopGradient(raw))), n[2])))
	smooth := graph.Add(raw, n[2])
	if bounded {
		smooth = cut(smooth)
	}
	real := graph.Add(smooth, graph.StopGradient(graph.Sub(whole, smooth)))
	dtype, _ := computeDType(storedDType(to))
	out := labelled(c.same(graph.ConvertDType(whole, dtype), dims, flat)[0], to)
	out.real = c.same(real, dims, flat)[0]
	return out
}

// integerRange gives the ends of the types that are quantised to.
func integerRange(t graphsurgery.DType) (low, high float64, ok bool) {
	switch t {
	case graphsurgery.Uint8:
		return 0, 255, true
	case graphsurgery.Int8:
		return -128, 127, true
	case graphsurgery.Uint16:
		return 0, 65535, true
	case graphsurgery.Int16:
		return -32768, 32767, true
	case graphsurgery.Uint4:
		return 0, 15, true
	case graphsurgery.Int4:
		return -8, 7, true
	case graphsurgery.Uint2:
		return 0, 3, true
	case graphsurgery.Int2:
		return -2, 1, true
	}
	return 0, 0, false
}

// lowerDequantize is DequantizeLinear-10 to -25: (x - zero point)·scale.
func lowerDequantize(c *call) []*wire {
	to := c.in[1].dtype
	if d := graphsurgery.DType(c.n.Int("output_dtype", 0)); d != graphsurgery.Undefined {
		to = d
	}
	dtype, _ := computeDType(to)
	wide := c.arg(1).DType()
	if wide.IsHalfPrecision() { // the integers may have more digits
		wide = dtypes.Float32
	}
	y := c.dequantised(c.in[0], c.asFloat(c.spread(1, 0), wide), c.zeroPoint(2, 0, wide))
	return []*wire{c.asFloat(y, dtype)}
}

// dequantised is (x - zero)·scale in the type of scale.
func (c *call) dequantised(x, scale, zero *wire) *wire {
	n, dims, flat := c.broadcast(c.asFloat(x, computeType(scale)), scale, c.asFloat(zero, computeType(scale)))
	if !slices.Equal(dims, x.dims) {
		c.fail("scales of shape %v for a tensor of shape %v", scale.dims, x.dims)
	}
	return c.same(graph.Mul(graph.Sub(n[0], n[2]), n[1]), dims, flat)[0]
}

// computeType is the type that a wire has in the graph.
func computeType(w *wire) dtypes.DType {
	dtype, err := computeDType(storedDType(w.dtype))
	if err != nil {
		panic(err)
	}
	return dtype
}

// asFloat gives a wire as floats: the real form of a quantised value if it has one.
func (c *call) asFloat(w *wire, to dtypes.DType) *wire {
	if w.real != nil {
		w = w.real
	}
	if f, small := smallFloatOf(w.dtype); small {
		w = c.decoded(w, f)
	}
	if computeType(w) == to {
		return w
	}
	if w.flat != nil && w.node == nil {
		return c.flatWire(graph.ConvertDType(w.flat, to), w.dims)
	}
	return c.wire(graph.ConvertDType(c.nodeOf(w), to))
}

// spread brings the scales or zero points of input i into a shape that broadcasts
// to input data: one for all, one an index of the axis, or one a block of it.
func (c *call) spread(i, data int) *wire {
	w, dims := c.in[i], c.dims(data)
	if product(w.dims) == 1 && len(w.dims) <= 1 {
		return c.wire(graph.Reshape(c.arg(i)))
	}
	axis := c.axis(c.attrInt("axis", 1), len(dims))
	block := c.attrInt("block_size", 0)
	if len(w.dims) == 1 && block == 0 {
		if w.dims[0] != dims[axis] {
			c.fail("%d scales for axis %d of shape %v", w.dims[0], axis, dims)
		}
		shape := slices.Repeat([]int{1}, len(dims))
		shape[axis] = w.dims[0]
		return c.wire(graph.Reshape(c.arg(i), shape...))
	}
	want := slices.Clone(dims)
	if block > 0 {
		want[axis] = (dims[axis] + block - 1) / block
	}
	if !slices.Equal(w.dims, want) || block <= 0 {
		c.fail("scales of shape %v for shape %v and blocks of %d along axis %d", w.dims, dims, block, axis)
	}
	return c.wire(repeatBlocks(c.arg(i), axis, block, dims[axis]))
}

// repeatBlocks repeats each element along axis block times, up to size elements.
func repeatBlocks(x *graph.Node, axis, block, size int) *graph.Node {
	d := x.Shape().Dimensions
	wide := slices.Insert(slices.Clone(d), axis+1, block)
	all := graph.BroadcastToDims(graph.InsertAxes(x, axis+1), wide...)
	long := slices.Clone(d)
	long[axis] *= block
	return graph.SliceAxis(graph.Reshape(all, long...), axis, graph.AxisRange(0, size))
}

// zeroPoint gives optional input i as floats, 0 without it.
func (c *call) zeroPoint(i, data int, to dtypes.DType) *wire {
	if !c.has(i) {
		return c.wire(graph.ScalarZero(c.graph, to))
	}
	return c.asFloat(c.spread(i, data), to)
}

// lowerDynamicQuantize is DynamicQuantizeLinear-11: 8 bits over the range of the
// data, which always holds zero. Data of zeros get ONNX Runtime's scale, 1. No
// gradient flows through the range: with what is computed from the integers and the
// scale, it is the straight-through estimate, that of the floats.
func lowerDynamicQuantize(c *call) []*wire {
	x := graph.StopGradient(c.anyOf(c.in[0]))
	if x.Shape().Size() == 0 {
		c.refuse("DynamicQuantizeLinear of an empty tensor is not supported")
	}
	zero := graph.ScalarZero(c.graph, x.DType())
	low, high := graph.Min(graph.ReduceAllMin(x), zero), graph.Max(graph.ReduceAllMax(x), zero)
	// DivScalar would multiply by the reciprocal, which is off by a rounding: enough
	// to make some integer another one than ONNX Runtime's.
	scale := graph.Div(graph.Sub(high, low), constantLike(zero, 255))
	scale = graph.Where(graph.Equal(scale, zero), graph.ScalarOne(c.graph, x.DType()), scale)
	point := graph.Round(graph.Neg(graph.Div(low, scale)))
	point = graph.Min(graph.Max(point, zero), graph.Scalar(c.graph, x.DType(), 255))
	// Stopped here too: Round, where a gradient might come back to, has none.
	scale, point = graph.StopGradient(scale), graph.StopGradient(point)
	// The range covers the data; only the rounding of the zero point puts its ends
	// a fraction outside.
	y := c.quantisedTo(c.in[0], c.wire(scale), c.wire(point), graphsurgery.Uint8, false)
	return []*wire{y, c.wire(scale), c.wire(graph.ConvertDType(point, dtypes.Uint8))}
}
