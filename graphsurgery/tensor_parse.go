package graphsurgery

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// ParseTensor reads a serialised TensorProto, the form of a .pb file of onnx's
// backend tests. Its values are checked when they are asked for.
func ParseTensor(data []byte) (*Tensor, error) {
	t := &pb.TensorProto{}
	if err := proto.Unmarshal(data, t); err != nil {
		return nil, &FormatError{What: "not a serialised tensor", Err: err}
	}
	return &Tensor{pb: t}, nil
}

// NewStringTensor makes a tensor of strings, which are copied.
func NewStringTensor(shape []int64, values []string) (*Tensor, error) {
	if n, ok := product(shape); !ok || n != int64(len(values)) {
		return nil, fmt.Errorf("%d strings do not make a tensor of shape %v", len(values), shape)
	}
	elem := int32(String)
	t := &pb.TensorProto{Dims: slices.Clone(shape), DataType: &elem}
	for _, s := range values {
		t.StringData = append(t.StringData, []byte(s))
	}
	return &Tensor{pb: t}, nil
}
