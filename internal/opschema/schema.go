package opschema

import "math"

// Schema says what one version of an operator takes and gives.
type Schema struct {
	Domain     string // "" is ai.onnx
	Name       string
	Since      int64 // operator set version that brought it
	Deprecated bool  // withdrawn from Since on
	Runtime    bool  // an extension of ONNX Runtime, unknown to the standard
	Function   bool  // the standard also defines it by a body of other operators
	Open       bool  // attributes that the schema does not list are allowed

	MinInputs, MaxInputs   int // MaxInputs is Unbounded if the last is variadic
	MinOutputs, MaxOutputs int
	OutputCounts           []int // the only numbers of outputs allowed, in order; nil if any between is

	Inputs  []Param
	Outputs []Param
	Attrs   []Attr       // by name
	Types   []Constraint // in the standard's order
}

// Unbounded is the greatest number of inputs or outputs of a variadic operator.
const Unbounded = math.MaxInt32

// Option says whether an input or output can be left out or repeated.
type Option int

// The options of a parameter.
const (
	Single   Option = iota // must be there
	Optional               // may be left out
	Variadic               // the last parameter, MinArity times or more
)

// Param is a formal input or output.
type Param struct {
	Name        string // as the standard writes it, which varies
	TypeStr     string // a type variable, see Schema.Allowed, or a type such as tensor(int64)
	Option      Option
	Homogeneous bool // all of a variadic parameter have one type
	MinArity    int  // least number of a variadic parameter; 1 for a single one
}

// AttrType is the kind of an attribute, numbered as AttributeProto.AttributeType.
type AttrType int32

// The attribute types, with ONNX's numbers.
const (
	Float         AttrType = 1
	Int           AttrType = 2
	String        AttrType = 3
	Tensor        AttrType = 4
	Graph         AttrType = 5
	Floats        AttrType = 6
	Ints          AttrType = 7
	Strings       AttrType = 8
	Tensors       AttrType = 9
	Graphs        AttrType = 10
	SparseTensor  AttrType = 11
	SparseTensors AttrType = 12
	TypeProto     AttrType = 13
	TypeProtos    AttrType = 14
)

var attrTypeNames = [...]string{"none", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings", "tensors", "graphs", "sparse_tensor", "sparse_tensors", "type_proto", "type_protos"}

// String gives the name in lower case, such as ints.
func (t AttrType) String() string {
	if t >= 0 && int(t) < len(attrTypeNames) {
		return attrTypeNames[t]
	}
	return "unknown"
}

// Attr is a formal attribute.
type Attr struct {
	Name     string
	Type     AttrType
	Required bool
	// Default is what an absent attribute means: float32, int64, string,
	// []int64 or []string by Type, nil if the schema gives no value.
	Default any
}

// Constraint lists the types that a type variable may stand for.
type Constraint struct {
	Name    string   // the variable, such as T
	Allowed []string // such as tensor(float) and seq(tensor(int64))
}

// Attr gives the attribute of that name.
func (s *Schema) Attr(name string) (*Attr, bool) {
	for i := range s.Attrs {
		if s.Attrs[i].Name == name {
			return &s.Attrs[i], true
		}
	}
	return nil, false
}

// Allowed lists the types that a parameter's TypeStr stands for: those of the
// type variable, or the type itself.
func (s *Schema) Allowed(typeStr string) []string {
	for _, c := range s.Types {
		if c.Name == typeStr {
			return c.Allowed
		}
	}
	return []string{typeStr}
}

// Input gives the formal parameter of the i-th input, which is the last one for
// all of a variadic input; ok is false if the operator has no such input.
func (s *Schema) Input(i int) (p *Param, ok bool) { return formal(s.Inputs, i) }

// Output is [Schema.Input] for outputs.
func (s *Schema) Output(i int) (p *Param, ok bool) { return formal(s.Outputs, i) }

func formal(params []Param, i int) (*Param, bool) {
	if last := len(params) - 1; i > last && last >= 0 && params[last].Option == Variadic {
		i = last
	}
	if i < 0 || i >= len(params) {
		return nil, false
	}
	return &params[i], true
}

// Message reports whether a value of the type is a message, which is there or
// not, rather than a number, a string or a list.
func (t AttrType) Message() bool {
	return t == Tensor || t == Graph || t == SparseTensor || t == TypeProto
}
