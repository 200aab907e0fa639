package importer_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// halfTypes are the types that products can be computed in, with the bar for the relative
// distance from float32: operands are rounded to 8 and 11 binary digits, by at most 2^-9 and
// 2^-12 of each, and up to four roundings follow each other in the gradient of an attention.
var halfTypes = []struct {
	dtype graphsurgery.DType
	bar   float64
}{{graphsurgery.BFloat16, 1.0 / 64}, {graphsurgery.Float16, 1.0 / 512}}

// halfProducts are models of one product each.
var halfProducts = []struct{ name, text string }{
	{"matrices", `g (float[5,7] a, float[7,3] b) => (float[5,3] y) { y = MatMul(a, b) }`},
	{"tokens", `g (float[2,5,7] a, float[7,3] b) => (float[2,5,3] y) { y = MatMul(a, b) }`},
	{"stacks", `g (float[2,1,5,7] a, float[3,7,4] b) => (float[2,3,5,4] y) { y = MatMul(a, b) }`},
	{"Gemm", `g (float[7,5] a, float[3,7] b, float[3] c) => (float[5,3] y) { y = Gemm<transA: int = 1, transB: int = 1, alpha: float = 0.5>(a, b, c) }`},
	{"Einsum", `g (float[4,2,5,3] a, float[5,4,6,2] b) => (float[2,6,3] y) { y = Einsum<equation: string = "abcd,caeb->bed">(a, b) }`},
	{"Conv", `g (float[2,4,9] a, float[6,2,4] b, float[6] c) => (float[2,6,4] y) { y = Conv<group: int = 2, strides: ints = [2], pads: ints = [1,1]>(a, b, c) }`},
	{"ConvTranspose", `g (float[2,4,5] a, float[4,3,4] b) => (float[2,3,12] y) { y = ConvTranspose<strides: ints = [2]>(a, b) }`},
	{"Attention", `g (float[2,3,5,4] q, float[2,3,6,4] k, float[2,3,6,4] v) => (float[2,3,5,4] y) { y = Attention(q, k, v) }`},
	{"looped Attention", `g (float[1,2,1500,4] q, float[1,2,1500,4] k, float[1,2,1500,4] v) => (float[1,2,1500,4] y) { y = Attention(q, k, v) }`},
}

// TestHalfProducts: products in half precision, and their gradients, are those of float32
// within the rounding of their operands, but not equal: something was rounded.
func TestHalfProducts(t *testing.T) {
	if !testBackend("xla:cpu") {
		return // the Go backend refuses, see TestHalfRefusedOnGo
	}
	b := backend(t, "xla:cpu")
	for _, test := range halfProducts {
		m := parsedText(t, `<ir_version: 10, opset_import: ["" : 23]> `+test.text)
		want := valueAndGrads(t, load32(t, m, graphsurgery.Float), b)
		for _, h := range halfTypes {
			got := valueAndGrads(t, load32(t, m, h.dtype), b)
			for i := range want {
				d := distance(got[i], want[i])
				t.Logf("%s, %s: result %d: %.2g", test.name, h.dtype, i, d)
				if d > h.bar || d == 0 && i == 0 {
					t.Errorf("%s, %s: result %d is %.2g from float32's, want more than 0 and at most %.2g", test.name, h.dtype, i, d, h.bar)
				}
			}
		}
	}
}

// distance is the Euclidean distance relative to the norm of want.
func distance(got, want []float32) float64 {
	var d, n float64
	for i := range want {
		e := float64(got[i]) - float64(want[i])
		d, n = d+e*e, n+float64(want[i])*float64(want[i])
	}
	return math.Sqrt(d / max(n, math.SmallestNonzeroFloat64))
}

// load32 loads a model with a type for its products.
func load32(t *testing.T, m *graphsurgery.Model, compute graphsurgery.DType) *importer.Program {
	t.Helper()
	p, err := importer.Load(m, importer.Options{Compute: compute})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestHalfHolds: frozen weights that only products read are held in half precision, also
// behind a Transpose; what something else reads too, or is trained, is float32.
func TestHalfHolds(t *testing.T) {
	m := parsedText(t, `<ir_version: 10, opset_import: ["" : 21]>
		g (float[2,3] x) => (float[2,2] y)
		<float[3,2] w = {1,2,3,4,5,6}, float[3,2] u = {1,2,3,4,5,6}, float[2] s = {1,2}, float[2,2] r = {1,2,3,4}, float[3,2] both = {1,2,3,4,5,6}>
		{
			wt = Transpose<perm: ints = [1,0]>(w)
			a = Gemm<transB: int = 1>(x, wt)
			b = MatMul(x, u)
			c = Mul(b, s)
			d = Add(a, c)
			e = MatMul(d, r)
			f = MatMul(x, both)
			h = ReduceSum(both)
			i = Add(f, h)
			y = Add(e, i)
		}`)
	p, err := importer.Load(m, importer.Options{Compute: graphsurgery.BFloat16, Trainable: func(name string) bool { return name == "r" }})
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := p.Install(store); err != nil {
		t.Fatal(err)
	}
	want := map[string]dtypes.DType{"w": dtypes.BFloat16, "u": dtypes.BFloat16, "s": dtypes.Float32, "r": dtypes.Float32, "both": dtypes.Float32}
	for name, dtype := range want {
		if got := store.GetVariable(importer.VariablePath(name)).DType(); got != dtype {
			t.Errorf("%s is held as %s, want %s", name, got, dtype)
		}
	}
	if !testBackend("xla:cpu") {
		return
	}
	x := tensors.FromFlatDataAndDimensions([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	got := runOne(t, p, backend(t, "xla:cpu"), x)
	// Operands in half precision are integers below 256; d, which is not, meets r, which is trained.
	wide := runOne(t, load32(t, m, graphsurgery.Float), backend(t, "xla:cpu"), x)
	if distance(got, wide) != 0 {
		t.Errorf("got %v, want %v", got, wide)
	}
}

// TestHalfRefusedOnGo: the Go backend refuses to compute in half precision by name, and runs
// a half-precision model in float32.
func TestHalfRefusedOnGo(t *testing.T) {
	m := parsedText(t, `<ir_version: 10, opset_import: ["" : 21]>
		g (float16[2] x) => (float16[2] y) <float16[2] w = {15360, 16384}> { c = Cast<to = 10>(x)  y = Mul(c, w) }`)
	b := backend(t, "go")
	p := load32(t, m, graphsurgery.Float)
	if got := p.Inputs()[0].DType; got != graphsurgery.Float {
		t.Errorf("the input is %s, want float32", got)
	}
	x := tensors.FromFlatDataAndDimensions([]float32{3, 5}, 2)
	if got := runOne(t, p, b, x); got[0] != 3 || got[1] != 10 {
		t.Errorf("got %v, want [3 10]", got)
	}
	_, err := newRunner(t, load32(t, m, graphsurgery.Float16), b).Run(map[string]*tensors.Tensor{"x": x})
	var unsupported *graphsurgery.UnsupportedError
	if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "computing in float16 on the pure Go backend") {
		t.Errorf("got error %v, want that float16 is refused", err)
	}
	if _, err := importer.Load(m, importer.Options{Compute: graphsurgery.Int8}); err == nil {
		t.Error("products in int8 were not refused")
	}
}

// runOne runs a model of one input and one output.
func runOne(t *testing.T, p *importer.Program, b compute.Backend, x *tensors.Tensor) []float32 {
	t.Helper()
	out, err := newRunner(t, p, b).Run(map[string]*tensors.Tensor{p.Inputs()[0].Name: x})
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out[p.Outputs()[0].Name])
}

// TestEinsumOrders: the gradients of a sum over two axes that the operands name in different
// orders are those of one where the second operand was transposed to the same order.
func TestEinsumOrders(t *testing.T) {
	const head = `<ir_version: 10, opset_import: ["" : 23]> g (float[4,2,4,3] a, float[4,4,6,2] b) => (float[2,6,3] y) `
	other := parsedText(t, head+`{ y = Einsum<equation: string = "abcd,caeb->bed">(a, b) }`)
	same := parsedText(t, head+`{ c = Transpose<perm: ints = [1,0,2,3]>(b)  y = Einsum<equation: string = "abcd,aceb->bed">(a, c) }`)
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		got, want := valueAndGrads(t, load32(t, other, graphsurgery.Undefined), b), valueAndGrads(t, load32(t, same, graphsurgery.Undefined), b)
		for i := range want {
			if d := relative(got[i], want[i]); d > 1e-5 { // sums of 16 float32 products in another order
				t.Errorf("result %d differs by %.2g of its largest element, want at most 1e-5", i, d)
			}
		}
	})
}
