package importer_test

import (
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// long picks rows by a mask that is fed, as CLAP's fusion does.
const long = `<ir_version: 8, opset_import: ["": 17]>
	g (float[n] x, bool[n] long) => (float[1, m] y) {
		at = NonZero(long)
		y = Gather(x, at)
	}`

// TestFixed: an input that is fixed decides a shape in a graph of the caller's.
func TestFixed(t *testing.T) {
	mask := onnxTensor(t, tensors.FromValue([]bool{false, true, true}))
	p := loadText(t, long, importer.Options{Fixed: map[string]*graphsurgery.Tensor{"long": mask}})
	if in := p.Inputs(); len(in) != 1 || in[0].Name != "x" {
		t.Fatalf("inputs are %v, want x alone", in)
	}
	exec, err := model.NewExec(backend(t, "go"), model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
		return p.Call(scope, map[string]*graph.Node{"x": x})[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(vector(1, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	if got := out[0].GoStr(); !strings.Contains(got, "{2, 3}") {
		t.Errorf("got %s, want the second and third element", got)
	}
}

// TestFixedRefused: what is fixed must be an input, of the type that the model
// declares, and is not fed.
func TestFixedRefused(t *testing.T) {
	m, err := graphsurgery.ParseText(long)
	if err != nil {
		t.Fatal(err)
	}
	mask := onnxTensor(t, tensors.FromValue([]bool{true, true}))
	for _, c := range []struct {
		name, input string
		value       *graphsurgery.Tensor
		want        string
	}{
		{"another type", "x", mask, `input "x" is`},
		{"no input", "y", mask, `"y" is to be fixed`},
		{"no value", "z", mask, `"z" is to be fixed`},
	} {
		_, err := importer.Load(m, importer.Options{Fixed: map[string]*graphsurgery.Tensor{c.input: c.value}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
	p, err := importer.Load(m, importer.Options{Fixed: map[string]*graphsurgery.Tensor{"long": mask}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = newRunner(t, p, backend(t, "go")).Run(map[string]*tensors.Tensor{"x": vector(1, 2), "long": tensors.FromValue([]bool{true, false})})
	if err == nil || !strings.Contains(err.Error(), `"long" is no input`) {
		t.Errorf("fed although fixed: got %v, want a refusal", err)
	}
}

// onnxTensor makes an ONNX tensor of GoMLX's.
func onnxTensor(t *testing.T, of *tensors.Tensor) *graphsurgery.Tensor {
	t.Helper()
	out, err := importer.ONNXTensor(of)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestUnsorted: nodes may stand before those that they read, as in files of the
// usual float16 converter; a circle is refused.
func TestUnsorted(t *testing.T) {
	p := loadText(t, `<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) {
		y = Neg(late)
		late = Exp(first)
		first = Sub(x, x)
	}`, importer.Options{})
	out, err := newRunner(t, p, backend(t, "go")).Run(map[string]*tensors.Tensor{"x": vector(1, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if got := out["y"].GoStr(); !strings.Contains(got, "{-1, -1}") {
		t.Errorf("got %s, want -1, -1", got)
	}
	p = loadText(t, `<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) {
		y = Add(x, z)
		z = Neg(y)
	}`, importer.Options{})
	_, err = newRunner(t, p, backend(t, "go")).Run(map[string]*tensors.Tensor{"x": vector(1, 2)})
	if err == nil || !strings.Contains(err.Error(), "depends on its own result") {
		t.Errorf("circle: got %v, want a refusal", err)
	}
}
