package onnxgo_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/owulveryck/onnx-go"
	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/importer/onnxgo"
)

// Whole networks, from several exporters and opsets, give through onnx-go what they
// give without it, though onnx-go passes neither opset nor domains on.
func TestExports(t *testing.T) {
	for _, file := range []string{
		"tinyast/tinyast-ts17.onnx",
		"small/waveform.onnx",
		"corpus/conformer/script.onnx",
		"corpus/hubert/ort2.onnx",
		"corpus/neg-lstm/ts17.onnx",
		"corpus/plain-einsum/ortopt.onnx", // com.microsoft's Gelu
		"corpus/plain-silu/ts11.onnx",
		"corpus/swin/ort2-dynamo.onnx",
		"corpus/wavlm/dynamo23.onnx",
	} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join("..", "..", "testdata", file)
			feeds, want := direct(t, path)
			b := onnxgo.NewBackend(onnxgo.Options{Device: "go"})
			defer b.Close() //nolint:errcheck // judged by then
			m := onnx.NewModel(b)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			for i, got := range run(t, b, m, feeds...) {
				if !near(got.([]float32), want[i]) {
					t.Errorf("output %d differs from that of package importer", i)
				}
			}
		})
	}
}

// direct runs a file without onnx-go on inputs that it makes.
func direct(t *testing.T, path string) (feeds []tensor.Tensor, want [][]float32) {
	t.Helper()
	m, err := graphsurgery.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.NewRunner(device(t, "go"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // the results are copies
	inputs := make(map[string]*tensors.Tensor)
	for i, in := range p.Inputs() {
		n, shape := 1, make([]int, len(in.Shape))
		for j, d := range in.Shape {
			if shape[j] = int(d.Value); d.Param != "" {
				shape[j] = 2
			}
			n *= shape[j]
		}
		x := wave(n, i)
		inputs[in.Name] = tensors.FromFlatDataAndDimensions(x, shape...)
		feeds = append(feeds, tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x)))
	}
	results, err := r.Run(inputs)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range m.Graph.Outputs() {
		want = append(want, tensors.MustCopyFlatData[float32](results[o.Name()]))
	}
	return feeds, want
}

// near allows for float32 sums in another order: the opset that onnxgo guesses need
// not be the file's.
func near(got, want []float32) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= 1e-5*max(1, math.Abs(float64(want[i])))) {
			return false
		}
	}
	return true
}
