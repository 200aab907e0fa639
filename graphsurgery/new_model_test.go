package graphsurgery

import (
	"fmt"
	"strings"
	"testing"
)

// TestNewModel builds in an empty model, of a released version and of one to come.
func TestNewModel(t *testing.T) {
	for opset, ir := range map[int64]int64{17: 8, 21: 10, 99: NewModel(0).IRVersion()} {
		m := NewModel(opset)
		if got, _ := m.Opset(""); got != opset || m.IRVersion() != ir {
			t.Errorf("opset %d: got opset %d and IR version %d, want IR version %d", opset, got, m.IRVersion(), ir)
		}
		p := m.NewPatch("t")
		x := p.AddInput("x", Type{DType: Float, Shape: Known(2, 3)})
		p.AddOutput("y", p.Add("Relu", x), Type{})
		apply(t, p)
		if err := m.VerifyLevel(LevelTypes); err != nil {
			t.Errorf("opset %d: %v", opset, err)
		}
		if got := m.Graph.Output("y").TypeText(); got != "float[2,3]" {
			t.Errorf("opset %d: y is %s, want float[2,3]", opset, got)
		}
		data, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(data); err != nil {
			t.Error(err)
		}
	}
}

// TestParseTextAsksForTheHeader: a graph alone is no model, and the error gives the
// line to add.
func TestParseTextAsksForTheHeader(t *testing.T) {
	const graph = `g (float[2] x) => (float[2] y) { y = Relu (x) }`
	for _, text := range []string{graph, `<opset_import: ["" : 21]>` + graph, `<ir_version: 10>` + graph} {
		if _, err := ParseText(text); err == nil || !strings.Contains(err.Error(), header) {
			t.Errorf("%s: got %v, want an error that gives the header %s", text, err, header)
		}
	}
	if _, err := ParseText(header + graph); err != nil {
		t.Error(err)
	}
}

// Build a model from nothing.
func ExampleNewModel() {
	m := NewModel(21)
	p := m.NewPatch("build")
	x := p.AddInput("x", Type{DType: Float, Shape: []Dim{{Value: -1, Param: "batch"}, {Value: 3}}})
	w := p.Initializer("w", NewTensor([]int64{3, 1}, []float32{1, 2, 3}))
	p.AddOutput("y", p.Add("MatMul", x, w, OutName("y")), Type{})
	fmt.Println(p.Apply(), m.Graph.Output("y").TypeText())
	// Output: <nil> float[batch,1]
}
