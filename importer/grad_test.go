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

// checkGradient differentiates the case's float64 form.
func (c *opCase) checkGradient(t *testing.T, b compute.Backend) {
	m, err := graphsurgery.Parse(c.f64)
	if err != nil {
		t.Fatal(err)
	}
	zero := c.name == "Pow-17-p0"
	for _, op := range []string{"Sign", "Floor", "Ceil"} {
		zero = zero || strings.HasPrefix(c.name, op)
	}
	feeds := make(map[string][]float64)
	for _, in := range m.Graph.Inputs() {
		if in.DType() != graphsurgery.Double {
			t.Fatalf("input %q of type %s; make it a constant of the case", in.Name(), in.DType())
		}
		feeds[in.Name()] = c.inputs[in.Name()].Float64s()
	}
	shapes := make(map[string][]int)
	for name, a := range c.inputs {
		shapes[name] = a.Shape
	}
	differentiate(t, b, m, feeds, shapes, zero)
}

// differentiate compares the gradient of a weighted sum of a model's outputs by
// each float64 input with central differences. A difference with step h errs by
// about h²·f‴/6 ≈ 1e-10 and, by rounding, ε·|f|/h ≈ 1e-10 for h = 1e-5; 1e-6
// leaves room for steep functions and is far below any wrong gradient. A gradient
// that is zero everywhere tests nothing and fails, unless zero is what is right.
func differentiate(t *testing.T, b compute.Backend, m *graphsurgery.Model, feeds map[string][]float64, shapes map[string][]int, zero bool) {
	const step, tolerance = 1e-5, 1e-6
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var args []any
	var floats []int // which arguments are differentiated
	for i, in := range p.Inputs() {
		names = append(names, in.Name)
		args = append(args, argument(t, in, feeds[in.Name], shapes[in.Name]))
		if in.DType == graphsurgery.Double {
			floats = append(floats, i)
		}
	}
	store := model.NewStore()
	if err := p.Install(store); err != nil {
		t.Fatal(err)
	}
	got := run(t, b, store, lossOf(p, names, floats), args)
	loss := executor(t, b, store, lossOf(p, names, nil))
	defer loss.Finalize()
	for k, i := range floats {
		x, dims := feeds[names[i]], args[i].(*tensors.Tensor).Shape().Dimensions
		want := make([]float64, len(x))
		for j, at := range x {
			eval := func(v float64) float64 {
				moved := slices.Clone(x)
				moved[j] = v
				shifted := slices.Clone(args)
				shifted[i] = tensors.FromFlatDataAndDimensions(moved, dims...)
				out, err := loss.Call(shifted...)
				if err != nil {
					t.Fatal(err)
				}
				return flat(t, out[0])[0]
			}
			want[j] = (eval(at+step) - eval(at-step)) / (2 * step)
		}
		if d := furthest(flat(t, got[k]), want); d > tolerance {
			t.Errorf("gradient by %q differs by %g, want at most %g\ngot  %v\nwant %v", names[i], d, tolerance, flat(t, got[k]), want)
		}
		if !zero && !slices.ContainsFunc(want, func(v float64) bool { return math.Abs(v) > 1e-3 }) {
			t.Errorf("the gradient by %q is zero everywhere: the case tests nothing", names[i])
		}
	}
}

// lossOf builds Σ out·weight over all float outputs of p, or, where by is not nil,
// its gradients by those inputs. The weights differ from each other, so that no
// sum of gradients cancels.
func lossOf(p *importer.Program, names []string, by []int) func(*model.Scope, []*graph.Node) []*graph.Node {
	return func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
		feeds := make(map[string]*graph.Node)
		for i, n := range nodes {
			feeds[names[i]] = n
		}
		loss := graph.Const(nodes[0].Graph(), 0.0)
		for i, out := range p.Call(scope, feeds) {
			if !out.DType().IsFloat() {
				continue
			}
			row := graph.Reshape(out, out.Shape().Size())
			weights := graph.Cos(graph.MulScalar(graph.AddScalar(graph.IotaLike(row, 0), float64(i)), 1.7))
			loss = graph.Add(loss, graph.ReduceAllSum(graph.Mul(row, weights)))
		}
		if by == nil {
			return []*graph.Node{loss}
		}
		wanted := make([]*graph.Node, len(by))
		for i, k := range by {
			wanted[i] = nodes[k]
		}
		return graph.Gradient(loss, wanted...)
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
