package eval

import (
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// scales lists which element of a scale (or zero point) of QuantizeLinear and
// DequantizeLinear belongs to every element of x: one for all, one an index of
// the axis, or one a block of the axis (opset 21).
func (c *call) scales(x, scale *array) ([]int, error) {
	index := make([]int, x.len())
	if scale.len() == 1 && scale.rank() <= 1 {
		return index, nil
	}
	axis, err := c.axis(c.node.Int("axis", 1), x.rank())
	if err != nil {
		return nil, err
	}
	block := c.node.Int("block_size", 0)
	if scale.rank() == 1 && block == 0 {
		if scale.shape[0] != x.shape[axis] {
			return nil, c.broken("%d scales for axis %d of shape %v", scale.len(), axis, x.shape)
		}
		walk(x.shape, func(i int, at []int) { index[i] = at[axis] })
		return index, nil
	}
	if block <= 0 || scale.rank() != x.rank() {
		return nil, c.broken("scales of shape %v for shape %v and block size %d", scale.shape, x.shape, block)
	}
	for k, d := range x.shape {
		want := d
		if k == axis {
			want = (d + block - 1) / block
		}
		if scale.shape[k] != want {
			return nil, c.broken("scales of shape %v for shape %v and block size %d", scale.shape, x.shape, block)
		}
	}
	step := strides(scale.shape)
	walk(x.shape, func(i int, at []int) {
		for k, p := range at {
			if k == axis {
				p /= int(block)
			}
			index[i] += p * step[k]
		}
	})
	return index, nil
}

// quantize is QuantizeLinear: saturate(round_half_even(x / scale) + zero point).
func (c *call) quantize() ([]*array, error) {
	x, scale, zero := c.in[0], c.in[1], c.input(2)
	to := gs.Uint8
	if d := gs.DType(c.node.Int("output_dtype", 0)); d != 0 {
		to = d
	}
	if zero != nil {
		to = zero.dtype
	}
	if !isInt(to) || to.Size() > 2 || !scale.dtype.IsFloat() {
		return nil, c.unsupported("quantisation to %s by %s is not computed on the host", to, scale.dtype)
	}
	index, err := c.scales(x, scale)
	if err != nil {
		return nil, err
	}
	offset, err := c.zeroPoint(zero, scale)
	if err != nil {
		return nil, err
	}
	lo, hi := bounds(to)
	s, out := scale.floats(), make([]int64, x.len())
	for i, v := range x.numbers() {
		q := math.RoundToEven(roundTo(scale.dtype, v/s[index[i]])) + float64(offset[index[i]])
		if q != q {
			return nil, c.unsupported("NaN is quantised, and ONNX does not define the result")
		}
		out[i] = int64(max(lo, min(hi-1, q)))
	}
	return []*array{newInts(to, x.shape, out)}, nil
}

// zeroPoint gives as many offsets as there are scales.
func (c *call) zeroPoint(zero, scale *array) ([]int64, error) {
	if zero == nil {
		return make([]int64, scale.len()), nil
	}
	if !isInt(zero.dtype) || zero.len() != scale.len() {
		return nil, c.broken("zero point is %s%v, want %d integers", zero.dtype, zero.shape, scale.len())
	}
	return zero.ints(), nil
}

// dequantize is DequantizeLinear: (x - zero point) * scale.
func (c *call) dequantize() ([]*array, error) {
	x, scale, zero := c.in[0], c.in[1], c.input(2)
	if !isInt(x.dtype) || !scale.dtype.IsFloat() {
		return nil, c.unsupported("dequantisation of %s by %s is not computed on the host", x.dtype, scale.dtype)
	}
	index, err := c.scales(x, scale)
	if err != nil {
		return nil, err
	}
	offset, err := c.zeroPoint(zero, scale)
	if err != nil {
		return nil, err
	}
	to := scale.dtype
	if d := gs.DType(c.node.Int("output_dtype", 0)); d != 0 {
		to = d
	}
	if !to.IsFloat() {
		return nil, c.unsupported("dequantisation to %s is not computed on the host", to)
	}
	s, out := scale.floats(), make([]float64, x.len())
	for i, v := range x.ints() {
		out[i] = float64(v-offset[index[i]]) * s[index[i]]
	}
	return []*array{newFloats(to, x.shape, out)}, nil
}

// dynamicQuantize is DynamicQuantizeLinear (opset 11): uint8 over the range of x
// and zero.
func (c *call) dynamicQuantize() ([]*array, error) {
	x := c.in[0]
	if x.dtype != gs.Float {
		return nil, c.broken("input is %s, want float32", x.dtype)
	}
	lo, hi := 0.0, 0.0
	for _, v := range x.floats() {
		lo, hi = min(lo, v), max(hi, v)
	}
	scale := float64(float32((hi - lo) / 255))
	if scale == 0 || scale != scale {
		return nil, c.unsupported("a range of [%g, %g] gives no scale", lo, hi)
	}
	zero := max(0, min(255, math.RoundToEven(roundTo(gs.Float, -lo/scale))))
	out := make([]int64, x.len())
	for i, v := range x.floats() {
		out[i] = int64(max(0, min(255, math.RoundToEven(roundTo(gs.Float, v/scale))+zero)))
	}
	return []*array{
		newInts(gs.Uint8, x.shape, out),
		newFloats(gs.Float, []int64{}, []float64{scale}),
		newInts(gs.Uint8, []int64{}, []int64{int64(zero)}),
	}, nil
}
