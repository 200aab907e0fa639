package importer_test

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestEqualOfBooleans: PyTorch's exporter writes floor_divide of integers with Equal of
// two booleans, for which one backend has no operation.
func TestEqualOfBooleans(t *testing.T) {
	m, err := graphsurgery.ParseText(`<ir_version: 10, opset_import: ["": 20]> g (bool[4] a, bool[4] b) => (bool[4] y, float[4] z) {
		y = Equal(a, b)
		z = Cast<to = 1>(y)
	}`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		got, err := newRunner(t, p, b).Run(map[string]*tensors.Tensor{
			"a": tensors.FromValue([]bool{false, false, true, true}),
			"b": tensors.FromValue([]bool{false, true, false, true}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := furthest(flat(t, got["z"]), []float64{1, 0, 0, 1}); d != 0 {
			t.Errorf("got %v, want 1 0 0 1", got["z"])
		}
	})
}
