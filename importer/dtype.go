package importer

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// computeDType gives the GoMLX type of an ONNX type.
func computeDType(t graphsurgery.DType) (dtypes.DType, error) {
	switch t {
	case graphsurgery.Float:
		return dtypes.Float32, nil
	case graphsurgery.Double:
		return dtypes.Float64, nil
	case graphsurgery.Float16:
		return dtypes.Float16, nil
	case graphsurgery.BFloat16:
		return dtypes.BFloat16, nil
	case graphsurgery.Int8:
		return dtypes.Int8, nil
	case graphsurgery.Int16:
		return dtypes.Int16, nil
	case graphsurgery.Int32:
		return dtypes.Int32, nil
	case graphsurgery.Int64:
		return dtypes.Int64, nil
	case graphsurgery.Uint8:
		return dtypes.Uint8, nil
	case graphsurgery.Uint16:
		return dtypes.Uint16, nil
	case graphsurgery.Uint32:
		return dtypes.Uint32, nil
	case graphsurgery.Uint64:
		return dtypes.Uint64, nil
	case graphsurgery.Bool:
		return dtypes.Bool, nil
	}
	return dtypes.InvalidDType, fmt.Errorf("type %s is not supported", t)
}

// storedDType gives the type that tensors of a packed type are unpacked to. Nothing
// computes with packed types; DequantizeLinear alone reads them.
func storedDType(t graphsurgery.DType) graphsurgery.DType {
	switch t {
	case graphsurgery.Int4, graphsurgery.Int2:
		return graphsurgery.Int8
	case graphsurgery.Uint4, graphsurgery.Uint2:
		return graphsurgery.Uint8
	}
	return t
}

// checkDType says why a fed or stored value of the graph cannot be, "" if it can.
func checkDType(v *graphsurgery.Value) string {
	stored := storedDType(v.DType())
	if _, err := computeDType(stored); err != nil {
		return fmt.Sprintf("has type %s", v.DType())
	}
	if stored == v.DType() {
		return ""
	}
	for _, u := range v.Uses() {
		if u.Node.Op() != "DequantizeLinear" {
			return fmt.Sprintf("has type %s, and %s reads it; only DequantizeLinear can", v.DType(), u.Node.Op())
		}
	}
	if v.IsGraphOutput() {
		return fmt.Sprintf("has type %s, and is an output", v.DType())
	}
	return ""
}

// isFloat tells the types that host tensors keep as floats.
func isFloat(t graphsurgery.DType) bool {
	switch t {
	case graphsurgery.Float, graphsurgery.Double, graphsurgery.Float16, graphsurgery.BFloat16:
		return true
	}
	return false
}

// unpackedBytes gives the elements of a tensor in the type it is stored as.
func unpackedBytes(t *graphsurgery.Tensor) ([]byte, error) {
	if storedDType(t.DType()) == t.DType() {
		return t.Raw()
	}
	values, err := t.Int64s()
	if err != nil {
		return nil, err
	}
	raw := make([]byte, len(values))
	for i, v := range values {
		raw[i] = byte(v)
	}
	return raw, nil
}

// paramTensor copies an ONNX tensor into a GoMLX one, on the backend's first
// device unless that is nil.
func paramTensor(t *graphsurgery.Tensor, backend compute.Backend) (*tensors.Tensor, error) {
	dtype, err := computeDType(storedDType(t.DType()))
	if err != nil {
		return nil, err
	}
	raw, err := unpackedBytes(t)
	if err != nil {
		return nil, err
	}
	dims := make([]int, len(t.Shape()))
	for i, d := range t.Shape() {
		dims[i] = int(d)
	}
	shape := shapes.Make(dtype, dims...)
	if shape.Size() == 0 {
		return tensors.FromShape(shape), nil
	}
	return tensors.FromRaw(backend, 0, shape, raw)
}
