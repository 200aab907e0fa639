package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// facts is what one pass over a graph tells of its values. A value is fixed if
// it depends on weights, constants and shapes only, never on the numbers a
// caller feeds: that closure makes a weight behind Transpose, Identity, Cast,
// Reshape or DequantizeLinear a weight still, and a scale computed from a Shape
// a constant.
type facts struct {
	graph  *gs.Graph
	place  map[*gs.Node]int
	fixed  map[*gs.Value]bool
	shapes map[*gs.Value][]int64  // of fixed values, where known
	quant  map[*gs.Value]bool     // fixed values that stem from quantised weights
	dtypes map[*gs.Value]gs.DType // of fixed values, where known

	linearOf map[*gs.Value]*linear // by result, bias included
	linearAt map[*gs.Node]*linear  // by its MatMul or Gemm
	linears  []*linear             // in the file's order
	normOf   map[*gs.Value]*norm   // by result
	norms    []*norm
}

func study(g *gs.Graph) *facts {
	f := &facts{
		graph: g, place: map[*gs.Node]int{}, fixed: map[*gs.Value]bool{},
		shapes: map[*gs.Value][]int64{}, quant: map[*gs.Value]bool{}, dtypes: map[*gs.Value]gs.DType{},
		linearOf: map[*gs.Value]*linear{}, linearAt: map[*gs.Node]*linear{}, normOf: map[*gs.Value]*norm{},
	}
	for _, t := range g.Initializers() {
		v := g.Value(t.Name())
		if v == nil {
			continue
		}
		f.fixed[v], f.shapes[v], f.dtypes[v] = true, notNil(t.Shape()), t.DType()
		f.quant[v] = t.DType() == gs.Int8 || t.DType() == gs.Uint8
	}
	for i, n := range g.Nodes() {
		f.place[n] = i
		if f.fixedNode(n) {
			f.noteFixed(n)
		}
	}
	f.findNorms()
	f.findLinears()
	return f
}

// fixedNode reports whether all that n computes is fixed.
func (f *facts) fixedNode(n *gs.Node) bool {
	switch n.Op() {
	case "Shape", "Size", "Constant":
		return n.Domain() == ""
	case "If", "Loop", "Scan", "SequenceMap", "RandomNormal", "RandomNormalLike", "RandomUniform",
		"RandomUniformLike", "Bernoulli", "Multinomial":
		return false
	}
	some := false
	for _, in := range n.Inputs() {
		if in == nil {
			continue
		}
		if !f.fixed[in] {
			return false
		}
		some = true
	}
	return some
}

func (f *facts) noteFixed(n *gs.Node) {
	for _, o := range n.Outputs() {
		if o != nil {
			f.fixed[o] = true
		}
	}
	out := n.Output(0)
	if out == nil {
		return
	}
	for _, in := range n.Inputs() {
		if in != nil && n.Op() != "Shape" && n.Op() != "Size" && f.quant[in] {
			f.quant[out] = true
		}
	}
	f.dtypes[out] = f.dtypeOfFixed(n)
	if shape := f.shapeOfFixed(n); shape != nil {
		f.shapes[out] = shape
	} else {
		f.shapes[out] = knownShape(out)
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
		want, ok := f.ints(n.Input(1))
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

func knownShape(v *gs.Value) []int64 {
	dims := v.Shape()
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

// tensor gives the stored tensor of an initialiser or Constant node, looking
// through Identity; nil if the value is computed.
func tensor(v *gs.Value) *gs.Tensor {
	for range walkBudget {
		if v == nil {
			return nil
		}
		if t := v.Initializer(); t != nil {
			return t
		}
		n := v.Producer()
		switch {
		case n == nil || n.Domain() != "":
			return nil
		case n.Op() == "Constant":
			return n.Tensor("value")
		case n.Op() != "Identity":
			return nil
		}
		v = n.Input(0)
	}
	return nil
}

// smallTensor bounds the constants the detector reads: axes, shapes, scalars.
const smallTensor = 64

// ints gives the elements of a small stored integer tensor.
func (f *facts) ints(v *gs.Value) ([]int64, bool) {
	t := tensor(v)
	if t == nil || t.Len() > smallTensor || t.DType().IsFloat() {
		return nil, false
	}
	xs, err := t.Int64s()
	return xs, err == nil
}

// scalar gives the number in a stored one-element tensor.
func (f *facts) scalar(v *gs.Value) (float64, bool) {
	if n := v.Producer(); n != nil && n.Op() == "Constant" && n.Domain() == "" {
		switch {
		case n.HasAttr("value_float"):
			return float64(n.Float("value_float", 0)), true
		case n.HasAttr("value_int"):
			return float64(n.Int("value_int", 0)), true
		}
	}
	t := tensor(v)
	if t == nil || t.Len() != 1 {
		return 0, false
	}
	if t.DType().IsFloat() {
		xs, err := t.Float32s()
		if err != nil {
			return 0, false
		}
		return float64(xs[0]), true
	}
	xs, err := t.Int64s()
	if err != nil {
		return 0, false
	}
	return float64(xs[0]), true
}

// data reports whether a value depends on what the caller feeds.
func (f *facts) data(v *gs.Value) bool { return v != nil && !f.fixed[v] }

// dataInputs are the inputs of n that depend on what the caller feeds.
func (f *facts) dataInputs(n *gs.Node) []*gs.Value {
	var out []*gs.Value
	for _, in := range n.Inputs() {
		if f.data(in) {
			out = append(out, in)
		}
	}
	return out
}
