package graphsurgery

import (
	"slices"
	"strings"

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
	return m.widened(widener{to: Double, from: []DType{Float, Float16, BFloat16}})
}

// WidenHalf is a copy of the model in which every float of 16 bits is a float32, in
// the same places as with [Model.Widen]; m itself if it has none.
func (m *Model) WidenHalf() (*Model, error) {
	z := widener{to: Float, from: []DType{Float16, BFloat16}}
	if !z.finds(m.pb.ProtoReflect()) {
		return m, nil
	}
	return m.widened(z)
}

// widener makes floats of some types another.
type widener struct {
	to   DType
	from []DType
}

// changes tells whether a type becomes another.
func (z widener) changes(d DType) bool { return slices.Contains(z.from, d) }

// finds tells whether there is something to change in a message.
func (z widener) finds(message protoreflect.Message) bool {
	switch x := message.Interface().(type) {
	case *pb.TensorProto:
		return z.changes(DType(x.GetDataType()))
	case *pb.TypeProto_Tensor:
		return z.changes(DType(x.GetElemType()))
	case *pb.TypeProto_SparseTensor:
		return z.changes(DType(x.GetElemType()))
	case *pb.AttributeProto:
		if typeAttribute(x.GetName()) && z.changes(DType(x.GetI())) {
			return true
		}
	}
	found := false
	eachMessage(message, func(inner protoreflect.Message) bool {
		found = z.finds(inner)
		return !found
	})
	return found
}

// eachMessage calls f on the messages in a message until f says no.
func eachMessage(message protoreflect.Message, f func(protoreflect.Message) bool) {
	message.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Message() == nil || field.IsMap():
		case field.IsList():
			for i := range v.List().Len() {
				if !f(v.List().Get(i).Message()) {
					return false
				}
			}
		default:
			return f(v.Message())
		}
		return true
	})
}

// widened is a copy of m that z has changed.
func (m *Model) widened(z widener) (*Model, error) {
	w := &Model{pb: proto.CloneOf(m.pb), path: m.path, held: m.held}
	if err := z.widen(m, w.pb.ProtoReflect()); err != nil {
		return nil, err
	}
	w.Graph = &Graph{model: w, pb: w.pb.Graph}
	return w, w.reindex()
}

// widen changes a message of a copy of m, and those in it.
func (z widener) widen(m *Model, message protoreflect.Message) (err error) {
	switch x := message.Interface().(type) {
	case *pb.TensorProto:
		return z.tensor(&Tensor{pb: x, model: m})
	case *pb.TypeProto_Tensor:
		x.ElemType = z.number(x.ElemType)
	case *pb.TypeProto_SparseTensor:
		x.ElemType = z.number(x.ElemType)
	case *pb.NodeProto:
		z.node(x)
	}
	eachMessage(message, func(inner protoreflect.Message) bool {
		err = z.widen(m, inner)
		return err == nil
	})
	return err
}

// tensor replaces a tensor's elements.
func (z widener) tensor(t *Tensor) error {
	if !z.changes(t.DType()) {
		return nil
	}
	var wide *Tensor
	if z.to == Float {
		values, err := t.Float32s()
		if err != nil {
			return err
		}
		wide = NewTensor(t.pb.Dims, values)
	} else {
		values, err := t.Float64s()
		if err != nil {
			return err
		}
		wide = NewTensor(t.pb.Dims, values)
	}
	name := t.pb.Name
	proto.Reset(t.pb)
	proto.Merge(t.pb, wide.pb)
	t.pb.Name = name
	return nil
}

// number gives the wide type's number for that of one that becomes it.
func (z widener) number(elem *int32) *int32 {
	if elem != nil && z.changes(DType(*elem)) {
		wide := int32(z.to)
		return &wide
	}
	return elem
}

// typeAttribute tells the attributes that name a type.
func typeAttribute(name string) bool {
	switch name {
	case "to", "dtype", "output_dtype", "output_datatype", "softmax_precision", "stash_type":
		return true
	}
	return false
}

// node changes the attributes that name a type. If float32 itself becomes another, those
// that hold floats become a tensor, and the operators whose type is float32 unless an
// attribute says otherwise get such an attribute.
func (z widener) node(n *pb.NodeProto) {
	if z.changes(Float) {
		z.defaults(n)
	}
	for _, a := range n.Attribute {
		if typeAttribute(a.GetName()) && z.changes(DType(a.GetI())) {
			wide := int64(z.to)
			a.I = &wide
		}
		if a.GetName() == "to" && a.S != nil { // Cast-1 names the type
			a.S = z.named(a.S)
		}
	}
}

// named is Cast-1's name of the wide type for that of one that becomes it.
func (z widener) named(name []byte) []byte {
	for _, d := range z.from {
		if strings.EqualFold(d.String(), string(name)) {
			return []byte(strings.ToUpper(z.to.String()))
		}
	}
	return name
}

// defaults makes float64 of what is float32 by default.
func (z widener) defaults(n *pb.NodeProto) {
	if typed := floatByDefault[n.GetOpType()]; typed != "" && attrOf(n, typed) == nil {
		n.Attribute = append(n.Attribute, doubleAttribute(typed))
	}
	if n.GetOpType() == "ConstantOfShape" && attrOf(n, "value") == nil {
		n.Attribute = append(n.Attribute, tensorAttribute(NewTensor([]int64{1}, []float64{0})))
	}
	for i, a := range n.Attribute {
		switch a.GetName() {
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
