package graphsurgery_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestInstance: a body's references become the call's attributes, the defaults,
// or nothing, in its subgraphs too; the model's own function stays as it is.
func TestInstance(t *testing.T) {
	m, err := graphsurgery.ParseText(`<ir_version: 10, opset_import: ["": 21, "own": 1]>
		g (float[3] x, bool c) => (float[3] y) {
			a = own.F<slope: float = 0.5>(x, c)
			y = own.F<top: float = 2.0>(a, c)
		}
		<domain: "own", opset_import: ["": 20]> F <slope: float = 0.25, top>(v, c) => (w) {
			r = LeakyRelu<alpha: float = @slope>(v)
			w = If(c) <then_branch = a () => (p) { p = Elu<alpha: float = @top>(r) }, else_branch = b () => (r) {}>
		}`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ slope, top float32 }{{0.5, -1}, {0.25, 2}} {
		call := m.Graph.Nodes()[i]
		g, err := call.Instance()
		if err != nil {
			t.Fatal(err)
		}
		leaky, elu := g.Nodes()[0], g.Nodes()[1].Subgraph("then_branch").Nodes()[0]
		if got := leaky.Float("alpha", -1); got != want.slope {
			t.Errorf("call %d: slope %g, want %g", i, got, want.slope)
		}
		if got := elu.Float("alpha", -1); got != want.top {
			t.Errorf("call %d: top %g, want %g", i, got, want.top)
		}
		if elu.Input(0) != leaky.Output(0) {
			t.Errorf("call %d: the subgraph reads %v, want the instance's own %v", i, elu.Input(0), leaky.Output(0))
		}
		if opset, _ := g.Opset(""); opset != 20 {
			t.Errorf("call %d: opset %d, want the function's", i, opset)
		}
	}
	if body := call0(m).Function().Body().Nodes()[0]; body.AttrRef("alpha") != "slope" {
		t.Error("the model's function has lost its reference")
	}
	var format *graphsurgery.FormatError
	if _, err := call0(m).Function().Body().Nodes()[0].Instance(); !errors.As(err, &format) || !strings.Contains(err.Error(), "LeakyRelu") {
		t.Errorf("a call of no function: got error %v", err)
	}
}

// call0 is the model's first node.
func call0(m *graphsurgery.Model) *graphsurgery.Node { return m.Graph.Nodes()[0] }
