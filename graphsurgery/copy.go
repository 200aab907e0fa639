package graphsurgery

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// twin copies a message and the messages in it but for the values of tensors, as
// [Model.Clone] does: it costs by the nodes, not by the weights.
func twin[M proto.Message](m M) M {
	to := m.ProtoReflect().New()
	cloneInto(to, m.ProtoReflect())
	return to.Interface().(M)
}

// detached gives the tensor as a message for model m that shares its bytes. Data
// in a file is read, unless m reads that file or its folder, too.
func (t *Tensor) detached(m *Model) (*pb.TensorProto, error) {
	p := twin(t.pb)
	return p, t.settle(p, m)
}

// settle makes p, a copy of the tensor, readable in model m.
func (t *Tensor) settle(p *pb.TensorProto, m *Model) error {
	if isHeld(p) && t.model.held != m.held {
		raw, err := t.Raw()
		if err != nil {
			return err
		}
		release(p, raw)
	}
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
