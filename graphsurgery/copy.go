package graphsurgery

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// twin copies a message and the messages in it, so that names, types and lists of
// the copy can be changed. Payloads, that is bytes and lists of numbers, are
// shared: nothing in this package writes into them in place. The copy of a model
// costs by its nodes, not by its weights.
func twin[M proto.Message](m M) M { return twinOf(m.ProtoReflect()).Interface().(M) }

func twinOf(from protoreflect.Message) protoreflect.Message {
	to := from.New()
	from.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(f, twinField(to, f, v))
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return to
}

func twinField(to protoreflect.Message, f protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
	message := f.Message() != nil
	switch {
	case f.IsMap():
		return v // ONNX has none
	case !f.IsList() && message:
		return protoreflect.ValueOfMessage(twinOf(v.Message()))
	case !f.IsList(), !message && f.Kind() != protoreflect.StringKind:
		return v
	}
	from, list := v.List(), to.NewField(f).List()
	for i := range from.Len() {
		if message {
			list.Append(protoreflect.ValueOfMessage(twinOf(from.Get(i).Message())))
		} else {
			list.Append(from.Get(i))
		}
	}
	return protoreflect.ValueOfList(list)
}

// detached gives the tensor as a message for model m that shares its bytes. Data
// in a file is read, unless it is in the folder of m, too.
func (t *Tensor) detached(m *Model) (*pb.TensorProto, error) {
	p := twin(t.pb)
	return p, t.settle(p, m)
}

// settle makes p, a copy of the tensor, readable in model m.
func (t *Tensor) settle(p *pb.TensorProto, m *Model) error {
	if p.GetDataLocation() != pb.TensorProto_EXTERNAL || t.model != nil && t.model.root == m.root {
		return nil
	}
	raw, err := t.Raw()
	if err != nil {
		return err
	}
	p.ExternalData, p.DataLocation, p.RawData = nil, nil, raw
	return nil
}
