package importer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// speltAttention is an attention of three heads in nodes; %s is what stands
// between the product of queries and keys and the softmax, from s to l.
const speltAttention = `<ir_version: 8, opset_import: ["" : 17]>
spelt (float[1,3,%d,8] q, float[1,3,%d,8] k, float[1,3,%d,8] v, float[%d] bias) => (float[1,3,%d,8] y) {
  kt = Transpose<perm: ints = [0,1,3,2]>(k)
  s = MatMul(q, kt)
  scale = Constant<value: tensor = float {0.5}>()
  %s
  p = Softmax<axis: int = -1>(l)
  y = MatMul(p, v)
}`

// TestUnitEqualsNodes: an attention gives the same result and the same gradients
// as its nodes, which are lowered one by one when a value inside is asked for. The longest
// goes through the loop over heads on XLA (17 MB of scores).
func TestUnitEqualsNodes(t *testing.T) {
	tests := []struct {
		name, between string
		length        int
	}{
		{"plain, looped", "l = Mul(s, scale)", 1200},
		{"divided", "l = Div(s, scale)", 40},
		{"scaled, biased", "m = Mul(scale, s)\n  l = Add(bias, m)", 40},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := test.length
			m := parsedText(t, fmt.Sprintf(speltAttention, n, n, n, n, n, test.between))
			p, err := importer.Load(m, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Units() != 1 {
				t.Fatalf("%d units, want 1", p.Units())
			}
			eachBackend(t, func(t *testing.T, b compute.Backend) {
				if n > 1000 && b.String() == "go" {
					return // no loop there, and slow
				}
				whole, nodes := valueAndGrads(t, p, b, "y"), valueAndGrads(t, p, b, "y", "p")
				for i := range whole {
					// Both are sums of up to 1200 float32 products of numbers around 1.
					if d := relative(whole[i], nodes[i]); d > 2e-5 {
						t.Errorf("result %d differs by %.2g of its largest element, want at most 2e-5", i, d)
					}
				}
			})
		})
	}
}

func parsedText(t *testing.T, text string) *graphsurgery.Model {
	t.Helper()
	m, err := graphsurgery.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// valueAndGrads gives the first value and the gradients of a weighted sum of it by every input;
// further values are only asked for.
func valueAndGrads(t *testing.T, p *importer.Program, b compute.Backend, values ...string) [][]float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var args []any
	for _, port := range p.Inputs() {
		dims := make([]int, len(port.Shape))
		size := 1
		for i, d := range port.Shape {
			dims[i] = int(d.Value)
			size *= dims[i]
		}
		data := make([]float32, size)
		for i := range data {
			data[i] = float32(rng.NormFloat64())
		}
		args = append(args, tensors.FromFlatDataAndDimensions(data, dims...))
	}
	store := model.NewStore()
	defer store.Finalize()
	exec, err := model.NewExec(b, store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		feeds := map[string]*graph.Node{}
		for i, port := range p.Inputs() {
			feeds[port.Name] = in[i]
		}
		y := p.Call(scope, feeds, values...)[0]
		weights := graph.Sin(graph.IotaFull(y.Graph(), y.Shape()))
		return append([]*graph.Node{y}, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, weights)), in...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	var results [][]float32
	for _, x := range out {
		flat, err := tensors.CopyFlatData[float32](x)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, flat)
	}
	return results
}

// relative is the largest difference over the largest element.
func relative(a, b []float32) float64 {
	most, top := 0.0, 1e-30
	for i := range b {
		most = max(most, math.Abs(float64(a[i]-b[i])))
		top = max(top, math.Abs(float64(b[i])))
	}
	return most / top
}

// TestGELUUnit: a GELU in nodes gives the same result and gradient as its nodes,
// also far from zero, where both of its tails have cancelled out.
func TestGELUUnit(t *testing.T) {
	m := parsedText(t, `<ir_version: 8, opset_import: ["" : 17]>
gelu (float[3,40,7] x) => (float[3,40,7] y) {
  root = Constant<value: tensor = float {1.41421354}>()
  one = Constant<value: tensor = float {1.0}>()
  half = Constant<value: tensor = float {0.5}>()
  six = Constant<value: tensor = float {6.0}>()
  wide = Mul(x, six)
  d = Div(wide, root)
  e = Erf(d)
  s = Add(e, one)
  p = Mul(wide, s)
  y = Mul(p, half)
}`)
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Units() != 1 {
		t.Fatalf("%d units, want 1", p.Units())
	}
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		whole, nodes := valueAndGrads(t, p, b, "y"), valueAndGrads(t, p, b, "y", "s")
		for i := range whole {
			// A few roundings of float32 on numbers up to 18.
			if d := relative(whole[i], nodes[i]); d > 1e-6 {
				t.Errorf("result %d differs by %.2g of its largest element, want at most 1e-6", i, d)
			}
		}
	})
}
