package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/npy"
)

// numpyTypes are numpy's names for the types that both have, of the same bytes.
var numpyTypes = map[graphsurgery.DType]string{
	graphsurgery.Bool: "b1", graphsurgery.Int8: "i1", graphsurgery.Uint8: "u1", graphsurgery.Int16: "i2",
	graphsurgery.Uint16: "u2", graphsurgery.Int32: "i4", graphsurgery.Uint32: "u4", graphsurgery.Int64: "i8",
	graphsurgery.Uint64: "u8", graphsurgery.Float16: "f2", graphsurgery.Float: "f4", graphsurgery.Double: "f8",
	graphsurgery.Complex64: "c8", graphsurgery.Complex128: "c16",
}

// arrayTensor makes the tensor of an input from an array.
func arrayTensor(v *graphsurgery.Value, a npy.Array, file string) (*graphsurgery.Tensor, error) {
	want, known := numpyTypes[v.DType()]
	brain := v.DType() == graphsurgery.BFloat16
	if !known && !brain {
		return nil, &graphsurgery.UnsupportedError{What: fmt.Sprintf("input %q has type %s, which no array can be read for", v.Name(), v.DType())}
	}
	shape := make([]int64, len(a.Shape))
	for i, d := range a.Shape {
		shape[i] = int64(d)
	}
	fits := a.Type == want || brain && (a.Type == "f4" || a.Type == "V2")
	if !fits || !fitsShape(v.Shape(), shape) {
		return nil, badArray(v, a, file, fits)
	}
	if brain && a.Type == "f4" {
		values := make([]float32, len(a.Data)/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(a.Data[4*i:]))
		}
		return graphsurgery.NewFloatTensor(graphsurgery.BFloat16, shape, values)
	}
	return graphsurgery.NewTensorRaw(v.DType(), shape, a.Data)
}

// fitsShape compares a shape with a declared one, nil for any.
func fitsShape(declared []graphsurgery.Dim, shape []int64) bool {
	if declared == nil {
		return true
	}
	if len(declared) != len(shape) {
		return false
	}
	for i, d := range declared {
		if d.Value >= 0 && d.Value != shape[i] {
			return false
		}
	}
	return true
}

// badArray says what an array is and what it should be.
func badArray(v *graphsurgery.Value, a npy.Array, file string, typeFits bool) error {
	want := " of any shape"
	if v.Shape() != nil {
		var dims []string
		for _, d := range v.Shape() {
			dims = append(dims, d.String())
		}
		want = "[" + strings.Join(dims, ",") + "]"
	}
	got := a.Type
	for d, name := range numpyTypes {
		if name == a.Type {
			got = d.String()
		}
	}
	got += strings.ReplaceAll(fmt.Sprint(append([]int{}, a.Shape...)), " ", ",")
	hint := "numpy's reshape and expand_dims change a shape"
	if !typeFits {
		hint = fmt.Sprintf("save it as numpy.save(file, x.astype('%s'))", v.DType())
	}
	if v.DType() == graphsurgery.BFloat16 && !typeFits {
		hint = "numpy has no bfloat16: save float32"
	}
	return &data.DataError{What: fmt.Sprintf("%s is %s, and input %q takes %s%s", file, got, v.Name(), v.DType(), want), Hint: hint}
}

// tensorArray makes an array of a result.
func tensorArray(x *graphsurgery.Tensor) (npy.Array, error) {
	a := npy.Array{Type: numpyTypes[x.DType()]}
	for _, d := range x.Shape() {
		a.Shape = append(a.Shape, int(d))
	}
	if x.DType() == graphsurgery.BFloat16 {
		values, err := x.Float32s()
		if err != nil {
			return a, err
		}
		a.Type = "f4"
		a.Data, err = binary.Append([]byte{}, binary.LittleEndian, values)
		return a, err
	}
	if a.Type == "" {
		return a, &graphsurgery.UnsupportedError{What: fmt.Sprintf("an array of type %s", x.DType())}
	}
	var err error
	a.Data, err = x.Raw()
	return a, err
}
