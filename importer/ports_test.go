package importer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestPorts: what models store and hand out in unusual places.
func TestPorts(t *testing.T) {
	x := map[string]*tensors.Tensor{"x": vector(1, 2, 3)}
	for _, c := range []textCase{
		{"sparse initialiser by position", `<ir_version: 8, opset_import: ["": 17]>
			g (float[3] x) => (float[3] y) <w = sparse(float[2] {4, 5}, int64[2] {0, 2}, [3])> { y = Add(x, w) }`,
			x, []int{3}, []float64{5, 2, 8}},
		{"sparse initialiser by coordinates", `<ir_version: 8, opset_import: ["": 17]>
			g (float[3] x) => (float[2] y) <w = sparse(float[2] {4, 5}, int64[2, 2] {0, 1, 2, 0}, [3, 2])> { y = MatMul(x, w) }`,
			x, []int{2}, []float64{15, 4}},
		{"sparse constant", `<ir_version: 8, opset_import: ["": 17]>
			g (float[3] x) => (float[3] y) {
				w = Constant<sparse_value: sparse_tensor = sparse(float[1] {4}, int64[1] {1}, [3])>()
				y = Add(x, w)
			}`, x, []int{3}, []float64{1, 6, 3}},
		{"an input as output", `<ir_version: 8, opset_import: ["": 17]> g (float[3] x) => (float[3] x) {}`, x, []int{3}, []float64{1, 2, 3}},
		{"an initialiser as output", `<ir_version: 8, opset_import: ["": 17]>
			g () => (float[2] w) <float[2] w = {4, 5}> {}`, nil, []int{2}, []float64{4, 5}},
		{"a folded value as output", `<ir_version: 8, opset_import: ["": 17]>
			g (float[3] x) => (int64[1] s) { s = Shape(x) }`, x, []int{1}, []float64{3}},
		{"a default that is kept", defaultInput, x, []int{3}, []float64{11, 12, 13}},
		{"a default that is fed", defaultInput, map[string]*tensors.Tensor{"x": vector(1, 2, 3), "w": tensors.FromValue(float32(20))}, []int{3}, []float64{21, 22, 23}},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, importer.Options{}) })
	}
}

// defaultInput is a model with an initialiser that a caller may override.
const defaultInput = `<ir_version: 8, opset_import: ["": 17]>
	g (float[3] x, float w) => (float[3] y) <float w = {10}> { y = Add(x, w) }`

// TestNamedDimensions: inputs that share a dimension's name share its size.
func TestNamedDimensions(t *testing.T) {
	r := newRunner(t, loadText(t, `<ir_version: 8, opset_import: ["": 17]>
		g (float[n] a, float[n] b) => (float[m] y) { y = Concat<axis = 0>(a, b) }`, importer.Options{}), backend(t, "go"))
	if _, err := r.Run(map[string]*tensors.Tensor{"a": vector(1, 2), "b": vector(3, 4)}); err != nil {
		t.Fatal(err)
	}
	_, err := r.Run(map[string]*tensors.Tensor{"a": vector(1, 2), "b": vector(3)})
	for _, want := range []string{`"b"`, `"n"`, "1", "2", `"a"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got error %v, want it to name %s", err, want)
		}
	}
}

// TestRunData feeds a sequence, and gets one, for two lengths.
func TestRunData(t *testing.T) {
	r := newRunner(t, loadText(t, `<ir_version: 8, opset_import: ["": 17]>
		g (seq(float[n]) s, float[n] x) => (seq(float[n]) y, float[m] z) {
			y = SequenceInsert(s, x)
			z = ConcatFromSequence<axis = 0>(y)
		}`, importer.Options{}), backend(t, "go"))
	for _, items := range [][]float32{{}, {1}, {1, 2}, {3}} {
		s := importer.Data{Kind: graphsurgery.KindSequence}
		var want []float64
		for _, v := range items {
			s.Items = append(s.Items, importer.Data{Tensor: vector(v, v)})
			want = append(want, float64(v), float64(v))
		}
		got, err := r.RunData(map[string]importer.Data{"s": s, "x": {Tensor: vector(8, 9)}})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, 8, 9)
		if z := flat(t, got["z"].Tensor); !slices.Equal(z, want) {
			t.Errorf("%v: got %v, want %v", items, z, want)
		}
		if y := got["y"]; y.Kind != graphsurgery.KindSequence || len(y.Items) != len(items)+1 || !slices.Equal(flat(t, y.Items[len(items)].Tensor), []float64{8, 9}) {
			t.Errorf("%v: got %+v, want a sequence with x at its end", items, y)
		}
	}
	for name, d := range map[string]importer.Data{"tensor": {Tensor: vector(1)}, "hole": {Kind: graphsurgery.KindSequence, Items: make([]importer.Data, 1)}} {
		if _, err := r.RunData(map[string]importer.Data{"s": d, "x": {Tensor: vector(8, 9)}}); err == nil || !strings.Contains(err.Error(), `"s"`) {
			t.Errorf("%s: got error %v, want one about input s", name, err)
		}
	}
	if _, err := r.Run(map[string]*tensors.Tensor{"x": vector(8, 9)}); err == nil || !strings.Contains(err.Error(), `"s" is missing`) {
		t.Errorf("without the sequence: got error %v", err)
	}
}
