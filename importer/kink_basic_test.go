package importer_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestKinks: where a function has no derivative, its gradient is the one that
// PyTorch takes (relu, leaky_relu, elu, hardsigmoid, hardswish, clamp, maximum, abs, amax,
// norm, pow), and it is finite.
func TestKinks(t *testing.T) {
	third := 1.0 / 3
	for _, c := range []struct {
		name, nodes string
		x, want     []float64
	}{
		{"Abs", "y = Abs(x)", []float64{0, -1}, []float64{0, -1}},
		{"Relu", "y = Relu(x)", []float64{0, 1}, []float64{0, 1}},
		{"LeakyRelu", "y = LeakyRelu<alpha = 0.25>(x)", []float64{0, 1}, []float64{0.25, 1}},
		{"Elu", "y = Elu<alpha = 2.0>(x)", []float64{0, 1}, []float64{2, 1}},
		{"Celu", "y = Celu<alpha = 2.0>(x)", []float64{0, 1}, []float64{1, 1}},
		{"Softplus", "y = Softplus(x)", []float64{0, 0}, []float64{0.5, 0.5}},
		{"Softsign", "y = Softsign(x)", []float64{0, 1}, []float64{1, 0.25}},
		{"HardSigmoid", "y = HardSigmoid<alpha = 0.25, beta = 0.5>(x)", []float64{-2, 0, 2}, []float64{0, 0.25, 0}},
		{"HardSwish", "y = HardSwish(x)", []float64{-3, 0, 3}, []float64{-0.5, 0.5, 1.5}},
		{"ThresholdedRelu", "y = ThresholdedRelu(x)", []float64{1, 2}, []float64{0, 1}},
		{"Clip", "a = Constant<value = double {-1}>()\nb = Constant<value = double {1}>()\ny = Clip(x, a, b)", []float64{-1, 0, 1, 2}, []float64{1, 1, 1, 0}},
		{"Max", "a = Constant<value = double[3] {1, 1, 1}>()\ny = Max(x, a)", []float64{0, 1, 2}, []float64{0, 0.5, 1}},
		{"Min", "a = Constant<value = double[3] {1, 1, 1}>()\ny = Min(a, x)", []float64{0, 1, 2}, []float64{1, 0.5, 0}},
		{"ReduceMax", "y = ReduceMax(x)", []float64{2, 1, 2, 2}, []float64{third, 0, third, third}},
		{"ReduceMin", "y = ReduceMin(x)", []float64{1, 1, 2}, []float64{0.5, 0.5, 0}},
		{"ReduceL1", "y = ReduceL1(x)", []float64{0, -3}, []float64{0, -1}},
		{"ReduceL2", "y = ReduceL2(x)", []float64{0, 0}, []float64{0, 0}},
		{"ReduceProd", "y = ReduceProd(x)", []float64{0, 2, 3}, []float64{6, 0, 0}},
		{"PowZero", "p = Constant<value = double[2] {0, 2}>()\ny = Pow(x, p)", []float64{0, 0}, []float64{0, 0}},
		{"PowExponent", "b = Constant<value = double[3] {0, 2, 1}>()\ny = Pow(b, x)", []float64{2, 2, 2}, []float64{0, 4 * math.Ln2, 0}},
		{"Atan/inf", "y = Atan(x)", []float64{math.Inf(1), math.Inf(-1)}, []float64{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachBackend(t, func(t *testing.T, b compute.Backend) {
				got := gradientAt(t, b, c.nodes, c.x)
				// Rounding of float64 only.
				if d := furthest(got, c.want); d > 1e-12 {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		})
	}
}

// gradientAt differentiates the sum of y by x.
func gradientAt(t *testing.T, b compute.Backend, nodes string, x []float64) []float64 {
	t.Helper()
	m, err := graphsurgery.ParseText(fmt.Sprintf(`<ir_version: 10, opset_import: ["" : %d]> g (double[%d] x) => (y) { %s }`,
		importer.NewestOpset, len(x), nodes))
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := p.Install(store); err != nil {
		t.Fatal(err)
	}
	build := func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
		y := p.Call(scope, map[string]*graph.Node{"x": nodes[0]})[0]
		return graph.Gradient(graph.ReduceAllSum(y), nodes[0])
	}
	return flat(t, run(t, b, store, build, []any{tensors.FromFlatDataAndDimensions(x, len(x))})[0])
}
