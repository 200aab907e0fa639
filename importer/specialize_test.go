package importer_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

const shapeInput = `<ir_version: 8, opset_import: ["" : 17]>
	g (float[6] x, int64[2] s) => (float[n, m] y) <int64 zero = {0}, float two = {2}>
	{ target = Sub(s, zero) r = Reshape(x, target) y = Mul(r, two) }`

// TestShapeInput: an input that decides a shape, through arithmetic here, is built
// into one program per value, each used again when its value comes back.
func TestShapeInput(t *testing.T) {
	r := newRunner(t, loadText(t, shapeInput, importer.Options{}), backend(t, "go"))
	for _, c := range []struct {
		target   []int64
		programs int
	}{{[]int64{2, 3}, 1}, {[]int64{6, 1}, 2}, {[]int64{2, 3}, 2}, {[]int64{-1, 2}, 3}} {
		got, err := r.Run(map[string]*tensors.Tensor{"x": vector(1, 2, 3, 4, 5, 6), "s": tensors.FromValue(c.target)})
		if err != nil {
			t.Fatal(err)
		}
		want := []int{int(c.target[0]), int(c.target[1])}
		if want[0] < 0 {
			want[0] = 3
		}
		if dims := got["y"].Shape().Dimensions; !slices.Equal(dims, want) || !slices.Equal(flat(t, got["y"]), []float64{2, 4, 6, 8, 10, 12}) {
			t.Errorf("target %v: got %v %v, want %v", c.target, dims, flat(t, got["y"]), want)
		}
		if r.Compiled() != c.programs {
			t.Errorf("target %v: %d programs, want %d", c.target, r.Compiled(), c.programs)
		}
	}
}

// TestShapeInputNotNeeded: an integer input that decides no shape serves all its
// values with one program.
func TestShapeInputNotNeeded(t *testing.T) {
	p := loadText(t, `<ir_version: 8, opset_import: ["" : 17]>
		g (float[3] x, int64[2] i) => (float[2] y) { y = Gather(x, i) }`, importer.Options{})
	r := newRunner(t, p, backend(t, "go"))
	for _, i := range [][]int64{{0, 1}, {2, 2}} {
		got, err := r.Run(map[string]*tensors.Tensor{"x": vector(10, 11, 12), "i": tensors.FromValue(i)})
		if err != nil {
			t.Fatal(err)
		}
		if want := []float64{float64(10 + i[0]), float64(10 + i[1])}; !slices.Equal(flat(t, got["y"]), want) {
			t.Errorf("indices %v: got %v, want %v", i, flat(t, got["y"]), want)
		}
	}
	if r.Compiled() != 1 {
		t.Errorf("%d programs, want 1", r.Compiled())
	}
}

// TestShapeInputInTraining: a graph built for training knows no elements, and
// refuses.
func TestShapeInputInTraining(t *testing.T) {
	p := loadText(t, shapeInput, importer.Options{})
	build := func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
		return p.Call(scope, map[string]*graph.Node{"x": nodes[0], "s": nodes[1]})
	}
	exec := executor(t, backend(t, "go"), model.NewStore(), build)
	defer exec.Finalize()
	_, err := exec.Call(vector(1, 2, 3, 4, 5, 6), tensors.FromValue([]int64{2, 3}))
	var unsupported *graphsurgery.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Op != "Reshape" {
		t.Errorf("got error %v, want an UnsupportedError of Reshape", err)
	}
}
