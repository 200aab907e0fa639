package pattern

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// View is a graph prepared for matching. It does not follow later changes of the
// graph.
type View struct {
	graph *gs.Graph
	types *gs.Types
	exact bool // see LookExactly
	place map[*gs.Node]int
	fixed map[*gs.Value]bool
	value map[*gs.Value]number     // scalars computed so far
	small map[*gs.Value]*gs.Tensor // constants of few elements computed so far, nil where there is none
}

type number struct {
	x  float64
	ok bool
}

// Look prepares a graph. The types may be nil; then only what the file declares
// is known of shapes.
func Look(g *gs.Graph, types *gs.Types) *View { return look(g, types, false) }

// LookExactly prepares a graph for matches that are to be replaced by something
// that computes the same. Unlike after [Look], initialisers that a caller can
// override are not fixed, and [Layout] and [Elementwise], and with them [Cone],
// take no node that moves or quantises elements, nor a Cast from or to integers.
func LookExactly(g *gs.Graph, types *gs.Types) *View { return look(g, types, true) }

func look(g *gs.Graph, types *gs.Types, exact bool) *View {
	v := &View{graph: g, types: types, exact: exact, place: map[*gs.Node]int{}, fixed: map[*gs.Value]bool{}, value: map[*gs.Value]number{}, small: map[*gs.Value]*gs.Tensor{}}
	for _, t := range g.Initializers() {
		if x := g.Value(t.Name()); v.stores(x) {
			v.fixed[x] = true
		}
	}
	for i, n := range g.Nodes() {
		v.place[n] = i
		if !v.fixedNode(n) {
			continue
		}
		for _, o := range n.Outputs() {
			if o != nil {
				v.fixed[o] = true
			}
		}
	}
	return v
}

// stores reports whether a value is an initialiser that counts as a constant. In
// files of IR version 3 all of them can be overridden, weights included.
func (v *View) stores(x *gs.Value) bool {
	return x != nil && x.Initializer() != nil && (!v.exact || x.IsConstant())
}

// fixedNode reports whether all that n computes is fixed.
func (v *View) fixedNode(n *gs.Node) bool {
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
		if !v.Fixed(in) {
			return false
		}
		some = true
	}
	return some
}

// Graph is the graph that is looked at.
func (v *View) Graph() *gs.Graph { return v.graph }

// Place is a node's place in the file's order; -1 for nodes of other graphs.
func (v *View) Place(n *gs.Node) int {
	if i, ok := v.place[n]; ok {
		return i
	}
	return -1
}

// Fixed reports whether a value depends on weights, constants and shapes only,
// never on the numbers a caller feeds. By this closure a weight behind Transpose,
// Identity, Cast, Reshape, Split or DequantizeLinear is a weight still, and a
// scale computed from a Shape a constant.
func (v *View) Fixed(x *gs.Value) bool {
	return x != nil && (v.fixed[x] || x.Graph() != v.graph && v.stores(x))
}

// Data reports whether a value depends on the numbers a caller feeds; nil does
// not.
func (v *View) Data(x *gs.Value) bool { return x != nil && !v.Fixed(x) }

// DataInputs are the inputs of n that depend on the numbers a caller feeds, each
// as often as it is read.
func (v *View) DataInputs(n *gs.Node) []*gs.Value {
	var out []*gs.Value
	for _, in := range n.Inputs() {
		if v.Data(in) {
			out = append(out, in)
		}
	}
	return out
}

// Readers are the uses of a value's numbers by nodes of the graph itself: Shape
// and Size, and nodes in bodies, are left out.
func (v *View) Readers(x *gs.Value) []gs.Use {
	if x == nil {
		return nil
	}
	var out []gs.Use
	for _, u := range x.Uses() {
		if u.Node.Graph() != v.graph || is(u.Node, "Shape") || is(u.Node, "Size") {
			continue
		}
		out = append(out, u)
	}
	return out
}

// SoleReader gives the only use of a value's numbers.
func (v *View) SoleReader(x *gs.Value) (gs.Use, bool) {
	if r := v.Readers(x); len(r) == 1 {
		return r[0], true
	}
	return gs.Use{}, false
}

// Type is what the types given to [Look], or else the file, say of a value.
func (v *View) Type(x *gs.Value) gs.Type {
	if x == nil {
		return gs.Type{}
	}
	t := gs.Type{}
	if v.types != nil {
		t = v.types.Of(x)
	}
	if t.DType == gs.Undefined {
		t.DType = x.DType()
	}
	if t.Shape == nil {
		t.Shape = x.Shape()
	}
	return t
}

// Rank is the number of a value's dimensions, or -1.
func (v *View) Rank(x *gs.Value) int {
	if dims := v.Type(x).Shape; dims != nil {
		return len(dims)
	}
	return -1
}

// LastAxis reports whether axis is the last one of a value. Where the rank is not
// known, an axis from 2 on is taken for the last: token tensors have three.
func (v *View) LastAxis(x *gs.Value, axis int64) bool {
	if axis == -1 {
		return true
	}
	if r := v.Rank(x); r >= 0 {
		return axis == int64(r-1)
	}
	return axis >= 2
}

// is reports whether n is the standard operator op.
func is(n *gs.Node, op string) bool { return n != nil && n.Domain() == "" && n.Op() == op }

// maxChain bounds the Identity chains that are looked through.
const maxChain = 32

// Tensor gives the stored tensor of an initialiser or Constant, looking through
// Identity; nil if the value is computed.
func Tensor(x *gs.Value) *gs.Tensor {
	for range maxChain {
		if x == nil {
			return nil
		}
		if t := x.Initializer(); t != nil {
			return t
		}
		n := x.Producer()
		switch {
		case n == nil || n.Domain() != "":
			return nil
		case n.Op() == "Constant":
			if n.AttrRef("value") != "" {
				return nil // the call's
			}
			return n.Tensor("value")
		case n.Op() != "Identity":
			return nil
		}
		x = n.Input(0)
	}
	return nil
}

// maxInts bounds the integer constants that are read: axes and shapes.
const maxInts = 64

// Ints gives the elements of a small stored integer tensor.
func (v *View) Ints(x *gs.Value) ([]int64, bool) {
	if x != nil && is(x.Producer(), "Constant") && !refersToCall(x.Producer()) {
		n := x.Producer()
		switch {
		case n.HasAttr("value_ints"):
			return n.Ints("value_ints"), true
		case n.HasAttr("value_int"):
			return []int64{n.Int("value_int", 0)}, true
		}
	}
	t := Tensor(x)
	if t == nil || t.Len() > maxInts || t.DType().IsFloat() {
		return nil, false
	}
	xs, err := t.Int64s()
	return xs, err == nil
}

// Axes gives the axes of a reduction, from its attribute (before opset 18) or its
// second input; nil if they are computed or not given.
func (v *View) Axes(n *gs.Node) []int64 {
	if n.Input(1) != nil {
		axes, _ := v.Ints(n.Input(1))
		return axes
	}
	return n.Ints("axes")
}
