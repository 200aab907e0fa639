package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// ffn is a feed-forward module on a residual stream: linear, activation, linear,
// and the addition to what it reads.
type ffn struct {
	fc1, fc2 *linear
	gate     *linear   // of a gated MLP (arXiv 2002.05202); may be fc1, packed
	act      string    // activation
	mixes    bool      // positions are mixed between the linear layers
	sum      *sum      // residual addition
	in       *gs.Value // what fc1 reads, in the stream's layout
}

// findFFNs finds the feed-forward modules of the graph, by their second linear
// layer.
func (f *facts) findFFNs() []*ffn {
	var out []*ffn
	for _, l := range f.linears {
		if added(l.out.Producer()) {
			continue
		}
		m, why := f.ffnEnding(l)
		if why == nil {
			out = append(out, m)
			f.ffnAt[m.sum.node] = m
		}
	}
	return out
}

// ffnEnding reads a linear layer as the second one of an MLP, or says why not.
func (f *facts) ffnEnding(fc2 *linear) (*ffn, *miss) {
	rule := f.mlpRuleFor(fc2.inDim)
	found, partial := rule.hidden.At(f.View, fc2.in)
	if found == nil {
		return nil, stopped("mlp", partial)
	}
	m := &ffn{
		fc2: fc2, fc1: f.linearOf[found.Value("fc1")], gate: f.linearOf[found.Value("gate")], in: f.root(f.linearOf[found.Value("fc1")].in),
		mixes: slices.ContainsFunc(found.Nodes(), func(n *gs.Node) bool { return depthwise().Has(f.View, n) }),
	}
	m.act = f.activation(m.fc1, found.Value("activated"))
	if packed, _ := rule.packed.At(f.View, fc2.in); packed != nil && m.gate == nil && m.act == "other" {
		m.gate = m.fc1
		if name := packed.Function(rule.half); name != "" {
			m.act = name
		}
	}
	var why *miss
	if m.sum, why = f.residual("mlp residual", m.fc1.in, fc2.out); why != nil {
		return nil, why
	}
	if fc2.width > 0 && m.fc1.inDim > 0 && fc2.width != m.fc1.inDim {
		return nil, missed("mlp", "it is %d to %d wide", m.fc1.inDim, fc2.width)
	}
	return m, nil
}

// mlpRule is the pattern of what an MLP's second linear layer reads.
type mlpRule struct {
	hidden *pattern.Pattern
	packed *pattern.Pattern // the gate and what it is multiplied with are parts of one layer's result
	half   *pattern.Expr    // the activated one
}

// mlpRuleFor gives the rule for an MLP whose second linear layer reads that many
// channels, 0 if it is not known.
func (f *facts) mlpRuleFor(width int) mlpRule {
	if r, ok := f.rules.mlp[width]; ok {
		return r
	}
	inner := f.inner(width)
	r := mlpRule{hidden: f.newHiddenRule(inner, width)}
	r.packed, r.half = f.newPackedRule(inner)
	f.rules.mlp[width] = r
	return r
}

// newHiddenRule is the pattern linear, activation; or, in a gated MLP, the product
// of that with another linear layer's result. Without an activation, the product
// itself counts as one.
func (f *facts) newHiddenRule(inner pattern.Class, width int) *pattern.Pattern {
	layer := func(name string) *pattern.Expr { return pattern.Of(f.units.linear).As(name) }
	fused := layer("fc1").Where("a linear layer with an activation", func(_ *pattern.View, v *gs.Value) bool { l := f.linearOf[v]; return l != nil && l.activation != "" })
	activated := pattern.Or(
		pattern.Via(inner, fused).Whole(),
		pattern.Via(inner, layer("fc1")).Whole().Passing("an activation function", func(_ *pattern.View, way []*gs.Node) bool {
			return slices.ContainsFunc(way, func(n *gs.Node) bool { return f.activates(n, width) })
		})).As("activated")
	plain := pattern.Via(inner, layer("fc1")).Whole().As("activated")
	gate := pattern.Via(inner, layer("gate")).Whole()
	product := func(factor *pattern.Expr) *pattern.Expr {
		return pattern.Via(inner, pattern.Op("Mul|Div", factor, gate).Commutes()).Whole()
	}
	return pattern.New("MLP", pattern.Or(activated, product(activated), product(plain))).When(func(_ *pattern.View, m *pattern.Match) string {
		if gate := f.linearOf[m.Value("gate")]; gate != nil && f.root(gate.in) != f.root(f.linearOf[m.Value("fc1")].in) {
			return "two first linear layers that read different values"
		}
		return ""
	})
}

// newPackedRule is the pattern of a gated MLP whose first layer computes both
// factors at once.
func (f *facts) newPackedRule(inner pattern.Class) (rule *pattern.Pattern, half *pattern.Expr) {
	fc1 := pattern.Of(f.units.linear).As("fc1")
	part := func() *pattern.Expr {
		return pattern.Op("Slice|Split|Gather|GatherND", pattern.Via(inner, fc1), pattern.Rest()).AnyOutput()
	}
	half = pattern.Cone(part(), pattern.Activations()...)
	product := func(factor *pattern.Expr) *pattern.Expr {
		return pattern.Via(inner, pattern.Op("Mul", factor, pattern.Via(pattern.Elementwise(), part())).Commutes())
	}
	return pattern.New("packed gate", pattern.Or(product(half), product(pattern.Via(pattern.Elementwise(), part())))), half
}

// inner is what may stand between two linear layers of an MLP: elementwise
// operators, rearrangements, norms, depthwise convolutions and masks of positions.
func (f *facts) inner(width int) pattern.Class {
	c := pattern.Class{Name: "activation or mask", Has: func(v *pattern.View, n *gs.Node) bool {
		return f.ways.moving.Has(v, n) && (len(v.DataInputs(n)) == 1 || is(n, "Concat")) ||
			pattern.Arithmetic().Has(v, n) || depthwise().Has(v, n) || is(n, "BatchNormalization") || !f.ways.moving.Has(v, n) && f.activates(n, width)
	}}
	return c.Feeds(func(_ *pattern.View, n *gs.Node) []*gs.Value { return f.unmasked(n, width) }).Through(f.units.norm)
}

// activates reports whether a node makes what passes it no linear function.
func (f *facts) activates(n *gs.Node, width int) bool {
	switch {
	case f.clampsNegative(n):
		return true
	case f.normOf[n.Output(0)] != nil, f.ways.moving.Has(f.View, n), is(n, "Add"), is(n, "Sub"):
		return false
	case is(n, "Mul"), is(n, "Div"):
		return len(f.unmasked(n, width)) == 2
	}
	return pattern.Elementwise().Has(f.View, n) ||
		among(n, "PRelu", "ThresholdedRelu", "Celu", "com.microsoft::BiasGelu", "com.microsoft::BiasSplitGelu", "Where", "Greater", "Less", "Sign")
}

// unmasked gives a node's data inputs; of a product with a mask of positions, as
// VITS has around each layer for padded frames, only the factor that is masked. A
// mask has one number where the other factor has a whole row of channels.
func (f *facts) unmasked(n *gs.Node, width int) []*gs.Value {
	ins := f.DataInputs(n)
	if !is(n, "Mul") || len(ins) != 2 || width <= 1 {
		return ins
	}
	for i, mask := range ins {
		a, b := f.Type(mask).Shape, f.Type(ins[1-i]).Shape
		if len(a) != len(b) {
			continue
		}
		for axis := range a {
			if a[axis].Value == 1 && b[axis].Value == int64(width) {
				return ins[1-i : 2-i]
			}
		}
	}
	return ins
}

// clampsNegative reports whether a quantisation holds no negative numbers: what a
// quantiser leaves of a Relu.
func (f *facts) clampsNegative(n *gs.Node) bool {
	if n.Op() != "QuantizeLinear" || n.Input(2) == nil {
		return false
	}
	zero, ok := f.Scalar(n.Input(2))
	lowest := map[gs.DType]float64{gs.Uint8: 0, gs.Uint16: 0, gs.Int8: -128, gs.Int16: -32768}
	least, known := lowest[f.Type(n.Input(2)).DType]
	return ok && known && zero == least
}

// activationRule is the pattern of an activation between "x" and the result; its
// name, or that of a cone.
type activationRule struct {
	rule *pattern.Pattern
	cone *pattern.Expr
	name string
}

// newActivationRules are ONNX Runtime's fusions with the bias of the layer before,
// what a quantiser leaves of a Relu, and whatever computes a known function.
func (f *facts) newActivationRules() []activationRule {
	x, bias := pattern.Var("x"), pattern.Fixed("bias")
	biased := func(op string) *pattern.Pattern {
		return pattern.New(op, pattern.Via(pattern.Layout(), pattern.Op("com.microsoft::"+op, x, bias)))
	}
	clamped := pattern.Via(pattern.Elementwise(), x).Passing("a quantisation without negative numbers", func(_ *pattern.View, way []*gs.Node) bool {
		return slices.ContainsFunc(way, f.clampsNegative)
	})
	relu := pattern.New("quantised Relu", clamped).When(func(v *pattern.View, m *pattern.Match) string {
		if p, ok := v.Expression(m.Value("x"), m.Result()); !ok || !f.linearProgram(p) {
			return "more than scales"
		}
		return ""
	})
	cone := pattern.Cone(x, pattern.Activations()...)
	return []activationRule{
		{rule: biased("BiasGelu"), name: ActivationGELU}, {rule: biased("FastGelu"), name: ActivationGELUTanh},
		{rule: relu, name: "relu"}, {rule: pattern.New("activation", cone), cone: cone},
	}
}

// activation names the function between an MLP's linear layers. A bias inside a
// fused operator belongs to the layer before.
func (f *facts) activation(first *linear, y *gs.Value) string {
	if first.activation != "" {
		return first.activation
	}
	for _, r := range f.rules.activation {
		m, _ := r.rule.From(f.View, y, map[string]*gs.Value{"x": first.out})
		switch {
		case m == nil:
			continue
		case r.cone != nil:
			return m.Function(r.cone)
		}
		return r.name
	}
	return "other"
}

// linearProgram reports whether a program is a straight line at its sample
// points, as scales and casts are.
func (f *facts) linearProgram(p pattern.Program) bool {
	a, ok1 := f.At(p, -2)
	b, ok2 := f.At(p, 0.5)
	c, ok3 := f.At(p, 3)
	const rounding = 1e-6 // of a float64 sum of three terms of this size, with room
	d := (b-a)/2.5 - (c-b)/2.5
	return ok1 && ok2 && ok3 && max(d, -d) <= rounding
}
