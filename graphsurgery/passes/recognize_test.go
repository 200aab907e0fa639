package passes_test

import (
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

func TestInline(t *testing.T) {
	beforeAfter(t, "17", `
g (float[2] x) => (float[2] y, float[2] z)
{
    [first] y = local.outer<alpha = 0.5>(x)
    [second] z = local.outer(x)
}
<domain: "local", opset_import: ["" : 17, "local" : 1]>
inner <slope = 0.25> (p) => (q) { q = LeakyRelu<alpha : float = @slope>(p) }
<domain: "local", opset_import: ["" : 17, "local" : 1]>
outer <alpha = 0.125> (p) => (q) { r = local.inner<slope : float = @alpha>(p) q = Neg(r) }`, `
g (float[2] x) => (float[2] y, float[2] z)
{
    "first/r" = LeakyRelu<alpha = 0.5>(x)
    "second/r" = LeakyRelu<alpha = 0.125>(x)
    y = Neg("first/r")
    z = Neg("second/r")
}`, passes.Inline(nil))
}

func TestInlineChosen(t *testing.T) {
	m := parse(t, "17", `
g (float[2] x) => (float[2] y) { a = local.one(x) y = local.two(a) }
<domain: "local", opset_import: ["" : 17, "local" : 1]> one (p) => (q) { q = Neg(p) }
<domain: "local", opset_import: ["" : 17, "local" : 1]> two (p) => (q) { r = local.one(p) q = Exp(r) }`)
	if _, err := passes.Run(m, passes.Inline(func(f *gs.Function) bool { return f.Name() == "one" })); err != nil {
		t.Fatal(err)
	}
	if len(m.Functions()) != 1 || m.Graph.Nodes()[0].Op() != "Neg" || m.Graph.Nodes()[1].Op() != "two" || m.Functions()[0].Body().Nodes()[0].Op() != "Neg" {
		t.Errorf("got\n%s", m.Text())
	}
}

func TestRecognisers(t *testing.T) {
	const heads = `g (float[B,2,T,8] q, float[B,2,8,S] k, float[B,2,S,8] v, float[T,S] mask) => (float[B,2,T,8] y) `
	cases := []struct {
		name string
		pass passes.Pass
		text string
		want string // the node that is left to compute y
	}{
		{"layer norm", passes.LayerNorm(), `
g (float[B,3,8] x) => (float[B,3,8] y) <float[8] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[8] b = {1, 2, 3, 4, 5, 6, 7, 8}, float eps = {0.001}, float two = {2}, int64[1] axes = {-1}>
{
    m = ReduceMean(x, axes) c = Sub(x, m) s = Pow(c, two) v = ReduceMean(s, axes) e = Add(v, eps)
    d = Sqrt(e) n = Div(c, d) g = Mul(n, w) y = Add(g, b)
}`, `y = LayerNormalization <axis = -1, epsilon = 0.001> (x, w, b)`},
		{"RMS norm", passes.LayerNorm(), `
g (float[B,3,8] x) => (float[B,3,8] y) <float[8] w = {1, 2, 3, 4, 5, 6, 7, 8}, float eps = {0.001}, float two = {2}, int64[1] axes = {-1}>
{
    s = Pow(x, two) v = ReduceMean(s, axes) e = Add(v, eps) d = Sqrt(e) n = Div(x, d) y = Mul(n, w)
}`, `y = RMSNormalization <axis = -1, epsilon = 0.001> (x, w)`},
		{"GELU by Erf", passes.GELU(), `
g (float[B,8] x) => (float[B,8] y) <float r = {1.4142135}, float one = {1}, float half = {0.5}>
{ d = Div(x, r) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half) }`, `y = Gelu <approximate = "none"> (x)`},
		{"GELU by Tanh", passes.GELU(), `
g (float[B,8] x) => (float[B,8] y) <float three = {3}, float c = {0.044715}, float r = {0.7978845608}, float one = {1}, float half = {0.5}>
{ p = Pow(x, three) s = Mul(p, c) a = Add(x, s) m = Mul(a, r) t = Tanh(m) o = Add(t, one) h = Mul(x, half) y = Mul(h, o) }`, `y = Gelu <approximate = "tanh"> (x)`},
		{"GELU with quantised constants", passes.GELU(), `
g (float[B,8] x) => (float[B,8] y) <float r = {1.4142135}, float one = {1}, uint8 h = {128}, float s = {0.00390625}, uint8 z = {0}>
{ half = DequantizeLinear(h, s, z) d = Div(x, r) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half) }`, `y = Gelu <approximate = "none"> (x)`},
		{"attention with scale and mask", passes.Attention(), heads + `<float root = {2}>
{ s = MatMul(q, k) d = Div(s, root) a = Add(d, mask) p = Softmax<axis = -1>(a) y = MatMul(p, v) }`, `y = Attention <scale = 0.5> (q, `},
		{"attention on transposed keys", passes.Attention(), `
g (float[1,2,4,8] q, float[1,4,2,8] keys, float[1,2,4,8] v) => (float[1,2,4,8] y)
{ k = Transpose<perm = [0, 2, 3, 1]>(keys) s = MatMul(q, k) p = Softmax(s) y = MatMul(p, v) }`, `Transpose <perm = [0, 2, 1, 3]> (keys)`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, "23", c.text)
			feeds := madeUp(m)
			want, err := compute(m, feeds)
			if err != nil {
				t.Fatal(err)
			}
			report, err := passes.Run(m, c.pass)
			if err != nil {
				t.Fatal(err)
			}
			got, err := compute(m, feeds)
			if err != nil {
				t.Fatal(err)
			}
			if err := agree(got, want); err != nil {
				t.Error(err)
			}
			if report.Changed() != 1 || !strings.Contains(m.Text(), c.want) {
				t.Errorf("changed %d places, want %q in\n%s", report.Changed(), c.want, m.Text())
			}
		})
	}
}

// madeUp feeds a model with numbers between -2 and 2; open dimensions are of size 3.
func madeUp(m *gs.Model) map[string]*gs.Tensor {
	feeds := map[string]*gs.Tensor{}
	for _, v := range m.Graph.Inputs() {
		shape, n := []int64{}, int64(1)
		for _, d := range v.Shape() {
			if d.Value < 0 {
				d.Value = 3
			}
			shape, n = append(shape, d.Value), n*d.Value
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32((i*7+3)%17)/4 - 2
		}
		feeds[v.Name()] = gs.NewTensor(shape, x)
	}
	return feeds
}

// What only looks like the operator stays.
func TestRecognisersRefuse(t *testing.T) {
	cases := []struct {
		name string
		pass passes.Pass
		text string
	}{
		{"a mask that addition repeats", passes.Attention(), `
g (float[1,2,4,8] q, float[1,2,8,4] k, float[1,2,4,8] v, float[1,1] mask) => (float[1,2,4,8] y)
{ s = MatMul(q, k) a = Add(s, mask) p = Softmax(a) y = MatMul(p, v) }`},
		{"softmax over another axis", passes.Attention(), `
g (float[1,2,4,8] q, float[1,2,8,4] k, float[1,2,4,8] v) => (float[1,2,4,8] y)
{ s = MatMul(q, k) p = Softmax<axis = 2>(s) y = MatMul(p, v) }`},
		{"a norm in double precision", passes.LayerNorm(), `
g (double[3,8] x, double[8] w, double[8] b) => (double[3,8] y) <double eps = {0.001}, double two = {2}, int64[1] axes = {-1}>
{
    m = ReduceMean(x, axes) c = Sub(x, m) s = Pow(c, two) v = ReduceMean(s, axes) e = Add(v, eps)
    d = Sqrt(e) n = Div(c, d) g = Mul(n, w) y = Add(g, b)
}`},
		{"GELU with its other factor transposed", passes.GELU(), `
g (float[4,4] x) => (float[4,4] y) <float r = {1.4142135}, float one = {1}, float half = {0.5}>
{ t = Transpose(x) d = Div(t, r) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half) }`},
		{"GELU that adds axes", passes.GELU(), `
g (float[4] x) => (float[1,1,4] y) <float r = {1.4142135}, float one = {1}, float[1,1,1] half = {0.5}>
{ d = Div(x, r) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half) }`},
		{"GELU of quantised numbers", passes.GELU(), `
g (float[4] x) => (float[4] y) <float r = {1.4142135}, float one = {1}, float half = {0.5}, float s = {0.1}, uint8 z = {128}>
{ q = QuantizeLinear(x, s, z) p = DequantizeLinear(q, s, z) d = Div(p, r) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half) }`},
		{"GELU of whole numbers", passes.GELU(), `
g (float[4] x) => (float[4] y) <float r = {1.4142135}, float one = {1}, float half = {0.5}>
{ i = Cast<to = 7>(x) f = Cast<to = 1>(i) d = Div(f, r) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half) }`},
		{"GELU with a half that a caller can override", passes.GELU(), `
g (float[4] x, float half) => (float[4] y) <float r = {1.4142135}, float one = {1}, float half = {0.5}>
{ d = Div(x, r) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half) }`},
		{"RMS norm with whole numbers", passes.LayerNorm(), `
g (float[2,8] x) => (float[2,8] y) <float eps = {0.001}, float two = {2}, int64[1] axes = {-1}>
{ i = Cast<to = 7>(x) f = Cast<to = 1>(i) s = Pow(f, two) v = ReduceMean(s, axes) e = Add(v, eps) d = Sqrt(e) y = Div(x, d) }`},
		{"RMS norm that adds axes", passes.LayerNorm(), `
g (float[2,8] x) => (float[1,2,8] y) <float[1,1,1] eps = {0.001}, float two = {2}, int64[1] axes = {-1}>
{ s = Pow(x, two) v = ReduceMean(s, axes) e = Add(v, eps) d = Sqrt(e) y = Div(x, d) }`},
		{"attention with a negative scale", passes.Attention(), `
g (float[1,2,4,8] q, float[1,2,8,4] k, float[1,2,4,8] v) => (float[1,2,4,8] y) <float scale = {-0.5}>
{ s = MatMul(q, k) a = Mul(s, scale) p = Softmax(a) y = MatMul(p, v) }`},
		{"attention divided by infinity", passes.Attention(), `
g (float[1,2,4,8] q, float[1,2,8,4] k, float[1,2,4,8] v) => (float[1,2,4,8] y) <float scale = {inf}>
{ s = MatMul(q, k) a = Div(s, scale) p = Softmax(a) y = MatMul(p, v) }`},
		{"attention with a scale of five axes", passes.Attention(), `
g (float[1,2,4,8] q, float[1,2,8,4] k, float[1,2,4,8] v) => (float[1,1,2,4,8] y) <float[1,1,1,1,1] scale = {0.5}>
{ s = MatMul(q, k) a = Mul(s, scale) p = Softmax(a) y = MatMul(p, v) }`},
		{"a mask of more heads", passes.Attention(), `
g (float[1,1,4,8] q, float[1,1,8,4] k, float[1,1,4,8] v, float[1,2,4,4] mask) => (float[1,2,4,8] y)
{ s = MatMul(q, k) a = Add(s, mask) p = Softmax(a) y = MatMul(p, v) }`},
		{"a sigmoid-weighted unit", passes.GELU(), `g (float[8] x) => (float[8] y) { s = Sigmoid(x) y = Mul(x, s) }`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { unchanged(t, "23", c.text, c.pass) })
	}
}

func TestRepair(t *testing.T) {
	m, err := gs.ParseText(`<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = com.microsoft.QuickGelu(a) a = Neg(x) }`)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); err == nil {
		t.Fatal("the model is valid before it is repaired")
	}
	if _, err := passes.Run(m, passes.Repair()); err != nil {
		t.Fatal(err)
	}
	if have, _ := m.Opset("com.microsoft"); have != 1 || m.Graph.Nodes()[0].Op() != "Neg" {
		t.Errorf("got\n%s", m.Text())
	}
}
