package graphsurgery

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Kind says what a value is: a tensor, or one of ONNX's other types.
type Kind uint8

// The kinds of ONNX values.
const (
	KindTensor Kind = iota
	KindSequence
	KindOptional
	KindMap
	KindSparse
)

// Type is what is known of a value: the element type, Undefined if unknown, and
// the shape, nil if the rank is unknown. A dimension that depends on what the
// caller feeds is named by an expression over the model's symbols, such as
// "batch*197" or "(time - 400)//160 + 1"; one that depends on the fed values, such
// as the columns of NonZero, by a symbol made of the value's name. For a sequence
// or optional, Elem is the type of its element; for a map DType is the key's type
// and Elem the value's.
type Type struct {
	DType DType
	Shape []Dim
	Kind  Kind
	Elem  *Type
}

// InferOptions are the choices of [Model.InferWith]; the zero value is what
// [Model.Infer] does.
type InferOptions struct {
	// Strict makes the first node whose inputs break its operator's rules, and
	// the first declared type that contradicts the inferred one, an error.
	Strict bool
	// Inputs fixes sizes of main graph inputs; a size below 0 leaves that
	// dimension as declared.
	Inputs map[string][]int64
	// MaxElements bounds the tensors whose elements are followed; 0 means 1024.
	MaxElements int
	dead        bool // look for problems in branches that are never taken, too
}

// Types are the inferred types of a model's values. They are a snapshot: a change
// of the model does not change them.
type Types struct {
	of       map[*Value]*infer.Value
	ctx      *infer.Context
	sizes    map[string]int64 // of symbols, from Bind
	problems []error
}

// Of gives what is known of a value; the zero Type if nothing is.
func (t *Types) Of(v *Value) Type {
	known := t.of[v]
	if known == nil {
		return Type{}
	}
	return t.export(known.Type)
}

func (t *Types) export(k infer.Type) Type {
	out := Type{DType: DType(k.DType), Kind: Kind(k.Kind)}
	if k.Shape != nil {
		out.Shape = make([]Dim, len(k.Shape))
		for i, d := range k.Shape {
			out.Shape[i] = t.dim(d)
		}
	}
	if k.Elem != nil {
		e := t.export(*k.Elem)
		out.Elem = &e
	}
	return out
}

func (t *Types) dim(e infer.Expr) Dim {
	e = t.ctx.Resolve(e)
	if t.sizes != nil {
		if n, ok := e.Eval(func(s string) (int64, bool) { n, ok := t.sizes[s]; return n, ok }); ok {
			e = infer.Const(n)
		}
	}
	n, ok := e.Const()
	switch {
	case ok && n >= 0:
		return Dim{Value: n}
	case e.IsUnknown():
		return Dim{Value: -1}
	}
	return Dim{Value: -1, Param: e.String()}
}

// Ints gives the elements of a small integer or boolean tensor in row-major order
// as far as they are known: numbers, or expressions over the model's symbols, as in
// the operand of a Reshape. A number below 0 has its text as Param; an element of
// which nothing is known has none. It is false if the tensor was not followed.
func (t *Types) Ints(v *Value) ([]Dim, bool) {
	known := t.of[v]
	if known == nil || known.Elems == nil || DType(known.DType).IsFloat() {
		return nil, false
	}
	out := make([]Dim, len(known.Elems))
	for i, e := range known.Elems {
		out[i] = t.dim(e.Whole())
	}
	return out, true
}

// Bind gives the same types for known sizes of symbols: each dimension all of whose
// symbols have a size becomes a number.
func (t *Types) Bind(sizes map[string]int64) *Types {
	all := map[string]int64{}
	for _, m := range []map[string]int64{t.sizes, sizes} {
		for k, v := range m {
			all[k] = v
		}
	}
	return &Types{of: t.of, ctx: t.ctx, sizes: all, problems: t.problems}
}

// Problems are the errors that strict inference would have stopped at, in the order
// of the nodes.
func (t *Types) Problems() []error { return t.problems }

// Infer works out element type and shape of every value, in subgraphs too: operator
// by operator after the ONNX standard (ai.onnx opsets 1 to 27) and com.microsoft,
// with symbolic dimensions, and following the elements of small tensors, so that
// shapes computed from shapes are known. What a node that breaks its operator's rules
// computes is unknown; the rest is inferred.
func (m *Model) Infer() (*Types, error) { return m.InferWith(InferOptions{}) }

// InferWith is [Model.Infer] with options. The error is a [TypeError] in strict mode,
// else one in the options themselves.
func (m *Model) InferWith(o InferOptions) (*Types, error) {
	for name := range o.Inputs {
		if m.Graph.Input(name) == nil {
			return nil, fmt.Errorf("no input %q in the model to fix the shape of", name)
		}
	}
	w := newInferrer(m, o)
	if err := w.main(); err != nil {
		return nil, err
	}
	if w.work < 0 { // calls are left: what all have in common is not known
		for _, f := range m.functions {
			walk([]*Graph{f.body}, func(g *Graph) {
				for _, v := range g.values {
					delete(w.types.of, v)
				}
			})
		}
	}
	return w.types, nil
}

// TypeError says that what a node reads breaks a rule of its operator, or that a
// declared type contradicts the inferred one.
type TypeError struct {
	File   string
	Node   string
	Op     string
	Domain string   // operator domain; "" is ai.onnx
	Graph  string   // the graph it stands in, as in [Problem]; "" is the main one
	Inputs []string // types of the inputs, as "float[batch,12]"
	Rule   string   // "type", "declared", "inference" or "runs", see [Rules]
	What   string   // what is wrong, got and want
}

// Error gives file, node, operator, what is wrong and the inputs' types.
func (e *TypeError) Error() string {
	op := e.Op
	if op != "" && e.Domain != "" {
		op = e.Domain + "." + op
	}
	s := place(e.File, e.Node, op) + e.What
	if len(e.Inputs) > 0 {
		s += " (inputs"
		for i, in := range e.Inputs {
			if i > 0 {
				s += ","
			}
			s += " " + in
		}
		s += ")"
	}
	return s
}

// inferInto infers just the given nodes, in their order, from the types that t holds
// for what they read, and puts the results into t. It is for new nodes of a patch:
// its cost does not depend on the size of the model. The error is a [TypeError] if a
// node's inputs break its operator's rules; t then holds what is known nevertheless.
func (m *Model) inferInto(t *Types, nodes []*Node) error {
	w := newInferrer(m, InferOptions{})
	w.types, w.ctx = t, t.ctx
	var first error
	for _, n := range nodes {
		s := &inferScope{values: map[string]*infer.Value{}, opsets: w.opsets(m.pb.OpsetImport), graph: n.graph}
		s.lookup = func(name string) *infer.Value { return w.known(n.graph.resolve(name)) }
		before, mark := len(t.problems), w.ctx.Mark()
		if err := w.node(n.pb, s); err != nil {
			return err
		}
		if n.graph.outer != nil {
			w.ctx.Forget(mark, false) // the body may not run
		}
		if len(t.problems) > before && first == nil {
			first = t.problems[before]
		}
		for _, v := range n.outputs {
			if v != nil {
				t.of[v] = s.values[v.name]
			}
		}
	}
	return first
}

// known gives what t holds for a value; for one it has not met, what the file says.
func (w *inferrer) known(v *Value) *infer.Value {
	if v == nil {
		return &infer.Value{}
	}
	if k := w.types.of[v]; k != nil {
		return k
	}
	k := &infer.Value{}
	if v.tensor != nil {
		*k = w.constant(v.tensor)
	} else {
		k.Type = w.declared(v.info, true)
	}
	w.types.of[v] = k
	return k
}

// domainOf is the canonical domain of a node's operator.
func domainOf(n *pb.NodeProto) string { return canonical(n.GetDomain()) }
