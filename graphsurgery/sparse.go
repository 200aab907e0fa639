package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// maxDense bounds the bytes of a sparse tensor's dense form: a short file can ask
// for any.
const maxDense = 1 << 31

// Dense gives the tensor stored for the value, a sparse one in its dense form, which
// is made anew at each call; nil if none is stored.
func (v *Value) Dense() (*Tensor, error) {
	if v.sparse == nil {
		return v.tensor, nil
	}
	return v.graph.model.dense(v.sparse)
}

// DenseTensor gives a sparse tensor attribute in its dense form, or nil.
func (n *Node) DenseTensor(name string) (*Tensor, error) {
	s := n.attr(name).GetSparseTensor()
	if s == nil {
		return nil, nil
	}
	return n.graph.model.dense(s)
}

// dense spreads the values of a sparse tensor: element k stands at position
// indices[k] of the flattened tensor, or at the coordinates in row k.
func (m *Model) dense(s *pb.SparseTensorProto) (*Tensor, error) {
	values := &Tensor{pb: s.GetValues(), model: m}
	broken := func(format string, args ...any) error {
		return values.broken("sparse: "+format, args...)
	}
	n, ok := product(s.GetDims())
	size := int64(values.DType().Size())
	switch {
	case !ok || len(values.Shape()) != 1:
		return nil, broken("shape %v with values of shape %v", s.GetDims(), values.Shape())
	case size == 0:
		return nil, &UnsupportedError{File: m.path, What: fmt.Sprintf("sparse tensor %q of %s", values.Name(), values.DType())}
	case n > maxDense/size:
		return nil, &UnsupportedError{File: m.path, What: fmt.Sprintf("sparse tensor %q of shape %v has more than %d bytes when dense", values.Name(), s.GetDims(), maxDense)}
	}
	raw, err := values.Raw()
	if err != nil {
		return nil, err
	}
	at, err := m.sparsePositions(s, values, n)
	if err != nil {
		return nil, err
	}
	out := make([]byte, n*size)
	for k, p := range at {
		copy(out[p*size:(p+1)*size], raw[int64(k)*size:])
	}
	return NewTensorRaw(values.DType(), s.GetDims(), out)
}

// sparsePositions gives the place of each value in the flattened tensor of n elements.
func (m *Model) sparsePositions(s *pb.SparseTensorProto, values *Tensor, n int64) ([]int64, error) {
	count, rank := values.Shape()[0], int64(len(s.GetDims()))
	if s.GetIndices() == nil && count == 0 {
		return nil, nil
	}
	indices := &Tensor{pb: s.GetIndices(), model: m}
	list, err := indices.Int64s()
	if err != nil {
		return nil, err
	}
	at := list
	switch shape := indices.Shape(); {
	case len(shape) == 1 && shape[0] == count:
	case len(shape) == 2 && shape[0] == count && shape[1] == rank:
		at = make([]int64, count)
		for k, x := range list {
			axis := int64(k) % rank
			if x < 0 || x >= s.GetDims()[axis] {
				return nil, values.broken("sparse: index %d of axis %d of shape %v", x, axis, s.GetDims())
			}
			at[int64(k)/rank] = at[int64(k)/rank]*s.GetDims()[axis] + x
		}
	default:
		return nil, values.broken("sparse: indices of shape %v for %d values of a tensor of rank %d", shape, count, rank)
	}
	for _, p := range at {
		if p < 0 || p >= n {
			return nil, values.broken("sparse: index %d of %d elements", p, n)
		}
	}
	return at, nil
}
