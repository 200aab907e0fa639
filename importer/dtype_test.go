package importer_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// textType is the name of a type in ONNX's text form.
func textType(d graphsurgery.DType) string {
	switch d {
	case graphsurgery.Float:
		return "float"
	case graphsurgery.Double:
		return "double"
	}
	return d.String()
}

// TestTypes sends tensors of each type through as input, initialiser, large
// initialiser and constant, bit for bit.
func TestTypes(t *testing.T) {
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		for _, d := range computed {
			half := d == graphsurgery.Float16 || d == graphsurgery.BFloat16
			if half && b.String() == "go" {
				continue
			}
			text := fmt.Sprintf(`<ir_version: 10, opset_import: ["": 21]>
				g (%[1]s[2] x) => (%[1]s[5] y) <%[1]s[2] w = {0, 1}> {
					k = Constant<value = %[1]s[1] {1}>()
					y = Concat<axis = 0>(x, w, k)
				}`, textType(d))
			p := loadText(t, text, importer.Options{MaxHostElements: 1})
			m, err := graphsurgery.ParseText(text)
			if err != nil {
				t.Fatal(err)
			}
			w := m.Graph.Initializer("w")
			x, err := importer.NewTensor(w)
			if err != nil {
				t.Fatal(err)
			}
			got, err := newRunner(t, p, b).Run(map[string]*tensors.Tensor{"x": x})
			if err != nil {
				t.Errorf("%s: %v", d, err)
				continue
			}
			y, err := importer.ONNXTensor(got["y"])
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := w.Raw()
			want := append(append(slices.Clone(raw), raw...), raw[len(raw)/2:]...)
			if result, _ := y.Raw(); y.DType() != d || !bytes.Equal(result, want) {
				t.Errorf("%s: got %s %x, want %x", d, y.DType(), result, want)
			}
		}
	})
}

// TestIntegersWrap: integer arithmetic is modulo two to the width, on the host
// and on every backend.
func TestIntegersWrap(t *testing.T) {
	for _, c := range []struct {
		kind, op   string
		a, b, want float64
	}{
		{"int8", "Add", 100, 100, -56}, {"uint8", "Add", 200, 100, 44}, {"uint8", "Sub", 0, 1, 255},
		{"int16", "Mul", 300, 300, 24464}, {"uint16", "Mul", 300, 300, 24464}, {"int32", "Mul", 65536, 65537, 65536},
		{"uint32", "Sub", 0, 1, 4294967295}, {"int64", "Div", -7, 2, -3}, {"int8", "Div", -7, 2, -3},
	} {
		data := fmt.Sprintf("%s a = {%.0f}, %s b = {%.0f}", c.kind, c.a, c.kind, c.b)
		host := fmt.Sprintf(`<ir_version: 10, opset_import: ["": 21]> g () => (%s y) <%s> { y = %s(a, b) }`, c.kind, data, c.op)
		textCase{text: host, shape: []int{}, want: []float64{c.want}}.check(t, importer.Options{})
		fed := fmt.Sprintf(`<ir_version: 10, opset_import: ["": 21]> g (%[1]s a, %[1]s b) => (%[1]s y) <%[2]s> { y = %[3]s(a, b) }`, c.kind, data, c.op)
		m, err := graphsurgery.ParseText(fed)
		if err != nil {
			t.Fatal(err)
		}
		p, err := importer.Load(m, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		eachBackend(t, func(t *testing.T, b compute.Backend) {
			feed := make(map[string]*tensors.Tensor)
			for _, name := range []string{"a", "b"} {
				if feed[name], err = importer.NewTensor(m.Graph.Initializer(name)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := newRunner(t, p, b).Run(feed)
			if err != nil {
				t.Fatal(err)
			}
			if y := flat(t, got["y"]); y[0] != c.want {
				t.Errorf("%s %s(%g, %g): got %g, want %g", c.kind, c.op, c.a, c.b, y[0], c.want)
			}
		})
	}
}

// TestPackedWeights: weights of four bits are dequantised, as parameters, as
// constants and as inputs. ONNX's text form has two of them in a number: -8, 7, 0,
// -1, and 15, 7, 0, 1.
func TestPackedWeights(t *testing.T) {
	const text = `<ir_version: 10, opset_import: ["": 21]>
		g (float[4] x, %[1]s[4] w) => (float[4] y) <float s = {0.5}, %[1]s z = {1}, %[1]s[4] w = %[2]s> {
			d = DequantizeLinear(w, s, z)
			y = Add(x, d)
		}`
	for _, c := range []struct {
		kind, values string
		want         []float64
	}{
		{"int4", "{120, 240}", []float64{-4.5, 3, -0.5, -1}},
		{"uint4", "{127, 16}", []float64{7, 3, -0.5, 0}},
	} {
		m, err := graphsurgery.ParseText(fmt.Sprintf(text, c.kind, c.values))
		if err != nil {
			t.Fatal(err)
		}
		fed, err := importer.NewTensor(m.Graph.Initializer("w"))
		if err != nil {
			t.Fatal(err)
		}
		for _, feed := range []map[string]*tensors.Tensor{{"x": vector(0, 0, 0, 0)}, {"x": vector(0, 0, 0, 0), "w": fed}} {
			textCase{"", fmt.Sprintf(text, c.kind, c.values), feed, []int{4}, c.want}.check(t, importer.Options{})
			textCase{"", fmt.Sprintf(text, c.kind, c.values), feed, []int{4}, c.want}.check(t, importer.Options{MaxHostElements: 1})
		}
	}
}

// TestRefusedTypes: what no backend computes with is refused when the model is
// loaded, with the type's name.
func TestRefusedTypes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`g (string[2] x) => (string[2] y) { y = Identity(x) }`, "string"},
		{`g (complex64[2] x) => (complex64[2] y) { y = Identity(x) }`, "complex64"},
		{`g (float8e4m3fn[2] x, int64[1] s) => (float8e4m3fn[2] y) { y = Reshape(x, s) }`, "float8e4m3fn"},
		{`g (int4[2] x) => (int4[2] y) { y = Reshape(x, x) }`, "int4"},
		{`g (float[2] x) => (float[2] y) { y = Cast<to = 8>(x) }`, "string"},
		{`g (float[2] x) => (string[2] y) { y = Constant<value = string[1] {"a"}>() }`, "string"},
		{`g (float[2] x) => (string[2] y) { y = Constant<value_string = "a">() }`, "value_string"},
		{`g (float[2] x) => (float[2] y) <string[1] s = {"a"}> { y = Reshape(x, s) }`, "string"},
	} {
		m, err := graphsurgery.ParseText(`<ir_version: 10, opset_import: ["": 21]> ` + c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		_, err = importer.Load(m, importer.Options{})
		if _, ok := err.(*graphsurgery.UnsupportedError); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want a refusal that names %s", c.text, err, c.want)
		}
	}
}
