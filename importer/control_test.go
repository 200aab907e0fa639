package importer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestControl runs If, Loop, Scan, functions and sequences. onnx's node tests
// cover what they do; these cases are about what is around them.
func TestControl(t *testing.T) {
	x := map[string]*tensors.Tensor{"x": vector(1, 2, 3)}
	for _, c := range []textCase{
		{"If takes the known branch, whatever is in the other", `<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x) => (float[3] y) {
				n = Size(x)
				three = Constant<value_int = 3>()
				c = Equal(n, three)
				y = If(c) <then_branch = a () => (float[3] p) { p = Add(x, x) },
					else_branch = b () => (float[3] q) { q = Frobnicate(x) }>
			}`, x, []int{3}, []float64{2, 4, 6}},
		{"If gives an outer value", `<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x) => (float[3] y) {
				c = Constant<value = bool {0}>()
				z = Neg(x)
				y = If(c) <then_branch = a () => (float[3] x) {}, else_branch = b () => (float[3] z) {}>
			}`, x, []int{3}, []float64{-1, -2, -3}},
		{"If on data selects", `<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x) => (float[3] y) {
				s = ReduceSum<keepdims = 0>(x)
				five = Constant<value = float {5}>()
				c = Greater(s, five)
				y = If(c) <then_branch = a () => (float[3] p) { p = Add(x, x) },
					else_branch = b () => (float[3] q) { q = Neg(x) }>
			}`, x, []int{3}, []float64{2, 4, 6}},
		{"Loop on shapes only", `<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x) => (float[n, m] y) {
				trips = Constant<value_int = 3>()
				yes = Constant<value = bool {1}>()
				one = Constant<value_ints = [1]>()
				last, all = Loop(trips, yes, one) <body = b (int64 i, bool c, int64[1] v) => (bool d, int64[1] w, int64[1] s) {
					d = Identity(c)
					w = Add(v, one)
					s = Mul(v, v)
				}>
				flat = Constant<value_ints = [-1]>()
				s = Reshape(all, flat)
				begin = Constant<value_ints = [1]>()
				end = Constant<value_ints = [2]>()
				four = Slice(s, begin, end)
				shape = Concat<axis = 0>(one, four)
				one_float = Cast<to = 1>(one)
				z = Concat<axis = 0>(x, one_float)
				y = Reshape(z, shape)
			}`, x, []int{1, 4}, []float64{1, 2, 3, 1}},
		{"Loop with a condition on data", `<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x) => (float[3] y) <float limit = {20}> {
				trips = Constant<value_int = 10>()
				y = Loop(trips, , x) <body = b (int64 i, bool c, float[3] v) => (bool d, float[3] w) {
					w = Add(v, v)
					s = ReduceSum<keepdims = 0>(w)
					d = Less(s, limit)
				}>
			}`, x, []int{3}, []float64{4, 8, 12}},
		{"Loop in a Loop, the inner one's length from the outer one", `<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x) => (float[3] y) {
				trips = Constant<value_int = 3>()
				y = Loop(trips, , x) <body = b (int64 i, bool c, float[3] v) => (bool c, float[3] w) {
					w = Loop(i, , v) <body = e (int64 j, bool f, float[3] a) => (bool f, float[3] r) { r = Add(a, x) }>
				}>
			}`, x, []int{3}, []float64{4, 8, 12}},
		{"function with attributes, defaults and a left-out input", `<ir_version: 10, opset_import: ["": 21, "own": 1]>
			g (float[3] x) => (float[3] y) {
				a = own.Clamp<top: float = 2.0>(x)
				b = own.Twice(a)
				limit = Constant<value_float = 3.5>()
				y = own.Cap(b, limit)
			}
			<domain: "own", opset_import: ["": 12]> Clamp <bottom: float = 1.5, top>(v) => (w) {
				low = Constant<value_float: float = @bottom>()
				high = Constant<value_float: float = @top>()
				w = Clip(v, low, high)
			}
			<domain: "own", opset_import: ["": 21, "own": 1]> Twice (v) => (w) {
				s = Add(v, v)
				w = own.Cap(s)
			}
			<domain: "own", opset_import: ["": 18]> Cap (v, limit) => (w) { w = Clip(v, , limit) }`, x, []int{3}, []float64{3, 3.5, 3.5}},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, importer.Options{}) })
	}
}

// TestFunctionBomb: functions that call each other twice do not exhaust the memory.
func TestFunctionBomb(t *testing.T) {
	text := `<ir_version: 10, opset_import: ["": 21, "own": 1]> g (float[3] x) => (float[3] y) { y = own.F0(x) }`
	for i := range 30 {
		text += fmt.Sprintf(`<domain: "own", opset_import: ["own": 1]> F%d (a) => (c) { b = own.F%d(a) c = own.F%d(b) }`, i, i+1, i+1)
	}
	text += `<domain: "own", opset_import: ["": 21]> F30 (a) => (b) { b = Neg(a) }`
	m, err := graphsurgery.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	var unsupported *graphsurgery.UnsupportedError
	if _, err := importer.Load(m, importer.Options{}); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "expand to more than") {
		t.Errorf("got error %v, want a refusal of functions that expand too far", err)
	}
}

// TestControlRefusals: what cannot be unrolled is refused with its reason.
func TestControlRefusals(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"trip count": {`<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x) => (float[3] y) {
				yes = Constant<value = bool {1}>()
				y = Loop( , yes, x) <body = b (int64 i, bool c, float[3] v) => (bool c, float[3] w) { w = Add(v, v) }>
			}`, "iterations, which would be unrolled"},
		"unlike branches": {`<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x, float f) => (float[n] y) {
				r = RandomUniformLike(f)
				c = Greater(f, r)
				y = If(c) <then_branch = a () => (float[3] p) { p = Add(x, x) },
					else_branch = b () => (float[6] q) { q = Concat<axis = 0>(x, x) }>
			}`, "RandomUniformLike"},
		"operator in the taken branch": {`<ir_version: 10, opset_import: ["": 21]>
			g (float[3] x, float f) => (float[3] y) {
				c = Constant<value = bool {1}>()
				y = If(c) <then_branch = a () => (float[3] p) { p = Frobnicate(x) },
					else_branch = b () => (float[3] q) { q = Neg(x) }>
			}`, "Frobnicate"},
	} {
		m, err := graphsurgery.ParseText(c.text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p, err := importer.Load(m, importer.Options{})
		if err == nil {
			_, err = newRunner(t, p, backend(t, "go")).Run(map[string]*tensors.Tensor{"x": vector(1, 2, 3)})
		}
		var unsupported *graphsurgery.UnsupportedError
		if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want a refusal with %q", name, err, c.want)
		}
	}
}
