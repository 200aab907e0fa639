package adapterinject_test

import (
	"path/filepath"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// bases are models of several shapes that take adapters.
func bases(t *testing.T) map[string]*gs.Model {
	t.Helper()
	out := map[string]*gs.Model{
		"pre-norm":      nets.Classifier(t, 17, 8, 2, 3, true, nets.Spelling{}),
		"post-norm":     nets.Classifier(t, 17, 8, 2, 3, false, nets.Spelling{Post: true}),
		"Gemm":          nets.Classifier(t, 17, 8, 2, 3, true, nets.Spelling{Linear: "gemm"}),
		"LayerScale":    nets.Classifier(t, 20, 8, 2, 3, true, nets.Spelling{Scale: true, Act: "op"}),
		"spelled norms": nets.Classifier(t, 14, 8, 2, 3, true, nets.Spelling{Norm: "keras", Act: "tanh"}),
		"waveform":      load(t, "../testdata/small/waveform.onnx"),
	}
	files, err := filepath.Glob("../testdata/tinyast/*.onnx")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tiny AST: %v", err)
	}
	for _, f := range files {
		out[f] = load(t, f)
	}
	return out
}

func load(t *testing.T, path string) *gs.Model {
	t.Helper()
	m, err := gs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func inject(t *testing.T, m *gs.Model, r adapterinject.Recipe, h adapterinject.Head) *gs.Model {
	t.Helper()
	p, err := adapterinject.Plan(m, r, h)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Inject()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
