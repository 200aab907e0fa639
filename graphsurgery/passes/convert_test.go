package passes_test

import (
	"errors"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// TestConvertOpset shows what becomes of each operator whose versions differ in
// more than types. Nodes and initialisers are compared one a line.
func TestConvertOpset(t *testing.T) {
	cases := []struct {
		name     string
		from, to string
		target   int64
		before   string
		want     []string // lines of the converted model's graph
	}{
		{"axes become an input", "11", "13", 13,
			`g (float[2,1] x) => (float[2] y, float[1] z) { a = Squeeze<axes = [1]>(x) y = Neg(a) z = ReduceSum<axes = [0], keepdims = 0>(x) }`,
			[]string{`a = Squeeze (x, a_axes)`, `z = ReduceSum <keepdims = 0> (x, z_axes)`, `int64[1] a_axes = {1}`, `int64[1] z_axes = {0}`}},
		{"reductions over all axes stay", "13", "18", 18,
			`g (float[2] x) => (float[1] y) { y = ReduceMean(x) }`, []string{`y = ReduceMean (x)`}},
		{"reductions from 18 on", "13", "18", 18,
			`g (float[2,3] x) => (float[2,1] y) { y = ReduceMean<axes = [-1]>(x) }`, []string{`y = ReduceMean (x, y_axes)`}},
		{"softmax over the last axis", "11", "13", 13,
			`g (float[2,3] x) => (float[2,3] y) { y = Softmax(x) }`, []string{`y = Softmax <axis = 1> (x)`}},
		{"softmax over several axes", "11", "13", 13,
			`g (float[2,3,4] x) => (float[2,3,4] y) { y = LogSoftmax(x) }`,
			[]string{`Flatten <axis = 1> (x)`, `LogSoftmax <axis = -1> (`, `= Shape (x)`, `y = Reshape (`}},
		{"bounds become inputs of the data's type", "10", "13", 13,
			`g (float16[2] x) => (float16[2] y) { y = Clip<min = 0.0>(x) }`, []string{`y = Clip (x, y_min)`, `float16 y_min = {0}`}},
		{"padding", "10", "18", 18,
			`g (float[2] x) => (float[4] y) { y = Pad<pads = [1, 1], value = 2.0>(x) }`,
			[]string{`y = Pad (x, y_pads, y_value)`, `int64[2] y_pads = {1, 1}`, `float y_value = {2}`}},
		{"slices", "9", "13", 13,
			`g (float[4] x) => (float[2] y) { y = Slice<starts = [1], ends = [3]>(x) }`, []string{`y = Slice (x, y_starts, y_ends)`}},
		{"the best k", "9", "11", 11,
			`g (float[4] x) => (float[2] y, int64[2] i) { y, i = TopK<k = 2>(x) }`, []string{`y, i = TopK (x, y_k)`, `int64[1] y_k = {2}`}},
		{"equal parts are counted", "13", "18", 18,
			`g (float[4] x) => (float[2] y, float[2] z) { y, z = Split(x) }`, []string{`y, z = Split <num_outputs = 2> (x)`}},
		{"sizes of parts", "11", "18", 18,
			`g (float[4] x) => (float[1] y, float[3] z) { y, z = Split<split = [1, 3]>(x) }`, []string{`y, z = Split (x, y_split)`}},
		{"dropout keeps its ratio", "11", "13", 13,
			`g (float[4] x) => (float[4] y) { y = Dropout<ratio = 0.25>(x) }`, []string{`y = Dropout (x, y_ratio)`, `float y_ratio = {0.25}`}},
		{"upsampling", "9", "13", 13,
			`g (float[1,1,2,2] x) => (float[1,1,4,4] y) <float[4] s = {1, 1, 2, 2}> { y = Upsample(x, s) }`,
			[]string{`y = Resize <coordinate_transformation_mode = "asymmetric", mode = "nearest", nearest_mode = "floor"> (x, "", s)`}},
		{"scatter has another name", "10", "11", 11,
			`g (float[2] x, int64[1] i, float[1] u) => (float[2] y) { y = Scatter(x, i, u) }`, []string{`y = ScatterElements (x, i, u)`}},
		{"the axis of a Fourier transform", "17", "20", 20,
			`g (float[1,8,1] x) => (float[1,8,2] y) { y = DFT(x) }`, []string{`y = DFT (x, "", y_axis)`, `int64 y_axis = {1}`}},
		{"modes of a grid sample", "16", "20", 20,
			`g (float[1,1,2,2] x, float[1,2,2,2] c) => (float[1,1,2,2] y) { y = GridSample<mode = "bicubic">(x, c) }`, []string{`GridSample <mode = "cubic"> (x, c)`}},
		{"branches", "11", "13", 13,
			`g (bool c, float[1,2] x) => (float[2] y) { y = If(c) <then_branch = a () => (float[2] p) { p = Squeeze<axes = [0]>(x) }, else_branch = b () => (float[2] q) { q = Squeeze(x) }> }`,
			[]string{`p = Squeeze (x, p_axes)`, `q = Squeeze (x)`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := gs.ParseText(`<ir_version: 4, opset_import: ["" : ` + c.from + `]>` + c.before)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := passes.Run(m, passes.ConvertOpset(c.target)); err != nil {
				t.Fatal(err)
			}
			if have, _ := m.Opset(""); have != c.target {
				t.Errorf("opset %d, want %d", have, c.target)
			}
			for _, line := range c.want {
				if text := m.Text(); !strings.Contains(text, line) {
					t.Errorf("no %q in\n%s", line, text)
				}
			}
		})
	}
}

// What has no known conversion is named, and nothing is changed.
func TestConvertOpsetRefuses(t *testing.T) {
	cases := []struct{ name, from, text, op string }{
		{"a mask that is read", "9", `g (float[2] x) => (float[2] y, float[2] m) { y, m = Dropout(x) }`, "Dropout"},
		{"negative one-hot indices", "10", `g (int64[2] x) => (float[2,3] y) <int64[1] d = {3}, float[2] v = {0, 1}> { y = OneHot(x, d, v) }`, "OneHot"},
		{"training", "13", `g (float[1,2] x, float[2] s) => (float[1,2] y, float[2] m) { y, m = BatchNormalization(x, s, s, s, s) }`, "BatchNormalization"},
		{"channels that are not known", "18", `g (float[N,C,L] x) => (float[N,C,L] y) <float[2] s = {1, 2}> { y = GroupNormalization<num_groups = 2>(x, s, s) }`, "GroupNormalization"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := gs.ParseText(`<ir_version: 8, opset_import: ["" : ` + c.from + `]>` + c.text)
			if err != nil {
				t.Fatal(err)
			}
			before := m.Digest()
			_, err = passes.Run(m, passes.ConvertOpset(21))
			var unsupported *gs.UnsupportedError
			if !errors.As(err, &unsupported) || unsupported.Op != c.op {
				t.Errorf("got %v, want an UnsupportedError of %s", err, c.op)
			}
			if m.Digest() != before {
				t.Error("the model changed")
			}
		})
	}
}

func TestConvertOpsetTargets(t *testing.T) {
	text := `g (float[2] x) => (float[2] y) { y = Neg(x) }`
	unchanged(t, "17", text, passes.ConvertOpset(17))
	for _, target := range []int64{16, 24} {
		var unsupported *gs.UnsupportedError
		if _, err := passes.Run(parse(t, "17", text), passes.ConvertOpset(target)); !errors.As(err, &unsupported) {
			t.Errorf("from 17 to %d: got %v, want an UnsupportedError", target, err)
		}
	}
}

// Before IR version 4 every initialiser is listed as an input and none can be fed;
// with a later version the listing would mean that a caller can.
func TestConvertOpsetUnlistsInitializers(t *testing.T) {
	m, err := gs.ParseText(`<ir_version: 3, opset_import: ["" : 8]> g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := passes.Run(m, passes.ConvertOpset(17)); err != nil {
		t.Fatal(err)
	}
	if v := m.Graph.Value("w"); m.IRVersion() < 8 || !v.IsConstant() || v.IsListedInput() {
		t.Errorf("IR version %d, w constant: %v, listed: %v", m.IRVersion(), v.IsConstant(), v.IsListedInput())
	}
}
