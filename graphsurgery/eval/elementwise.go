package eval

import (
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// unaryFloat gives the function of an operator that maps floats one by one.
func unaryFloat(op string) func(float64) float64 {
	switch op {
	case "Sqrt":
		return math.Sqrt
	case "Exp":
		return math.Exp
	case "Log":
		return math.Log
	case "Reciprocal":
		return func(x float64) float64 { return 1 / x }
	case "Floor":
		return math.Floor
	case "Ceil":
		return math.Ceil
	case "Round":
		return math.RoundToEven
	case "Erf":
		return math.Erf
	case "Tanh":
		return math.Tanh
	case "Sigmoid":
		return sigmoid
	case "Softplus":
		return func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	case "Softsign":
		return func(x float64) float64 { return x / (1 + math.Abs(x)) }
	case "HardSwish":
		return func(x float64) float64 { return x * max(0, min(1, x/6+0.5)) }
	case "Mish":
		return func(x float64) float64 { return x * math.Tanh(max(x, 0)+math.Log1p(math.Exp(-math.Abs(x)))) }
	}
	return trigonometric(op)
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func trigonometric(op string) func(float64) float64 {
	switch op {
	case "Sin":
		return math.Sin
	case "Cos":
		return math.Cos
	case "Tan":
		return math.Tan
	case "Asin":
		return math.Asin
	case "Acos":
		return math.Acos
	case "Atan":
		return math.Atan
	case "Sinh":
		return math.Sinh
	case "Cosh":
		return math.Cosh
	case "Asinh":
		return math.Asinh
	case "Acosh":
		return math.Acosh
	case "Atanh":
		return math.Atanh
	}
	return nil
}

// mapFloats applies f to every element of a floating-point input.
func (c *call) mapFloats(f func(float64) float64) (*array, error) {
	a := c.in[0]
	if !a.dtype.IsFloat() {
		return nil, c.broken("input is %s, want a floating-point type", a.dtype)
	}
	x := a.floats()
	for i := range x {
		x[i] = f(x[i])
	}
	return newFloats(a.dtype, a.shape, x), nil
}

// activation covers the activations that take attributes; the defaults are those
// of the operators' definitions.
func (c *call) activation() ([]*array, error) {
	attr := func(name string, def float32) float64 { return float64(c.node.Float(name, def)) }
	var f func(float64) float64
	switch c.node.Op() {
	case "LeakyRelu":
		alpha := attr("alpha", 0.01)
		f = func(x float64) float64 { return choose(x >= 0, x, alpha*x) }
	case "Elu":
		alpha := attr("alpha", 1)
		f = func(x float64) float64 { return choose(x >= 0, x, alpha*math.Expm1(x)) }
	case "Celu":
		alpha := attr("alpha", 1)
		f = func(x float64) float64 { return max(0, x) + min(0, alpha*math.Expm1(x/alpha)) }
	case "Selu":
		alpha, gamma := attr("alpha", 1.67326319217681884765625), attr("gamma", 1.05070102214813232421875)
		f = func(x float64) float64 { return gamma * choose(x > 0, x, alpha*math.Expm1(x)) }
	case "HardSigmoid":
		alpha, beta := attr("alpha", 0.2), attr("beta", 0.5)
		f = func(x float64) float64 { return max(0, min(1, alpha*x+beta)) }
	case "ThresholdedRelu":
		alpha := attr("alpha", 1)
		f = func(x float64) float64 { return choose(x > alpha, x, 0) }
	case "Shrink":
		bias, lambda := attr("bias", 0), attr("lambd", 0.5)
		f = func(x float64) float64 { return choose(x < -lambda, x+bias, choose(x > lambda, x-bias, 0)) }
	case "Swish":
		alpha := attr("alpha", 1)
		f = func(x float64) float64 { return x * sigmoid(alpha*x) }
	case "Gelu":
		f = gelu(c.node.Str("approximate", "none"))
	}
	return one(c.mapFloats(f))
}

// gelu is Gelu of opset 20 in its two forms.
func gelu(approximate string) func(float64) float64 {
	if approximate == "tanh" {
		return func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}
	}
	return func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }
}

func choose(cond bool, a, b float64) float64 {
	if cond {
		return a
	}
	return b
}

// unaryAny covers the operators that map signed integers too.
func (c *call) unaryAny() ([]*array, error) {
	a := c.in[0]
	op := c.node.Op()
	if a.dtype.IsFloat() {
		return one(c.mapFloats(map[string]func(float64) float64{
			"Neg": func(x float64) float64 { return -x }, "Abs": math.Abs,
			"Sign": func(x float64) float64 { return choose(x > 0, 1, choose(x < 0, -1, x+0)) }, // -0 gives 0
			"Relu": func(x float64) float64 { return choose(x < 0, 0, x) },
		}[op]))
	}
	if !isInt(a.dtype) {
		return nil, c.broken("input is %s, want numbers", a.dtype)
	}
	x := a.ints()
	for i := range x {
		x[i] = unaryInt(op, x[i], isUnsigned(a.dtype))
	}
	return []*array{newInts(a.dtype, a.shape, x)}, nil
}

func unaryInt(op string, x int64, unsigned bool) int64 {
	negative := x < 0 && !unsigned
	switch {
	case op == "Neg", op == "Abs" && negative:
		return -x
	case op == "Relu" && negative:
		return 0
	case op == "Sign" && negative:
		return -1
	case op == "Sign" && x != 0:
		return 1
	}
	return x
}

// classify is IsNaN (opset 9) and IsInf (opset 10).
func (c *call) classify() ([]*array, error) {
	a := c.in[0]
	if !a.dtype.IsFloat() {
		return nil, c.broken("input is %s, want a floating-point type", a.dtype)
	}
	out := make([]bool, a.len())
	up, down := c.node.Int("detect_positive", 1) != 0, c.node.Int("detect_negative", 1) != 0
	for i, x := range a.floats() {
		if c.node.Op() == "IsNaN" {
			out[i] = x != x
		} else {
			out[i] = up && math.IsInf(x, 1) || down && math.IsInf(x, -1)
		}
	}
	return []*array{newBools(a.shape, out)}, nil
}

// clip is Clip: bounds as attributes until opset 10, as inputs from 11. NaN stays.
func (c *call) clip() ([]*array, error) {
	a := c.in[0]
	if c.opset < 11 {
		lo, hi := float64(c.node.Float("min", -math.MaxFloat32)), float64(c.node.Float("max", math.MaxFloat32))
		return one(c.mapFloats(func(x float64) float64 { return choose(x < lo, lo, choose(x > hi, hi, x)) }))
	}
	for _, b := range c.in[1:] {
		if b != nil && (b.dtype != a.dtype || b.len() != 1) {
			return nil, c.broken("a bound is %s%v, want one %s", b.dtype, b.shape, a.dtype)
		}
	}
	lo, hi := c.input(1), c.input(2)
	if a.dtype.IsFloat() {
		l, h := math.Inf(-1), math.Inf(1)
		if lo != nil {
			l = lo.floats()[0]
		}
		if hi != nil {
			h = hi.floats()[0]
		}
		return one(c.mapFloats(func(x float64) float64 {
			x = choose(x < l, l, x)
			return choose(x > h, h, x)
		}))
	}
	return one(c.clipInts(a, lo, hi))
}

func (c *call) clipInts(a, lo, hi *array) (*array, error) {
	if !isInt(a.dtype) {
		return nil, c.broken("input is %s, want numbers", a.dtype)
	}
	x, less := a.ints(), lessInts(a.dtype)
	for i := range x {
		if lo != nil && less(x[i], lo.ints()[0]) {
			x[i] = lo.ints()[0]
		}
		if hi != nil && less(hi.ints()[0], x[i]) {
			x[i] = hi.ints()[0]
		}
	}
	return newInts(a.dtype, a.shape, x), nil
}

// lessInts compares integers as the type does.
func lessInts(d gs.DType) func(a, b int64) bool {
	if isUnsigned(d) {
		return func(a, b int64) bool { return uint64(a) < uint64(b) }
	}
	return func(a, b int64) bool { return a < b }
}
