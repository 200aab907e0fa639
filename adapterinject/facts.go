package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// facts is what one pass over a graph tells of its values, beyond the view that
// patterns match on: shapes and types of weights, linear layers and norms.
type facts struct {
	*pattern.View
	graph  *gs.Graph
	shapes map[*gs.Value][]int64  // of fixed values, where known
	quant  map[*gs.Value]bool     // fixed values that stem from quantised weights
	dtypes map[*gs.Value]gs.DType // of fixed values, where known

	linearOf map[*gs.Value]*linear // by result, bias included
	linearAt map[*gs.Node]*linear  // by its product
	linears  []*linear             // in the file's order
	normOf   map[*gs.Value]*norm   // by result
	normsIn  map[*gs.Value][]*norm // by input
	skips    map[*gs.Node]*norm    // fused with a residual addition, by node
	norms    []*norm

	attnAt map[*gs.Node]*attention // by the residual addition
	ffnAt  map[*gs.Node]*ffn       // by the residual addition
	parts  []part                  // of the blocks found
	ways   ways
}

type norm = recognize.Norm

func study(g *gs.Graph) *facts {
	types, err := g.Model().Infer()
	if err != nil {
		types = nil // what the file declares must do
	}
	f := &facts{
		View: pattern.Look(g, types), graph: g,
		shapes: map[*gs.Value][]int64{}, quant: map[*gs.Value]bool{}, dtypes: map[*gs.Value]gs.DType{},
		linearOf: map[*gs.Value]*linear{}, linearAt: map[*gs.Node]*linear{},
		normOf: map[*gs.Value]*norm{}, normsIn: map[*gs.Value][]*norm{}, skips: map[*gs.Node]*norm{},
		attnAt: map[*gs.Node]*attention{}, ffnAt: map[*gs.Node]*ffn{}, ways: newWays(),
	}
	for _, t := range g.Initializers() {
		v := g.Value(t.Name())
		if v == nil {
			continue
		}
		f.shapes[v], f.dtypes[v] = notNil(t.Shape()), t.DType()
		f.quant[v] = t.DType() == gs.Int8 || t.DType() == gs.Uint8
	}
	for _, n := range g.Nodes() {
		if out := n.Output(0); out != nil && f.Fixed(out) {
			f.noteFixed(n)
		}
	}
	f.findNorms()
	f.findLinears()
	return f
}

func (f *facts) findNorms() {
	for _, n := range recognize.Norms(f.View) {
		f.norms = append(f.norms, &n)
		f.normOf[n.Out] = &n
		if n.In != nil {
			f.normsIn[n.In] = append(f.normsIn[n.In], &n)
		} else {
			f.skips[n.Nodes[0]] = &n
		}
	}
}

func (f *facts) noteFixed(n *gs.Node) {
	out := n.Output(0)
	for _, in := range n.Inputs() {
		if in != nil && n.Op() != "Shape" && n.Op() != "Size" && f.quant[in] {
			f.quant[out] = true
		}
	}
	f.dtypes[out] = f.dtypeOfFixed(n)
	if shape := f.shapeOfFixed(n); shape != nil {
		f.shapes[out] = shape
	} else {
		f.shapes[out] = f.known(out)
	}
}

// shapeOfFixed infers the shape of a fixed node's first output through the few
// operators that stand between a stored weight and its use; nil if unknown.
func (f *facts) shapeOfFixed(n *gs.Node) []int64 {
	in := f.shapes[n.Input(0)]
	switch n.Op() {
	case "Constant":
		if t := n.Tensor("value"); t != nil {
			return notNil(t.Shape())
		}
		if n.HasAttr("value_float") || n.HasAttr("value_int") {
			return []int64{}
		}
	case "Identity", "Cast", "DequantizeLinear", "Neg", "Sqrt", "Dropout":
		return in
	case "Transpose":
		return permuted(in, n.Ints("perm"))
	case "Reshape":
		want, ok := f.Ints(n.Input(1))
		if !ok || in == nil || slices.ContainsFunc(want, func(d int64) bool { return d <= 0 }) {
			return nil
		}
		return want
	}
	return nil
}

// dtypeOfFixed is the element type of a fixed node's first output.
func (f *facts) dtypeOfFixed(n *gs.Node) gs.DType {
	switch n.Op() {
	case "Constant":
		if t := n.Tensor("value"); t != nil {
			return t.DType()
		}
		if n.HasAttr("value_float") || n.HasAttr("value_floats") {
			return gs.Float
		}
		return gs.Int64
	case "Cast":
		return gs.DType(n.Int("to", 0))
	case "DequantizeLinear":
		return f.dtypes[n.Input(1)]
	case "Shape", "Size":
		return gs.Int64
	}
	return f.dtypes[n.Input(0)]
}

func permuted(shape, perm []int64) []int64 {
	if shape == nil {
		return nil
	}
	out := make([]int64, len(shape))
	for i := range out {
		j := int64(len(shape) - 1 - i)
		if i < len(perm) {
			j = perm[i]
		}
		if j < 0 || j >= int64(len(shape)) {
			return nil
		}
		out[i] = shape[j]
	}
	return out
}

// known gives a value's sizes if all of them are known.
func (f *facts) known(v *gs.Value) []int64 {
	dims := f.Type(v).Shape
	if dims == nil {
		return nil
	}
	out := make([]int64, len(dims))
	for i, d := range dims {
		if d.Value < 0 {
			return nil
		}
		out[i] = d.Value
	}
	return out
}

func notNil(shape []int64) []int64 {
	if shape == nil {
		return []int64{}
	}
	return shape
}
