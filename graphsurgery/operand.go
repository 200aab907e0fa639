package graphsurgery

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Operand is what [Patch.Add] takes: a Wire, Attrs, Named, Domain, OutName,
// Outputs, Meta, or the result of OutType.
type Operand interface{ operand() }

// Attrs are a node's attributes. Values may be int, int64, bool (as 0 or 1),
// float32, float64, string, *Tensor, or slices of int, int64, float32, string.
type Attrs map[string]any

// Named is the name of a new node.
type Named string

// Domain is the operator domain of a new node; leave it out for ai.onnx.
type Domain string

// OutName is the name of a new node's first output.
type OutName string

// Outputs is the number of outputs of a new node, 1 if not given.
type Outputs int

// Meta is metadata of a new node (ONNX IR version 10 and later).
type Meta map[string]string

type outType struct {
	dtype DType
	shape []Dim
}

// OutType says the element type and shape of a new node's first output, so that
// it can be checked where the patch is joined and shown by viewers.
func OutType(d DType, shape ...Dim) Operand { return outType{d, shape} }

// Omit stands for an optional input left out.
func Omit() Wire { return Wire{} }

func (Attrs) operand()   {}
func (Named) operand()   {}
func (Domain) operand()  {}
func (OutName) operand() {}
func (Outputs) operand() {}
func (Meta) operand()    {}
func (outType) operand() {}

// nodeSpec gathers the operands that are not inputs.
type nodeSpec struct {
	name, domain, outName string
	outputs               int
	attrs                 Attrs
	meta                  Meta
	typ                   *pb.TypeProto
}

func (s *nodeSpec) take(o Operand) error {
	switch o := o.(type) {
	case Attrs:
		s.attrs = o
	case Named:
		s.name = string(o)
	case Domain:
		s.domain = string(o)
	case OutName:
		s.outName = string(o)
	case Meta:
		s.meta = o
	case outType:
		s.typ = typeProto(o.dtype, o.shape)
	case Outputs:
		if o < 1 {
			return fmt.Errorf("%d outputs, want at least 1", o)
		}
		s.outputs = int(o)
	case nil:
		return errors.New("an operand is nil; Omit() leaves an optional input out")
	default: // such as a pointer to one of these
		return fmt.Errorf("an operand of type %T", o)
	}
	return nil
}

func typeProto(d DType, shape []Dim) *pb.TypeProto {
	elem := int32(d)
	t := &pb.TypeProto_Tensor{ElemType: &elem}
	if shape != nil {
		t.Shape = &pb.TensorShapeProto{}
		for _, dim := range shape {
			t.Shape.Dim = append(t.Shape.Dim, dimProto(dim))
		}
	}
	return &pb.TypeProto{Value: &pb.TypeProto_TensorType{TensorType: t}}
}

func dimProto(d Dim) *pb.TensorShapeProto_Dimension {
	switch {
	case d.Value >= 0:
		return &pb.TensorShapeProto_Dimension{Value: &pb.TensorShapeProto_Dimension_DimValue{DimValue: d.Value}}
	case d.Param != "":
		return &pb.TensorShapeProto_Dimension{Value: &pb.TensorShapeProto_Dimension_DimParam{DimParam: d.Param}}
	}
	return &pb.TensorShapeProto_Dimension{}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// proto converts the attributes, sorted by name.
func (a Attrs) proto() ([]*pb.AttributeProto, error) {
	var out []*pb.AttributeProto
	for _, name := range sortedKeys(a) {
		p := &pb.AttributeProto{Name: &name}
		if err := setAttr(p, a[name]); err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func setAttr(p *pb.AttributeProto, value any) error {
	kind := pb.AttributeProto_INT
	switch v := value.(type) {
	case int:
		p.I = new(int64(v))
	case int64:
		p.I = &v
	case bool:
		p.I = new(int64(0))
		if v {
			*p.I = 1
		}
	case float32:
		kind, p.F = pb.AttributeProto_FLOAT, &v
	case float64:
		kind, p.F = pb.AttributeProto_FLOAT, new(float32(v))
	case string:
		kind, p.S = pb.AttributeProto_STRING, []byte(v)
	case *Tensor:
		kind, p.T = pb.AttributeProto_TENSOR, v.pb
	case []int:
		kind = pb.AttributeProto_INTS
		for _, x := range v {
			p.Ints = append(p.Ints, int64(x))
		}
	case []int64:
		kind, p.Ints = pb.AttributeProto_INTS, v
	case []float32:
		kind, p.Floats = pb.AttributeProto_FLOATS, v
	case []string:
		kind = pb.AttributeProto_STRINGS
		for _, x := range v {
			p.Strings = append(p.Strings, []byte(x))
		}
	default:
		return fmt.Errorf("a value of type %T cannot be an ONNX attribute", value)
	}
	p.Type = &kind
	return nil
}
