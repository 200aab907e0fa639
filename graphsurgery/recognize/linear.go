package recognize

import (
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Linear is the product x·W of a linear layer, and the bias if the operator adds
// it: MatMul, Gemm, Einsum, convolution of width 1, ONNX Runtime's fusions, and
// the integer products of dynamic quantisation.
type Linear struct {
	Node         *gs.Node // of the product
	In           *gs.Value
	Weight, Bias *gs.Value
	Out          *gs.Value
	Last         *gs.Node // computes Out; not Node where scales are multiplied in
	Channels     bool     // a convolution: the layer works on axis 1
	Wide         bool     // a convolution over more than one position
	Activation   string   // fused into the operator, as FusedGemm has it
	Quantised    bool     // the weight is stored as integers
}

// linearRules are the patterns of a product with a weight.
type linearRules struct {
	direct  *pattern.Pattern
	integer *pattern.Pattern
	conv    *pattern.Pattern
}

// Linears finds the products with weights in a graph. Bias additions behind a
// product are the caller's to find: they may stand behind a rearrangement.
func Linears(v *pattern.View) []Linear {
	r := newLinearRules()
	var out []Linear
	for _, n := range v.Graph().Nodes() {
		if n.Output(0) == nil || v.Fixed(n.Output(0)) || !multiplies(n) {
			continue
		}
		if l, ok := r.at(v, n); ok {
			out = append(out, l)
		}
	}
	return out
}

// multiplies reports whether a node's operator is one of the rules' anchors.
func multiplies(n *gs.Node) bool {
	switch n.Op() {
	case "MatMul", "Gemm", "Einsum", "Conv", "FusedMatMul", "TransposeMatMul", "FusedGemm", "FusedConv", "MatMulNBits", "MatMulBnb4",
		"DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulInteger", "ConvInteger", "QLinearMatMul", "QGemm":
		return true
	}
	return false
}

func newLinearRules() *linearRules {
	x, w, b := pattern.Data("x"), pattern.Fixed("w"), pattern.Opt(pattern.Fixed("b"))
	notTransposed := func(op string) *pattern.Expr {
		return pattern.Op(op, x, w, b).IntAttr("transA", 0, 0)
	}
	direct := pattern.Or(
		pattern.Op("MatMul|com.microsoft::FusedMatMul|com.microsoft::TransposeMatMul", x, w),
		notTransposed("Gemm"), notTransposed("com.microsoft::FusedGemm"),
		pattern.Op("com.microsoft::MatMulNBits|com.microsoft::MatMulBnb4", x, w, pattern.Rest()),
		pattern.Op("com.microsoft::DynamicQuantizeMatMul", x, w, pattern.Fixed(""), pattern.Opt(pattern.Fixed("")), b),
		pattern.Op("com.microsoft::MatMulIntegerToFloat", quantised(x, 0), w, quantised(x, 1), pattern.Fixed(""), pattern.Opt(quantised(x, 2)), pattern.Opt(pattern.Fixed("")), b),
		pattern.Op("QLinearMatMul", x, pattern.Rest()).Attr("a constant second factor", func(v *pattern.View, n *gs.Node) bool { return v.Fixed(n.Input(3)) }),
		pattern.Op("com.microsoft::QGemm", x, pattern.Rest()).Attr("a constant second factor", func(v *pattern.View, n *gs.Node) bool { return v.Fixed(n.Input(3)) }),
		pattern.Op("Einsum", x, w).Attr("a contraction of the weight", contracts),
		pattern.Op("Einsum", w, x).Attr("a contraction of the weight", contracts),
	)
	conv := pattern.Op("Conv|com.microsoft::FusedConv", x, w, b, pattern.Rest()).Attr("channels mixed", mixesChannels)
	return &linearRules{
		direct: pattern.New("linear layer", direct), integer: integerProduct(),
		conv: pattern.New("convolution", conv),
	}
}

// quantised is output i of the dynamic quantisation of x: numbers, scale, zero
// point.
func quantised(x *pattern.Expr, i int) *pattern.Expr {
	return pattern.Op("DynamicQuantizeLinear", x).Output(i)
}

// integerProduct is what ONNX Runtime's dynamic quantisation makes of a MatMul or
// convolution:
// the quantised x times the quantised weight, cast to float, times both scales.
func integerProduct() *pattern.Pattern {
	x, w := pattern.Data("x"), pattern.Fixed("w")
	product := pattern.Op("MatMulInteger|ConvInteger", quantised(x, 0), w, pattern.Opt(quantised(x, 2)), pattern.Opt(pattern.Fixed("")))
	scales := pattern.Op("Mul", quantised(x, 1), pattern.Fixed("")).Commutes()
	scaled := pattern.Op("Mul", pattern.Op("Cast", product), scales).Commutes()
	product.Attr("one group", func(_ *pattern.View, n *gs.Node) bool { return n.Int("group", 1) == 1 })
	return pattern.New("dynamically quantised linear layer", scaled).Anchor(product)
}

func (r *linearRules) at(v *pattern.View, n *gs.Node) (Linear, bool) {
	p := r.direct
	switch pattern.OpName(n) {
	case "MatMulInteger", "ConvInteger":
		p = r.integer
	case "Conv", "com.microsoft::FusedConv":
		p = r.conv
	}
	m, _ := p.At(v, n.Output(0))
	if m == nil {
		return Linear{}, false
	}
	l := Linear{Node: n, In: m.Value("x"), Weight: m.Value("w"), Bias: m.Value("b"), Out: m.Result(), Last: m.Result().Producer()}
	switch n.Op() {
	case "QLinearMatMul", "QGemm":
		l.Weight, l.Quantised = n.Input(3), true
		if n.Op() == "QGemm" {
			l.Bias = n.Input(6)
		}
	case "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulNBits", "MatMulBnb4":
		l.Quantised = true
	case "FusedGemm":
		l.Activation = strings.ToLower(n.Str("activation", "other"))
	case "FusedConv", "Conv", "ConvInteger":
		l.Channels, l.Quantised = true, n.Op() == "ConvInteger"
		l.Wide = !pointwise(v, n)
		if n.Op() == "FusedConv" {
			l.Activation = strings.ToLower(n.Str("activation", "other"))
		}
	}
	return l, true
}

// mixesChannels reports whether a convolution has one group, or sees one position
// and several channels a group.
func mixesChannels(v *pattern.View, n *gs.Node) bool {
	if n.Int("group", 1) == 1 {
		return true
	}
	w := v.Type(n.Input(1)).Shape
	return len(w) >= 3 && w[1].Value > 1 && pointwise(v, n)
}

// pointwise reports whether a convolution sees one position at a time.
func pointwise(v *pattern.View, n *gs.Node) bool {
	dims := v.Type(n.Input(1)).Shape
	if len(dims) < 3 {
		return false
	}
	for _, d := range dims[2:] {
		if d.Value != 1 {
			return false
		}
	}
	for _, s := range n.Ints("strides") {
		if s != 1 {
			return false
		}
	}
	for _, p := range n.Ints("pads") {
		if p != 0 {
			return false
		}
	}
	return true
}

// contracts reports whether an Einsum sums over an axis of its constant operand
// and keeps all axes of it in x or in the result.
func contracts(v *pattern.View, n *gs.Node) bool {
	e, ok := ParseEinsum(n)
	if !ok || len(e.In) != 2 {
		return false
	}
	x, w := e.In[0], e.In[1]
	if v.Fixed(n.Input(0)) {
		x, w = w, x
	}
	summed, fresh := 0, 0
	for _, c := range w {
		switch {
		case strings.ContainsRune(x, c) && !strings.ContainsRune(e.Out, c):
			summed++
		case !strings.ContainsRune(x, c) && strings.ContainsRune(e.Out, c):
			fresh++
		}
	}
	return summed > 0 && fresh > 0
}

// Einsum is a parsed equation of the Einsum operator, without ellipsis.
type Einsum struct {
	In  []string
	Out string
}

// ParseEinsum reads an Einsum node's equation; false if it has no explicit
// result, or an ellipsis.
func ParseEinsum(n *gs.Node) (Einsum, bool) {
	left, out, ok := strings.Cut(strings.ReplaceAll(n.Str("equation", ""), " ", ""), "->")
	if !ok || strings.Contains(left, ".") {
		return Einsum{}, false
	}
	return Einsum{In: strings.Split(left, ","), Out: out}, true
}

// Rescaling are the products of an integer product and its scale, as dynamic
// quantisation ends.
func Rescaling() pattern.Class {
	return pattern.Class{Name: "rescaling", Has: func(v *pattern.View, n *gs.Node) bool { return Rescaled(v, n) != nil }}
}

// Rescaled gives the integer product that n rescales, nil if it does not.
func Rescaled(v *pattern.View, n *gs.Node) *gs.Value {
	if n.Op() != "Mul" || n.Output(0) == nil {
		return nil
	}
	scale := pattern.Via(pattern.Scaling(), pattern.Op("DynamicQuantizeLinear", pattern.Var("")).Output(1))
	if m, _ := pattern.New("rescaling", pattern.Op("Mul", pattern.Data("product"), scale).Commutes()).At(v, n.Output(0)); m != nil {
		return m.Value("product")
	}
	return nil
}
