package importer_test

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestStraightThrough: the gradient through a quantised model is that of the float
// model it stands for, in which rounding is left out and what the integer range
// cuts off is clipped.
func TestStraightThrough(t *testing.T) {
	const w8 = `int8[3,2] w = {1, -2, 30, -40, 5, 60}, double[2] k = {0.1, 0.2}, int8[2] z = {3, 0}`
	const w = `double[3,2] w = {-0.2, -0.4, 2.7, -8.0, 0.2, 12.0}`
	for _, c := range []struct{ name, quantised, float string }{
		{"dynamic product", `(double[2,2,3] x) => (y) <` + w8 + `>
			{ q, s, p = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, p, z) f = Cast<to = 11>(i) t = Mul(s, k) y = Mul(f, t) }`,
			`(double[2,2,3] x) => (y) <` + w + `> { y = MatMul(x, w) }`},
		{"two layers", `(double[2,3] x) => (y) <` + w8 + `, int8[2,2] v = {1, 2, 3, 4}>
			{ q, s, p = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, p, z) f = Cast<to = 11>(i) t = Mul(s, k) h = Mul(f, t)
			  q2, s2, p2 = DynamicQuantizeLinear(h) i2 = MatMulInteger(q2, v, p2) f2 = Cast<to = 11>(i2) y = Mul(f2, s2) }`,
			`(double[2,3] x) => (y) <` + w + `, double[2,2] v = {1.0, 2.0, 3.0, 4.0}> { h = MatMul(x, w) y = MatMul(h, v) }`},
		{"dynamic convolution", `(double[1,2,4] x) => (y) <uint8[2,2,2] w = {1, 200, 3, 4, 5, 6, 7, 8}, uint8 z = {9}>
			{ q, s, p = DynamicQuantizeLinear(x) i = ConvInteger<pads = [1, 0]>(q, w, p, z) f = Cast<to = 11>(i) y = Mul(f, s) }`,
			`(double[1,2,4] x) => (y) <double[2,2,2] w = {-8.0, 191.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0}> { y = Conv<pads = [1, 0]>(x, w) }`},
		{"pair", `(double[2,3] x) => (y) <double s = {0.01}, int8 z = {10}> { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }`,
			`(double[2,3] x) => (y) <double l = {-1.38}, double h = {1.17}> { y = Clip(x, l, h) }`},
		{"moved", `(double[2,3] x) => (y) <double s = {0.02}, uint8 z = {128}, int64[2] d = {3, 2}>
			{ q = QuantizeLinear(x, s, z) r = Reshape(q, d) m = Transpose(r) n = Concat<axis = 0>(m, m) y = DequantizeLinear(n, s, z) }`,
			`(double[2,3] x) => (y) <int64[2] d = {3, 2}> { r = Reshape(x, d) m = Transpose(r) y = Concat<axis = 0>(m, m) }`},
		{"integer product", `(double[2,3] x) => (y) <double s = {0.02}, uint8 p = {128}, ` + w8 + `, double o = {1.0}, int8 u = {0}>
			{ q = QuantizeLinear(x, s, p) r = QLinearMatMul(q, s, p, w, k, z, o, u) y = DequantizeLinear(r, o, u) }`,
			`(double[2,3] x) => (y) <` + w + `> { y = MatMul(x, w) }`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := backend(t, "go")
			got, want := straightGradient(t, b, c.quantised), straightGradient(t, b, c.float)
			// The scales of 8 bits are rounded to float32 on some of the ways.
			if d := furthest(got, want); d > 1e-6 {
				t.Errorf("differs by %g\ngot  %v\nwant %v", d, got, want)
			}
		})
	}
}

// straightGradient gives the gradient by the input x of a weighted sum of the outputs.
func straightGradient(t *testing.T, b compute.Backend, text string) []float64 {
	t.Helper()
	m, err := graphsurgery.ParseText(`<ir_version: 10, opset_import: ["" : 21]> g ` + text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var dims []int
	n := 1
	for _, d := range p.Inputs()[0].Shape {
		dims = append(dims, int(d.Value))
		n *= int(d.Value)
	}
	store := model.NewStore()
	if err := p.Install(store); err != nil {
		t.Fatal(err)
	}
	x := tensors.FromFlatDataAndDimensions(randomFloats("straight", n, -2, 2), dims...)
	return flat(t, run(t, b, store, lossOf(p, []string{"x"}, []int{0}), []any{x})[0])
}
