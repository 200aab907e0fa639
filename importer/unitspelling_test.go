package importer_test

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/importer"
)

// spellings are units in nodes; inside is a value whose asking for lowers the nodes singly.
var spellings = []struct{ name, inside, text string }{
	{"bias scaled with the scores", "p", `g (float[2,3,5,4] q, float[2,3,4,6] k, float[2,3,6,4] v, float[3,1,6] b) => (float[2,3,5,4] y)
		{ s = MatMul(q, k)  a = Add(s, b)  f = Constant<value: tensor = float {2.0}>()  l = Div(a, f)  p = Softmax(l)  y = MatMul(p, v) }`},
	{"two biases", "p", `g (float[2,3,5,4] q, float[2,3,4,6] k, float[2,3,6,4] v, float[3,1,6] b, float[2,1,5,1] c) => (float[2,3,5,4] y)
		{ s = MatMul(q, k)  a = Add(b, s)  l = Add(a, c)  p = Softmax(l)  y = MatMul(p, v) }`},
	{"mask by Where", "p", `g (float[2,3,5,4] q, float[2,3,4,6] k, float[2,3,6,4] v) => (float[2,3,5,4] y) <bool[5,6] m = {1,0,0,1,0,1, 1,1,0,1,0,1, 1,0,1,1,0,1, 1,0,0,1,1,1, 1,0,0,1,0,0}>
		{ s = MatMul(q, k)  f = Constant<value: tensor = float {-inf}>()  l = Where(m, s, f)  p = Softmax(l)  y = MatMul(p, v) }`},
	{"the other way round, finite, scaled", "p", `g (float[2,3,5,4] q, float[2,3,4,6] k, float[2,3,6,4] v) => (float[2,3,5,4] y) <bool[1,6] m = {1,0,0,1,0,1}>
		{ s = MatMul(q, k)  f = Constant<value: tensor = float {-3.0}>()  h = Constant<value: tensor = float {0.5}>()  w = Where(m, f, s)  l = Mul(w, h)  p = Softmax(l)  y = MatMul(p, v) }`},
	{"a mask per window", "p", `g (float[4,3,5,4] q, float[4,3,4,5] k, float[4,3,5,4] v, float[2,1,5,5] b) => (float[4,3,5,4] y)
		<int64[5] to = {2,2,3,5,5}, int64[4] back = {-1,3,5,5}>
		{ s = MatMul(q, k)  r = Reshape(s, to)  a = Add(r, b)  l = Reshape(a, back)  p = Softmax(l)  y = MatMul(p, v) }`},
	{"heads in the batch", "p", `g (float[6,5,4] q, float[6,4,6] k, float[6,6,4] v, float[2,1,1,6] b) => (float[6,5,4] y)
		<int64[4] to = {2,3,5,6}, int64[3] back = {6,5,6}>
		{ s = MatMul(q, k)  r = Reshape(s, to)  a = Add(r, b)  l = Reshape(a, back)  p = Softmax(l)  c = Cast<to: int = 1>(p)  y = MatMul(c, v) }`},
	{"LayerNorm", "d", `g (float[2,5,8] x, float[8] g, float[8] b) => (float[2,5,8] y)
		{ m = ReduceMean<axes: ints = [-1]>(x)  d = Sub(x, m)  two = Constant<value: tensor = float {2.0}>()  e = Pow(d, two)  w = ReduceMean<axes: ints = [-1]>(e)
		  eps = Constant<value: tensor = float {0.001}>()  u = Add(w, eps)  r = Sqrt(u)  n = Div(d, r)  h = Mul(n, g)  y = Add(h, b) }`},
	{"RMS norm", "r", `g (float[2,5,8] x, float[8] g) => (float[2,5,8] y)
		{ two = Constant<value: tensor = float {2.0}>()  e = Pow(x, two)  w = ReduceMean<axes: ints = [-1]>(e)
		  eps = Constant<value: tensor = float {0.001}>()  u = Add(w, eps)  r = Sqrt(u)  o = Constant<value: tensor = float {1.0}>()  i = Div(o, r)  n = Mul(x, i)  y = Mul(g, n) }`},
}

// TestSpellings: each is one unit, with the result and the gradients of its nodes.
func TestSpellings(t *testing.T) {
	for _, test := range spellings {
		t.Run(test.name, func(t *testing.T) {
			m := parsedText(t, `<ir_version: 8, opset_import: ["" : 17]> `+test.text)
			p, err := importer.Load(m, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Units() != 1 {
				t.Fatalf("%d units, want 1", p.Units())
			}
			eachBackend(t, func(t *testing.T, b compute.Backend) {
				whole, nodes := valueAndGrads(t, p, b, "y"), valueAndGrads(t, p, b, "y", test.inside)
				for i := range whole {
					// A few float32 operations in another order. A gradient that is zero by nature,
					// as that of a number added to a whole row of scores, is noise in both.
					if d := relative(whole[i], nodes[i]); d > 1e-5 && largestOf(nodes[i]) > 1e-5 {
						t.Errorf("result %d differs by %.2g of its largest element, want at most 1e-5", i, d)
					}
				}
			})
		})
	}
}

func largestOf(x []float32) (top float32) {
	for _, v := range x {
		top = max(top, v, -v)
	}
	return top
}
