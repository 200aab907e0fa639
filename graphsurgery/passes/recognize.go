package passes

import (
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// recognizer replaces what a recogniser found in one graph.
type recognizer struct {
	patch *gs.Patch
	types *gs.Types
	opset int64
}

// recognition makes a pass of a function that replaces what it finds in a graph
// and gives the number of places.
func recognition(name, doc string, since int64, find func(r *recognizer, v *pattern.View) int) Pass {
	return Pass{
		Name: name,
		Doc: doc + " Subgraphs: searched, too. Functions: left as they are; inline them first. " +
			"Values inside that others read as well: stay computed. Graph outputs: keep their names.",
		Requires: []Condition{{fmt.Sprintf("ai.onnx is imported at version %d or later", since), func(m *gs.Model) error {
			if have, _ := m.Opset(""); have < since {
				return &gs.UnsupportedError{What: fmt.Sprintf("it is imported at version %d", have), Hint: fmt.Sprintf("convert the model to opset %d first", since)}
			}
			return nil
		}}},
		Edit: func(m *gs.Model, p *gs.Patch) (int, error) {
			types, err := m.Infer()
			if err != nil {
				return 0, err
			}
			changed := 0
			for _, g := range m.Graphs() {
				if g.Function() != nil {
					continue
				}
				opset, _ := g.Opset("")
				changed += find(&recognizer{p.In(g), types, opset}, pattern.LookExactly(g, types))
			}
			p.Prune()
			return changed, nil
		},
	}
}

// LayerNorm puts LayerNormalization and RMSNormalization in the place of their
// spelled-out forms.
func LayerNorm() Pass {
	return recognition("layer-norm",
		"Replaces a layer norm over the last axis (arXiv 1607.06450) that is spelled out by LayerNormalization (opset 17), and an RMS norm (arXiv 1910.07467) by RMSNormalization, from opset 23 on. "+
			"Element type and rank of the input must be known, and epsilon a constant.",
		17, (*recognizer).norms)
}

func (r *recognizer) norms(v *pattern.View) int {
	changed := 0
	for _, n := range recognize.Norms(v) {
		op := "LayerNormalization"
		if n.RMS {
			op = "RMSNormalization"
		}
		if len(n.Nodes) < 2 || n.RMS && r.opset < 23 || !r.sameType(n.In, n.Out) || !r.floatCasts(n.Nodes) || !(n.Epsilon > 0) {
			continue
		}
		scale, ok := r.gain(n)
		if !ok {
			continue
		}
		operands := []gs.Operand{r.patch.Tap(n.In), scale}
		if n.Bias != nil {
			operands = append(operands, r.patch.Tap(n.Bias))
		}
		r.patch.Shunt(n.Out, r.patch.Add(op, append(operands, gs.Attrs{"axis": -1, "epsilon": float32(n.Epsilon)})...))
		changed++
	}
	return changed
}

// gain is the norm's scale, ones if it has none; ok is false where scale or bias
// do not have the form that the operator wants: one number for each of the last
// axis. An RMS norm takes no bias.
func (r *recognizer) gain(n recognize.Norm) (gs.Wire, bool) {
	x := r.types.Of(n.In)
	width := x.Shape[len(x.Shape)-1]
	for _, p := range []*gs.Value{n.Gain, n.Bias} {
		if p == nil {
			continue
		}
		t := r.types.Of(p)
		if len(t.Shape) != 1 || t.DType != x.DType || !equalShapes(t.Shape, []gs.Dim{width}) {
			return gs.Wire{}, false
		}
	}
	switch {
	case n.RMS && n.Bias != nil:
		return gs.Wire{}, false
	case n.Gain != nil:
		return r.patch.Tap(n.Gain), true
	case width.Value <= 0:
		return gs.Wire{}, false
	}
	ones := make([]float32, width.Value)
	for i := range ones {
		ones[i] = 1
	}
	t, err := gs.NewFloatTensor(x.DType, []int64{width.Value}, ones)
	if err != nil {
		return gs.Wire{}, false
	}
	return r.patch.FreshInitializer(n.Out.Name()+"_gain", t), true
}

// sameType reports whether two values have one known type of at most 32 bits and
// one shape of at least one axis: what the operators compute in float32.
func (r *recognizer) sameType(in, out *gs.Value) bool {
	if in == nil || out == nil {
		return false
	}
	a, b := r.types.Of(in), r.types.Of(out)
	return a.DType == b.DType && a.DType.IsFloat() && a.DType != gs.Double && len(a.Shape) > 0 && equalShapes(a.Shape, b.Shape)
}

// floatCasts reports whether all casts are from float to float.
func (r *recognizer) floatCasts(nodes []*gs.Node) bool {
	return !slices.ContainsFunc(nodes, func(n *gs.Node) bool {
		return n.Op() == "Cast" && !(r.types.Of(n.Input(0)).DType.IsFloat() && r.types.Of(n.Output(0)).DType.IsFloat())
	})
}

// GELU puts Gelu in the place of its spelled-out forms.
func GELU() Pass {
	return recognition("gelu",
		"Replaces a GELU (arXiv 1606.08415) that is spelled out, by Erf or by Tanh, or is an operator of ONNX Runtime's, by Gelu (opset 20). "+
			"That input and output have one shape must follow from inference.",
		20, (*recognizer).gelus)
}

func (r *recognizer) gelus(v *pattern.View) int {
	changed := 0
	for _, a := range recognize.GELUs(v) {
		single := len(a.Nodes) == 1 && a.Nodes[0].Domain() == "" && a.Nodes[0].Op() == "Gelu"
		in, out := r.types.Of(a.In), r.types.Of(a.Out)
		if single || in.DType != out.DType || !in.DType.IsFloat() || !equalShapes(in.Shape, out.Shape) {
			continue
		}
		form := "none"
		if a.Function == pattern.GELUTanh().Name {
			form = "tanh"
		}
		r.patch.Shunt(a.Out, r.patch.Add("Gelu", r.patch.Tap(a.In), gs.Attrs{"approximate": form}))
		changed++
	}
	return changed
}
