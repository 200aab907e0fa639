package eval

import (
	"math"
	"strconv"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// cast is Cast, with the element type as attribute to.
func (c *call) cast() ([]*array, error) {
	return one(c.castTo(c.in[0], gs.DType(c.node.Int("to", 0))))
}

// castLike is CastLike (opset 15).
func (c *call) castLike() ([]*array, error) { return one(c.castTo(c.in[0], c.in[1].dtype)) }

// castTo converts by the table of the Cast operator: floats round to nearest,
// integers keep their low bits, and a float that does not fit an integer, which
// ONNX leaves undefined, is refused.
func (c *call) castTo(a *array, to gs.DType) (*array, error) {
	if a.dtype == to {
		return a, nil
	}
	if a.dtype == gs.String {
		return c.parse(a, to)
	}
	known := func(d gs.DType) bool { return d.IsFloat() || isInt(d) || d == gs.Bool }
	if !known(a.dtype) || !known(to) {
		return nil, c.unsupported("a cast from %s to %s is not computed on the host", a.dtype, to)
	}
	switch {
	case to == gs.Bool:
		out := make([]bool, a.len())
		for i, x := range a.numbers() {
			out[i] = x != 0
		}
		return newBools(a.shape, out), nil
	case to.IsFloat():
		return c.toFloat(a, to), nil
	case a.dtype.IsFloat():
		return c.floatToInt(a, to)
	}
	return newInts(to, a.shape, a.ints()), nil
}

// toFloat converts numbers to a float type. A 64-bit integer is rounded to
// float32 in one step.
func (c *call) toFloat(a *array, to gs.DType) *array {
	if to == gs.Float && (a.dtype == gs.Int64 || a.dtype == gs.Uint64) {
		out := make([]float64, a.len())
		for i, x := range a.ints() {
			out[i] = float64(float32(x))
			if a.dtype == gs.Uint64 {
				out[i] = float64(float32(uint64(x)))
			}
		}
		return newFloats(to, a.shape, out)
	}
	return newFloats(to, a.shape, a.numbers())
}

func (c *call) floatToInt(a *array, to gs.DType) (*array, error) {
	lo, hi := bounds(to)
	out := make([]int64, a.len())
	for i, x := range a.floats() {
		x = math.Trunc(x)
		if !(x >= lo && x < hi) {
			return nil, c.unsupported("%g does not fit %s, and ONNX does not define the result", x, to)
		}
		if to == gs.Uint64 {
			out[i] = int64(uint64(x))
		} else {
			out[i] = int64(x)
		}
	}
	return newInts(to, a.shape, out), nil
}

// bounds gives the smallest value of an integer type, and one more than the
// largest.
func bounds(d gs.DType) (lo, hi float64) {
	bits := 8 * d.Size()
	if isUnsigned(d) {
		return 0, math.Ldexp(1, bits)
	}
	return -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1)
}

// parse converts strings, in the plain forms that ONNX demands.
func (c *call) parse(a *array, to gs.DType) (*array, error) {
	switch {
	case to.IsFloat():
		out := make([]float64, len(a.strs))
		for i, s := range a.strs {
			x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if err != nil {
				return nil, c.unsupported("the string %q is not a number", s)
			}
			out[i] = x
		}
		return newFloats(to, a.shape, out), nil
	case isInt(to):
		out := make([]int64, len(a.strs))
		for i, s := range a.strs {
			x, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
			if err != nil {
				return nil, c.unsupported("the string %q is not an integer", s)
			}
			out[i] = x
		}
		return newInts(to, a.shape, out), nil
	}
	return nil, c.unsupported("a cast from string to %s is not computed on the host", to)
}
