package importer

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
)

// tensor copies the elements into a GoMLX tensor of the given type, float32 for
// the half types.
func (h *hostTensor) tensor(dtype dtypes.DType) (*tensors.Tensor, error) {
	switch dtype {
	case dtypes.Float64:
		return tensors.FromFlatDataAndDimensions(convertSlice[float64](h.floats), h.dims...), nil
	case dtypes.Float32, dtypes.Float16, dtypes.BFloat16:
		return tensors.FromFlatDataAndDimensions(convertSlice[float32](h.floats), h.dims...), nil
	case dtypes.Int64:
		return tensors.FromFlatDataAndDimensions(convertSlice[int64](h.ints), h.dims...), nil
	case dtypes.Int32:
		return tensors.FromFlatDataAndDimensions(convertSlice[int32](h.ints), h.dims...), nil
	case dtypes.Int16:
		return tensors.FromFlatDataAndDimensions(convertSlice[int16](h.ints), h.dims...), nil
	case dtypes.Int8:
		return tensors.FromFlatDataAndDimensions(convertSlice[int8](h.ints), h.dims...), nil
	case dtypes.Uint64:
		return tensors.FromFlatDataAndDimensions(convertSlice[uint64](h.ints), h.dims...), nil
	case dtypes.Uint32:
		return tensors.FromFlatDataAndDimensions(convertSlice[uint32](h.ints), h.dims...), nil
	case dtypes.Uint16:
		return tensors.FromFlatDataAndDimensions(convertSlice[uint16](h.ints), h.dims...), nil
	case dtypes.Uint8:
		return tensors.FromFlatDataAndDimensions(convertSlice[uint8](h.ints), h.dims...), nil
	case dtypes.Bool:
		bits := make([]bool, len(h.ints))
		for i, v := range h.ints {
			bits[i] = v != 0
		}
		return tensors.FromFlatDataAndDimensions(bits, h.dims...), nil
	}
	return nil, fmt.Errorf("constants of type %s are not supported", dtype)
}

// number is what convertSlice converts between.
type number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// convertSlice converts each element.
func convertSlice[To, From number](from []From) []To {
	out := make([]To, len(from))
	for i, v := range from {
		out[i] = To(v)
	}
	return out
}
