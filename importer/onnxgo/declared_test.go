package onnxgo_test

import (
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/importer/onnxgo"
)

func TestFloatsForDeclaredIntegers(t *testing.T) {
	const text = `<ir_version: 7, opset_import: ["" : 13]>
		g (int64[1,3] x) => (int64[1,3] y) { y = Add(x, x) }`
	b, m := open(t, text, onnxgo.Options{})
	if got, ok := run(t, b, m, row(1, -2, 1<<40))[0].([]int64); !ok || !slices.Equal(got, []int64{2, -4, 1 << 41}) {
		t.Errorf("got %v, want int64 2, -4, 2199023255552", got)
	}
	whole := tensor.New(tensor.WithShape(1, 3), tensor.WithBacking([]int64{1, 2, 1<<60 + 1}))
	if got, ok := run(t, b, m, whole)[0].([]int64); !ok || got[2] != 1<<61+2 {
		t.Errorf("got %v, want the integers that were set", got)
	}
	// No integer is near enough: the tensor goes as it is, and so does the result.
	floats(t, run(t, b, m, row(1, 2.5, 3))[0], 2, 5, 6)
}
