package graphsurgery

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// types infers every value and notes what does not fit: an operator's own rule, a
// type its schema does not take, a declared type that is another.
func (c *checker) types() {
	c.fedTypes(c.model.pb.Graph)
	w := newInferrer(c.model, InferOptions{})
	type broken struct {
		node *pb.NodeProto
		rule ruleID
	}
	seen := map[broken]bool{}
	var spots map[*pb.NodeProto]*spot
	w.check = conformTypes
	w.found = func(n *pb.NodeProto, err error) {
		b := broken{n, ruleFor(err)}
		if seen[b] { // bodies are inferred more than once
			return
		}
		seen[b] = true
		if spots == nil {
			spots = c.spots()
		}
		c.report(spots[n], b.rule, "", "%v", err)
	}
	if err := w.main(); err != nil {
		c.report(&spot{}, ruleInference, "", "%v", err)
	}
}

func ruleFor(err error) ruleID {
	var schema *schemaTypeError
	var declared *declaredError
	switch {
	case errors.As(err, &schema):
		return ruleType
	case errors.As(err, &declared):
		return ruleDeclared
	}
	return ruleInference
}

// spots finds where each node stands.
func (c *checker) spots() map[*pb.NodeProto]*spot {
	found := map[*pb.NodeProto]*spot{}
	type list struct {
		nodes []*pb.NodeProto
		at    *spot
	}
	todo := []list{{c.model.pb.Graph.Node, &spot{}}}
	for _, f := range c.model.pb.Functions {
		todo = append(todo, list{f.Node, &spot{function: f}})
	}
	for len(todo) > 0 {
		l := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range l.nodes {
			at := l.at.at(n)
			found[n] = at
			for _, a := range n.Attribute {
				if a.G != nil {
					todo = append(todo, list{a.G.Node, at.body(a.GetName())})
				}
				for _, g := range a.Graphs {
					todo = append(todo, list{g.Node, at.body(a.GetName())})
				}
			}
		}
	}
	return found
}

// fedTypes holds initialisers against the types of the inputs they are defaults of.
func (c *checker) fedTypes(g *pb.GraphProto) {
	inputs := make(map[string]*pb.TypeProto, len(g.Input))
	for _, in := range g.Input {
		inputs[in.GetName()] = in.Type
	}
	for _, t := range g.Initializer {
		want := inputs[t.GetName()].GetTensorType()
		if want == nil {
			continue
		}
		switch {
		case want.GetElemType() != t.GetDataType():
			c.report(&spot{}, ruleDeclared, t.GetName(), "initialiser %q is %s, and %s as an input", t.GetName(), DType(t.GetDataType()), DType(want.GetElemType()))
		case want.GetShape() != nil && !fits(t.Dims, want.GetShape().Dim):
			shape := (&Value{info: inputs[t.GetName()]}).Shape()
			c.report(&spot{}, ruleDeclared, t.GetName(), "initialiser %q has shape %v, and %v as an input", t.GetName(), t.Dims, shape)
		}
	}
}

func fits(sizes []int64, dims []*pb.TensorShapeProto_Dimension) bool {
	if len(sizes) != len(dims) {
		return false
	}
	for i, d := range dims {
		if v, ok := d.Value.(*pb.TensorShapeProto_Dimension_DimValue); ok && v.DimValue != sizes[i] {
			return false
		}
	}
	return true
}

// schemaTypeError says that a type is not one the operator's schema takes.
type schemaTypeError struct{ what string }

func (e *schemaTypeError) Error() string { return e.what }

// conformTypes holds the types of a node's values, as far as they are known,
// against the operator's schema: each must be allowed, and those that the schema
// names by one variable must be the same.
func conformTypes(n *pb.NodeProto, opset int64, in []*infer.Value, out []infer.Value) error {
	schema, ok := opschema.Find(n.GetDomain(), n.GetOpType(), opset)
	if !ok {
		return nil
	}
	bound := map[string]string{}
	for i, v := range in {
		if v == nil {
			continue
		}
		if err := conformType(schema, schema.Input, "input", i, v.Type, bound); err != nil {
			return err
		}
	}
	for i, v := range out {
		if err := conformType(schema, schema.Output, "output", i, v.Type, bound); err != nil {
			return err
		}
	}
	return nil
}

func conformType(schema *opschema.Schema, formal func(int) (*opschema.Param, bool), kind string, i int, t infer.Type, bound map[string]string) error {
	p, ok := formal(i)
	name := schemaType(t, 0)
	if !ok || name == "" {
		return nil
	}
	if allowed := schema.Allowed(p.TypeStr); !slices.Contains(allowed, name) {
		if len(allowed) == 1 && allowed[0] == p.TypeStr && schema.Runtime {
			return nil // a variable that the schema leaves open
		}
		return &schemaTypeError{fmt.Sprintf("%s %d (%s) has type %s, which %s does not take", kind, i, p.Name, name, schema.Name)}
	}
	if !p.Homogeneous {
		return nil
	}
	if before, ok := bound[p.TypeStr]; ok && before != name {
		return &schemaTypeError{fmt.Sprintf("%s %d (%s) has type %s, want %s as before", kind, i, p.Name, name, before)}
	}
	bound[p.TypeStr] = name
	return nil
}

// elementNames are the standard's names of element types, which differ from ours
// for float and double.
func elementName(d DType) string {
	switch d {
	case Undefined:
		return ""
	case Float:
		return "float"
	case Double:
		return "double"
	}
	return d.String()
}

// schemaType writes a type as schemas do, such as seq(tensor(float)); "" if it is
// not wholly known.
func schemaType(t infer.Type, depth int) string {
	name := elementName(DType(t.DType))
	elem := ""
	if t.Elem != nil && depth < maxNesting {
		elem = schemaType(*t.Elem, depth+1)
	}
	wrap := func(word, of string) string {
		if of == "" {
			return ""
		}
		return word + "(" + of + ")"
	}
	switch t.Kind {
	case infer.Sequence:
		return wrap("seq", elem)
	case infer.Optional:
		return wrap("optional", elem)
	case infer.Sparse:
		return wrap("sparse_tensor", name)
	case infer.Map:
		if name == "" || elem == "" {
			return ""
		}
		if t.Elem.Kind == infer.Tensor && len(t.Elem.Shape) == 0 {
			elem = elementName(DType(t.Elem.DType))
		}
		return "map(" + name + "," + elem + ")"
	}
	return wrap("tensor", name)
}
