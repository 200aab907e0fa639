package passes_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/eval"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// compute runs a model on the host. It fails where package eval does not know a
// node, or the model has subgraphs or functions.
func compute(m *gs.Model, feeds map[string]*gs.Tensor) ([]*gs.Tensor, error) {
	known := map[*gs.Value]*gs.Tensor{}
	for _, v := range m.Graph.Values() {
		if t := feeds[v.Name()]; t != nil && v.IsGraphInput() {
			known[v] = t
		} else if v.Initializer() != nil {
			known[v] = v.Initializer()
		}
	}
	for _, n := range m.Graph.Nodes() {
		inputs := make([]*gs.Tensor, len(n.Inputs()))
		for i, v := range n.Inputs() {
			inputs[i] = known[v]
		}
		outputs, err := eval.Node(n, inputs, eval.Limits{})
		if err != nil {
			return nil, err
		}
		for i, v := range n.Outputs() {
			if v != nil {
				known[v] = outputs[i]
			}
		}
	}
	var results []*gs.Tensor
	for _, v := range m.Graph.Outputs() {
		if known[v] == nil {
			return nil, fmt.Errorf("output %q is not computed", v.Name())
		}
		results = append(results, known[v])
	}
	return results, nil
}

// agree compares results element by element. Passes that only move, merge or
// compute nodes beforehand keep every bit, but for the rounding between nodes that a
// recognised operator does not do: four parts in a million of float32, and two
// steps of float16's ten bits.
func agree(got, want []*gs.Tensor) error {
	for i := range want {
		if got[i].DType() != want[i].DType() || fmt.Sprint(got[i].Shape()) != fmt.Sprint(want[i].Shape()) {
			return fmt.Errorf("output %d is %s%v, want %s%v", i, got[i].DType(), got[i].Shape(), want[i].DType(), want[i].Shape())
		}
		if !want[i].DType().IsFloat() {
			g, errG := got[i].Digest()
			w, errW := want[i].Digest()
			if g != w && errG == nil && errW == nil {
				return fmt.Errorf("output %d differs", i)
			}
			continue
		}
		tolerance := map[gs.DType]float64{gs.Float16: 2e-3, gs.BFloat16: 16e-3}[want[i].DType()]
		if tolerance == 0 {
			tolerance = 4e-6
		}
		g, _ := got[i].Float32s()
		w, _ := want[i].Float32s()
		for k := range w {
			a, b := float64(g[k]), float64(w[k])
			if a != b && !(a != a && b != b) && math.Abs(a-b) > tolerance*max(1, math.Abs(b)) {
				return fmt.Errorf("output %d, element %d: got %g, want %g", i, k, a, b)
			}
		}
	}
	return nil
}

// TestPassesKeepResults runs every onnx node test that package eval can run whole,
// before and after each pass. (testdata/compare.py does it with ONNX Runtime for
// all of them, and for whole networks.)
func TestPassesKeepResults(t *testing.T) {
	dirs, ok := testutil.NodeTests(t, "node")
	if !ok {
		return // TestRecognitionKeepsResults and the order cases run alone
	}
	compared, changed := 0, 0
	for _, dir := range dirs {
		m, err := gs.Load(filepath.Join(dir, "model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		feeds := storedFeeds(m, filepath.Join(dir, "test_data_set_0"))
		want, err := compute(m, feeds)
		if feeds == nil || err != nil {
			continue
		}
		compared++
		for _, v := range variants() {
			c := m.Clone()
			report, err := passes.RunFixed(c, 4, v.passes...)
			var condition *passes.ConditionError
			if errors.As(err, &condition) {
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(dir), v.name, err)
				continue
			}
			if report.Changed() == 0 {
				continue
			}
			changed++
			got, err := compute(c, feeds)
			var unsupported *gs.UnsupportedError
			if errors.As(err, &unsupported) {
				continue // an operator that only the new model has
			}
			if err == nil {
				err = agree(got, want)
			}
			if err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(dir), v.name, err)
			}
		}
	}
	t.Logf("%d models, %d changed by a pass and compared", compared, changed)
	if compared < 600 {
		t.Errorf("%d models compared, want at least 600", compared)
	}
}

// storedFeeds reads a node test's inputs; nil if one is not a tensor.
func storedFeeds(m *gs.Model, dir string) map[string]*gs.Tensor {
	feeds := map[string]*gs.Tensor{}
	for i, v := range m.Graph.Inputs() {
		data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("input_%d.pb", i)))
		if err != nil || v.DType() == gs.Undefined {
			return nil
		}
		if feeds[v.Name()], err = gs.ParseTensor(data); err != nil {
			return nil
		}
	}
	return feeds
}

// TestRecognitionKeepsResults computes a model before and after norm and GELU were
// recognised in it.
func TestRecognitionKeepsResults(t *testing.T) {
	m := large(t)
	x := make([]float32, 32)
	for i := range x {
		x[i] = float32(i%7) - 2.5
	}
	feeds := map[string]*gs.Tensor{"x0": gs.NewTensor([]int64{4, 8}, x)}
	want, err := compute(m, feeds)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range benchPasses() {
		if _, err := passes.Run(m, p); err != nil {
			t.Fatal(err)
		}
		got, err := compute(m, feeds)
		if err != nil {
			t.Fatal(err)
		}
		if err := agree(got, want); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}
