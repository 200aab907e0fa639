package graphsurgery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// typesAllowed tests the element types of a node's inputs and outputs against the
// operator's schema: each is one that its parameter allows, and those of one type
// variable are of one type. Operators that the standard does not define are not
// tested.
func typesAllowed(n *pb.NodeProto, domain string, version int64, in []*infer.Value, out []infer.Value) error {
	schema, ok := opschema.Find(domain, n.GetOpType(), version)
	if !ok || schema.Runtime {
		return nil
	}
	bound := make(bindings, 0, 4)
	for i, v := range in {
		if p, ok := schema.Input(i); ok && v != nil {
			if err := bound.test(schema, p, "input", i, v.Type); err != nil {
				return err
			}
		}
	}
	for i, v := range out {
		if p, ok := schema.Output(i); ok {
			if err := bound.test(schema, p, "output", i, v.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

// bindings are what the type variables of a schema stand for.
type bindings []binding

// test holds the type of an input or output against its parameter.
func (b *bindings) test(schema *opschema.Schema, p *opschema.Param, kind string, i int, t infer.Type) error {
	got := schemaType(t, 0)
	if got == "" {
		return nil
	}
	allowed := schema.Allowed(p.TypeStr)
	if !slices.Contains(allowed, got) {
		return fmt.Errorf("%s %d (%s) is of type %s, want %s", kind, i, p.Name, got, alternatives(allowed))
	}
	if p.Option == opschema.Variadic && !p.Homogeneous {
		return nil
	}
	k := slices.IndexFunc(*b, func(x binding) bool { return x.variable == p.TypeStr })
	if k < 0 {
		*b = append(*b, binding{p.TypeStr, got, kind, i})
	} else if first := (*b)[k]; first.is != got {
		return fmt.Errorf("%s %d (%s) is of type %s and %s %d of type %s, want one type", kind, i, p.Name, got, first.kind, first.index, first.is)
	}
	return nil
}

// binding is what a type variable of a schema stands for.
type binding struct {
	variable, is, kind string
	index              int
}

func alternatives(allowed []string) string {
	if len(allowed) > 6 {
		return strings.Join(allowed[:6], ", ") + " or one of " + fmt.Sprint(len(allowed)-6) + " more"
	}
	return strings.Join(allowed, " or ")
}

// tensorTypes are the schemas' names of tensor types, by element type.
var tensorTypes = [...]string{
	"", "tensor(float)", "tensor(uint8)", "tensor(int8)", "tensor(uint16)", "tensor(int16)", "tensor(int32)", "tensor(int64)", "tensor(string)", "tensor(bool)",
	"tensor(float16)", "tensor(double)", "tensor(uint32)", "tensor(uint64)", "tensor(complex64)", "tensor(complex128)", "tensor(bfloat16)",
	"tensor(float8e4m3fn)", "tensor(float8e4m3fnuz)", "tensor(float8e5m2)", "tensor(float8e5m2fnuz)", "tensor(uint4)", "tensor(int4)", "tensor(float4e2m1)", "tensor(float8e8m0)",
	"tensor(uint2)", "tensor(int2)",
}

// schemaType names a type as the schemas do, "" if it is not wholly known.
func schemaType(t infer.Type, depth int) string {
	if t.Kind == infer.Tensor {
		if t.DType < 0 || int(t.DType) >= len(tensorTypes) {
			return ""
		}
		return tensorTypes[t.DType]
	}
	if t.Kind == infer.Sparse && t.DType > 0 && int(t.DType) < len(tensorTypes) {
		return "sparse_" + tensorTypes[t.DType]
	}
	if t.Elem == nil || depth > 4 {
		return ""
	}
	elem := schemaType(*t.Elem, depth+1)
	switch {
	case elem == "":
		return ""
	case t.Kind == infer.Sequence:
		return "seq(" + elem + ")"
	case t.Kind == infer.Optional:
		return "optional(" + elem + ")"
	}
	return "" // maps are named by their parts in several ways
}
