package onnxgo

import (
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// dtypeOf gives the ONNX type of Gorgonia's.
func dtypeOf(d tensor.Dtype) (graphsurgery.DType, error) {
	switch d {
	case tensor.Float32:
		return graphsurgery.Float, nil
	case tensor.Float64:
		return graphsurgery.Double, nil
	case tensor.Bool:
		return graphsurgery.Bool, nil
	case tensor.Int8:
		return graphsurgery.Int8, nil
	case tensor.Int16:
		return graphsurgery.Int16, nil
	case tensor.Int32:
		return graphsurgery.Int32, nil
	case tensor.Int64, tensor.Int:
		return graphsurgery.Int64, nil
	case tensor.Uint8:
		return graphsurgery.Uint8, nil
	case tensor.Uint16:
		return graphsurgery.Uint16, nil
	case tensor.Uint32:
		return graphsurgery.Uint32, nil
	case tensor.Uint64:
		return graphsurgery.Uint64, nil
	}
	return graphsurgery.Undefined, &graphsurgery.UnsupportedError{What: fmt.Sprintf("a tensor of %s", d)}
}

// elements gives the elements of a tensor in row-major order as a slice, which may
// be the tensor's own.
func elements(t tensor.Tensor) (any, error) {
	if dense, ok := t.(*tensor.Dense); ok && (t.RequiresIterator() || t.DataOrder().IsColMajor()) {
		rows := tensor.New(tensor.WithShape(dense.Shape()...), tensor.Of(dense.Dtype()))
		if err := tensor.Copy(rows, dense.Materialize()); err != nil {
			return nil, err
		}
		t = rows
	}
	data := t.Data()
	if v := reflect.ValueOf(data); v.Kind() != reflect.Slice {
		one := reflect.MakeSlice(reflect.SliceOf(v.Type()), 1, 1)
		one.Index(0).Set(v)
		data = one.Interface()
	}
	if ints, ok := data.([]int); ok {
		wide := make([]int64, len(ints))
		for i, v := range ints {
			wide[i] = int64(v)
		}
		data = wide
	}
	if got, want := reflect.ValueOf(data).Len(), size(t.Shape()); got != want {
		return nil, &graphsurgery.FormatError{What: fmt.Sprintf("a tensor of shape %v holds %d elements, want %d", t.Shape(), got, want)}
	}
	return data, nil
}

func size(shape tensor.Shape) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// toONNX copies a tensor into an ONNX one.
func toONNX(t tensor.Tensor) (*graphsurgery.Tensor, error) {
	dtype, err := dtypeOf(t.Dtype())
	if err != nil {
		return nil, err
	}
	data, err := elements(t)
	if err != nil {
		return nil, err
	}
	raw, err := binary.Append([]byte{}, binary.LittleEndian, data)
	if err != nil {
		return nil, err
	}
	shape := make([]int64, t.Dims())
	for i, d := range t.Shape() {
		shape[i] = int64(d)
	}
	return graphsurgery.NewTensorRaw(dtype, shape, raw)
}

// toGoMLX copies a tensor into one of GoMLX.
func toGoMLX(t tensor.Tensor) (*tensors.Tensor, error) {
	if _, err := dtypeOf(t.Dtype()); err != nil {
		return nil, err
	}
	data, err := elements(t)
	if err != nil {
		return nil, err
	}
	switch d := data.(type) {
	case []float32:
		return tensors.FromFlatDataAndDimensions(d, t.Shape()...), nil
	case []float64:
		return tensors.FromFlatDataAndDimensions(d, t.Shape()...), nil
	case []int64:
		return tensors.FromFlatDataAndDimensions(d, t.Shape()...), nil
	case []int32:
		return tensors.FromFlatDataAndDimensions(d, t.Shape()...), nil
	case []bool:
		return tensors.FromFlatDataAndDimensions(d, t.Shape()...), nil
	}
	o, err := toONNX(t)
	if err != nil {
		return nil, err
	}
	return importer.NewTensor(o)
}

// toGorgonia copies a tensor of GoMLX.
func toGorgonia(t *tensors.Tensor) (tensor.Tensor, error) {
	var out tensor.Tensor
	shape := t.Shape().Dimensions
	err := t.ConstFlatData(func(flat any) {
		backing := reflect.MakeSlice(reflect.TypeOf(flat), reflect.ValueOf(flat).Len(), reflect.ValueOf(flat).Len())
		reflect.Copy(backing, reflect.ValueOf(flat))
		out = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing.Interface()))
	})
	if err != nil {
		return nil, err
	}
	if _, err := dtypeOf(out.Dtype()); err != nil {
		return nil, err
	}
	return out, nil
}

// attributes gives a node's attributes in graphsurgery's types.
func attributes(o *operation) (graphsurgery.Attrs, error) {
	attrs := make(graphsurgery.Attrs, len(o.attrs))
	for _, name := range slices.Sorted(maps.Keys(o.attrs)) {
		switch v := o.attrs[name].(type) {
		case int64, float32, string, []int64, []float32, []string:
			attrs[name] = v
		case tensor.Tensor:
			t, err := toONNX(v)
			if err != nil {
				return nil, fmt.Errorf("attribute %s of %s: %w", name, o, err)
			}
			attrs[name] = t
		default:
			return nil, &graphsurgery.UnsupportedError{Node: o.String(), Op: o.name, What: fmt.Sprintf("attribute %s, which onnx-go passes as %T", name, v)}
		}
	}
	return attrs, nil
}
