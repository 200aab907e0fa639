package importer_test

import (
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/importer"
)

// TestCastGradient: a gradient passes through casts between float types.
func TestCastGradient(t *testing.T) {
	p := loadText(t, `<ir_version: 8, opset_import: ["": 19]>
		g (double[3] x, float[3] w) => (double[3] y) {
			f = Cast<to = 1>(x)
			z = Mul(f, w)
			y = CastLike(z, x)
		}`, importer.Options{})
	store := model.NewStore()
	got := run(t, backend(t, "go"), store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		y := p.Call(scope, map[string]*graph.Node{"x": in[0], "w": in[1]})
		return graph.Gradient(graph.ReduceAllSum(y[0]), in[0])
	}, []any{tensors.FromValue([]float64{1, 2, 3}), vector(4, 5, 6)})
	if want := []float64{4, 5, 6}; !slices.Equal(flat(t, got[0]), want) {
		t.Errorf("got %v, want %v", flat(t, got[0]), want)
	}
}
