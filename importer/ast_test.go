package importer_test

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/importer"
)

// exports are the two PyTorch exporters' files of the pretrained tiny model.
var exports = []string{"tinyast-ts17", "tinyast-dynamo"}

// TestTinyAST: the whole model, from both exporters and on every backend, gives
// PyTorch's logits. They agree to about 5e-6 relative to 1+|logit| (float32 in
// another order of summation); 1e-4 is the bar of the project, and above it
// stands any wrong operator.
func TestTinyAST(t *testing.T) {
	const tolerance = 1e-4
	fixture := npz(t, "../testdata/parity/step.npz")
	want := fixture["base_logits"].Float64s()
	for _, name := range exports {
		p := load(t, "../testdata/tinyast/"+name+".onnx", importer.Options{})
		eachBackend(t, func(t *testing.T, b compute.Backend) {
			got, err := newRunner(t, p, b).Run(map[string]*tensors.Tensor{p.Inputs()[0].Name: tensor(t, fixture["input"])})
			if err != nil {
				t.Fatal(err)
			}
			d := furthest(flat(t, got[p.Outputs()[0].Name]), want)
			t.Logf("%s: largest difference %.2g", name, d)
			if d > tolerance {
				t.Errorf("%s differs from PyTorch by %g, want at most %g", name, d, tolerance)
			}
		})
	}
}
