package export

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

// table gives fixed rows, as a runtime would.
type table [][]float32

func (t table) Logits(_ context.Context, examples [][]float32) ([][]float32, error) {
	var rows [][]float32
	for _, x := range examples {
		rows = append(rows, t[int(x[0])])
	}
	return rows, nil
}

func examples(n int) [][]float32 {
	out := make([][]float32, n)
	for i := range out {
		out[i] = []float32{float32(i)}
	}
	return out
}

func TestVerifyCounts(t *testing.T) {
	a, b := make(table, 20), make(table, 20)
	for i := range a {
		a[i], b[i] = []float32{1, 2}, []float32{1, 2}
	}
	b[17] = []float32{1, 2.5}
	b[18] = []float32{2.25, 2} // another top class
	r, err := Verify(t.Context(), a, b, examples(20))
	if err != nil {
		t.Fatal(err)
	}
	want := Report{Inputs: 20, Outputs: 2, MaxAbsDiff: 1.25, Worst: 18, Top1Agree: 19, MaxAbs: 2.5}
	if r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
}

func TestVerifyNoticesNaN(t *testing.T) {
	a := table{{1, 2}, {1, 2}, {1, 2}}
	b := table{{1, 2}, {float32(math.NaN()), 2}, {1, 3}}
	r, err := Verify(t.Context(), a, b, examples(3))
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(r.MaxAbsDiff) || r.Worst != 1 {
		t.Errorf("largest difference %v at input %d, want NaN at 1", r.MaxAbsDiff, r.Worst)
	}
}

func TestVerifyRefusesOtherSizes(t *testing.T) {
	if _, err := Verify(t.Context(), table{{1, 2}}, table{{1, 2, 3}}, examples(1)); err == nil {
		t.Error("outputs of different sizes were compared")
	}
}

func TestVerifyStops(t *testing.T) {
	stop := errors.New("stop")
	if _, err := Verify(t.Context(), table{{1}}, failing{stop}, examples(1)); !errors.Is(err, stop) {
		t.Errorf("got %v, want the runtime's error", err)
	}
}

type failing struct{ err error }

func (f failing) Logits(context.Context, [][]float32) ([][]float32, error) { return nil, f.err }

// TestORTBatches runs a real model with batches of several sizes; the rows must
// not depend on how they are grouped. It is among the tests only where
// `make test` promises ONNX Runtime; there a missing library is a failure.
func TestORTBatches(t *testing.T) {
	if os.Getenv("AAT_ONNX_TEST_ORT") != "1" {
		t.Log("AAT_ONNX_TEST_ORT is not set: run `make test` for this one")
		return
	}
	lib, err := ort.Locate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	rt, err := ort.Open(lib)
	if err != nil {
		t.Fatal(err)
	}
	m, err := graphsurgery.Load("../testdata/small/mlp.onnx")
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewORT(m, rt, 128, 128)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	var xs [][]float32
	for i := range 3 {
		x := make([]float32, 128*128)
		for j := range x {
			x[j] = float32((i+1)*(j%7)) / 10
		}
		xs = append(xs, x)
	}
	all, err := o.Logits(t.Context(), xs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range xs {
		one, err := o.Logits(t.Context(), xs[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		for j := range one[0] {
			// The same sums in another blocking: a few units in the last place of
			// probabilities below 1.
			if d := math.Abs(float64(one[0][j] - all[i][j])); d > 1e-5 {
				t.Errorf("row %d: %v alone, %v in a batch", i, one[0], all[i])
			}
		}
	}
}
