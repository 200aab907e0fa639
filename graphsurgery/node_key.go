package graphsurgery

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// AttrKey is equal for two nodes whose attributes are equal, in whatever order,
// subgraphs included; their doc strings do not count. It is for comparing, not
// for reading. A subgraph counts by its message, so that two which differ only in
// names differ.
func (n *Node) AttrKey() (string, error) {
	attrs := slices.Clone(n.pb.Attribute)
	slices.SortStableFunc(attrs, func(a, b *pb.AttributeProto) int { return cmp.Compare(a.GetName(), b.GetName()) })
	var key []byte
	for _, a := range attrs {
		plain := a
		if a.DocString != nil {
			plain = twin(a)
			plain.DocString = nil
		}
		part, err := proto.MarshalOptions{Deterministic: true}.Marshal(plain)
		if err != nil {
			return "", &FormatError{File: n.graph.model.path, Node: n.Label(), Op: n.Op(), What: "attribute " + a.GetName(), Err: err}
		}
		key = appendInt(key, uint64(len(part)), 8)
		key = append(key, part...)
	}
	return string(key), nil
}

// AttrRef names the attribute of the calling node that an attribute of a node in
// a function stands for; "" if it has a value of its own.
func (n *Node) AttrRef(name string) string { return n.attr(name).GetRefAttrName() }
