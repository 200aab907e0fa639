package graphsurgery

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Widen is a copy of the model in which every float of 16 and 32 bits is a
// float64: declared types, tensors, and what attributes say of types. It is for
// checks that need the digits, such as that of a gradient, and is not bound to
// be valid: some operators take no float64. The error is that of a tensor that
// cannot be read.
func (m *Model) Widen() (*Model, error) {
	w := &Model{pb: proto.CloneOf(m.pb), path: m.path, held: m.held}
	if err := m.widen(w.pb.ProtoReflect()); err != nil {
		return nil, err
	}
	w.Graph = &Graph{model: w, pb: w.pb.Graph}
	return w, w.reindex()
}

// widen changes a message of a copy of m, and those in it.
func (m *Model) widen(message protoreflect.Message) (err error) {
	switch x := message.Interface().(type) {
	case *pb.TensorProto:
		return widenTensor(&Tensor{pb: x, model: m})
	case *pb.TypeProto_Tensor:
		x.ElemType = widenNumber(x.ElemType)
	case *pb.TypeProto_SparseTensor:
		x.ElemType = widenNumber(x.ElemType)
	case *pb.NodeProto:
		widenNode(x)
	}
	message.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := 0; i < v.List().Len() && err == nil; i++ {
				err = m.widen(v.List().Get(i).Message())
			}
		default:
			err = m.widen(v.Message())
		}
		return err == nil
	})
	return err
}

// widenTensor replaces a tensor's elements.
func widenTensor(t *Tensor) error {
	if !t.DType().IsFloat() || t.DType() == Double {
		return nil
	}
	values, err := t.Float64s()
	if err != nil {
		return err
	}
	name, shape := t.pb.Name, t.pb.Dims
	proto.Reset(t.pb)
	proto.Merge(t.pb, NewTensor(shape, values).pb)
	t.pb.Name = name
	return nil
}

// widenNumber gives float64's number for that of a shorter float type.
func widenNumber(elem *int32) *int32 {
	if d := DType(*elem); d.IsFloat() {
		double := int32(Double)
		return &double
	}
	return elem
}

// widenNode changes the attributes that name a type, or that hold floats which
// become a tensor, and gives the operators whose type is float32 unless an
// attribute says otherwise such an attribute.
func widenNode(n *pb.NodeProto) {
	if typed := floatByDefault[n.GetOpType()]; typed != "" && attrOf(n, typed) == nil {
		n.Attribute = append(n.Attribute, doubleAttribute(typed))
	}
	if n.GetOpType() == "ConstantOfShape" && attrOf(n, "value") == nil {
		n.Attribute = append(n.Attribute, tensorAttribute(NewTensor([]int64{1}, []float64{0})))
	}
	for i, a := range n.Attribute {
		switch a.GetName() {
		case "to", "dtype", "output_dtype", "output_datatype", "softmax_precision", "stash_type":
			if DType(a.GetI()).IsFloat() {
				n.Attribute[i] = doubleAttribute(a.GetName())
			}
		case "value_float":
			n.Attribute[i] = tensorAttribute(NewTensor(nil, []float64{float64(a.GetF())}))
		case "value_floats":
			values := make([]float64, len(a.Floats))
			for k, f := range a.Floats {
				values[k] = float64(f)
			}
			n.Attribute[i] = tensorAttribute(NewTensor([]int64{int64(len(values))}, values))
		}
	}
}

// floatByDefault are the operators that make float32 out of nothing, or of any
// float, and the attribute that says otherwise.
var floatByDefault = map[string]string{
	"RandomNormal": "dtype", "RandomUniform": "dtype", "MelWeightMatrix": "output_datatype",
	"LayerNormalization": "stash_type", "RMSNormalization": "stash_type",
	"HannWindow": "output_datatype", "HammingWindow": "output_datatype", "BlackmanWindow": "output_datatype",
}

func attrOf(n *pb.NodeProto, name string) *pb.AttributeProto {
	for _, a := range n.Attribute {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// doubleAttribute is an attribute that names float64.
func doubleAttribute(name string) *pb.AttributeProto {
	kind, double := pb.AttributeProto_INT, int64(Double)
	return &pb.AttributeProto{Name: &name, Type: &kind, I: &double}
}

// tensorAttribute is the attribute "value".
func tensorAttribute(t *Tensor) *pb.AttributeProto {
	kind, name := pb.AttributeProto_TENSOR, "value"
	return &pb.AttributeProto{Name: &name, Type: &kind, T: t.pb}
}
