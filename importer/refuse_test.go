package importer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// refusals is what each model of testdata/refuse.npz must be refused for.
var refusals = []struct {
	name string
	when string // "load" or "run"
	want []string
	// broken: a FormatError is due, else an UnsupportedError
	broken bool
	feed   map[string]shapes.Shape
}{
	{name: "operator", when: "load", want: []string{"culprit", "Frobnicate", "ai.onnx"}},
	{name: "domain", when: "load", want: []string{"culprit", "com.microsoft", "Relu"}},
	{name: "newer", when: "load", want: []string{"culprit", "opset 99"}},
	{name: "older", when: "load", want: []string{"culprit", "Celu", "opset 11", "version 12"}},
	{name: "attribute", when: "load", want: []string{"culprit", "Relu", "opset 17", `"slope"`}},
	{name: "padmode", when: "load", want: []string{"culprit", "Pad", "wrap"}},
	{name: "cast", when: "load", want: []string{"culprit", "Cast", "string"}},
	{name: "missing", when: "load", want: []string{"culprit", "input 1"}, broken: true},
	{name: "inputtype", when: "load", want: []string{`"x"`, "string"}},
	{name: "mismatch", when: "run", want: []string{"culprit", "MatMul", "[2 3]", "[4 2]"}, broken: true,
		feed: map[string]shapes.Shape{"x": shapes.Make(dtypes.Float32, 2, 3), "w": shapes.Make(dtypes.Float32, 4, 2)}},
	{name: "huge", when: "run", want: []string{"culprit", "Expand", "elements"},
		feed: map[string]shapes.Shape{"x": shapes.Make(dtypes.Float32, 1)}},
	{name: "splitsum", when: "run", want: []string{"culprit", "Split"}, broken: true,
		feed: map[string]shapes.Shape{"x": shapes.Make(dtypes.Float32, 3)}},
	{name: "half", when: "run", want: []string{"run y: ", "Float16", "Go backend"},
		feed: map[string]shapes.Shape{"x": shapes.Make(dtypes.Float16, 2)}},
}

// TestRefusals: what is not supported is an error of the right kind that names
// the node and what about it.
func TestRefusals(t *testing.T) {
	models := make(map[string][]byte)
	for _, c := range opCases(t, "refuse") {
		models[c.name] = c.model
	}
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			m, err := graphsurgery.Parse(models[r.name])
			if err != nil {
				t.Fatal(err)
			}
			p, err := importer.Load(m, importer.Options{})
			if r.when == "run" {
				if err != nil {
					t.Fatal(err)
				}
				feed := make(map[string]*tensors.Tensor)
				for name, shape := range r.feed {
					feed[name] = tensors.FromShape(shape)
				}
				_, err = newRunner(t, p, backend(t, "go")).Run(feed)
			}
			var format *graphsurgery.FormatError
			var unsupported *graphsurgery.UnsupportedError
			if r.broken && !errors.As(err, &format) || !r.broken && !errors.As(err, &unsupported) {
				t.Fatalf("got error %v (%T), want the other kind", err, err)
			}
			if strings.Contains(err.Error(), "Store.Exec") {
				t.Errorf("error %q shows GoMLX's names", err)
			}
			for _, want := range r.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
		})
	}
}

// TestGuard: panics and errors of any kind become errors that say what was done.
func TestGuard(t *testing.T) {
	cause := errors.New("cause")
	for name, f := range map[string]func() error{
		"error":         func() error { return cause },
		"panic error":   func() error { panic(cause) },
		"panic string":  func() error { panic("cause") },
		"runtime panic": func() error { var m map[string]int; m["cause"] = 1; return nil },
	} {
		err := importer.Guard("turn the crank", f)
		if err == nil || !strings.HasPrefix(err.Error(), "turn the crank: ") {
			t.Errorf("%s: got %v, want an error beginning with what was done", name, err)
		}
		if strings.HasSuffix(name, "error") && !errors.Is(err, cause) {
			t.Errorf("%s: %v does not wrap the cause", name, err)
		}
	}
	if err := importer.Guard("rest", func() error { return nil }); err != nil {
		t.Errorf("no panic: got %v", err)
	}
}
