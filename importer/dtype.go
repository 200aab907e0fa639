package importer

import (
	"errors"
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

// storedDType gives the type that tensors of a small type are held in: integers of
// fewer than 8 bits as their values, floats of 8 bits and fewer as their codes.
// Nothing computes with small types; what converts alone reads and gives them.
func storedDType(t graphsurgery.DType) graphsurgery.DType {
	switch t {
	case graphsurgery.Int4, graphsurgery.Int2:
		return graphsurgery.Int8
	case graphsurgery.Uint4, graphsurgery.Uint2,
		graphsurgery.Float8E4M3FN, graphsurgery.Float8E4M3FNUZ, graphsurgery.Float8E5M2, graphsurgery.Float8E5M2FNUZ,
		graphsurgery.Float4E2M1, graphsurgery.Float8E8M0:
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
		if !convertsSmall(u.Node) {
			return fmt.Sprintf("has type %s, and %s reads it; only operators that convert can", v.DType(), u.Node.Op())
		}
	}
	return ""
}

// convertsSmall tells the operators that take and give small types, and those that
// pass on what they take.
func convertsSmall(n *graphsurgery.Node) bool {
	switch n.Op() {
	case "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "Identity":
		return true
	}
	return n.Function() != nil
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
	if _, small := smallFloatOf(t.DType()); small {
		return unpackedCodes(t)
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

// unpackedCodes gives the codes of small floats, one in each byte.
func unpackedCodes(t *graphsurgery.Tensor) ([]byte, error) {
	raw, err := t.Raw()
	bits := t.DType().Bits()
	if err != nil || bits == 8 {
		return raw, err
	}
	each := 8 / bits
	out := make([]byte, t.Len())
	for i := range out {
		out[i] = raw[i/each] >> (i % each * bits) & byte(1<<bits-1)
	}
	return out, nil
}

// paramTensor copies an ONNX tensor into a GoMLX one, on the backend's first
// device unless that is nil.
func paramTensor(t *graphsurgery.Tensor, backend compute.Backend) (*tensors.Tensor, error) {
	dtype, err := computeDType(storedDType(t.DType()))
	if err != nil {
		return nil, err
	}
	dims := make([]int, len(t.Shape()))
	for i, d := range t.Shape() {
		dims[i] = int(d)
	}
	shape := shapes.Make(dtype, dims...)
	switch {
	case shape.Size() == 0:
		return tensors.FromShape(shape), nil
	case storedDType(t.DType()) == t.DType() && backend != nil && backend.HasSharedBuffers():
		return sharedTensor(t, backend, shape)
	}
	raw, err := unpackedBytes(t)
	if err != nil {
		return nil, err
	}
	return tensors.FromRaw(backend, 0, shape, raw)
}

// sharedTensor reads a tensor into memory that the device and the host share, with no
// copy between.
func sharedTensor(t *graphsurgery.Tensor, backend compute.Backend, shape shapes.Shape) (*tensors.Tensor, error) {
	out, err := tensors.FromShapeForBackend(backend, 0, shape)
	if err != nil {
		return nil, err
	}
	read := errors.New("the memory was not given out")
	err = out.MutableBytes(func(b []byte) { read = t.ReadRaw(b) })
	if err = errors.Join(err, read); err != nil {
		_ = out.FinalizeAll() // the error of reading is the one to tell
		return nil, err
	}
	return out, nil
}
