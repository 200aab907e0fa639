package importer_test

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// recomputed is two blocks on a stream: each has a trained product, a GELU in nodes and a
// mask that both read, and the second block reads a value of the first beside the stream.
const recomputed = `<ir_version: 10, opset_import: ["" : 21]>
g (float[2,3,4] x, float[4] m) => (float[2,3,4] y, float[2,3,4] side)
<float[4,4] a = {1,2,0,1, 0,1,3,-1, 2,0,1,1, -1,1,0,2}, float[4,4] b = {0.5,0,1,0, 1,-1,0,2, 0,1,1,0, 2,0,0.5,1}, float[4] f = {1,-1,0.5,2}, float s = {0.5}>
{
  x0 = Tanh(x)
  mask = Sigmoid(m)
  h0 = MatMul(x0, a)
  g0 = Gelu(h0)
  k0 = Mul(g0, mask)
  x1 = Add(x0, k0)
  side = Mul(g0, s)
  h1 = MatMul(x1, b)
  g1 = Tanh(h1)
  j1 = Mul(g1, f)
  k1 = Mul(j1, mask)
  l1 = Add(k1, side)
  x2 = Add(x1, l1)
  y = Mul(x2, x2)
}`

// TestRecompute: values and gradients, by inputs and trained weights, are those of the plain
// graph to the rounding of a few float32 operations, also where a value inside is asked for.
func TestRecompute(t *testing.T) {
	m := parsedText(t, recomputed)
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		for _, wanted := range [][]string{{"y"}, {"y", "side"}, {"y", "h1"}} {
			plain := recomputeGradients(t, b, recomputeLoad(t, m, nil), wanted)
			again := recomputeGradients(t, b, recomputeLoad(t, m, []string{"x0", "x1", "x2"}), wanted)
			for i := range plain {
				if d := relative(again[i], plain[i]); d > 1e-6 {
					t.Errorf("%q: result %d differs by %.2g, want at most 1e-6", wanted, i, d)
				}
			}
		}
	})
}

// TestRecomputeRefused: a name that is none, and one that nothing computes.
func TestRecomputeRefused(t *testing.T) {
	m := parsedText(t, recomputed)
	for _, name := range []string{"nowhere", "x"} {
		if _, err := importer.Load(m, importer.Options{Recompute: []string{name}}); err == nil {
			t.Errorf("recomputing from %q was not refused", name)
		}
	}
}

// recomputeGradients gives the wanted values, and the gradients of a weighted sum of the first
// by the inputs and the trained weights.
func recomputeGradients(t *testing.T, b compute.Backend, p *importer.Program, wanted []string) [][]float32 {
	t.Helper()
	store := model.NewStore()
	defer store.Finalize()
	if err := p.Install(store); err != nil {
		t.Fatal(err)
	}
	exec, err := model.NewExec(b, store, func(scope *model.Scope, x, m *graph.Node) []*graph.Node {
		out := p.Call(scope, map[string]*graph.Node{"x": x, "m": m}, wanted...)
		by := []*graph.Node{x, m}
		for _, name := range p.Trainable() {
			by = append(by, store.GetVariable(importer.VariablePath(name)).NodeValue(x.Graph()))
		}
		weights := graph.Sin(graph.IotaFull(x.Graph(), out[0].Shape()))
		return append(out, graph.Gradient(graph.ReduceAllSum(graph.Mul(out[0], weights)), by...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	x := make([]float32, 24)
	for i := range x {
		x[i] = float32(i%7)/3 - 1
	}
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(x, 2, 3, 4), []float32{1, -1, 2, 0})
	if err != nil {
		t.Fatal(err)
	}
	results := make([][]float32, len(out))
	for i, o := range out {
		results[i] = tensors.MustCopyFlatData[float32](o)
	}
	return results
}

// recomputeLoad loads the model with both products trained.
func recomputeLoad(t *testing.T, m *graphsurgery.Model, recompute []string) *importer.Program {
	t.Helper()
	p, err := importer.Load(m, importer.Options{Recompute: recompute, Trainable: func(name string) bool { return name == "a" || name == "b" }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
