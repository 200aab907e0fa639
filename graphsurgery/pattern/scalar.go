package pattern

import (
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Scalar gives the number of a one-element constant: stored, or computed from
// such by elementwise operators, as Sqrt(2) is.
func (v *View) Scalar(x *gs.Value) (float64, bool) { return v.scalar(x, 0) }

func (v *View) scalar(x *gs.Value, depth int) (float64, bool) {
	if x == nil || depth > maxChain || !v.Fixed(x) {
		return 0, false
	}
	if got, ok := v.value[x]; ok {
		return got.x, got.ok
	}
	got, ok := stored(x)
	if n := x.Producer(); !ok && n != nil && !is(n, "Constant") && x.OutputIndex() == 0 {
		got, ok = compute(n, func(in *gs.Value) (float64, bool) { return v.scalar(in, depth+1) })
	}
	v.value[x] = number{got, ok}
	return got, ok
}

// stored gives the number in a stored one-element tensor.
func stored(x *gs.Value) (float64, bool) {
	if n := x.Producer(); is(n, "Constant") {
		switch {
		case n.HasAttr("value_float"):
			return float64(n.Float("value_float", 0)), true
		case n.HasAttr("value_int"):
			return float64(n.Int("value_int", 0)), true
		}
	}
	t := Tensor(x)
	if t == nil || t.Len() != 1 {
		return 0, false
	}
	if t.DType().IsFloat() {
		xs, err := t.Float32s()
		if err != nil {
			return 0, false
		}
		return float64(xs[0]), true
	}
	xs, err := t.Int64s()
	if err != nil {
		return 0, false
	}
	return float64(xs[0]), true
}

// compute evaluates one elementwise node on numbers.
func compute(n *gs.Node, of func(*gs.Value) (float64, bool)) (float64, bool) {
	if n.Input(0) != nil && Layout().Has(nil, n) {
		return of(n.Input(0))
	}
	args := make([]float64, 0, 3)
	for _, in := range n.Inputs() {
		a, ok := of(in)
		if !ok {
			return 0, false
		}
		args = append(args, a)
	}
	switch len(args) {
	case 1:
		return unary(n, args[0])
	case 2:
		return binary(n, args[0], args[1])
	case 3:
		if is(n, "Clip") {
			return min(max(args[0], args[1]), args[2]), true
		}
	}
	return 0, false
}

// unary computes the elementwise operators of one operand, ONNX Runtime's too.
func unary(n *gs.Node, x float64) (float64, bool) {
	attr := func(name string, def float32) float64 { return float64(n.Float(name, def)) }
	switch OpName(n) {
	case "Gelu":
		if n.Str("approximate", "none") == "tanh" {
			return geluTanh(x), true
		}
		return gelu(x), true
	case "com.microsoft::Gelu":
		return gelu(x), true
	case "com.microsoft::FastGelu":
		return geluTanh(x), true
	case "com.microsoft::QuickGelu":
		return x * sigmoid(attr("alpha", 1.702)*x), true
	case "Erf":
		return math.Erf(x), true
	case "Tanh":
		return math.Tanh(x), true
	case "Sigmoid":
		return sigmoid(x), true
	case "Relu":
		return max(x, 0), true
	case "Swish":
		return x * sigmoid(attr("alpha", 1)*x), true
	case "HardSwish":
		return x * min(max(x/6+0.5, 0), 1), true
	case "HardSigmoid":
		return min(max(attr("alpha", 0.2)*x+attr("beta", 0.5), 0), 1), true
	case "LeakyRelu":
		return max(x, 0) + attr("alpha", 0.01)*min(x, 0), true
	case "Elu":
		return max(x, 0) + attr("alpha", 1)*math.Expm1(min(x, 0)), true
	case "Selu":
		return attr("gamma", 1.0507009873554805) * (max(x, 0) + attr("alpha", 1.6732632423543772)*math.Expm1(min(x, 0))), true
	case "Mish":
		return x * math.Tanh(math.Log1p(math.Exp(x))), true
	case "Softplus":
		return math.Log1p(math.Exp(x)), true
	case "Softsign":
		return x / (1 + abs(x)), true
	case "Exp":
		return math.Exp(x), true
	case "Log":
		return math.Log(x), true
	case "Abs":
		return abs(x), true
	case "Sqrt":
		return math.Sqrt(x), true
	case "Neg":
		return -x, true
	case "Reciprocal":
		return 1 / x, true
	}
	return 0, false
}

func binary(n *gs.Node, a, b float64) (float64, bool) {
	switch OpName(n) {
	case "Add":
		return a + b, true
	case "Sub":
		return a - b, true
	case "Mul":
		return a * b, true
	case "Div":
		return a / b, true
	case "Pow":
		return math.Pow(a, b), true
	case "Max":
		return max(a, b), true
	case "Min":
		return min(a, b), true
	case "com.microsoft::BiasGelu":
		return gelu(a + b), true
	case "com.microsoft::FastGelu":
		return geluTanh(a + b), true
	}
	return 0, false
}
