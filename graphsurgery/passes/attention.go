package passes

import (
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Attention puts the Attention operator in the place of scaled dot-product
// attention that is spelled out.
func Attention() Pass {
	return recognition("attention",
		"Replaces softmax(scale·Q·Kᵀ + mask)·V (arXiv 1706.03762) on tensors of four axes, batch, heads, sequence and width, by Attention (opset 23). "+
			"Batch and heads of Q, K and V must be known to agree, the mask to cover every position, and the scale to be a positive constant. A scale that is already part of Q or K stays there. "+
			"Where results of rows that mask everything are replaced (PyTorch's IsNaN and Where behind the softmax), nothing is: the operator does not do that. "+
			"(For such rows ONNX Runtime 1.32 gives zeros, against the operator's definition.)",
		23, (*recognizer).attentions)
}

// dotProduct is the pattern: scores, scaled or not, masked or not, softmax,
// context.
func dotProduct() *pattern.Pattern {
	scores := pattern.Op("MatMul", pattern.Data("q"), pattern.Data("kt"))
	scaled := pattern.Or(
		pattern.Op("Mul", scores, pattern.Fixed("scale")).Commutes(),
		pattern.Op("Div", scores, pattern.Fixed("divisor")),
		scores)
	masked := pattern.Or(pattern.Op("Add", scaled, pattern.Var("mask")).Commutes(), scaled)
	softmax := pattern.Op("Softmax", masked).Attr("over the last axis", func(_ *pattern.View, n *gs.Node) bool {
		axis := n.Int("axis", -1)
		return axis == -1 || axis == 3
	})
	return pattern.New("attention", pattern.Op("MatMul", softmax, pattern.Data("v")))
}

func (r *recognizer) attentions(v *pattern.View) int {
	changed := 0
	for m := range dotProduct().All(v) {
		q, kt, value := r.types.Of(m.Value("q")), r.types.Of(m.Value("kt")), r.types.Of(m.Value("v"))
		scale, ok := scaleOf(v, m)
		if !ok || !fourAxes(q, kt, value) || !r.covers(m.Value("mask"), q, kt) {
			continue
		}
		want := slices.Concat(q.Shape[:3], value.Shape[3:])
		if result := r.types.Of(m.Result()); result.DType != q.DType || !equalShapes(result.Shape, want) {
			continue // a scale of more axes gives the result more axes
		}
		operands := []gs.Operand{r.patch.Tap(m.Value("q")), r.keys(m.Value("kt")), r.patch.Tap(m.Value("v"))}
		if mask := m.Value("mask"); mask != nil {
			operands = append(operands, r.patch.Tap(mask))
		}
		r.patch.Shunt(m.Result(), r.patch.Add("Attention", append(operands, gs.Attrs{"scale": scale})...))
		changed++
	}
	return changed
}

// scaleOf is the factor between scores and softmax, 1 if there is none. The
// operator takes the root of it, and so it must be positive.
func scaleOf(v *pattern.View, m *pattern.Match) (float64, bool) {
	x, ok := 1.0, true
	if s := m.Value("scale"); s != nil {
		x, ok = v.Scalar(s)
	} else if d := m.Value("divisor"); d != nil {
		x, ok = v.Scalar(d)
		x = 1 / x
	}
	return x, ok && x > 0 && float32(x) > 0 && !math.IsInf(float64(float32(x)), 0)
}

// fourAxes reports whether Q, Kᵀ and V are of one type and have four axes, of
// which batch and heads agree.
func fourAxes(q, kt, v gs.Type) bool {
	if len(q.Shape) != 4 || len(kt.Shape) != 4 || len(v.Shape) != 4 || !q.DType.IsFloat() {
		return false
	}
	return q.DType == kt.DType && q.DType == v.DType && equalShapes(q.Shape[:2], kt.Shape[:2]) && equalShapes(q.Shape[:2], v.Shape[:2])
}

// covers reports whether a mask means in the operator what it means added to the
// scores: the operator pads a mask that is too short, where addition repeats it.
func (r *recognizer) covers(mask *gs.Value, q, kt gs.Type) bool {
	if mask == nil {
		return true
	}
	t := r.types.Of(mask)
	rank := len(t.Shape)
	if t.DType != q.DType || rank != 2 && rank != 4 {
		return false
	}
	for i, d := range t.Shape[:rank-2] { // batch and heads
		if d.Value != 1 && !equalShapes(t.Shape[i:i+1], q.Shape[i:i+1]) {
			return false
		}
	}
	return equalShapes(t.Shape[rank-1:], kt.Shape[3:]) && equalShapes(t.Shape[rank-2:rank-1], q.Shape[2:3])
}

// keys undoes the transposition of the keys, together with the one that made them
// if there is one.
func (r *recognizer) keys(kt *gs.Value) gs.Wire {
	perm, from := []int64{0, 1, 3, 2}, kt
	if n := kt.Producer(); n != nil && n.Op() == "Transpose" && n.Domain() == "" && n.Graph() == kt.Graph() && len(n.Ints("perm")) == 4 {
		p := n.Ints("perm")
		perm, from = []int64{p[0], p[1], p[3], p[2]}, n.Input(0)
	}
	if slices.Equal(perm, []int64{0, 1, 2, 3}) {
		return r.patch.Tap(from)
	}
	return r.patch.Add("Transpose", r.patch.Tap(from), gs.Attrs{"perm": perm})
}
