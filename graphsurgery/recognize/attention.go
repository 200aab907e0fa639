package recognize

import (
	"fmt"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Attention is the core of a softmax attention (arXiv 1706.03762): the product of
// queries and keys, softmax, and the product with the values.
type Attention struct {
	Softmax           *gs.Value
	Query, Key, Value *gs.Value // operands of the products
	Context           *gs.Value
	Scores            *gs.Value // result of the product of queries and keys
	Logits            *gs.Value // what the softmax reads
}

// AttentionRule recognises attention cores. The zero value is not useful; make
// one with [NewAttentionRule].
type AttentionRule struct {
	core    *pattern.Pattern
	context *pattern.Pattern // its part behind the softmax
	scores  *pattern.Pattern // and before
}

// Softmaxes are the operators that compute attention weights, as [pattern.Op]
// wants them written.
const Softmaxes = "Softmax|com.microsoft::BiasSoftmax|com.microsoft::QLinearSoftmax"

// products are the operators that multiply two activations as matrices.
const products = "MatMul|Einsum|com.microsoft::FusedMatMul|com.microsoft::TransposeMatMul"

// NewAttentionRule makes the rule. The condition, if not nil, says why operands
// that fit are not a query, key and value; where several products are summed into
// the scores, as for relative positions, it decides which of them counts.
func NewAttentionRule(why func(v *pattern.View, a Attention) string) *AttentionRule {
	factor := func(name string) *pattern.Expr {
		return pattern.Var(name).Where("a product of two activations, as of queries and keys", func(v *pattern.View, x *gs.Value) bool { return v.Data(x) })
	}
	q, k, value := factor("q"), factor("k"), pattern.Data("v")
	scores := pattern.Op(products, q, k).As("scores").Called("a matrix product")
	input := pattern.Via(scorePath(), scores).Each().As("logits")
	weights := pattern.Or(pattern.Op(Softmaxes, input, pattern.Rest()), spelledSoftmax(input)).As("softmax")
	product := func(weights *pattern.Expr) *pattern.Expr {
		return pattern.Op(products, pattern.Via(weightPath(), weights), value).Commutes().Called("a matrix product")
	}
	softmax := pattern.Var("softmax")
	r := &AttentionRule{
		core:    pattern.New("attention", product(weights)).Anchor(weights),
		context: pattern.New("context", product(softmax)).Anchor(softmax),
		scores:  pattern.New("scores", weights),
	}
	r.core.When(func(v *pattern.View, m *pattern.Match) string {
		a := attentionOf(v, m)
		if !overKeys(v, a) {
			return fmt.Sprintf("a softmax over axis %d, which the product with the values does not sum over", a.Softmax.Producer().Int("axis", -1))
		}
		if why == nil {
			return ""
		}
		return why(v, a)
	})
	return r
}

// At matches the rule at a Softmax's result.
func (r *AttentionRule) At(v *pattern.View, softmax *gs.Value) (*Attention, *pattern.Miss) {
	m, miss := r.core.At(v, softmax)
	if m == nil {
		return nil, miss
	}
	a := attentionOf(v, m)
	return &a, nil
}

// Why says at which step a softmax that the rule does not match fails, "context" or
// "scores", and how.
func (r *AttentionRule) Why(v *pattern.View, softmax *gs.Value) (step string, miss *pattern.Miss) {
	for _, p := range []*pattern.Pattern{r.context, r.scores} {
		if m, miss := p.At(v, softmax); m == nil {
			return p.Name(), miss
		}
	}
	_, miss = r.At(v, softmax)
	return "context", miss
}

// attentionOf reads a match. Which factor of the scores is the query depends on
// the axis that the softmax sums over: that is the keys'.
func attentionOf(v *pattern.View, m *pattern.Match) Attention {
	a := Attention{
		Softmax: m.Value("softmax"), Query: m.Value("q"), Key: m.Value("k"), Value: m.Value("v"),
		Context: m.Result(), Scores: m.Value("scores"), Logits: m.Value("logits"),
	}
	if !keysRight(v, a) {
		a.Query, a.Key = a.Key, a.Query
	}
	return a
}

// spelledSoftmax is exp(x)/Σexp(x) over the last axis, x mostly less its maximum,
// which belongs to what is before the exponential.
func spelledSoftmax(x *pattern.Expr) *pattern.Expr {
	e := pattern.Op("Exp", x)
	sum := pattern.Op("ReduceSum", e, pattern.Rest()).Attr("a sum over the last axis, kept", func(v *pattern.View, n *gs.Node) bool {
		axes := v.Axes(n)
		return len(axes) == 1 && v.LastAxis(n.Input(0), axes[0]) && n.Int("keepdims", 1) == 1
	})
	return pattern.Op("Div", e, sum)
}

// IsSpelledSoftmax reports whether a node is the division that ends a softmax
// written as exponential, sum and division.
func IsSpelledSoftmax(v *pattern.View, n *gs.Node) bool {
	if pattern.OpName(n) != "Div" || n.Input(0) == nil || n.Input(0).Producer() == nil || n.Input(0).Producer().Op() != "Exp" {
		return false
	}
	m, _ := pattern.New("softmax", spelledSoftmax(pattern.Data("x"))).At(v, n.Output(0))
	return m != nil
}

// scorePath is what may stand between the product and the softmax: scale, mask,
// bias, clipping.
func scorePath() pattern.Class {
	return pattern.Either("scale or mask", pattern.Layout(), pattern.Carving(), pattern.Arithmetic(), headMixing(),
		pattern.Ops("mask", "Where", "Clip", "Min", "Max", "Tanh", "ScatterND", "ScatterElements", "Trilu", "ReduceMax", "com.microsoft::QLinearAdd", "com.microsoft::QLinearMul"))
}

// weightPath is what may stand between the softmax and the product with the
// values: casts, a guard against fully masked rows, renormalisation.
func weightPath() pattern.Class {
	return pattern.Either("rearrangement or guard", pattern.Layout(), pattern.Arithmetic(), headMixing(),
		pattern.Ops("guard", "Slice", "Where", "IsNaN", "Concat", "ReduceSum"))
}

// headMixing is a linear map between heads (talking heads, arXiv 2003.02436): a
// small square weight on attention maps of four dimensions.
func headMixing() pattern.Class {
	return pattern.Class{Name: "a map between heads", Has: func(v *pattern.View, n *gs.Node) bool {
		const most = 128 // heads
		if name := pattern.OpName(n); name != "MatMul" && name != "Conv" || !v.Fixed(n.Input(1)) || !v.Data(n.Input(0)) {
			return false
		}
		w := v.Type(n.Input(1)).Shape
		if len(w) < 2 || w[0].Value != w[1].Value || w[0].Value > most {
			return false
		}
		return attentionMaps(v, n.Input(0))
	}}
}

// attentionMaps reports whether a value has four dimensions, by its type or
// because a Transpose of four axes made it.
func attentionMaps(v *pattern.View, x *gs.Value) bool {
	if r := v.Rank(x); r >= 0 {
		return r == 4
	}
	p := x.Producer()
	return p != nil && pattern.OpName(p) == "Transpose" && len(p.Ints("perm")) == 4
}

// keysRight reports whether the softmax runs over the axis that the second factor
// of the score product brings in. Transposes between are followed; other
// rearrangements keep the last two axes where they are.
func keysRight(v *pattern.View, a Attention) bool {
	n := a.Softmax.Producer()
	axis := SoftmaxAxis(v, n)
	right, left := -1, -2
	if product := a.Scores.Producer(); product.Op() == "Einsum" {
		e, ok := ParseEinsum(product)
		if !ok || len(e.In) != 2 {
			return true
		}
		left, right = ownAxis(e, 0), ownAxis(e, 1)
	}
	stop := func(x *gs.Value) bool { return x == a.Scores }
	w := v.Back(a.Logits, scorePath(), stop)
	for _, t := range v.Between(w, a.Scores, a.Logits) {
		left, right = moved(t, left), moved(t, right)
	}
	return axis != left || axis == right
}

// overKeys reports whether the product with the values sums over the softmax's
// axis, as far as the file tells.
func overKeys(v *pattern.View, a Attention) bool {
	axis := SoftmaxAxis(v, a.Softmax.Producer())
	context := a.Context.Producer()
	if axis >= 0 || context.Op() != "MatMul" {
		return true
	}
	for i, want := range []int{-1, -2} {
		if context.Input(i) == a.Value {
			continue
		}
		w := v.Back(context.Input(i), weightPath(), func(x *gs.Value) bool { return x == a.Softmax })
		at := axis
		for _, t := range v.Between(w, a.Softmax, context.Input(i)) {
			at = moved(t, at)
		}
		return at == want
	}
	return true
}

// SoftmaxAxis is a softmax's axis, counted from the end where the rank is known
// or the file counts so; else as the file has it.
func SoftmaxAxis(v *pattern.View, n *gs.Node) int {
	if n.Op() == "Div" { // spelled out
		return -1
	}
	def := int64(-1)
	if opset, _ := v.Graph().Model().Opset(""); opset < 13 || n.Domain() != "" {
		def = 1
	}
	axis := n.Int("axis", def)
	r := v.Rank(n.Input(0))
	if r < 0 {
		r = v.Rank(n.Output(0))
	}
	if axis >= 0 && r >= 0 {
		axis -= int64(r)
	}
	return int(axis)
}

// ownAxis is the place in an Einsum's result, from the end, of the last axis that
// operand i alone brings in; 0 if there is none.
func ownAxis(e Einsum, i int) int {
	for at := len(e.Out) - 1; at >= 0; at-- {
		c := e.Out[at : at+1]
		if strings.Contains(e.In[i], c) && !strings.Contains(e.In[1-i], c) {
			return at - len(e.Out)
		}
	}
	return 0
}

// moved is where a node puts an axis, both counted from the end: elsewhere if it
// is a Transpose.
func moved(t *gs.Node, axis int) int {
	if t.Domain() != "" || t.Op() != "Transpose" {
		return axis
	}
	perm := t.Ints("perm")
	for to, from := range perm {
		if int(from)-len(perm) == axis {
			return to - len(perm)
		}
	}
	if len(perm) == 0 && (axis == -1 || axis == -2) {
		return -3 - axis
	}
	return axis
}
