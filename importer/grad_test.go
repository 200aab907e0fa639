package importer_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestGradients compares the gradient of every differentiable operator with
// central differences, in float64. Convolutions, whose gradient is wrong in
// GoMLX for even kernels, are checked on every backend.
func TestGradients(t *testing.T) {
	for _, family := range families {
		cases := slices.DeleteFunc(opCases(t, family), func(c *opCase) bool { return c.f64 == nil })
		check := func(t *testing.T, b compute.Backend) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.checkGradient(t, b) })
			}
		}
		if family == "conv" {
			eachBackend(t, check)
		} else {
			t.Run("go", func(t *testing.T) { check(t, backend(t, "go")) })
		}
	}
}

// checkGradient differentiates a weighted sum of the outputs by each float input.
// A central difference with step h errs by about h²·f‴/6 ≈ 1e-10 and, by
// rounding, ε·|f|/h ≈ 1e-10 for h = 1e-5; 1e-6 leaves room for steep functions
// and is far below any wrong gradient.
func (c *opCase) checkGradient(t *testing.T, b compute.Backend) {
	const step, tolerance = 1e-5, 1e-6
	m, err := graphsurgery.Parse(c.f64)
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var args []any
	var values [][]float64
	for _, in := range p.Inputs() {
		a := c.inputs[in.Name]
		if in.DType != graphsurgery.Double {
			t.Fatalf("input %q of type %s; make it a constant of the case", in.Name, in.DType)
		}
		names = append(names, in.Name)
		values = append(values, a.Float64s())
		args = append(args, tensors.FromFlatDataAndDimensions(a.Float64s(), a.Shape...))
	}
	store := model.NewStore()
	if err := p.Install(store); err != nil {
		t.Fatal(err)
	}
	got := run(t, b, store, lossOf(p, names, true), args)
	loss := executor(t, b, store, lossOf(p, names, false))
	defer loss.Finalize()
	for i, x := range values {
		want := make([]float64, len(x))
		for j, at := range x {
			eval := func(v float64) float64 {
				moved := slices.Clone(x)
				moved[j] = v
				shifted := slices.Clone(args)
				shifted[i] = tensors.FromFlatDataAndDimensions(moved, c.inputs[names[i]].Shape...)
				out, err := loss.Call(shifted...)
				if err != nil {
					t.Fatal(err)
				}
				return flat(t, out[0])[0]
			}
			want[j] = (eval(at+step) - eval(at-step)) / (2 * step)
		}
		if d := furthest(flat(t, got[i]), want); d > tolerance {
			t.Errorf("gradient by %q differs by %g, want at most %g\ngot  %v\nwant %v", names[i], d, tolerance, flat(t, got[i]), want)
		}
		if strings.HasPrefix(c.name, "Sign") || strings.HasPrefix(c.name, "Floor") || strings.HasPrefix(c.name, "Ceil") {
			continue // zero is right
		}
		if !slices.ContainsFunc(want, func(v float64) bool { return math.Abs(v) > 1e-3 }) && c.name != "Pow-17-p0" {
			t.Errorf("the gradient by %q is zero everywhere: the case tests nothing", names[i])
		}
	}
}

// lossOf builds Σ out·weight over all outputs of p, or its gradients. The
// weights differ from each other, so that no sum of gradients cancels.
func lossOf(p *importer.Program, names []string, gradients bool) func(*model.Scope, []*graph.Node) []*graph.Node {
	return func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
		feeds := make(map[string]*graph.Node)
		for i, n := range nodes {
			feeds[names[i]] = n
		}
		loss := graph.Const(nodes[0].Graph(), 0.0)
		for i, out := range p.Call(scope, feeds) {
			row := graph.Reshape(out, out.Shape().Size())
			weights := graph.Cos(graph.MulScalar(graph.AddScalar(graph.IotaLike(row, 0), float64(i)), 1.7))
			loss = graph.Add(loss, graph.ReduceAllSum(graph.Mul(row, weights)))
		}
		if gradients {
			return graph.Gradient(loss, nodes...)
		}
		return []*graph.Node{loss}
	}
}

// executor compiles a function of a store.
func executor(t testing.TB, b compute.Backend, store *model.Store, f func(*model.Scope, []*graph.Node) []*graph.Node) *model.Exec {
	t.Helper()
	exec, err := model.NewExec(b, store, f)
	if err != nil {
		t.Fatal(err)
	}
	return exec
}

// run compiles and runs a function of a store once.
func run(t testing.TB, b compute.Backend, store *model.Store, f func(*model.Scope, []*graph.Node) []*graph.Node, args []any) []*tensors.Tensor {
	t.Helper()
	exec := executor(t, b, store, f)
	defer exec.Finalize()
	out, err := exec.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
