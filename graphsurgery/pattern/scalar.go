package pattern

import (
	"encoding/binary"
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
	if err != nil || x.OutputIndex() >= len(out) || out[x.OutputIndex()] == nil {
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

// roughly computes what eval does not, operators of ONNX Runtime's, and leaves
// rearrangements out.
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

// compute evaluates one elementwise node on numbers: by package eval in double
// precision, or, for ONNX Runtime's operators, by their definitions.
func (v *View) compute(n *gs.Node, of func(*gs.Value) (float64, bool)) (float64, bool) {
	if n.Input(0) != nil && Layout().Has(v, n) {
		return of(n.Input(0))
	}
	if !computable(n) {
		return 0, false
	}
	args := make([]float64, 0, 3)
	for _, in := range n.Inputs() {
		a, ok := of(in)
		if !ok {
			return 0, false
		}
		args = append(args, a)
	}
	if n.Domain() != "" {
		return runtimes(n, args)
	}
	inputs := make([]*gs.Tensor, len(args))
	for i, a := range args {
		inputs[i] = gs.NewTensor([]int64{}, []float64{a})
	}
	out, err := eval.Node(n, inputs, eval.Limits{})
	if err != nil || len(out) == 0 || out[0] == nil || out[0].DType() != gs.Double {
		return 0, false
	}
	raw, err := out[0].Raw()
	if err != nil || len(raw) != 8 {
		return 0, false
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(raw)), true
}

// computable names the operators that compute each element from those at its
// place, and nothing else.
func computable(n *gs.Node) bool {
	if refersToCall(n) {
		return false
	}
	switch OpName(n) {
	case "Gelu", "Erf", "Tanh", "Sigmoid", "Relu", "Swish", "HardSwish", "HardSigmoid", "LeakyRelu", "Elu", "Selu", "Mish",
		"Softplus", "Softsign", "Exp", "Log", "Abs", "Sqrt", "Neg", "Reciprocal",
		"com.microsoft::Gelu", "com.microsoft::QuickGelu":
		return len(n.Inputs()) == 1
	case "com.microsoft::FastGelu":
		return len(n.Inputs()) == 1 || len(n.Inputs()) == 2
	case "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "com.microsoft::BiasGelu":
		return len(n.Inputs()) == 2
	case "Clip":
		return len(n.Inputs()) == 3
	}
	return false
}

// runtimes computes ONNX Runtime's activations, whose biases are added before.
func runtimes(n *gs.Node, args []float64) (float64, bool) {
	x := args[0]
	if len(args) == 2 {
		x += args[1]
	}
	switch n.Op() {
	case "Gelu", "BiasGelu":
		return gelu(x), true
	case "FastGelu":
		return geluTanh(x), true
	case "QuickGelu":
		return x * sigmoid(float64(n.Float("alpha", 1.702))*x), true
	}
	return 0, false
}
