package graphsurgery

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// shallow copies a message but not what its fields point to: bytes, lists and
// messages are shared. Those are never written to in place; a list is replaced by
// a new one.
func shallow[M proto.Message](m M) M {
	from := m.ProtoReflect()
	to := from.New()
	from.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(f, v)
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return to.Interface().(M)
}

// detached gives the tensor as a message for model m that shares its bytes. Data
// in a file is read, unless it is in the folder of m, too.
func (t *Tensor) detached(m *Model) (*pb.TensorProto, error) {
	p := shallow(t.pb)
	if t.pb.GetDataLocation() != pb.TensorProto_EXTERNAL || t.model != nil && t.model.root == m.root {
		return p, nil
	}
	raw, err := t.Raw()
	if err != nil {
		return nil, err
	}
	p.ExternalData, p.DataLocation, p.RawData = nil, nil, raw
	return p, nil
}
