package draw

import (
	"path/filepath"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// TestEveryModel draws all models there are: well-formed, with a box for each
// node that is not folded.
func TestEveryModel(t *testing.T) {
	files, err := filepath.Glob("../../testdata/*/*.onnx")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d models, %v", len(files), err)
	}
	for _, kind := range []string{"node", "simple", "pytorch-converted", "pytorch-operator"} {
		dirs, _ := testutil.NodeTests(t, kind)
		for _, dir := range dirs {
			files = append(files, filepath.Join(dir, "model.onnx"))
		}
	}
	for _, file := range files {
		m, err := gs.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		got := words(t, svg(t, m.Graph, Options{}))
		want := 0
		for _, n := range m.Graph.Nodes() {
			if !folds(n) {
				want++
			}
		}
		if want > len(got) {
			t.Errorf("%s: %d texts for %d nodes", file, len(got), want)
		}
		b := build(m.Graph, Options{})
		b.root.layout()
		checkScene(t, b.root)
		var dot strings.Builder
		if err := DOT(&dot, m.Graph, Options{}); err != nil {
			t.Fatal(err)
		}
		if boxes := strings.Count(dot.String(), "tooltip="); boxes < want {
			t.Errorf("%s: %d boxes in DOT for %d nodes", file, boxes, want)
		}
	}
}
