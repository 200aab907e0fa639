package graphsurgery

import (
	"strings"
	"testing"
)

func TestWiden(t *testing.T) {
	m, err := ParseText(`<ir_version: 10, opset_import: ["" : 21]>
		g (float[2] x, bfloat16[2] h, int64[2] i, seq(float[n]) q) => (float[2] y)
		<float[2] w = {0.5, -3}, float16[1] s = {15360}, int64[1] k = {7}, float[2] v>
		{
			c = Constant<value_float = 0.5>()
			d = Constant<value_floats = [1.0, 2.0]>()
			e = Cast<to = 1>(i)
			f = Cast<to = 7>(x)
			z = ConstantOfShape(k)
			n = HannWindow(k)
			y = If(b)<then_branch = g1 () => (float[2] r) <float[2] u = {1, 2}> { r = Relu(u) }>
		}`)
	if err != nil {
		t.Fatal(err)
	}
	before := m.Text()
	w, err := m.Widen()
	if err != nil {
		t.Fatal(err)
	}
	if m.Text() != before {
		t.Error("the model itself was changed")
	}
	text := w.Text()
	for _, want := range []string{
		"(double[2] x, double[2] h, int64[2] i, seq(double[n]) q) => (double[2] y)",
		"double[2] w = {0.5, -3}", "double[1] s = {1}", "int64[1] k = {7}", "double[2] v",
		"value = double {0.5}", "value = double[2] {1, 2}", "Cast <to = 11> (i)", "Cast <to = 7> (x)",
		"ConstantOfShape <value = double[1] {0}>", "HannWindow <output_datatype = 11>", "double[2] u = {1, 2}",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "float") {
		t.Errorf("a float is left in\n%s", text)
	}
}
