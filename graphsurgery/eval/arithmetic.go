package eval

import (
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/narrow"
)

// pair broadcasts the first two inputs, which must be of one type.
func (c *call) pair() (shape []int64, ia, ib []int, err error) {
	a, b := c.in[0], c.in[1]
	if a.dtype != b.dtype {
		return nil, nil, nil, c.broken("inputs are %s and %s, want one type", a.dtype, b.dtype)
	}
	shape, index, err := c.broadcast(a, b)
	if err != nil {
		return nil, nil, nil, err
	}
	return shape, index[0], index[1], nil
}

// arithmetic is Add, Sub, Mul, Div (opset 7 on), Mod (opset 10) and PRelu.
func (c *call) arithmetic() ([]*array, error) {
	shape, ia, ib, err := c.pair()
	if err != nil {
		return nil, err
	}
	a := c.in[0]
	switch {
	case a.dtype.IsFloat():
		x, y := a.floats(), c.in[1].floats()
		out := make([]float64, len(ia))
		for i := range out {
			out[i] = c.floatOp(x[ia[i]], y[ib[i]])
		}
		return []*array{newFloats(a.dtype, shape, out)}, nil
	case isInt(a.dtype):
		x, y := a.ints(), c.in[1].ints()
		out := make([]int64, len(ia))
		for i := range out {
			if out[i], err = c.intOp(x[ia[i]], y[ib[i]], isUnsigned(a.dtype)); err != nil {
				return nil, err
			}
		}
		return []*array{newInts(a.dtype, shape, out)}, nil
	}
	return nil, c.broken("inputs are %s, want numbers", a.dtype)
}

func (c *call) floatOp(x, y float64) float64 {
	switch c.node.Op() {
	case "Add":
		return x + y
	case "Sub":
		return x - y
	case "Mul":
		return x * y
	case "Div":
		return x / y
	case "PRelu":
		return choose(x < 0, x*y, x)
	}
	return math.Mod(x, y) // fmod=1, the only form for floats
}

func (c *call) intOp(x, y int64, unsigned bool) (int64, error) {
	switch c.node.Op() {
	case "Add":
		return x + y, nil
	case "Sub":
		return x - y, nil
	case "Mul":
		return x * y, nil
	case "PRelu":
		if x < 0 && !unsigned {
			x *= y
		}
		return x, nil
	}
	if y == 0 {
		return 0, c.unsupported("an integer is divided by zero")
	}
	if c.node.Op() == "Div" {
		if unsigned {
			return int64(uint64(x) / uint64(y)), nil
		}
		return x / y, nil // truncated, as ONNX has it
	}
	if unsigned {
		return int64(uint64(x) % uint64(y)), nil
	}
	r := x % y
	if c.node.Int("fmod", 0) == 0 && r != 0 && (r < 0) != (y < 0) {
		r += y // the sign of the divisor
	}
	return r, nil
}

// pow is Pow; from opset 12 the exponent may be of another type, and the result
// has the base's.
func (c *call) pow() ([]*array, error) {
	a, b := c.in[0], c.in[1]
	shape, index, err := c.broadcast(a, b)
	if err != nil {
		return nil, err
	}
	if a.dtype.IsFloat() {
		x, y := a.floats(), b.numbers()
		out := make([]float64, len(index[0]))
		for i := range out {
			out[i] = math.Pow(x[index[0][i]], y[index[1][i]])
		}
		return []*array{newFloats(a.dtype, shape, out)}, nil
	}
	if !isInt(a.dtype) {
		return nil, c.broken("the base is %s, want numbers", a.dtype)
	}
	x, y := a.ints(), b.numbers()
	out := make([]int64, len(index[0]))
	for i := range out {
		base, exp := x[index[0][i]], y[index[1][i]]
		if exp == math.Trunc(exp) && exp >= 0 && exp < 1<<32 {
			out[i] = powInt(base, uint64(exp))
			continue
		}
		p := math.Pow(intToFloat(base, a.dtype), exp)
		if p != p || math.Abs(p) >= 1<<62 {
			return nil, c.unsupported("the power %d^%g does not fit an integer", base, exp)
		}
		out[i] = int64(p)
	}
	return []*array{newInts(a.dtype, shape, out)}, nil
}

func powInt(base int64, exp uint64) int64 {
	p := int64(1)
	for ; exp > 0; exp >>= 1 {
		if exp&1 != 0 {
			p *= base
		}
		base *= base
	}
	return p
}

// variadic is Min, Max (opset 8 on), Sum and Mean. NaN wins, as in numpy.
func (c *call) variadic() ([]*array, error) {
	for i, a := range c.in {
		if a == nil || a.dtype != c.in[0].dtype {
			return nil, c.broken("input %d is not of the first one's type", i)
		}
	}
	shape, index, err := c.broadcast(c.in...)
	if err != nil {
		return nil, err
	}
	d := c.in[0].dtype
	switch {
	case d.IsFloat():
		return []*array{newFloats(d, shape, c.variadicFloats(index))}, nil
	case isInt(d) && c.node.Op() != "Mean":
		return []*array{newInts(d, shape, c.variadicInts(index, lessInts(d)))}, nil
	}
	return nil, c.broken("inputs are %s, want numbers", d)
}

func (c *call) variadicFloats(index [][]int) []float64 {
	op := c.node.Op()
	acc := make([]float64, len(index[0]))
	for k, a := range c.in {
		x := a.floats()
		for i, at := range index[k] {
			y := x[at]
			switch {
			case k == 0:
				acc[i] = y
			case op == "Min":
				acc[i] = min(acc[i], y)
			case op == "Max":
				acc[i] = max(acc[i], y)
			default:
				acc[i] = roundTo(a.dtype, acc[i]+y)
			}
		}
	}
	if op == "Mean" {
		for i := range acc {
			acc[i] /= float64(len(c.in))
		}
	}
	return acc
}

// roundTo rounds a float64 to a type's nearest value.
func roundTo(d gs.DType, x float64) float64 {
	switch d {
	case gs.Float:
		return float64(float32(x))
	case gs.Float16:
		return narrow.FromHalf(narrow.ToHalf(x))
	case gs.BFloat16:
		return float64(math.Float32frombits(uint32(narrow.ToBFloat(x)) << 16))
	}
	return x
}

func (c *call) variadicInts(index [][]int, less func(a, b int64) bool) []int64 {
	op := c.node.Op()
	acc := make([]int64, len(index[0]))
	for k, a := range c.in {
		x := a.ints()
		for i, at := range index[k] {
			y := x[at]
			if k == 0 || op == "Min" && less(y, acc[i]) || op == "Max" && less(acc[i], y) {
				acc[i] = y
			} else if op == "Sum" {
				acc[i] += y
			}
		}
	}
	return acc
}
