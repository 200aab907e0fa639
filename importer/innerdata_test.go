package importer_test

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/importer"
)

// innerModels have constants of four elements and more everywhere but among the
// graph's initialisers; two bodies name theirs alike.
var innerModels = []struct{ name, text string }{
	{"both branches of an If", `<ir_version: 10, opset_import: ["": 21]>
		g (float[4] x) => (float[4] y) {
			s = ReduceSum<keepdims = 0>(x)
			zero = Constant<value = float {0}>()
			c = Greater(s, zero)
			y = If(c) <then_branch = a () => (float[4] p) <float[4] w = {1, 2, 3, 4}> { p = Mul(x, w) },
				else_branch = b () => (float[4] q) <float[4] w = {5, 6, 7, 8}> { q = Mul(x, w) }>
		}`},
	{"a Loop in a Loop", `<ir_version: 10, opset_import: ["": 21]>
		g (float[4] x) => (float[4] y) {
			trips = Constant<value_int = 3>()
			y = Loop(trips, , x) <body = b (int64 i, bool c, float[4] v) => (bool c, float[4] w) <float[4] k = {1, -1, 2, 0.5}> {
				u = Mul(v, k)
				w = Loop(trips, , u) <body = e (int64 j, bool f, float[4] a) => (bool f, float[4] r) <float[4] m = {0.5, 1, 0.25, 2}> { r = Mul(a, m) }>
			}>
		}`},
	{"a Scan", `<ir_version: 10, opset_import: ["": 21]>
		g (float[4] x) => (float[4] y) {
			shape = Constant<value_ints = [1, 4]>()
			z = Reshape(x, shape)
			y, parts = Scan<num_scan_inputs = 1, body = b (float[4] v, float[4] s) => (float[4] w, float[4] o) <float[4] k = {3, 1, 4, 1}> {
				w = Mul(s, k)
				o = Add(v, k)
			}>(x, z)
		}`},
	{"Constant nodes, in a function too", `<ir_version: 10, opset_import: ["": 21, "own": 1]>
		g (float[4] x) => (float[4] y) {
			k = Constant<value = float[4] {1, 2, 3, 4}>()
			u = Mul(x, k)
			y = own.Scale(u)
		}
		<domain: "own", opset_import: ["": 21]>
		Scale (x) => (y) {
			m = Constant<value = float[4] {2, 3, 4, 5}>()
			y = Mul(x, m)
		}`},
}

// TestInnerConstants: large constants in bodies, functions and Constant nodes are no
// constants of the compiled program, here with all above three elements large; values
// and gradients are the same to the bit, because only where factors come from differs.
func TestInnerConstants(t *testing.T) {
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		for _, c := range innerModels {
			m := parsedText(t, c.text)
			compiled := func(limit int) (out []*tensors.Tensor, largest, fed int) {
				p, err := importer.Load(m, importer.Options{MaxHostElements: limit})
				if err != nil {
					t.Fatal(err)
				}
				store := model.NewStore()
				defer store.Finalize()
				if err := p.InstallOn(store, b); err != nil {
					t.Fatal(err)
				}
				for v := range store.IterVariables() {
					if fed++; v.Trainable {
						t.Errorf("%s: %s is trainable", c.name, v.Path())
					}
				}
				exec := executor(t, b, store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
					y := p.Call(scope, map[string]*graph.Node{"x": in[0]})[0]
					return append([]*graph.Node{y}, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, y)), in[0])...)
				})
				g, err := exec.Compile(shapes.Make(dtypes.Float32, 4))
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range g.Nodes() {
					if n.Type() == graph.NodeTypeConstant {
						largest = max(largest, n.Shape().Size())
					}
				}
				if out, err = exec.Call([]float32{1, -2, 3, 4}); err != nil {
					t.Fatal(err)
				}
				return out, largest, fed
			}
			want, largest, _ := compiled(0)
			if largest < 4 {
				t.Fatalf("%s: the largest constant has %d elements without a limit, so the case tests nothing", c.name, largest)
			}
			got, largest, fed := compiled(3)
			if largest > 3 || fed == 0 {
				t.Errorf("%s: the largest constant has %d elements, with %d variables; want at most 3, and some", c.name, largest, fed)
			}
			for i := range want {
				if d := furthest(flat(t, got[i]), flat(t, want[i])); d != 0 {
					t.Errorf("%s: result %d differs by %g from that with constants", c.name, i, d)
				}
			}
		}
	})
}

// TestInnerConstantDecides: the elements of a large constant in a body are known
// where they decide a shape.
func TestInnerConstantDecides(t *testing.T) {
	m := parsedText(t, `<ir_version: 10, opset_import: ["": 21]>
		g (float[8] x) => (float[a, b, c, d] y) {
			trips = Constant<value_int = 1>()
			last, all = Loop(trips, , x) <body = b (int64 i, bool c, float[8] v) => (bool c, float[8] v, float[1,2,2,2] s) <int64[4] shape = {1, 2, 2, 2}> { s = Reshape(v, shape) }>
			zero = Constant<value_ints = [0]>()
			y = Squeeze(all, zero)
		}`)
	p, err := importer.Load(m, importer.Options{MaxHostElements: 3})
	if err != nil {
		t.Fatal(err)
	}
	out, err := newRunner(t, p, backend(t, "go")).Run(map[string]*tensors.Tensor{"x": vector(1, 2, 3, 4, 5, 6, 7, 8)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := out["y"].Shape().Dimensions, []int{1, 2, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("y has shape %v, want %v", got, want)
	}
}
