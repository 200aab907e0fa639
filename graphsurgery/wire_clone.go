package graphsurgery

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// cloneModel copies a message but for the values of tensors, which both copies
// share: nobody changes them in place.
func cloneModel(p *pb.ModelProto) *pb.ModelProto {
	c := &pb.ModelProto{}
	cloneInto(c.ProtoReflect(), p.ProtoReflect())
	return c
}

func cloneTensor(p *pb.TensorProto) *pb.TensorProto {
	c := &pb.TensorProto{}
	cloneInto(c.ProtoReflect(), p.ProtoReflect())
	return c
}

func cloneInto(to, from protoreflect.Message) {
	tensor, isTensor := from.Interface().(*pb.TensorProto)
	attribute, isAttribute := from.Interface().(*pb.AttributeProto)
	from.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case isTensor && holdsValues(f), f.Kind() == protoreflect.FloatKind:
		case f.IsList():
			cloneList(to.Mutable(f).List(), v.List(), f.Message() != nil)
		case f.Message() != nil:
			cloneInto(to.Mutable(f).Message(), v.Message())
		default:
			to.Set(f, v)
		}
		return true
	})
	if u := from.GetUnknown(); len(u) > 0 {
		to.SetUnknown(u[:len(u):len(u)])
	}
	if isTensor {
		shareValues(to.Interface().(*pb.TensorProto), tensor)
	}
	if isAttribute {
		cloneFloats(to.Interface().(*pb.AttributeProto), attribute)
	}
}

// cloneFloats copies what reflection would not copy exactly: it makes a float32 a
// float64 and back, which changes signalling NaNs.
func cloneFloats(to, from *pb.AttributeProto) {
	to.Floats = slices.Clone(from.Floats)
	if from.F != nil {
		f := *from.F
		to.F = &f
	}
}

func cloneList(to, from protoreflect.List, messages bool) {
	for i := range from.Len() {
		if messages {
			cloneInto(to.AppendMutable().Message(), from.Get(i).Message())
		} else {
			to.Append(from.Get(i))
		}
	}
}

// holdsValues reports whether a field of a tensor holds its elements.
func holdsValues(f protoreflect.FieldDescriptor) bool {
	return tensorMsg.lookup(f.Number()).tally == tallyElements || tensorMsg.lookup(f.Number()).kind == formRaw
}

func shareValues(to, from *pb.TensorProto) {
	to.RawData = from.RawData
	to.FloatData, to.DoubleData = from.FloatData, from.DoubleData
	to.Int32Data, to.Int64Data, to.Uint64Data = from.Int32Data, from.Int64Data, from.Uint64Data
	to.StringData = from.StringData
}
