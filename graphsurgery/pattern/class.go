package pattern

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Class is a named set of nodes, for [Via].
type Class struct {
	Name string
	Has  func(*View, *gs.Node) bool
}

// Ops is the class of nodes with one of the operators, written as for [Op].
func Ops(name string, ops ...string) Class {
	return Class{name, func(_ *View, n *gs.Node) bool { return slices.Contains(ops, OpName(n)) }}
}

// Either is the class of nodes that are in one of the classes.
func Either(name string, classes ...Class) Class {
	return Class{name, func(v *View, n *gs.Node) bool {
		return slices.ContainsFunc(classes, func(c Class) bool { return c.Has(v, n) })
	}}
}

// Layout are the nodes that only rearrange or retype their first input. To a view
// made by [LookExactly] they are those that give each element where it was, but
// for the rounding of floats.
func Layout() Class {
	return Class{"rearrangement", func(v *View, n *gs.Node) bool {
		if v.exact {
			return v.keepsElements(n)
		}
		switch n.Op() {
		case "Identity", "Cast", "CastLike", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Dropout", "DynamicQuantizeLinear":
			return n.Domain() == ""
		case "QuantizeLinear", "DequantizeLinear":
			return n.Domain() == "" || n.Domain() == "com.microsoft"
		}
		return false
	}}
}

func (v *View) keepsElements(n *gs.Node) bool {
	switch {
	case is(n, "Identity"):
		return true
	case is(n, "Cast"), is(n, "CastLike"):
		return v.Type(n.Input(0)).DType.IsFloat() && v.Type(n.Output(0)).DType.IsFloat()
	}
	return false
}

// Carving are the nodes that select, repeat or join parts of their inputs.
func Carving() Class {
	return Ops("selection", "Slice", "Split", "Gather", "GatherND", "Concat", "Expand", "Pad", "Tile", "SplitToSequence", "SequenceAt")
}

// Scaling are the basic arithmetic nodes that combine one activation with
// constants.
func Scaling() Class {
	return Class{"scaling", func(v *View, n *gs.Node) bool { return Arithmetic().Has(v, n) && len(v.DataInputs(n)) == 1 }}
}

// Arithmetic are Add, Sub, Mul and Div.
func Arithmetic() Class { return Ops("arithmetic", "Add", "Sub", "Mul", "Div") }

// Elementwise are the nodes that [Cone] can compute, rearrangements included.
func Elementwise() Class {
	return Class{"elementwise", func(v *View, n *gs.Node) bool {
		return Layout().Has(v, n) || computable(n)
	}}
}
