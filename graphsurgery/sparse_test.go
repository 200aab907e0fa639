package graphsurgery_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestDense spreads sparse tensors, and refuses what cannot be spread.
func TestDense(t *testing.T) {
	for _, c := range []struct {
		name, sparse string
		want         []float32
	}{
		{"positions", `sparse(float[2] {4, 5}, int64[2] {1, 3}, [2, 2])`, []float32{0, 4, 0, 5}},
		{"coordinates", `sparse(float[2] {4, 5}, int64[2, 2] {0, 1, 1, 0}, [2, 2])`, []float32{0, 4, 5, 0}},
		{"no values", `sparse(float[0] {}, int64[0] {}, [2])`, []float32{0, 0}},
		{"position too large", `sparse(float[1] {4}, int64[1] {4}, [2, 2])`, nil},
		{"coordinate too large", `sparse(float[1] {4}, int64[1, 2] {0, 2}, [2, 2])`, nil},
		{"negative position", `sparse(float[1] {4}, int64[1] {-1}, [2, 2])`, nil},
		{"too few indices", `sparse(float[2] {4, 5}, int64[1] {0}, [2, 2])`, nil},
	} {
		m, err := graphsurgery.ParseText(`<ir_version: 8, opset_import: ["": 17]> g () => (float y) <w = ` + c.sparse + `> { y = Identity(w) }`)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		dense, err := m.Graph.Value("w").Dense()
		if c.want == nil {
			var format *graphsurgery.FormatError
			if !errors.As(err, &format) {
				t.Errorf("%s: got error %v, want a FormatError", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got, err := dense.Float32s(); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v (%v), want %v", c.name, got, err, c.want)
		}
	}
}

// TestDenseLimit: a short file cannot ask for a huge tensor.
func TestDenseLimit(t *testing.T) {
	m, err := graphsurgery.ParseText(`<ir_version: 8, opset_import: ["": 17]> g () => (float y)
		<w = sparse(float[0] {}, int64[0] {}, [65536, 65536])> { y = Identity(w) }`)
	if err != nil {
		t.Fatal(err)
	}
	var unsupported *graphsurgery.UnsupportedError
	if _, err := m.Graph.Value("w").Dense(); !errors.As(err, &unsupported) {
		t.Errorf("got error %v, want an UnsupportedError", err)
	}
}
