package importer_test

// compareORT runs a model, given in ONNX's text syntax, in ONNX Runtime and here:
// the oracle for what onnx's own node tests do not cover, such as com.microsoft.
// It is among the tests when AAT_ONNX_TEST_ORT=1, as in `make test`; then a missing
// ONNX Runtime is a failure.
//
//	AAT_ONNX_TEST_ORT=1 go test ./importer -run TestORT

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

// ortTolerance is the default of compareORT: ONNX Runtime and XLA sum float32 in
// different orders and have their own polynomials for exp, tanh and erf, each
// good to about 1e-6.
const ortTolerance = 3e-6

// ortRuntime opens the library once.
var ortRuntime = sync.OnceValues(func() (*ort.Runtime, error) {
	lib, err := ort.Locate(context.Background(), "")
	if err != nil {
		return nil, err
	}
	return ort.Open(lib)
})

// compareORT demands that each backend of AAT_ONNX_TEST_BACKENDS gives what ONNX
// Runtime, with its rewrites off, gives: the same types and shapes, integers and
// booleans exactly, floats within ortTolerance of 1+|want|. Float inputs without
// a feed are seeded random numbers from [-2, 2]. The text must declare the types
// and shapes of inputs and outputs; a scalar is "float[] s", and an output of half
// precision needs fixed sizes.
func compareORT(t *testing.T, text string, feeds map[string]*graphsurgery.Tensor) {
	t.Helper()
	compareORTWithin(t, text, feeds, ortTolerance)
}

// compareORTWithin is compareORT with a tolerance of its own, which needs a reason.
func compareORTWithin(t *testing.T, text string, feeds map[string]*graphsurgery.Tensor, tolerance float64) {
	t.Helper()
	m, err := graphsurgery.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	inputs := make(map[string]*graphsurgery.Tensor)
	for _, in := range m.Graph.Inputs() {
		if inputs[in.Name()] = feeds[in.Name()]; inputs[in.Name()] == nil {
			inputs[in.Name()] = randomTensor(t, in)
		}
	}
	if os.Getenv("AAT_ONNX_TEST_ORT") != "1" {
		t.Log("AAT_ONNX_TEST_ORT is not set: run `make test` for this one")
		return
	}
	want := runORT(t, m, inputs)
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		got := runHere(t, m, inputs, b)
		for _, out := range m.Graph.Outputs() {
			compareTensors(t, out.Name(), got[out.Name()], want[out.Name()], tolerance)
		}
	})
}

// randomTensor makes the feed of a float input.
func randomTensor(t *testing.T, in *graphsurgery.Value) *graphsurgery.Tensor {
	t.Helper()
	if !in.DType().IsFloat() {
		t.Fatalf("input %q of type %s needs a feed", in.Name(), in.DType())
	}
	n := 1
	var shape []int64
	for _, d := range in.Shape() {
		shape = append(shape, d.Value)
		n *= int(d.Value)
	}
	x, err := graphsurgery.NewFloatTensor(in.DType(), shape, narrow[float32](randomFloats(in.Name(), n, -2, 2)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// runORT runs a model in ONNX Runtime.
func runORT(t *testing.T, m *graphsurgery.Model, inputs map[string]*graphsurgery.Tensor) map[string]*graphsurgery.Tensor {
	t.Helper()
	rt, err := ortRuntime()
	if err != nil {
		t.Fatalf("AAT_ONNX_TEST_ORT=1, but: %v", err)
	}
	data, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	s, err := rt.NewSession(data, ort.SessionOptions{OptLevel: ort.OptNone, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	feeds := make(map[string]ort.Tensor)
	for name, x := range inputs {
		feeds[name] = toORT(t, x)
	}
	results, err := s.Run(feeds)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]*graphsurgery.Tensor)
	for name, x := range results {
		out[name] = fromORT(t, x)
	}
	return out
}

// runHere runs a model on a backend.
func runHere(t *testing.T, m *graphsurgery.Model, inputs map[string]*graphsurgery.Tensor, b compute.Backend) map[string]*graphsurgery.Tensor {
	t.Helper()
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	feeds := make(map[string]*tensors.Tensor)
	for name, x := range inputs {
		if feeds[name], err = importer.NewTensor(x); err != nil {
			t.Fatal(err)
		}
	}
	results, err := newRunner(t, p, b).Run(feeds)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]*graphsurgery.Tensor)
	for name, x := range results {
		if out[name], err = importer.ONNXTensor(x); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// compareTensors compares type, shape and elements.
func compareTensors(t *testing.T, name string, got, want *graphsurgery.Tensor, tolerance float64) {
	t.Helper()
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		t.Errorf("output %q: got %s%v, want %s%v", name, got.DType(), got.Shape(), want.DType(), want.Shape())
		return
	}
	g, w := numbers(t, got), numbers(t, want)
	if !want.DType().IsFloat() {
		tolerance = 0
	}
	if d := furthest(g, w); d > tolerance {
		t.Errorf("output %q: differs by %g, want at most %g\ngot  %v\nwant %v", name, d, tolerance, g, w)
	}
}

// numbers gives a tensor's elements as float64.
func numbers(t *testing.T, x *graphsurgery.Tensor) []float64 {
	t.Helper()
	if x.DType().IsFloat() {
		v, err := x.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ints, err := x.Int64s()
	if err != nil {
		t.Fatal(err)
	}
	return widen(ints)
}

// ortTypes are the types that package ort keeps as raw bytes.
var ortTypes = map[graphsurgery.DType]ort.DType{
	graphsurgery.Double: ort.Float64, graphsurgery.Float16: ort.Float16, graphsurgery.BFloat16: ort.BFloat16,
	graphsurgery.Int16: ort.Int16, graphsurgery.Int8: ort.Int8, graphsurgery.Uint64: ort.Uint64,
	graphsurgery.Uint32: ort.Uint32, graphsurgery.Uint16: ort.Uint16, graphsurgery.Uint8: ort.Uint8,
}

// toORT makes an input for ONNX Runtime.
func toORT(t *testing.T, x *graphsurgery.Tensor) ort.Tensor {
	t.Helper()
	out := ort.Tensor{Shape: x.Shape()}
	var err error
	switch x.DType() {
	case graphsurgery.Float:
		out.F32, err = x.Float32s()
	case graphsurgery.Int64:
		out.I64, err = x.Int64s()
	case graphsurgery.Int32:
		out.I32 = narrow[int32](numbers(t, x))
	case graphsurgery.Bool:
		for _, v := range numbers(t, x) {
			out.Bool = append(out.Bool, v != 0)
		}
	default:
		out.Type = ortTypes[x.DType()]
		out.Raw, err = x.Raw()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fromORT makes a tensor of ONNX Runtime's output.
func fromORT(t *testing.T, x ort.Tensor) *graphsurgery.Tensor {
	t.Helper()
	switch {
	case x.F32 != nil:
		return graphsurgery.NewTensor(x.Shape, x.F32)
	case x.I64 != nil:
		return graphsurgery.NewTensor(x.Shape, x.I64)
	case x.I32 != nil:
		return graphsurgery.NewTensor(x.Shape, x.I32)
	case x.Bool != nil:
		return graphsurgery.NewTensor(x.Shape, x.Bool)
	}
	for dtype, name := range ortTypes {
		if name == x.Type {
			out, err := graphsurgery.NewTensorRaw(dtype, x.Shape, x.Raw)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	t.Fatalf("ONNX Runtime gave a tensor of type %q", x.Type)
	return nil
}

// TestORT tries the comparison itself, on types that go by different ways.
func TestORT(t *testing.T) {
	compareORT(t, `<ir_version: 8, opset_import: ["" : 17]>
		g (float[2,3] x, double[2,2] d, uint8[3] u, int64[2] i, bool[2] b) => (float[2,3] y, double[2,2] e, uint8[3] v, int64[2] j, bool[n] c, float[] s)
		{ y = Softmax(x) e = MatMul(d, d) v = Identity(u) j = Neg(i) c = Not(b) s = ReduceSum<keepdims = 0>(x) }`,
		map[string]*graphsurgery.Tensor{
			"u": graphsurgery.NewTensor([]int64{3}, []uint8{0, 128, 255}),
			"i": graphsurgery.NewTensor([]int64{2}, []int64{-5, 1 << 40}),
			"b": graphsurgery.NewTensor([]int64{2}, []bool{true, false}),
		})
}
