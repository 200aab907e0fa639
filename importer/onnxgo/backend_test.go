package onnxgo_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend"
	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer/onnxgo"
)

var _ backend.ComputationBackend = (*onnxgo.Backend)(nil)

// open decodes a model given as text through onnx-go into a new Backend.
func open(t *testing.T, text string, o onnxgo.Options) (*onnxgo.Backend, *onnx.Model) {
	t.Helper()
	o.Device = "go"
	b := onnxgo.NewBackend(o)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	m := onnx.NewModel(b)
	if err := m.UnmarshalBinary(file(t, text)); err != nil {
		t.Fatal(err)
	}
	return b, m
}

func file(t *testing.T, text string) []byte {
	t.Helper()
	parsed, err := graphsurgery.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	data, err := parsed.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func row(values ...float32) tensor.Tensor {
	return tensor.New(tensor.WithShape(1, len(values)), tensor.WithBacking(values))
}

// run feeds the inputs and gives the outputs' elements.
func run(t *testing.T, b *onnxgo.Backend, m *onnx.Model, inputs ...tensor.Tensor) []any {
	t.Helper()
	for i, x := range inputs {
		if err := m.SetInput(i, x); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Run(); err != nil {
		t.Fatal(err)
	}
	outputs, err := m.GetOutputTensors()
	if err != nil {
		t.Fatal(err)
	}
	var data []any
	for i, o := range outputs {
		if o == nil {
			t.Fatalf("output %d has no value: %v", i, b.Err())
		}
		data = append(data, o.Data())
	}
	return data
}

func floats(t *testing.T, got any, want ...float32) {
	t.Helper()
	g, ok := got.([]float32)
	if !ok || !slices.EqualFunc(g, want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 }) { // f32 rounding of a few operators
		t.Errorf("got %v, want %v", got, want)
	}
}

// Each model holds something that onnx-go loses or blurs on the way to a back end.
func TestWhatOnnxGoLoses(t *testing.T) {
	tests := []struct {
		name, text string
		inputs     []tensor.Tensor
		want       []float32
	}{
		{"a value read twice", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[1,3] x) => (float[1,3] y) { y = Mul(x, x) }`,
			[]tensor.Tensor{row(1, 2, 3)}, []float32{1, 4, 9}},
		{"a value read thrice, out of order", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[1,2] x, float[1,2] z) => (float[4,2] y) { y = Concat<axis: int = 0>(x, z, x, x) }`,
			[]tensor.Tensor{row(1, 2), row(3, 4)}, []float32{1, 2, 3, 4, 1, 2, 1, 2}},
		{"an optional input left out", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[1,3] x) => (float[1,3] y) <float top = {2}> { y = Clip(x, "", top) }`,
			[]tensor.Tensor{row(1, 2, 3)}, []float32{1, 2, 2}},
		{"two operators without inputs or names", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[1,2] x) => (float[1,2] y) {
				a = Constant<value = float[2] {10, 20}> ()
				b = Constant<value = float[2] {1, 2}> ()
				s = Add(x, a)
				y = Mul(s, b)
			}`,
			[]tensor.Tensor{row(1, 2)}, []float32{11, 44}},
		{"a dimension without a size", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[N,3] x) => (float[N,3] y) { y = Relu(x) }`,
			[]tensor.Tensor{row(-1, 2, 3)}, []float32{0, 2, 3}},
		{"initialisers listed as inputs, the first before the input", `<ir_version: 3, opset_import: ["" : 9]>
			g (float[2] w, float[1,2] x, float[2] c) => (float[1,2] y) <float[2] w = {2, 3}, float[2] c = {10, 10}> {
				p = Mul(x, w)
				y = Add(p, c)
			}`,
			[]tensor.Tensor{row(1, 1)}, []float32{12, 13}},
		{"an initialiser of zeros, which looks like a placeholder", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[1,2] x) => (float[1,2] y) <float[2] w = {0, 0}> { y = Add(x, w) }`,
			[]tensor.Tensor{row(5, 6)}, []float32{5, 6}},
		{"types of values inside, one of an initialiser", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[1,2] x) => (float[1,2] y) <float[2] w = {1, 1}, float[1,2] p> {
				p = Add(x, w)
				y = Neg(p)
			}`,
			[]tensor.Tensor{row(5, 6)}, []float32{-6, -7}},
		{"initialisers that are no inputs, before two values without a type", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[1,2] x) => (float[1,2] y) <float[2] w = {2, 3}, float[2] c = {10, 10}> {
				p = Mul(x, w)
				q = Add(p, c)
				y = Neg(q)
			}`,
			[]tensor.Tensor{row(1, 1)}, []float32{-12, -13}},
		{"axes as an input, so opset 13 or later", `<ir_version: 7, opset_import: ["" : 13]>
			g (float[1,2] x) => (float[2] y) <int64[1] axes = {0}> { y = Squeeze(x, axes) }`,
			[]tensor.Tensor{row(5, 6)}, []float32{5, 6}},
		{"axes as an attribute, so opset 12 or before", `<ir_version: 7, opset_import: ["" : 11]>
			g (float[1,2] x) => (float[2] y) { y = Squeeze<axes = [0]>(x) }`,
			[]tensor.Tensor{row(5, 6)}, []float32{5, 6}},
		{"an operator of com.microsoft", `<ir_version: 7, opset_import: ["" : 13, "com.microsoft" : 1]>
			g (float[1,2] x, float[2] b) => (float[1,2] y) { y = com.microsoft.BiasGelu(x, b) }`,
			[]tensor.Tensor{row(100, -100), tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{1, -1}))}, []float32{101, 0}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			b, m := open(t, c.text, onnxgo.Options{})
			floats(t, run(t, b, m, c.inputs...)[0], c.want...)
		})
	}
}

// Both domains have a Gelu; the standard's came with opset 20.
func TestHomonyms(t *testing.T) {
	const late, early = "Gelu(x)", "com.microsoft.Gelu(x)"
	for _, c := range []struct {
		gelu, rest string
		opset      int64
		want       string
	}{
		{late, "Relu(g)", 0, ""},
		{late, "Relu(g)", 20, ""},
		{early, "Relu(g)", 17, "com.microsoft"},
		{early, "ReduceMax<axes = [1], keepdims = 0>(g)", 0, "com.microsoft"}, // axes is no attribute from opset 18 on
		{`Gelu<approximate = "tanh">(x)`, "Relu(g)", 0, ""},
	} {
		b, _ := open(t, fmt.Sprintf(`<ir_version: 7, opset_import: ["" : 20, "com.microsoft" : 1]>
			n (float[1,2] x) => (float[N,2] y) { g = %s  y = %s }`, c.gelu, c.rest), onnxgo.Options{Opset: c.opset})
		m, err := b.Model()
		if err != nil {
			t.Errorf("%s, %s, opset %d: %v", c.gelu, c.rest, c.opset, err)
			continue
		}
		if got := m.Graph.Value("g").Producer().Domain(); got != c.want {
			t.Errorf("%s, %s, opset %d: got domain %q, want %q", c.gelu, c.rest, c.opset, got, c.want)
		}
	}
}

func TestOutputs(t *testing.T) {
	b, m := open(t, `<ir_version: 7, opset_import: ["" : 13]>
		g (float[1,4] x) => (float[1,2] second, float[1,2] sum, float[1,2] first) <int64[2] sizes = {2, 2}> {
			first, second = Split<axis: int = 1>(x, sizes)
			sum = Add(first, second)
		}`, onnxgo.Options{})
	for range 2 { // the second run computes again what was asked for in the first
		got := run(t, b, m, row(1, 2, 3, 4))
		floats(t, got[0], 3, 4)
		floats(t, got[1], 4, 6)
		floats(t, got[2], 1, 2)
	}
	floats(t, run(t, b, m, row(0, 0, 1, 1))[2], 0, 0)
}

func TestAnInputMayChangeItsShape(t *testing.T) {
	b, m := open(t, `<ir_version: 7, opset_import: ["" : 13]>
		g (float[N,2] x) => (float[N,2] y) { y = Neg(x) }`, onnxgo.Options{})
	floats(t, run(t, b, m, row(1, 2))[0], -1, -2)
	two := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float32{1, 2, 3, 4}))
	floats(t, run(t, b, m, two)[0], -1, -2, -3, -4)
	if err := two.T(); err != nil { // a view: the elements stay where they are
		t.Fatal(err)
	}
	floats(t, run(t, b, m, two)[0], -1, -3, -2, -4)
}

func TestOpset(t *testing.T) {
	const softmax = `<ir_version: 7, opset_import: ["" : 13]>
		g (float[1,2,1] x) => (float[1,2,1] y) { y = Softmax<axis: int = 1>(x) }`
	x := tensor.New(tensor.WithShape(1, 1, 1), tensor.WithBacking([]float32{3}))
	for _, c := range []struct{ option, want int64 }{{0, onnxgo.DefaultOpset}, {13, 13}} {
		b, m := open(t, softmax, onnxgo.Options{Opset: c.option})
		run(t, b, m, x)
		rebuilt, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := rebuilt.Opset(""); got != c.want {
			t.Errorf("option %d: got opset %d, want %d", c.option, got, c.want)
		}
	}
}

func TestErrorsNameWhatIsWrong(t *testing.T) {
	var unsupported *graphsurgery.UnsupportedError
	b, m := open(t, `<ir_version: 7, opset_import: ["" : 13]>
		g (float[1,2] x) => (float[1,2] y) { y = RandomUniformLike(x) }`, onnxgo.Options{})
	if err := m.SetInput(0, row(1, 2)); err != nil {
		t.Fatal(err)
	}
	if err := b.Run(); !errors.As(err, &unsupported) || unsupported.Op != "RandomUniformLike" {
		t.Errorf("got %v, want an UnsupportedError that names RandomUniformLike", err)
	}
	b, _ = open(t, `<ir_version: 7, opset_import: ["" : 13]>
		g (float[1,2] x) => (float[1,2] y) { y = Neg(x) }`, onnxgo.Options{})
	if err := b.Run(); err == nil {
		t.Error("running without an input gave no error")
	}
	b = onnxgo.NewBackend(onnxgo.Options{Device: "abacus"})
	m = onnx.NewModel(b)
	if err := m.UnmarshalBinary(file(t, `<ir_version: 7, opset_import: ["" : 13]>
		g (float[1,2] x) => (float[1,2] y) { y = Neg(x) }`)); err != nil {
		t.Fatal(err)
	}
	if err := m.SetInput(0, row(1, 2)); err != nil {
		t.Fatal(err)
	}
	if err := b.Run(); err == nil {
		t.Error("an unknown device gave no error")
	}
}
