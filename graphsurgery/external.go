package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// InlineExternal moves the values of tensors in other files into the model, so
// that it can be saved anywhere. A model without such tensors stays as it is. The
// error is an [UnsupportedError] where all would not fit in the 2 GiB that an
// ONNX file can have, else what reading a tensor gave; the model is then
// unchanged.
func (m *Model) InlineExternal() error {
	var outside []*Tensor
	total := int64(0)
	m.eachTensor(func(p *pb.TensorProto) {
		if p.GetDataLocation() == pb.TensorProto_EXTERNAL {
			t := &Tensor{pb: p, model: m}
			outside = append(outside, t)
			n, _ := product(p.Dims)
			total += min(n, maxMessage) * int64(max(t.DType().Size(), 1))
		}
	})
	if len(outside) == 0 {
		return nil
	}
	if total > maxMessage {
		return &UnsupportedError{File: m.path, What: fmt.Sprintf("its external data takes %d bytes, more than the 2 GiB one ONNX file can have", total), Hint: "save beside " + m.path}
	}
	raws := make([][]byte, len(outside))
	for i, t := range outside {
		raw, err := t.Raw()
		if err != nil {
			return err
		}
		raws[i] = raw
	}
	for i, t := range outside {
		t.pb.RawData, t.pb.ExternalData, t.pb.DataLocation = raws[i], nil, nil
	}
	m.original = nil
	return nil
}

// hasExternal reports whether a tensor's values are in another file.
func (m *Model) hasExternal() bool {
	found := false
	m.eachTensor(func(p *pb.TensorProto) { found = found || p.GetDataLocation() == pb.TensorProto_EXTERNAL })
	return found
}

// eachTensor visits every initialiser and tensor attribute, in subgraphs and
// functions too.
func (m *Model) eachTensor(visit func(*pb.TensorProto)) {
	nodes := func(list []*pb.NodeProto) {
		for _, n := range list {
			for _, a := range n.Attribute {
				if a.T != nil {
					visit(a.T)
				}
				for _, t := range a.Tensors {
					visit(t)
				}
			}
		}
	}
	m.walk(func(g *Graph) {
		nodes(g.pb.Node)
		for _, t := range g.pb.Initializer {
			visit(t)
		}
	})
	for _, f := range m.pb.Functions {
		nodes(f.Node)
	}
}
