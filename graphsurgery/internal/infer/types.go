package infer

import (
	"fmt"
	"strings"
)

// Kind says what a value is.
type Kind uint8

// The kinds of ONNX types.
const (
	Tensor Kind = iota
	Sequence
	Optional
	Map
	Sparse
)

// Element types, with the numbers of TensorProto.DataType.
const (
	Undefined int32 = iota
	Float
	Uint8
	Int8
	Uint16
	Int16
	Int32
	Int64
	String
	Bool
	Float16
	Double
	Uint32
	Uint64
	Complex64
	Complex128
	BFloat16
)

// Type is what is known of a value. Shape is nil if the rank is unknown, and empty
// for a scalar. Elem is the element of a sequence or optional, the value of a map.
type Type struct {
	Kind  Kind
	DType int32 // of a tensor; the key of a map
	Shape []Expr
	Elem  *Type
}

// Value is a type and, for a small tensor, what is known of its elements, nil if
// nothing. Elements come with a static shape only.
type Value struct {
	Type
	Elems []Elem
	// Finer is set if onnx's own inference would leave the shape open: what follows
	// from it is beyond onnx's full check.
	Finer bool
}

// Elem is one element of a tensor: the number E/Den, or the float F if IsF is set.
// The zero Den means 1. Booleans are 0 and 1.
type Elem struct {
	E   Expr
	Den int64
	F   float64
	IsF bool
}

// Int is the element of a known whole number.
func Int(n int64) Elem { return Elem{E: Const(n)} }

// Whole gives the element as an expression, unknown if it may not be whole.
func (e Elem) Whole() Expr {
	if e.IsF || e.Den > 1 {
		return Unknown()
	}
	return e.E
}

func unknownElem() Elem { return Elem{E: Unknown()} }

// Attrs gives a node's attributes, references to a function's bound.
type Attrs interface {
	Has(name string) bool
	Int(name string, def int64) int64
	Ints(name string) []int64
	Float(name string, def float64) float64
	Floats(name string) []float64
	Str(name, def string) string
	Strs(name string) []string
	Tensor(name string) (Value, bool) // a tensor, dense or sparse
	TypeOf(name string) (Type, bool)  // a type attribute
}

// Node is an operator call as a rule sees it.
type Node struct {
	Attrs
	Op      string
	Domain  string
	Version int64    // of the operator set that the node's domain is imported with
	In      []*Value // an omitted input is nil
	Out     []Value  // to be filled in, one for each output name
	Wanted  []bool   // outputs that have a name
	Ctx     *Context

	// Body infers the subgraph of that attribute for the given inputs.
	Body func(attr string, in []Value) ([]Value, error)
	// Dead infers a branch that is never taken: what is wrong in it does not matter.
	Dead func(attr string)
}

// Rule fills in a node's outputs. Its error says which demand of the operator the
// inputs break; what is known of the outputs is filled in nevertheless.
type Rule func(n *Node) error

// in gives input i, or nil if it is omitted.
func (n *Node) in(i int) *Value {
	if i < len(n.In) {
		return n.In[i]
	}
	return nil
}

// dtype is the element type of input i, Undefined if omitted or unknown.
func (n *Node) dtype(i int) int32 {
	if v := n.in(i); v != nil && v.Kind == Tensor {
		return v.DType
	}
	return Undefined
}

// shape is the shape of input i, nil if omitted or unknown.
func (n *Node) shape(i int) []Expr {
	if v := n.in(i); v != nil && v.Kind == Tensor {
		return v.Shape
	}
	return nil
}

// elems gives the elements of input i as whole numbers; ok is false if nothing
// is known of them.
func (n *Node) elems(i int) (list []Expr, ok bool) {
	v := n.in(i)
	if v == nil || v.Elems == nil {
		return nil, false
	}
	list = make([]Expr, len(v.Elems))
	for k, e := range v.Elems {
		list[k] = n.Ctx.Resolve(e.Whole())
	}
	return list, true
}

// consts gives the elements of input i if all are known whole numbers.
func (n *Node) consts(i int) ([]int64, bool) {
	list, ok := n.elems(i)
	if !ok {
		return nil, false
	}
	out := make([]int64, len(list))
	for k, e := range list {
		if out[k], ok = e.Const(); !ok {
			return nil, false
		}
	}
	return out, true
}

// list gives a list of integers that is an attribute in some versions and input i
// in others. given is false if it is in neither; ok is false if it is an input of
// unknown value.
func (n *Node) list(attr string, i int) (list []int64, given, ok bool) {
	if n.Has(attr) {
		return n.Ints(attr), true, true
	}
	if n.in(i) == nil {
		return nil, false, true
	}
	list, ok = n.consts(i)
	return list, true, ok
}

// set makes output i a tensor of that type; a nil shape is an unknown one.
func (n *Node) set(i int, dtype int32, shape []Expr) {
	if i < len(n.Out) {
		n.Out[i] = Value{Type: Type{DType: dtype, Shape: shape}}
	}
}

// setElems gives output i its elements if there are as many as its shape says and
// not too many to follow.
func (n *Node) setElems(i int, elems []Elem) {
	if i >= len(n.Out) || elems == nil || len(elems) > n.Ctx.MaxElements {
		return
	}
	if count, ok := Product(n.Out[i].Shape).Const(); ok && n.Out[i].Shape != nil && count == int64(len(elems)) {
		n.Out[i].Elems = elems
	}
}

// fail is a rule's error.
func fail(format string, args ...any) error { return fmt.Errorf(format, args...) }

// dims makes a shape of known sizes.
func dims(sizes ...int64) []Expr {
	out := make([]Expr, len(sizes))
	for i, s := range sizes {
		out[i] = Const(s)
	}
	return out
}

// unknowns makes a shape of the rank, nothing known of its sizes; a rank below 0,
// as a length that contradicts itself gives it, makes an unknown shape.
func unknowns(rank int) []Expr {
	if rank < 0 {
		return nil
	}
	out := make([]Expr, rank)
	for i := range out {
		out[i] = Unknown()
	}
	return out
}

// static gives the sizes if all are known.
func static(shape []Expr) ([]int64, bool) {
	if shape == nil {
		return nil, false
	}
	out := make([]int64, len(shape))
	for i, d := range shape {
		var ok bool
		if out[i], ok = d.Const(); !ok {
			return nil, false
		}
	}
	return out, true
}

// clone copies a shape, so that one of its dimensions can be changed; nil stays.
func clone(shape []Expr) []Expr {
	if shape == nil {
		return nil
	}
	return append(make([]Expr, 0, len(shape)), shape...)
}

// ShapeString gives "[batch, 12]", or "of unknown rank".
func ShapeString(shape []Expr) string {
	if shape == nil {
		return "of unknown rank"
	}
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// axis makes a possibly negative axis of the rank one from 0 on.
func axis(a int64, rank int) (int, error) {
	r := int64(rank)
	if a < -r || a >= r {
		return 0, fail("axis %d is out of range for rank %d", a, rank)
	}
	if a < 0 {
		a += r
	}
	return int(a), nil
}

// sameType demands one element type of the inputs given, those that are known,
// and gives it.
func (n *Node) sameType(inputs ...int) (int32, error) {
	kind, first := Undefined, 0
	for _, i := range inputs {
		d := n.dtype(i)
		switch {
		case d == Undefined:
		case kind == Undefined:
			kind, first = d, i
		case d != kind:
			return kind, fail("inputs %d and %d are of types %s and %s, want one type", first, i, typeName(kind), typeName(d))
		}
	}
	return kind, nil
}

var typeNames = [...]string{
	"undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16",
	"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0",
	"uint2", "int2", "float6e2m3", "float6e3m2",
}

func typeName(d int32) string {
	if d >= 0 && int(d) < len(typeNames) {
		return typeNames[d]
	}
	return fmt.Sprintf("dtype(%d)", d)
}

func isFloat(d int32) bool { return d == Float || d == Double || d == Float16 || d == BFloat16 }

func isInteger(d int32) bool {
	switch d {
	case Uint8, Int8, Uint16, Int16, Int32, Int64, Uint32, Uint64:
		return true
	}
	return false
}
