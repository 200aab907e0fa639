package adapterinject

import (
	"fmt"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// attention is one attention core with its four projections.
type attention struct {
	anchor     *gs.Node
	softmax    *gs.Value // result of Softmax, or of the Attention operator
	q, k, v, o *linear   // q, k and v nil where an operator holds them inside
	in         *gs.Value // what the queries are made of
	keysIn     *gs.Value // what keys are made of
	valuesIn   *gs.Value
	scoreLeft  *gs.Value // query side of the score product
	keys       *gs.Value // its other side
	values     *gs.Value
	scores     *gs.Value // that product; nil for an operator
	context    *gs.Value
	heads      int // given by an operator's attribute, else 0
	sum        *sum
	pre        bool // a norm stands between the stream and the projections
}

// miss says at which step a candidate failed, and why.
type miss struct{ step, why string }

func missed(step, format string, args ...any) *miss {
	return &miss{step, fmt.Sprintf(format, args...)}
}

// stopped words where a pattern stopped.
func stopped(step string, m *pattern.Miss) *miss { return &miss{step, m.Reason()} }

// attentionAt follows the flow from a Softmax, or an operator that computes an
// attention whole, to the projections of query, key and value and to the output
// projection.
func (f *facts) attentionAt(anchor *gs.Node) (*attention, *miss) {
	a := &attention{anchor: anchor, softmax: anchor.Output(0)}
	if a.softmax == nil {
		return nil, missed("operands", "its result is left out")
	}
	var why *miss
	if f.isSoftmax(anchor) {
		why = f.softmaxCore(a)
	} else {
		why = f.operatorCore(a)
	}
	if why == nil {
		a.o, why = f.outputProjection(a.context)
	}
	return a, why
}

// isSoftmax reports whether n computes attention weights, as an operator or as
// the last node of a softmax that is spelled out.
func (f *facts) isSoftmax(n *gs.Node) bool {
	return among(n, strings.Split(recognize.Softmaxes, "|")...) || recognize.IsSpelledSoftmax(f.View, n)
}

// operands are the three that a core gives to be traced to their projections.
type operands struct{ query, key, value *gs.Value }

func (f *facts) project(a *attention, from operands) *miss {
	var why *miss
	if a.q, why = f.projection("query", from.query); why != nil {
		return why
	}
	if a.k, why = f.projection("key", from.key); why != nil {
		return why
	}
	if a.v, why = f.projection("value", from.value); why != nil {
		return why
	}
	a.in, a.keysIn, a.valuesIn = a.q.in, a.k.in, a.v.in
	return nil
}

// softmaxCore matches the core's pattern around a softmax. Among several summed
// score products, the first counts whose factors come from projections.
func (f *facts) softmaxCore(a *attention) *miss {
	if !f.Data(a.anchor.Input(0)) {
		return missed("softmax", "it does not depend on the model's input")
	}
	var why *miss
	rule := recognize.NewAttentionRule(func(_ *pattern.View, c recognize.Attention) string {
		m := f.project(a, operands{c.Query, c.Key, c.Value})
		if m == nil {
			return ""
		}
		if why == nil {
			why = m
		}
		return m.why
	})
	core, _ := rule.At(f.View, a.softmax)
	switch {
	case core == nil && why != nil:
		return why
	case core == nil:
		return stopped(rule.Why(f.View, a.softmax))
	}
	a.scoreLeft, a.keys, a.values = core.Query, core.Key, core.Value
	a.scores, a.context = core.Scores, core.Context
	return nil
}

// product reports whether n multiplies two activations as matrices.
func (f *facts) product(n *gs.Node) bool {
	return among(n, "MatMul", "Einsum", "com.microsoft::FusedMatMul") && len(n.Inputs()) == 2 && f.Data(n.Input(0)) && f.Data(n.Input(1))
}

// operatorRules are the patterns of operators that compute scores, softmax and
// context.
type operatorRules struct {
	inside  *pattern.Pattern // with the projections inside
	outside *pattern.Pattern
}

func newOperatorRules() operatorRules {
	const (
		inside = "com.microsoft::Attention|com.microsoft::QAttention|com.microsoft::LongformerAttention|com.microsoft::PackedAttention|" +
			"com.microsoft::DecoderMaskedSelfAttention|com.microsoft::QOrderedAttention"
		outside = "com.microsoft::MultiHeadAttention|com.microsoft::PackedMultiHeadAttention|com.microsoft::GroupQueryAttention|" +
			"com.microsoft::DecoderMaskedMultiHeadAttention|com.microsoft::SparseAttention"
	)
	q, k, v := pattern.Var("q"), pattern.Var("k"), pattern.Var("v")
	return operatorRules{
		inside: pattern.New("attention with its projections", pattern.Op(inside, pattern.Data("x"), pattern.Fixed("weight").Called("stored projections"), pattern.Rest())),
		outside: pattern.New("attention", pattern.Or(
			pattern.Op("Attention", q, k, v, pattern.Rest()),
			pattern.Op(outside, q, pattern.Opt(k), pattern.Opt(v), pattern.Rest()))), // packed in the first operand, or keys with values
	}
}

// isOperator reports whether n computes an attention whole.
func (f *facts) isOperator(n *gs.Node) bool {
	return f.rules.operator.inside.Begins(n) || f.rules.operator.outside.Begins(n)
}

// operatorCore reads an operator that computes scores, softmax and context.
func (f *facts) operatorCore(a *attention) *miss {
	n := a.anchor
	a.context, a.heads = n.Output(0), int(max(n.Int("q_num_heads", 0), n.Int("num_heads", 0)))
	if f.rules.operator.inside.Begins(n) {
		m, partial := f.rules.operator.inside.At(f.View, a.context)
		if m == nil {
			return stopped("operands", partial)
		}
		a.in = m.Value("x")
		a.keysIn, a.valuesIn = a.in, a.in
		return nil
	}
	m, partial := f.rules.operator.outside.At(f.View, a.context)
	if m == nil {
		return stopped("operands", partial)
	}
	from := operands{m.Value("q"), m.Value("k"), m.Value("v")}
	if from.key == nil {
		from.key = from.query
	}
	if from.value == nil {
		from.value = from.key
	}
	a.scoreLeft, a.keys, a.values = from.query, from.key, from.value
	return f.project(a, from)
}

// newProjectionRule is the pattern of an operand that comes from one linear layer.
// Layers that read another layer's result without anything between, as the second
// factor of a low-rank update does, do not count if there are others.
func (f *facts) newProjectionRule() *pattern.Pattern {
	layer := pattern.Of(f.units.layer).As("layer")
	outer := pattern.Of(f.units.layer).As("layer").Where("a linear layer that reads no other's result", func(_ *pattern.View, v *gs.Value) bool {
		l := f.linearOf[v]
		return l != nil && f.linearOf[f.root(l.in)] == nil
	})
	return pattern.New("projection", pattern.Or(pattern.Via(f.ways.projection, layer), pattern.Via(f.ways.projection, outer)))
}

// projection goes back from an operand to the one linear layer it comes from.
func (f *facts) projection(step string, v *gs.Value) (*linear, *miss) {
	m, partial := f.rules.projection.At(f.View, v)
	if m == nil {
		return nil, stopped(step, partial)
	}
	return f.linearOf[m.Value("layer")], nil
}

// newOutputRule is the pattern of a linear layer that reads the context.
func (f *facts) newOutputRule() *pattern.Pattern {
	context := pattern.Var("context")
	return pattern.New("output projection", pattern.Of(f.units.layer, pattern.Via(f.ways.context, context))).Anchor(context)
}

// outputProjection goes from the context forward to the one linear layer that
// reads it.
func (f *facts) outputProjection(context *gs.Value) (*linear, *miss) {
	found, partial := f.rules.output.Every(f.View, context)
	switch len(found) {
	case 0:
		return nil, stopped("output", partial)
	case 1:
		return f.linearOf[found[0].Result()], nil
	}
	return nil, missed("output", "the context goes into %d linear layers", len(found))
}
