package passes

import (
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Identity removes nodes whose output is their input.
func Identity() Pass {
	return Pass{
		Name: "identity",
		Doc: "Removes nodes that give their first input unchanged: Identity; Cast to the type there is; Reshape, Flatten, Expand, Tile, Pad and Slice to the shape there is; " +
			"Transpose that moves nothing; Dropout at inference; Concat, Sum, Max, Min and Mean of one input; Split into one part; multiplication and division by 1, subtraction of 0. " +
			"Whether type and shape stay must follow from inference. (Addition of 0 stays: it turns -0 into 0.) " +
			"Subgraphs and functions: cleaned, too. " +
			"Graph outputs: keep their names; the node stays where its input is a graph input, a constant, another output, or comes from outside the graph.",
		Edit: removeIdentities,
	}
}

// remover drops nodes; source maps a dropped value to the one that stays.
type remover struct {
	patch   *gs.Patch
	types   *gs.Types
	source  map[*gs.Value]*gs.Value
	renamed map[*gs.Value]bool // values that take the name of a dropped graph output
}

func removeIdentities(m *gs.Model, p *gs.Patch) (int, error) {
	types, err := m.Infer()
	if err != nil {
		return 0, err
	}
	r := &remover{patch: p, types: types, source: map[*gs.Value]*gs.Value{}, renamed: map[*gs.Value]bool{}}
	changed := 0
	for _, g := range m.Graphs() {
		for _, n := range g.Nodes() {
			if r.noop(n) && r.remove(n) {
				changed++
			}
		}
	}
	return changed, nil
}

// remove bypasses a node, if its graph's outputs allow that.
func (r *remover) remove(n *gs.Node) bool {
	in, out := n.Input(0), n.Output(0)
	if kept := r.source[in]; kept != nil {
		in = kept
	}
	if out.IsGraphOutput() {
		if in.Graph() != out.Graph() || in.Producer() == nil || in.IsGraphOutput() || r.renamed[in] {
			return false
		}
		r.renamed[in] = true
	}
	r.source[out] = in
	part := r.patch.In(n.Graph())
	wires := make([]gs.Wire, len(n.Outputs()))
	wires[0] = part.Tap(in)
	part.Replace(n, wires...)
	return true
}

// noop reports whether the node's first output is its first input, and nobody
// reads another one.
func (r *remover) noop(n *gs.Node) bool {
	if n.Domain() != "" || n.Function() != nil || n.Input(0) == nil || n.Output(0) == nil {
		return false
	}
	for _, v := range n.Outputs()[1:] {
		if v != nil && (len(v.Uses()) > 0 || v.IsGraphOutput()) {
			return false
		}
	}
	switch n.Op() {
	case "Identity":
		return true
	case "Cast":
		return r.dtype(n.Input(0)) != gs.Undefined && int64(r.dtype(n.Input(0))) == n.Int("to", 0)
	case "CastLike":
		return r.dtype(n.Input(0)) != gs.Undefined && r.dtype(n.Input(0)) == r.dtype(n.Input(1))
	case "Transpose":
		return r.unmoved(n)
	case "Dropout":
		return !trains(n)
	case "Concat", "Sum", "Max", "Min", "Mean":
		return len(n.Inputs()) == 1
	case "Split":
		return len(n.Outputs()) == 1
	case "Mul", "Div":
		return isAll(n.Input(1), 1) && r.sameShape(n)
	case "Sub":
		return isAll(n.Input(1), 0) && r.sameShape(n)
	}
	return r.reshapes(n) && r.sameShape(n) && (n.Op() != "Expand" || r.expandsNothing(n))
}

// expandsNothing reports whether each size an Expand asks for is 1 or the size
// there is. The inferred result alone does not tell: of two open sizes either may
// turn out to be 1.
func (r *remover) expandsNothing(n *gs.Node) bool {
	have := r.types.Of(n.Input(0)).Shape
	want, ok := r.types.Ints(n.Input(1))
	if !ok || len(want) > len(have) {
		return false
	}
	have = have[len(have)-len(want):]
	for i, d := range want {
		if d.Value != 1 && !equalShapes(want[i:i+1], have[i:i+1]) {
			return false
		}
	}
	return true
}

// reshapes names the operators that give their input unchanged if they give its
// shape.
func (r *remover) reshapes(n *gs.Node) bool {
	switch n.Op() {
	case "Reshape", "Flatten", "Expand", "Tile", "Squeeze", "Unsqueeze":
		return true
	case "Pad":
		pads := n.Ints("pads")
		if t := constantOf(n.Input(1)); t != nil {
			pads, _ = t.Int64s()
		}
		return len(pads) > 0 && !slices.ContainsFunc(pads, func(p int64) bool { return p != 0 })
	case "Slice":
		return sliceForward(n)
	}
	return false
}

// sliceForward reports whether all steps of a Slice are 1: only then does an
// unchanged shape mean unchanged elements.
func sliceForward(n *gs.Node) bool {
	if n.Input(4) == nil {
		return true
	}
	t := constantOf(n.Input(4))
	if t == nil {
		return false
	}
	steps, err := t.Int64s()
	return err == nil && !slices.ContainsFunc(steps, func(s int64) bool { return s != 1 })
}

func (r *remover) dtype(v *gs.Value) gs.DType {
	if v == nil {
		return gs.Undefined
	}
	return r.types.Of(v).DType
}

// sameShape reports whether inference gives the node's first input and output one
// shape, every dimension known or of one name.
func (r *remover) sameShape(n *gs.Node) bool {
	return equalShapes(r.types.Of(n.Input(0)).Shape, r.types.Of(n.Output(0)).Shape)
}

func equalShapes(a, b []gs.Dim) bool {
	if a == nil || b == nil || len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Value != b[i].Value && (a[i].Value >= 0 || b[i].Value >= 0) {
			return false
		}
		if a[i].Value < 0 && (a[i].Param == "" || a[i].Param != b[i].Param) {
			return false
		}
	}
	return true
}

// unmoved reports whether a Transpose keeps the order of axes.
func (r *remover) unmoved(n *gs.Node) bool {
	if !n.HasAttr("perm") || n.AttrRef("perm") != "" {
		shape := r.types.Of(n.Input(0)).Shape
		return n.AttrRef("perm") == "" && shape != nil && len(shape) <= 1
	}
	for i, p := range n.Ints("perm") {
		if p != int64(i) {
			return false
		}
	}
	return true
}

// isAll reports whether a value is one constant number, to the sign of its zero:
// x - (-0) turns -0 into 0.
func isAll(v *gs.Value, want float64) bool {
	t := constantOf(v)
	if t == nil || t.Len() != 1 {
		return false
	}
	if t.DType().IsFloat() {
		x, err := t.Float32s()
		return err == nil && float64(x[0]) == want && !(want == 0 && math.Signbit(float64(x[0]))) && t.DType() != gs.Double
	}
	x, err := t.Int64s()
	return err == nil && float64(x[0]) == want
}
