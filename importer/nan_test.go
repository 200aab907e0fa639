package importer_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestNaNStays: a NaN, wherever it stands among what is compared, is in the answer, as
// in PyTorch; and what is compared with numbers alone is not touched. XLA's own
// maximum and minimum drop it in one order of operands, its reductions always.
func TestNaNStays(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	feeds := map[string]*graphsurgery.Tensor{
		"x": graphsurgery.NewTensor([]int64{5, 4}, []float32{nan, 1, 2, 3, -1, nan, 5, 2, 4, 3, 2, nan, nan, nan, nan, nan, -inf, inf, 0, 1}),
		"z": graphsurgery.NewTensor([]int64{5, 4}, []float32{1, nan, 2, 3, nan, nan, 6, 1, 0, 9, 2, 1, 0, nan, nan, 7, 0, 1, 2, nan}),
	}
	for _, c := range []struct {
		out, body string
		want      []float32
	}{
		{"float[a,b] y", "y = Max(x, z)", []float32{nan, nan, 2, 3, nan, nan, 6, 2, 4, 9, 2, nan, nan, nan, nan, nan, 0, inf, 2, nan}},
		{"float[a,b] y", "y = Min(x, z)", []float32{nan, nan, 2, 3, nan, nan, 5, 1, 0, 3, 2, nan, nan, nan, nan, nan, -inf, 1, 0, nan}},
		{"float[a,b] y", "y = Clip(x, low, high)", []float32{nan, 1, 2, 2.5, -0.5, nan, 2.5, 2, 2.5, 2.5, 2, nan, nan, nan, nan, nan, -0.5, 2.5, 0, 1}},
		{"float[a,b] y", "y = Relu(x)", []float32{nan, 1, 2, 3, 0, nan, 5, 2, 4, 3, 2, nan, nan, nan, nan, nan, 0, inf, 0, 1}},
		{"float[a,b] y", "y = HardSigmoid<alpha = 1.0, beta = 0.0>(x)", []float32{nan, 1, 1, 1, 0, nan, 1, 1, 1, 1, 1, nan, nan, nan, nan, nan, 0, 1, 0, 1}},
		{"float[a] y", "y = ReduceMax<keepdims = 0>(x, one)", []float32{nan, nan, nan, nan, inf}},
		{"float[a] y", "y = ReduceMin<keepdims = 0>(x, one)", []float32{nan, nan, nan, nan, -inf}},
		{"float[a,b,c] y", "v = Unsqueeze(x, one) y = GlobalMaxPool(v)", []float32{nan, nan, nan, nan, inf}},
		{"float[a,b,c] y", "v = Unsqueeze(x, one) y = MaxPool<kernel_shape = [2]>(v)", []float32{nan, 2, 3, nan, nan, 5, 4, 3, nan, nan, nan, nan, inf, inf, 1}},
		{"int64[a,b,c] i", "v = Unsqueeze(x, one) y, i = MaxPool<kernel_shape = [2], strides = [2]>(v)", []float32{0, 3, 5, 6, 8, 11, 13, 15, 17, 19}},
		{"int64[a] y", "y = ArgMax<axis = 1, keepdims = 0>(x)", []float32{0, 1, 3, 0, 1}},
		{"int64[a] y", "y = ArgMin<axis = 1, keepdims = 0>(x)", []float32{0, 1, 3, 0, 0}},
		{"float[a,b] y", "y, i = TopK<axis = 1>(x, two)", []float32{nan, 3, nan, 5, nan, 4, nan, nan, inf, 1}},
		{"float[a,b] y", "y, i = TopK<axis = 1, largest = 0>(x, two)", []float32{1, 2, -1, 2, 2, 3, nan, nan, -inf, 0}},
	} {
		m := parsedText(t, `<ir_version: 10, opset_import: ["" : 22]> g (float[5,4] x, float[5,4] z) => (`+c.out+`)
			<int64[1] one = {1}, int64[1] two = {2}, float low = {-0.5}, float high = {2.5}> { `+c.body+` }`)
		eachBackend(t, func(t *testing.T, b compute.Backend) {
			out := runHere(t, m, feeds, b)[m.Graph.Outputs()[0].Name()]
			got := narrow[float32](numbers(t, out))
			if !slices.EqualFunc(got, c.want, func(a, b float32) bool { return a == b || a != a && b != b }) {
				t.Errorf("%s:\ngot  %v\nwant %v", c.body, got, c.want)
			}
		})
	}
}
