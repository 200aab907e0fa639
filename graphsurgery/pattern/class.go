package pattern

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Class is a named set of steps, for [Via]: nodes, and units that were recognised
// before.
type Class struct {
	Name  string
	Has   func(*View, *gs.Node) bool
	feeds func(*View, *gs.Node) []*gs.Value // nil: the inputs that are activations
	units []Unit
	but   []func(*gs.Value) bool
}

// Ops is the class of nodes with one of the operators, written as for [Op].
func Ops(name string, ops ...string) Class {
	return Class{Name: name, Has: func(_ *View, n *gs.Node) bool { return slices.Contains(ops, OpName(n)) }}
}

// Either is the class of steps that are in one of the classes; what one of them
// does not pass by [Class.But], it does not either.
func Either(name string, classes ...Class) Class {
	c := Class{Name: name, Has: func(v *View, n *gs.Node) bool {
		return slices.ContainsFunc(classes, func(c Class) bool { return c.Has(v, n) })
	}}
	for _, sub := range classes {
		c.units = append(c.units, sub.units...)
		c.but = append(c.but, sub.but...)
		if sub.feeds != nil {
			c.feeds = func(v *View, n *gs.Node) []*gs.Value {
				at := slices.IndexFunc(classes, func(c Class) bool { return c.Has(v, n) })
				return classes[at].inputs(v, n)
			}
		}
	}
	return c
}

// Feeds says from which inputs of a node a walk goes on; if it is not said, from
// those that are activations.
func (c Class) Feeds(inputs func(*View, *gs.Node) []*gs.Value) Class { c.feeds = inputs; return c }

// Through adds units, each of which is one step. They come before nodes.
func (c Class) Through(units ...Unit) Class {
	c.units = slices.Concat(c.units, units)
	return c
}

// But takes values out, which no step passes.
func (c Class) But(is func(*gs.Value) bool) Class {
	c.but = append(slices.Clone(c.but), is)
	return c
}

func (c Class) inputs(v *View, n *gs.Node) []*gs.Value {
	if c.feeds == nil {
		return v.DataInputs(n)
	}
	return c.feeds(v, n)
}

func (c Class) passes(v *View, x *gs.Value) bool {
	n := x.Producer()
	return n != nil && n.Graph() == v.graph && c.Has(v, n) && !c.stops(x)
}

func (c Class) stops(x *gs.Value) bool {
	return slices.ContainsFunc(c.but, func(is func(*gs.Value) bool) bool { return is(x) })
}

// before gives the values one step back from x; false if no step of the class
// makes it.
func (c Class) before(v *View, x *gs.Value) ([]*gs.Value, bool) {
	for _, u := range c.units {
		if ins := u.Operands(x); len(ins) > 0 && !c.stops(x) {
			return ins, true
		}
	}
	if !c.passes(v, x) {
		return nil, false
	}
	return c.inputs(v, x.Producer()), true
}

// behind gives the values one step on from x.
func (c Class) behind(v *View, x *gs.Value) []*gs.Value {
	var out []*gs.Value
	for _, u := range c.units {
		out = append(out, slices.DeleteFunc(u.Results(x), c.stops)...)
	}
	for _, r := range v.Readers(x) {
		if !c.Has(v, r.Node) || c.feeds != nil && !slices.Contains(c.inputs(v, r.Node), x) {
			continue
		}
		for _, o := range r.Node.Outputs() {
			if o != nil && c.passes(v, o) {
				out = append(out, o)
			}
		}
	}
	return out
}

// Unit is a kind of subgraph that was recognised before, and stands for one node
// in further patterns, however it is spelled: a norm, or a linear layer. As an
// expression it is [Of], as a step of a walk [Class.Through].
type Unit struct {
	Name     string
	Operands func(result *gs.Value) []*gs.Value // none if the value is no such unit's result
	Results  func(operand *gs.Value) []*gs.Value
}

// Layout are the nodes that only rearrange or retype their first input. To a view
// made by [LookExactly] they are those that give each element where it was, but
// for the rounding of floats.
func Layout() Class {
	return Class{Name: "rearrangement", Has: func(v *View, n *gs.Node) bool {
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

// Quantising are QuantizeLinear and DequantizeLinear. To a view made by
// [LookExactly] there are none.
func Quantising() Class {
	return Class{Name: "quantisation", Has: func(v *View, n *gs.Node) bool {
		return !v.exact && (n.Op() == "QuantizeLinear" || n.Op() == "DequantizeLinear")
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
	return Class{Name: "scaling", Has: func(v *View, n *gs.Node) bool { return Arithmetic().Has(v, n) && len(v.DataInputs(n)) == 1 }}
}

// Arithmetic are Add, Sub, Mul and Div.
func Arithmetic() Class { return Ops("arithmetic", "Add", "Sub", "Mul", "Div") }

// Elementwise are the nodes that [Cone] can compute, rearrangements included.
func Elementwise() Class {
	return Class{Name: "elementwise", Has: func(v *View, n *gs.Node) bool {
		return Layout().Has(v, n) || computable(n)
	}}
}
