package importer_test

import (
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestHalfModels: whole models with products in half precision give PyTorch's result about as
// exactly as their operands are rounded, carried along two to four blocks.
func TestHalfModels(t *testing.T) {
	if !testBackend("xla:cpu") {
		return // the Go backend refuses
	}
	b := backend(t, "xla:cpu")
	for _, test := range []struct {
		dir, variant string
		compute      graphsurgery.DType
		bar          float64
	}{
		{"wav2vec2", "ts17", graphsurgery.BFloat16, 0.02},
		{"swin", "ort2-dynamo", graphsurgery.Float16, 0.0025},
	} {
		arrays := npz(t, "../testdata/corpus/"+test.dir+"/torch.npz")
		p := load(t, "../testdata/corpus/"+test.dir+"/"+test.variant+".onnx", importer.Options{Compute: test.compute})
		feeds := map[string]*tensors.Tensor{}
		for _, in := range p.Inputs() {
			feeds[in.Name] = tensor(t, arrays["input/"+in.Name])
		}
		out, err := newRunner(t, p, b).Run(feeds)
		if err != nil {
			t.Fatal(err)
		}
		d := distance(tensors.MustCopyFlatData[float32](out[p.Outputs()[0].Name]), arrays["output"].Float32s())
		t.Logf("%s, %s: %.2g", test.dir, test.compute, d)
		if d > test.bar || d < 1e-5 {
			t.Errorf("%s, %s: %.2g from PyTorch's result, want from 1e-5 to %.2g", test.dir, test.compute, d, test.bar)
		}
	}
}
