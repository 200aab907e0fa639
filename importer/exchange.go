package importer

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// NewTensor copies an ONNX tensor into a GoMLX one, to be fed to a [Runner]. It
// is an error if no backend computes with the element type.
func NewTensor(t *graphsurgery.Tensor) (*tensors.Tensor, error) { return paramTensor(t) }

// ONNXTensor copies a GoMLX tensor, as a [Runner] returns it, into an ONNX one.
func ONNXTensor(t *tensors.Tensor) (*graphsurgery.Tensor, error) {
	dtype, err := exchangeDType(t)
	if err != nil {
		return nil, err
	}
	shape := make([]int64, t.Rank())
	for i, d := range t.Shape().Dimensions {
		shape[i] = int64(d)
	}
	raw := []byte{}
	if t.Size() > 0 {
		if err := t.ConstBytes(func(data []byte) { raw = append(raw, data...) }); err != nil {
			return nil, err
		}
	}
	return graphsurgery.NewTensorRaw(dtype, shape, raw)
}

// exchangeDType gives the ONNX type of a tensor's elements.
func exchangeDType(t *tensors.Tensor) (graphsurgery.DType, error) {
	for d := graphsurgery.Float; d <= graphsurgery.Int2; d++ {
		if c, err := computeDType(d); err == nil && c == t.DType() {
			return d, nil
		}
	}
	return graphsurgery.Undefined, fmt.Errorf("type %s has no ONNX type", t.DType())
}
