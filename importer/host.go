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
// values are rounded to float32 by every operation (see setFloat).
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
	h := &hostTensor{dtype: t.DType(), dims: make([]int, len(t.Shape()))}
	for i, d := range t.Shape() {
		h.dims[i] = int(d)
	}
	if !isFloat(t.DType()) {
		ints, err := t.Int64s()
		h.ints = ints
		return h, err
	}
	if t.DType() == graphsurgery.Double {
		return h, h.readDoubles(t)
	}
	values, err := t.Float32s()
	h.floats = make([]float64, len(values))
	for i, v := range values {
		h.floats[i] = float64(v)
	}
	return h, err
}

// readDoubles keeps the precision that Float32s would lose.
func (h *hostTensor) readDoubles(t *graphsurgery.Tensor) error {
	raw, err := t.Raw()
	if err != nil {
		return err
	}
	h.floats, err = doubles(raw)
	return err
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

// copyFrom copies element j of a tensor of the same type to element i.
func (h *hostTensor) copyFrom(i int, from *hostTensor, j int) {
	if isFloat(h.dtype) {
		h.floats[i] = from.floats[j]
	} else {
		h.ints[i] = from.ints[j]
	}
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

// strides of a dense row-major tensor.
func strides(dims []int) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// gather makes a tensor of the given dimensions whose elements are those of h at
// source(index). The index slice is reused between calls.
func (h *hostTensor) gather(dims []int, source func(index []int) int) *hostTensor {
	out := newHost(h.dtype, dims...)
	index := make([]int, len(dims))
	for i := range out.len() {
		out.copyFrom(i, h, source(index))
		advance(index, dims)
	}
	return out
}

// advance steps a row-major index.
func advance(index, dims []int) {
	for axis := len(dims) - 1; axis >= 0; axis-- {
		if index[axis]++; index[axis] < dims[axis] {
			return
		}
		index[axis] = 0
	}
}

// broadcastTo repeats h along missing axes and axes of size one.
func (h *hostTensor) broadcastTo(dims []int) *hostTensor {
	if slices.Equal(h.dims, dims) {
		return h
	}
	from := strides(h.dims)
	skip := len(dims) - len(h.dims)
	return h.gather(dims, func(index []int) int {
		at := 0
		for i, s := range from {
			if h.dims[i] > 1 {
				at += s * index[skip+i]
			}
		}
		return at
	})
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
