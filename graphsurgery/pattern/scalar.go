package pattern

import (
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/eval"
)

// Scalar gives the number of a one-element constant: stored, or computed from
// such, as Sqrt(2) is, by the operators' definitions, quantisation included.
func (v *View) Scalar(x *gs.Value) (float64, bool) {
	if x == nil {
		return 0, false
	}
	if got, ok := v.value[x]; ok {
		return got.x, got.ok
	}
	got, ok := numberIn(v.single(x, 0))
	if !ok && !v.exact {
		return v.roughly(x, 0)
	}
	v.value[x] = number{got, ok}
	return got, ok
}

// single gives a constant of few elements, if it is stored or computed from
// such.
func (v *View) single(x *gs.Value, depth int) *gs.Tensor {
	if x == nil || depth > maxChain || !v.Fixed(x) {
		return nil
	}
	t, ok := v.small[x]
	if !ok {
		t = v.computed(x, depth)
		v.small[x] = t
	}
	return t
}

func (v *View) computed(x *gs.Value, depth int) *gs.Tensor {
	if t := x.Initializer(); t != nil {
		return few(t)
	}
	n := x.Producer()
	if n == nil || !eval.Knows(n.Domain(), n.Op()) || is(n, "Shape") || is(n, "Size") || refersToCall(n) {
		return nil
	}
	inputs := make([]*gs.Tensor, len(n.Inputs()))
	for i, in := range n.Inputs() {
		if in == nil {
			continue
		}
		if inputs[i] = v.single(in, depth+1); inputs[i] == nil {
			return nil
		}
	}
	out, err := eval.Node(n, inputs, eval.Limits{MaxElements: maxInts})
	if err != nil || out[x.OutputIndex()] == nil {
		return nil
	}
	return few(out[x.OutputIndex()])
}

func few(t *gs.Tensor) *gs.Tensor {
	if t.Len() > maxInts {
		return nil
	}
	return t
}

// refersToCall reports whether an attribute of the node is the calling node's.
func refersToCall(n *gs.Node) bool {
	return slices.ContainsFunc(n.AttrNames(), func(a string) bool { return n.AttrRef(a) != "" })
}

// numberIn gives the number of a tensor of one element.
func numberIn(t *gs.Tensor) (float64, bool) {
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

// roughly computes what eval does not, with rearrangements left out: operators of
// ONNX Runtime's and those of opsets before 7.
func (v *View) roughly(x *gs.Value, depth int) (float64, bool) {
	if x == nil || depth > maxChain || !v.Fixed(x) {
		return 0, false
	}
	if got, ok := v.value[x]; ok {
		return got.x, got.ok
	}
	got, ok := numberIn(Tensor(x))
	if n := x.Producer(); !ok && n != nil && x.OutputIndex() == 0 && !quantises(n) {
		got, ok = v.compute(n, func(in *gs.Value) (float64, bool) { return v.roughly(in, depth+1) })
	}
	v.value[x] = number{got, ok}
	return got, ok
}

// quantises reports whether a node changes the scale of numbers.
func quantises(n *gs.Node) bool {
	switch n.Op() {
	case "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear":
		return true
	}
	return false
}

// compute evaluates one elementwise node on numbers.
func (v *View) compute(n *gs.Node, of func(*gs.Value) (float64, bool)) (float64, bool) {
	if n.Input(0) != nil && Layout().Has(v, n) {
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
