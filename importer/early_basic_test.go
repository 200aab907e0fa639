package importer_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestEarlyOpsets computes operators in the versions before opset 7, with the
// attributes that they had: no other oracle of ours runs those. x is
// [[1 -2 3] [-4 5 -6]], as an input and as a constant.
func TestEarlyOpsets(t *testing.T) {
	for _, c := range []struct {
		opset int
		nodes string
		want  []float64
	}{
		{6, "b = Constant<value = float[2] {10, 20}>()\ny = Add<broadcast = 1, axis = 0>(x, b)", []float64{11, 8, 13, 16, 25, 14}},
		{6, "b = Constant<value = float[3] {1, 2, 3}>()\ny = Mul<broadcast = 1>(x, b)", []float64{1, -4, 9, -4, 10, -18}},
		{1, "b = Constant<value = float {2.0}>()\ny = Sub<broadcast = 1, consumed_inputs = [0, 0]>(x, b)", []float64{-1, -4, 1, -6, 3, -8}},
		{6, "y = Div(x, x)", []float64{1, 1, 1, 1, 1, 1}},
		{6, "b = Constant<value = float[1] {2}>()\ny = Pow<broadcast = 1>(x, b)", []float64{1, 4, 9, 16, 25, 36}},
		{1, "y = Abs<consumed_inputs = [0]>(x)", []float64{1, 2, 3, 4, 5, 6}},
		{1, "y = Clip<max = 3.0>(x)", []float64{1, -2, 3, -4, 3, -6}},
		{1, "y = Relu(x)", []float64{1, 0, 3, 0, 5, 0}},
		{1, "y = LeakyRelu<alpha = 0.5>(x)", []float64{1, -1, 3, -2, 5, -3}},
		{6, "b = Constant<value = float[3] {1, 2, 3}>()\ny = PRelu(x, b)", []float64{1, -4, 3, -4, 5, -18}},
		{6, "y = Max(x)", []float64{1, -2, 3, -4, 5, -6}},
		{1, "n = Neg(x)\ny = Sum(x, n, x)", []float64{1, -2, 3, -4, 5, -6}},
		{6, "n = Neg(x)\ny = Mean(x, x, n, n)", []float64{0, 0, 0, 0, 0, 0}},
		{3, "y = Concat(x, x)", []float64{1, -2, 3, 1, -2, 3, -4, 5, -6, -4, 5, -6}},
		{4, "y = Reshape<shape = [3, -1]>(x)", []float64{1, -2, 3, -4, 5, -6}},
		{5, "n = Constant<value = float {2.0}>()\na = Constant<value = float {0.0}>()\ny = Tile(x, n, a)", []float64{1, -2, 3, -4, 5, -6, 1, -2, 3, -4, 5, -6}},
		{1, "s = Constant<value = float[2] {1, 1}>()\na, y = Split(x, s)", []float64{-4, 5, -6}},
		{1, "a, y = Split<axis = 1, split = [1, 2]>(x)", []float64{-2, 3, 5, -6}},
		{1, `y = Pad<paddings = [0, 1, 0, 1], mode = "reflect">(x)`, []float64{-2, 1, -2, 3, -2, 5, -4, 5, -6, 5}},
		{1, "y, i = TopK<k = 2>(x)", []float64{3, 1, 5, -4}},
		{1, "y = Slice<starts = [-1], ends = [9], axes = [1]>(x)", []float64{3, -6}},
		{1, "y = ReduceSum<axes = [1]>(x)", []float64{2, -5}},
	} {
		for _, constant := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/%s/constant=%v", c.opset, c.nodes, constant), func(t *testing.T) {
				eachBackend(t, func(t *testing.T, b compute.Backend) {
					if got := early(t, b, c.opset, c.nodes, constant); !slices.Equal(got, c.want) {
						t.Errorf("got %v, want %v", got, c.want)
					}
				})
			})
		}
	}
}

// early runs nodes at an old opset and gives y. The input is also read by a node
// of its own, so that a graph of constants has one.
func early(t *testing.T, b compute.Backend, opset int, nodes string, constant bool) []float64 {
	t.Helper()
	first := "x = Identity(in)"
	if constant {
		first = "x = Constant<value = float[2,3] {1, -2, 3, -4, 5, -6}>()"
	}
	m, err := graphsurgery.ParseText(fmt.Sprintf(`<ir_version: 3, opset_import: ["" : %d]> g (float[2,3] in) => (y, z) { %s
		%s
		z = Exp(in) }`, opset, first, nodes))
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := tensors.FromFlatDataAndDimensions([]float32{1, -2, 3, -4, 5, -6}, 2, 3)
	got, err := newRunner(t, p, b).Run(map[string]*tensors.Tensor{"in": in})
	if err != nil {
		t.Fatal(err)
	}
	return flat(t, got["y"])
}
