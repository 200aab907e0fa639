package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// sum is a residual addition: an Add of two activations, or an operator that
// fuses it with the norm behind it.
type sum struct {
	node     *gs.Node
	branch   *gs.Value // operand that comes from the branch
	stream   *gs.Value // the stream's value that the other operand is
	out      *gs.Value // nil where a fused operator keeps it to itself
	normed   *gs.Value // the fused norm's result
	behind   bool      // a norm stands between the branch's end and the addition
	pre      bool      // a norm stands between the stream and the branch
	windowed bool      // a partition into windows does
}

// residualRule is the pattern of a residual addition: what a branch gives is added
// to a value that the branch's input is made of.
type residualRule struct {
	rule *pattern.Pattern
	way  *pattern.Expr // from the stream to the branch
}

// newResidualRule makes the rule from what may stand between the branch's last
// layer and the addition, and between the stream and the addition.
func (f *facts) newResidualRule(behind, beside pattern.Class) residualRule {
	out, stream := pattern.Var("out"), f.streamValue()
	branch := pattern.Via(behind, out).As("branch")
	operand := pattern.Via(beside, stream).Any()
	add := pattern.Op("Add", branch, operand).Commutes().Where("an addition of two activations", func(_ *pattern.View, v *gs.Value) bool { return f.linearOf[v] == nil })
	skip := pattern.Op("com.microsoft::SkipLayerNormalization|com.microsoft::SkipSimplifiedLayerNormalization", branch, operand, pattern.Rest()).Commutes()
	way := pattern.Via(f.ways.input, stream).Any().As("in")
	return residualRule{pattern.New("residual addition", pattern.Or(add, skip), way).Anchor(out), way}
}

// streamValue is a value of the stream that is the base's own: the blocks of an
// injected model are found too.
func (f *facts) streamValue() *pattern.Expr {
	return pattern.Var("stream").Where("a value of the stream that the branch reads", func(_ *pattern.View, v *gs.Value) bool {
		return !added(v.Producer()) || !is(v.Producer(), "Add")
	})
}

// residual finds the addition of a branch, given by what it reads and its last
// layer's result.
//
// Where the stream changes its size beside the branch, as between stages of
// CoAtNet and MViT, the other operand is a projection or pooling of it, and a
// further linear layer may stand before the addition, as in TimeSformer: that is
// looked for if nothing else is found.
func (f *facts) residual(step string, in, out *gs.Value) (*sum, *miss) {
	given := map[string]*gs.Value{"in": in}
	m, partial := f.rules.residual.rule.From(f.View, out, given)
	way := f.rules.residual.way
	if m == nil {
		m, _ = f.rules.resized.rule.From(f.View, out, given)
		way = f.rules.resized.way
	}
	if m == nil {
		return nil, stopped(step, partial)
	}
	s := &sum{node: m.Result().Producer(), branch: m.Value("branch"), stream: m.Value("stream"), out: m.Result()}
	if skip := f.skips[s.node]; skip != nil {
		s.out, s.normed = skip.Sum, skip.Out
	}
	s.behind = f.normOf[f.root(s.branch)] != nil
	for _, v := range m.Way(way) {
		s.pre = s.pre || f.normOf[v] != nil || norms().Has(f.View, v.Producer())
		s.windowed = s.windowed || cutsWindows(v.Producer())
	}
	// The partition may stand before the stream, which then lives in windows.
	outside := f.Back(s.stream, f.ways.moving, func(*gs.Value) bool { return false })
	s.windowed = s.windowed || slices.ContainsFunc(outside.Path, cutsWindows)
	return s, nil
}

// cutsWindows reports whether a node swaps axes of an image cut along two axes.
func cutsWindows(n *gs.Node) bool { return is(n, "Transpose") && len(n.Ints("perm")) >= 6 }

// newSharedRule is the pattern of two values that are made of one stream.
func (f *facts) newSharedRule() *pattern.Pattern {
	stream := f.streamValue()
	operand := pattern.Via(f.ways.shortcut, stream).Any()
	return pattern.New("shared stream", operand, pattern.Via(f.ways.input, stream).Any().As("in"))
}

// shares reports whether a branch's input is made of the stream that a value is of.
func (f *facts) shares(stream, in *gs.Value) bool {
	m, _ := f.rules.shared.From(f.View, stream, map[string]*gs.Value{"in": in})
	return m != nil
}

// follows reports whether a value comes behind a sum on its stream, before any
// other block's part.
func (f *facts) follows(v *gs.Value, s *sum) bool {
	behind := pattern.New("next on the stream", pattern.Via(f.ways.modules, pattern.Var("").Where("the attention's sum", func(_ *pattern.View, v *gs.Value) bool {
		return v != nil && slices.Contains([]*gs.Value{s.out, s.normed}, v)
	})).Each())
	m, _ := behind.At(f.View, v)
	return m != nil
}
