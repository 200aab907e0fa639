package pattern_test

import (
	"fmt"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Constants have the value that the operators' definitions give them.
func TestScalar(t *testing.T) {
	cases := []struct {
		name, nodes string
		want        float64
	}{
		{"dequantised", "c = DequantizeLinear(h, s, z)", 0.5},
		{"cast to a whole number", "i = Cast<to = 7>(x) c = Cast<to = 1>(i)", 2},
		{"quantised and back", "q = QuantizeLinear(x, s, z) c = DequantizeLinear(q, s, z)", 255. / 256},
		{"reshaped", "r = Unsqueeze(x, a) c = Sqrt(r)", 1.6583123951777},
	}
	for _, c := range cases {
		m, err := gs.ParseText(`<ir_version: 8, opset_import: ["" : 17]> g (float[2] d) => (float[2] y)
<float x = {2.75}, uint8 h = {128}, float s = {0.00390625}, uint8 z = {0}, int64[1] a = {0}> { ` + c.nodes + ` y = Mul(d, c) }`)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []*pattern.View{pattern.Look(m.Graph, nil), pattern.LookExactly(m.Graph, nil)} {
			got, ok := v.Scalar(m.Graph.Value("c"))
			if !ok || got-c.want > 1e-6 || c.want-got > 1e-6 { // a float32 constant
				t.Errorf("%s: got %g, %t, want %g", c.name, got, ok, c.want)
			}
		}
	}
}

// A chain of doublings has one value a step, not two.
func TestScalarOfDiamonds(t *testing.T) {
	var b strings.Builder
	b.WriteString(`<ir_version: 8, opset_import: ["" : 17]> g (float[2] d) => (float[2] y) <float c0 = {1}> {`)
	for i := range 30 {
		fmt.Fprintf(&b, "c%d = Add(c%d, c%d) ", i+1, i, i)
	}
	m, err := gs.ParseText(b.String() + "y = Mul(d, c30) }")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := pattern.Look(m.Graph, nil).Scalar(m.Graph.Value("c30")); !ok || got != 1<<30 {
		t.Errorf("got %g, %t, want %d", got, ok, 1<<30)
	}
}
