package importer

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// hostTensor is a small tensor whose elements are known while the graph is
// built. Integer and boolean types keep int64, float types float64; float32
// those of the shorter types are values of the type.
type hostTensor struct {
	dtype  graphsurgery.DType
	dims   []int
	ints   []int64
	floats []float64
}

// newHost makes a tensor of zeros.
func newHost(dtype graphsurgery.DType, dims ...int) *hostTensor {
	h := &hostTensor{dtype: dtype, dims: dims}
	if isFloat(dtype) {
		h.floats = make([]float64, product(dims))
	} else {
		h.ints = make([]int64, product(dims))
	}
	return h
}

// hostInts makes a vector of int64, the usual form of a shape.
func hostInts(values []int) *hostTensor {
	h := newHost(graphsurgery.Int64, len(values))
	for i, v := range values {
		h.ints[i] = int64(v)
	}
	return h
}

// hostOf reads an ONNX tensor.
func hostOf(t *graphsurgery.Tensor) (*hostTensor, error) {
	h := &hostTensor{dtype: storedDType(t.DType()), dims: make([]int, len(t.Shape()))}
	for i, d := range t.Shape() {
		h.dims[i] = int(d)
	}
	if _, small := smallFloatOf(t.DType()); small {
		codes, err := unpackedCodes(t)
		h.ints = convertSlice[int64](codes)
		return h, err
	}
	if !isFloat(t.DType()) {
		ints, err := t.Int64s()
		h.ints = ints
		return h, err
	}
	floats, err := t.Float64s()
	h.floats = floats
	return h, err
}

// onnx is the inverse of hostOf.
func (h *hostTensor) onnx() (*graphsurgery.Tensor, error) {
	dims := make([]int64, len(h.dims))
	for i, d := range h.dims {
		dims[i] = int64(d)
	}
	switch {
	case h.dtype == graphsurgery.Double:
		return graphsurgery.NewTensor(dims, h.floats), nil
	case isFloat(h.dtype):
		return graphsurgery.NewFloatTensor(h.dtype, dims, convertSlice[float32](h.floats))
	}
	raw := make([]byte, 0, len(h.ints)*h.dtype.Size())
	for _, v := range h.ints {
		for range h.dtype.Size() {
			raw = append(raw, byte(v))
			v >>= 8
		}
	}
	return graphsurgery.NewTensorRaw(h.dtype, dims, raw)
}

// len is the number of elements.
func (h *hostTensor) len() int {
	if isFloat(h.dtype) {
		return len(h.floats)
	}
	return len(h.ints)
}

// setFloat stores x rounded to the tensor's type.
func (h *hostTensor) setFloat(i int, x float64) {
	if h.dtype != graphsurgery.Double {
		x = float64(float32(x))
	}
	h.floats[i] = x
}

// reshaped is the same elements under other dimensions.
func (h *hostTensor) reshaped(dims []int) *hostTensor {
	return &hostTensor{dtype: h.dtype, dims: dims, ints: h.ints, floats: h.floats}
}

// asInts gives integer elements as int, for dimensions, axes and bounds.
func (h *hostTensor) asInts() []int {
	out := make([]int, len(h.ints))
	for i, v := range h.ints {
		out[i] = int(v)
	}
	return out
}

// scalar gives the value of a tensor with one element.
func (h *hostTensor) scalar() float64 {
	if isFloat(h.dtype) {
		return h.floats[0]
	}
	return float64(h.ints[0])
}

// constant puts the tensor into the graph.
func (h *hostTensor) constant(g *graph.Graph) (*graph.Node, error) {
	dtype, err := computeDType(h.dtype)
	if err != nil {
		return nil, err
	}
	if h.len() == 0 { // XLA's text form has no empty literal of rank two and more
		return graph.Zeros(g, shapes.Make(dtype, h.dims...)), nil
	}
	t, err := h.tensor(dtype)
	if err != nil {
		return nil, err
	}
	// Half types are made as float32 and rounded by the backend.
	return graph.ConvertDType(graph.ConstTensor(g, t), dtype), nil
}

// product multiplies dimensions; the product of none is 1.
func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// broadcastDims gives the common dimensions of numpy's broadcasting rule.
func broadcastDims(shapes ...[]int) ([]int, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := slices.Repeat([]int{1}, rank)
	for _, s := range shapes {
		for i, d := range s {
			at := rank - len(s) + i
			if out[at] != d && out[at] != 1 && d != 1 {
				return nil, fmt.Errorf("shapes %v cannot be broadcast together", shapes)
			}
			if out[at] == 1 {
				out[at] = d
			}
		}
	}
	return out, nil
}
