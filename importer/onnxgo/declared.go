package onnxgo

import (
	"gorgonia.org/tensor"
)

// asDeclared gives an input's value. A tensor of float32 for an input that the file
// declares as int32 or int64 is converted if every element is such an integer:
// Gorgonia's back end computes with little but floats, so onnx-go's own tests feed
// them there. Any other tensor goes as it is.
func (n *Node) asDeclared() (tensor.Tensor, error) {
	if n.placeholder == nil || n.value.Dtype() != tensor.Float32 {
		return n.value, nil
	}
	data, err := elements(n.value)
	if err != nil {
		return nil, err
	}
	var backing any
	exact := false
	switch n.placeholder.Dtype() {
	case tensor.Int64:
		backing, exact = integersOf[int64](data.([]float32), 1<<63)
	case tensor.Int32:
		backing, exact = integersOf[int32](data.([]float32), 1<<31)
	}
	if !exact {
		return n.value, nil
	}
	return tensor.New(tensor.WithShape(n.value.Shape()...), tensor.WithBacking(backing)), nil
}

// integersOf converts floats that are integers from -bound up to below bound, and
// tells whether all are.
func integersOf[T int32 | int64](floats []float32, bound float64) ([]T, bool) {
	out := make([]T, len(floats))
	for i, f := range floats {
		v := float64(f)
		if !(v >= -bound && v < bound) || float64(T(v)) != v {
			return nil, false
		}
		out[i] = T(v)
	}
	return out, true
}
