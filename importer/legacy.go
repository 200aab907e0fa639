package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// legacyOps are the operators of two tensors before version 7, when broadcasting
// had to be asked for: with broadcast=1 the shape of the second is a run of the
// first's axes, from axis on or, without it, at the end. Version 1 also has an
// attribute consumed_inputs, which spoke of memory that may be overwritten.
func legacyOps() []operator {
	var ops []operator
	for _, o := range []struct {
		op string
		f  func(a, b *graph.Node) *graph.Node
	}{
		{"Add", graph.Add}, {"Sub", graph.Sub}, {"Mul", graph.Mul}, {"Div", graph.Div}, {"Pow", powNode},
		{"And", graph.LogicalAnd}, {"Or", graph.LogicalOr}, {"Xor", graph.LogicalXor},
		{"Equal", equalNodes}, {"Less", graph.LessThan}, {"Greater", graph.GreaterThan},
	} {
		ops = append(ops, operator{key: onnx(o.op, 1), attrs: "axis broadcast consumed_inputs", minIn: 2, maxIn: 2, maxOut: 1,
			lower: func(c *call) []*wire { return c.out(o.f(c.arg(0), c.legacyOperand())) }})
	}
	for _, o := range []struct {
		op string
		f  func(a, b *graph.Node) *graph.Node
	}{{"Max", maxNode}, {"Min", minNode}, {"Sum", graph.Add}} {
		op := variadic(onnx(o.op, 1), o.f)
		op.attrs = "consumed_inputs"
		ops = append(ops, op)
	}
	for _, o := range []struct {
		op string
		f  func(x *graph.Node) *graph.Node
	}{
		{"Abs", absolute}, {"Ceil", stepped(graph.Ceil)}, {"Exp", graph.Exp}, {"Floor", stepped(graph.Floor)},
		{"Log", graph.Log}, {"Neg", graph.Neg}, {"Reciprocal", graph.Reciprocal}, {"Sqrt", graph.Sqrt},
	} {
		op := curve(onnx(o.op, 1), o.f)
		op.attrs = "consumed_inputs"
		ops = append(ops, op)
	}
	return append(ops, operator{key: onnx("Clip", 1), attrs: "consumed_inputs max min", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerClip6})
}

// legacyOperand gives the second operand with the rank of the first.
func (c *call) legacyOperand() *graph.Node {
	a, b := c.dims(0), c.dims(1)
	if c.attrInt("broadcast", 0) == 0 {
		if !slices.Equal(a, b) {
			c.fail("shapes %v and %v differ, and broadcast is not set", a, b)
		}
		return c.arg(1)
	}
	if product(b) == 1 {
		return graph.Reshape(c.arg(1))
	}
	axis := len(a) - len(b)
	if c.n.HasAttr("axis") {
		axis = c.axis(c.attrInt("axis", 0), len(a))
	}
	if axis < 0 || axis+len(b) > len(a) {
		c.fail("shape %v does not lie within shape %v from axis %d on", b, a, axis)
	}
	dims := slices.Repeat([]int{1}, len(a))
	for i, d := range b {
		if dims[axis+i] = d; d != 1 && d != a[axis+i] {
			c.fail("shape %v does not lie within shape %v from axis %d on", b, a, axis)
		}
	}
	return graph.Reshape(c.arg(1), dims...)
}
