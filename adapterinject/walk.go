package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// is reports whether n is the standard operator op.
func is(n *gs.Node, op string) bool { return n != nil && n.Domain() == "" && n.Op() == op }

// among reports whether n's operator, "domain::Op" outside ai.onnx, is listed.
func among(n *gs.Node, ops ...string) bool {
	return n != nil && slices.Contains(ops, pattern.OpName(n))
}

// units are what was recognised first, and is one step or one node to the patterns
// of blocks.
type units struct {
	linear pattern.Unit // any linear layer, bias included
	layer  pattern.Unit // one that sees a single position
	norm   pattern.Unit
	skip   pattern.Unit // a norm fused with a residual addition
}

func (f *facts) newUnits() units {
	layers := func(wide bool) pattern.Unit {
		return pattern.Unit{
			Name: "a linear layer",
			Operands: func(v *gs.Value) []*gs.Value {
				if l := f.linearOf[v]; l != nil && (wide || !l.wide) {
					return []*gs.Value{l.in}
				}
				return nil
			},
			Results: func(v *gs.Value) []*gs.Value {
				var out []*gs.Value
				for _, l := range f.linearsIn[v] {
					if wide || !l.wide {
						out = append(out, l.out)
					}
				}
				return out
			},
		}
	}
	return units{linear: layers(true), layer: layers(false), norm: f.normUnit(), skip: f.skipUnit()}
}

func (f *facts) normUnit() pattern.Unit {
	return pattern.Unit{
		Name: "a norm",
		Operands: func(v *gs.Value) []*gs.Value {
			if n := f.normOf[v]; n != nil && n.In != nil {
				return []*gs.Value{n.In}
			}
			return nil
		},
		Results: func(v *gs.Value) []*gs.Value {
			var out []*gs.Value
			for _, n := range f.normsIn[v] {
				out = append(out, n.Out)
			}
			return out
		},
	}
}

func (f *facts) skipUnit() pattern.Unit {
	fused := func(n *gs.Node) *norm { return f.skips[n] }
	return pattern.Unit{
		Name: "a fused norm",
		Operands: func(v *gs.Value) []*gs.Value {
			s := fused(v.Producer())
			switch {
			case s == nil:
				return nil
			case v == s.Out && s.Sum != nil:
				return []*gs.Value{s.Sum, v.Producer().Input(0), v.Producer().Input(1)}
			}
			return []*gs.Value{v.Producer().Input(0), v.Producer().Input(1)}
		},
		Results: func(v *gs.Value) []*gs.Value {
			var out []*gs.Value
			for _, u := range f.Readers(v) {
				if s := fused(u.Node); s != nil && u.Input < 2 {
					out = append(out, s.Out)
				}
			}
			return out
		},
	}
}

// ways are what may stand between the parts of a block.
type ways struct {
	moving     pattern.Class // on one token's numbers, or that move tokens
	projection pattern.Class // between a projection and the products of attention
	context    pattern.Class // between the context and the output projection
	branch     pattern.Class // between a branch's last layer and the residual addition
	resized    pattern.Class // that, where the stream changes its size
	stream     pattern.Class // between a value of the stream and the residual addition
	shortcut   pattern.Class // that, where the stream changes its size
	input      pattern.Class // between a value of the stream and a branch's first layer
	modules    pattern.Class // between a block's attention and its MLP
}

func (f *facts) newWays() ways {
	var w ways
	u := f.units
	w.moving = pattern.Either("rearrangement", pattern.Layout(), pattern.Carving())
	w.projection = pattern.Either("head splitting", w.moving, pattern.Arithmetic(), depthwise(),
		pattern.Ops("norm or position", "Neg", "Pow", "Sqrt", "Reciprocal", "Clip", "Max", "Min", "Where", "Abs",
			"LpNormalization", "RotaryEmbedding", "com.microsoft::RotaryEmbedding", "ReduceL2", "ReduceSum", "ReduceSumSquare", "ReduceMean", "ReduceMax", "MaxPool", "AveragePool",
			"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "BatchNormalization", "ScatterND"))
	w.context = pattern.Either("head merging", w.moving, pattern.Elementwise(), pattern.Ops("mask", "Where"), depthwise()).But(f.layersOwn).Through(u.norm)
	w.branch = pattern.Either("rearrangement, arithmetic or norm", w.moving, pattern.Arithmetic(),
		pattern.Ops("mask or norm", "Where", "BatchNormalization", "ScatterND", "ScatterElements")).Through(u.norm)
	w.resized = w.branch.Through(u.linear)
	linear := func(v *gs.Value) bool { return f.linearOf[v] != nil }
	normed := func(v *gs.Value) bool { return f.normOf[v] != nil }
	w.stream = pattern.Either("rearrangement, scale or another branch", w.moving, pattern.Scaling(), pattern.Ops("sum or bound", "Add", "Clip")).But(linear).But(normed)
	product := pattern.Class{Has: func(_ *pattern.View, n *gs.Node) bool { return f.linearAt[n] != nil }}
	w.shortcut = pattern.Either("projection or pooling", w.moving, pattern.Scaling(), product,
		pattern.Ops("", "Add", "AveragePool", "MaxPool", "ReduceMax", "ReduceMean", "Conv")).But(normed).Through(u.linear)
	w.input = pattern.Either("rearrangement, arithmetic or norm", w.moving, pattern.Arithmetic(), norms(),
		pattern.Ops("mask, pooling or position", "Where", "Neg", "Conv", "AveragePool", "MaxPool", "ScatterND", "Clip", "com.microsoft::RotaryEmbedding", "RotaryEmbedding")).
		Feeds(joined).But(func(v *gs.Value) bool { l := f.linearOf[v]; return l != nil && !l.wide }).Through(u.norm, u.skip)
	w.modules = f.between()
	return w
}

// layersOwn reports whether a value is a quantisation that a linear layer begins with.
func (f *facts) layersOwn(v *gs.Value) bool {
	n := v.Producer()
	return is(n, "DynamicQuantizeLinear") && len(f.linearsIn[n.Input(0)]) > 0
}

// norms are operators that make norms, those over other axes included.
func norms() pattern.Class {
	return pattern.Ops("norm", "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "LpNormalization")
}

// joined are all that a Concat joins, as a learned token may begin a stream, and
// the activations that another node reads.
func joined(v *pattern.View, n *gs.Node) []*gs.Value {
	if is(n, "Concat") {
		return n.Inputs()
	}
	return v.DataInputs(n)
}

// between is what stands between a block's attention and its MLP: a norm, and other
// modules on the stream (a convolution, as in a Conformer), but none that is a
// block's own.
func (f *facts) between() pattern.Class {
	own := func(v *gs.Value) bool {
		n := v.Producer()
		m := f.ffnAt[n]
		return f.attnAt[n] != nil || f.linearOf[v] != nil || m != nil && !m.mixes
	}
	sum := pattern.Class{Has: func(v *pattern.View, n *gs.Node) bool { return is(n, "Add") && len(v.DataInputs(n)) == 2 }}
	return pattern.Either("norm or module", pattern.Layout(), pattern.Scaling(), sum, depthwise(), recognize.Rescaling(),
		pattern.Ops("", "Slice", "Concat", "Pad", "BatchNormalization", "Clip")).Feeds(func(v *pattern.View, n *gs.Node) []*gs.Value {
		if is(n, "Clip") { // T5 keeps half precision finite by bounds that it computes
			return []*gs.Value{n.Input(0)}
		}
		if p := recognize.Rescaled(v, n); p != nil {
			return []*gs.Value{p}
		}
		return joined(v, n)
	}).But(own).Through(f.units.norm, f.units.skip)
}

// depthwise are convolutions that mix positions, not channels.
func depthwise() pattern.Class {
	return pattern.Class{Name: "depthwise convolution", Has: func(v *pattern.View, n *gs.Node) bool {
		if !among(n, "Conv", "ConvInteger") || n.Int("group", 1) == 1 {
			return false
		}
		w := v.Type(n.Input(1)).Shape
		return len(w) < 2 || w[1].Value <= 1
	}}
}

// root goes back through rearrangements, window partition and roll, and added
// constants, to the value that v is a rearrangement of. It stops at results of
// norms and linear layers, whose bias is an added constant too, and at residual
// sums, as a learned token may be the stream. A value without one single origin
// is its own root.
func (f *facts) root(v *gs.Value) *gs.Value {
	if v == nil {
		return nil
	}
	class := pattern.Class{Name: "rearrangement", Has: func(view *pattern.View, n *gs.Node) bool {
		out := n.Output(0)
		if f.normOf[out] != nil || f.linearOf[out] != nil || f.attnAt[n] != nil || f.ffnAt[n] != nil {
			return false
		}
		return pattern.Layout().Has(view, n) || among(n, "Slice", "Concat", "Pad") || is(n, "Add") && pattern.Scaling().Has(view, n)
	}}
	stop := func(v *gs.Value) bool {
		n := v.Producer()
		return n == nil || !class.Has(f.View, n) || len(f.DataInputs(n)) == 0
	}
	if w := f.Back(v, class, stop); len(w.Hits) == 1 {
		return w.Hits[0]
	}
	return v
}
