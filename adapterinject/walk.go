package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// walkBudget bounds the values one walk may visit. The longest honest walk, a
// window reversal with its rolls, needs about thirty.
const walkBudget = 192

// is reports whether n is the standard operator op.
func is(n *gs.Node, op string) bool { return n != nil && n.Domain() == "" && n.Op() == op }

// among reports whether n's operator, "domain::Op" outside ai.onnx, is listed.
func among(n *gs.Node, ops ...string) bool {
	return n != nil && slices.Contains(ops, pattern.OpName(n))
}

// ways are the classes of nodes that the detector's walks pass.
type ways struct{ layout, carving, scaling, arithmetic, elementwise, moving, projection pattern.Class }

func newWays() ways {
	w := ways{
		layout: pattern.Layout(), carving: pattern.Carving(), scaling: pattern.Scaling(),
		arithmetic: pattern.Arithmetic(), elementwise: pattern.Elementwise(),
	}
	w.moving = pattern.Either("rearrangement", w.layout, w.carving)
	w.projection = pattern.Either("head splitting", w.layout, w.carving, w.arithmetic, depthwise(),
		pattern.Ops("norm or position", "Neg", "Pow", "Sqrt", "Reciprocal", "Clip", "Max", "Min", "Where", "Abs",
			"LpNormalization", "RotaryEmbedding", "com.microsoft::RotaryEmbedding", "ReduceL2", "ReduceSum", "ReduceSumSquare", "ReduceMean", "ReduceMax", "MaxPool", "AveragePool",
			"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "BatchNormalization", "ScatterND"))
	return w
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

// ahead walks from v with the flow, through the uses pass accepts. It gives the
// uses at which stop is true, and the nodes that ended the walk elsewhere. A norm
// is one step, however it is spelled. Readers of shapes and readers inside
// subgraphs are left out.
func (f *facts) ahead(v *gs.Value, stop, pass func(gs.Use) bool, norms bool) (hits []gs.Use, ends []*gs.Node) {
	seen := map[*gs.Value]bool{v: true}
	for queue := []*gs.Value{v}; len(queue) > 0 && len(seen) <= walkBudget; queue = queue[1:] {
		push := func(o *gs.Value) {
			if o != nil && !seen[o] {
				seen[o] = true
				queue = append(queue, o)
			}
		}
		if norms {
			for _, n := range f.normsIn[queue[0]] {
				push(n.Out)
			}
		}
		for _, u := range f.Readers(queue[0]) {
			switch {
			case stop(u):
				hits = append(hits, u)
			case !pass(u):
				ends = append(ends, u.Node)
			default:
				for _, o := range u.Node.Outputs() {
					push(o)
				}
			}
		}
	}
	return hits, ends
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
		return pattern.Layout().Has(view, n) || among(n, "Slice", "Concat", "Pad") || is(n, "Add") && f.scales(n)
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

// scales reports whether n combines one activation with fixed values.
func (f *facts) scales(n *gs.Node) bool { return pattern.Scaling().Has(f.View, n) }
