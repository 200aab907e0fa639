package pattern

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

type kind int

const (
	kindVar kind = iota
	kindOp
	kindOr
	kindVia
	kindCone
	kindUnit
)

// Expr describes one value of a graph. It is built by the functions of this
// package and refined by its methods, which change and return it; once it is part
// of a [Pattern] in use it must not be changed.
type Expr struct {
	kind kind
	name string
	text string // what it is called in a miss

	ops      []string // of an Op: accepted operators, "domain::Op" outside ai.onnx
	in       []*Expr
	out      int
	commutes bool
	optional bool
	attrs    []attrTest
	tests    []valueTest

	class Class // of a Via
	reach reach
	want  []Function // of a Cone
	unit  Unit       // of an Of
}

type attrTest struct {
	want string
	ok   func(*View, *gs.Node) bool
}

type valueTest struct {
	want string
	ok   func(*View, *gs.Value) bool
}

// Var is any value. All mentions of one name in a pattern are the same value.
// An empty name binds nothing.
func Var(name string) *Expr { return &Expr{kind: kindVar, name: name} }

// Fixed is a value that depends on weights, constants and shapes only, see
// [View.Fixed].
func Fixed(name string) *Expr {
	return Var(name).Where("a constant", func(v *View, x *gs.Value) bool { return v.Fixed(x) })
}

// Data is a value that depends on the numbers a caller feeds.
func Data(name string) *Expr {
	return Var(name).Where("an activation", func(v *View, x *gs.Value) bool { return !v.Fixed(x) })
}

// Scalar is a one-element constant within tolerance·|x| of x, or equal to it if
// the tolerance is 0. Half-precision constants need a tolerance of 1e-3.
func Scalar(x, tolerance float64) *Expr {
	return Var("").Where(fmt.Sprintf("the constant %g", x), func(v *View, y *gs.Value) bool {
		got, ok := v.Scalar(y)
		return ok && got-x <= tolerance*abs(x) && x-got <= tolerance*abs(x)
	})
}

func abs(x float64) float64 { return max(x, -x) }

// Op is the result of a node with one of the operators named in op, separated by
// "|"; operators outside ai.onnx are written "domain::Op". Inputs past the given
// ones must be absent unless the last one is [Rest].
func Op(op string, inputs ...*Expr) *Expr {
	return &Expr{kind: kindOp, ops: strings.Split(op, "|"), in: inputs}
}

// Opt is an input that may be left out.
func Opt(e *Expr) *Expr {
	c := *e
	c.optional = true
	return &c
}

// Rest stands, as the last input of an [Op], for any further inputs.
func Rest() *Expr { return &Expr{kind: kindVar, name: "…", optional: true} }

// Or is a value that fits one of the alternatives; the first that fits counts.
func Or(alternatives ...*Expr) *Expr { return &Expr{kind: kindOr, in: alternatives} }

// Maybe is e, or the result of the operator on e (its other inputs free).
func Maybe(op string, e *Expr) *Expr { return Or(Op(op, e, Rest()), e) }

// Via is a value made from one single value that fits from by zero or more nodes
// of the class, on one or several paths.
func Via(class Class, from *Expr) *Expr { return &Expr{kind: kindVia, class: class, in: []*Expr{from}} }

// Each lets a [Via] come from several fitting values: each is tried in turn,
// nearest first, and any of them will do. A value behind one that fits is not
// looked at.
func (e *Expr) Each() *Expr { e.reach.each = true; return e }

// Any lets a [Via] come from any value on the way, those behind a fitting one
// included, nearest first. So two of them can look for a value they share.
func (e *Expr) Any() *Expr { e.reach.any = true; return e }

// Whole asks that a [Via] comes from its one source and constants alone: that no
// way back leads elsewhere.
func (e *Expr) Whole() *Expr { e.reach.whole = true; return e }

// Alone asks that the values on the way of a [Via], its source included, have no
// other reader.
func (e *Expr) Alone() *Expr { e.reach.alone = true; return e }

// Passing asks something of the nodes on the way of a [Via]; want says what in
// words.
func (e *Expr) Passing(want string, ok func(*View, []*gs.Node) bool) *Expr {
	e.reach.tests = append(e.reach.tests, wayTest{want, ok})
	return e
}

// Of is the result of a unit that was recognised before, and its operands.
// Further operands are free.
func Of(u Unit, operands ...*Expr) *Expr { return &Expr{kind: kindUnit, unit: u, in: operands} }

// Cone is a value computed from one value that fits from by an elementwise
// expression equal to one of the functions; it is found by computing it at sample
// points, so the spelling does not matter. [Match.Function] tells which.
func Cone(from *Expr, functions ...Function) *Expr {
	return &Expr{kind: kindCone, in: []*Expr{from}, want: functions}
}

// As names the value, and the node that computes it, in the match.
func (e *Expr) As(name string) *Expr { e.name = name; return e }

// Called sets the words for the expression in a miss.
func (e *Expr) Called(words string) *Expr { e.text = words; return e }

// Commutes lets the first two inputs of an [Op] come in either order.
func (e *Expr) Commutes() *Expr { e.commutes = true; return e }

// Output says which output of the node the value is; 0 if not said.
func (e *Expr) Output(i int) *Expr { e.out = i; return e }

// AnyOutput lets the value be any output of the node.
func (e *Expr) AnyOutput() *Expr { e.out = -1; return e }

// Attr asks the node for something, most often an attribute's value; want says
// what in words. Defaults are the test's business, as they depend on the opset.
func (e *Expr) Attr(want string, ok func(*View, *gs.Node) bool) *Expr {
	e.attrs = append(e.attrs, attrTest{want, ok})
	return e
}

// IntAttr asks for an integer attribute of that value; def is the operator's
// default.
func (e *Expr) IntAttr(name string, want, def int64) *Expr {
	return e.Attr(fmt.Sprintf("%s=%d", name, want), func(_ *View, n *gs.Node) bool { return n.Int(name, def) == want })
}

// Where asks something of the value; want says what in words.
func (e *Expr) Where(want string, ok func(*View, *gs.Value) bool) *Expr {
	e.tests = append(e.tests, valueTest{want, ok})
	return e
}

// String says in words what the expression wants.
func (e *Expr) String() string {
	switch {
	case e.text != "":
		return e.text
	case e.kind == kindOp:
		return strings.ReplaceAll(strings.Join(e.ops, " or "), "::", ".")
	case e.kind == kindOr:
		return e.alternatives()
	case e.kind == kindVia:
		return fmt.Sprintf("%v, perhaps behind %s", e.in[0], e.class.Name)
	case e.kind == kindUnit:
		return e.unit.Name
	case e.kind == kindCone:
		names := make([]string, len(e.want))
		for i, f := range e.want {
			names[i] = f.Name
		}
		return "an elementwise " + strings.Join(names, " or ")
	case len(e.tests) > 0:
		return e.tests[0].want
	}
	return "any value"
}

func (e *Expr) alternatives() string {
	var names []string
	for _, a := range e.in {
		if s := a.String(); !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	return strings.Join(names, " or ")
}

// accepts reports whether the operator is one of an Op's.
func (e *Expr) accepts(n *gs.Node) bool { return slices.Contains(e.ops, OpName(n)) }

// outputs are those of a node that an Op may be.
func (e *Expr) outputs(n *gs.Node) []*gs.Value {
	if e.out >= 0 {
		return slices.DeleteFunc([]*gs.Value{n.Output(e.out)}, func(o *gs.Value) bool { return o == nil })
	}
	return slices.DeleteFunc(slices.Clone(n.Outputs()), func(o *gs.Value) bool { return o == nil })
}

// OpName is a node's operator as [Op] wants it written.
func OpName(n *gs.Node) string {
	if n.Domain() == "" {
		return n.Op()
	}
	return n.Domain() + "::" + n.Op()
}
