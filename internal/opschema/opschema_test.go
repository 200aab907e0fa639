package opschema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestTableIsWhole compares counts with those of onnx 1.22, printed by
// len(onnx.defs.get_all_schemas_with_history()) by domain.
func TestTableIsWhole(t *testing.T) {
	got := map[string]int{}
	for _, s := range All() {
		if !s.Runtime {
			got[s.Domain]++
		}
	}
	want := map[string]int{"": 609, "ai.onnx.ml": 25, "ai.onnx.preview": 1, "ai.onnx.preview.training": 4}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("schemas by domain: got %v, want %v", got, want)
	}
	for domain, version := range map[string]int64{"": 27, "ai.onnx": 27, "ai.onnx.ml": 5, "com.example": 0} {
		if got := Latest(domain); got != version {
			t.Errorf("Latest(%q) = %d, want %d", domain, got, version)
		}
	}
}

// TestHistory follows operators whose meaning changed: the version in force at
// each operator set, and where the axes are given.
func TestHistory(t *testing.T) {
	for _, c := range []struct {
		op    string
		opset int64
		want  string // version, inputs, default of axis or where axes are; "" is none
	}{
		{"Squeeze", 1, "1 inputs 1..1 axes attribute"},
		{"Squeeze", 12, "11 inputs 1..1 axes attribute"},
		{"Squeeze", 13, "13 inputs 1..2 axes input"},
		{"Squeeze", 17, "13 inputs 1..2 axes input"},
		{"Softmax", 1, "1 inputs 1..1 axis 1"},
		{"Softmax", 12, "11 inputs 1..1 axis 1"},
		{"Softmax", 13, "13 inputs 1..1 axis -1"},
		{"ReduceMean", 17, "13 inputs 1..1 axes attribute"},
		{"ReduceMean", 18, "18 inputs 1..2 axes input"},
		{"Gelu", 19, ""},
		{"Gelu", 20, "20 inputs 1..1"},
		{"Attention", 22, ""},
		{"Attention", 24, "24 inputs 3..7"},
		{"NoSuchOp", 17, ""},
	} {
		got := ""
		if s, ok := Find("", c.op, c.opset); ok {
			got = fmt.Sprintf("%d inputs %d..%d%s", s.Since, s.MinInputs, s.MaxInputs, axes(s))
		}
		if got != c.want {
			t.Errorf("%s at %d: got %q, want %q", c.op, c.opset, got, c.want)
		}
	}
}

func axes(s *Schema) string {
	if a, ok := s.Attr("axis"); ok {
		return fmt.Sprintf(" axis %v", a.Default)
	}
	if _, ok := s.Attr("axes"); ok {
		return " axes attribute"
	}
	if slices.ContainsFunc(s.Inputs, func(p Param) bool { return p.Name == "axes" }) {
		return " axes input"
	}
	return ""
}

// TestSchema compares one schema of each shape with the standard's text.
func TestSchema(t *testing.T) {
	loop, _ := Find("ai.onnx", "Loop", 1)
	want := &Schema{
		Name: "Loop", Since: 1, MinInputs: 3, MaxInputs: Unbounded, MinOutputs: 1, MaxOutputs: Unbounded,
		Inputs: []Param{
			{"M", "I", Optional, true, 0},
			{"cond", "B", Optional, true, 0},
			{"v_initial", "V", Variadic, false, 1},
		},
		Outputs: []Param{{"v_final_and_scan_outputs", "V", Variadic, false, 1}},
		Attrs:   []Attr{{Name: "body", Type: Graph, Required: true}},
		Types:   loop.Types,
	}
	if !reflect.DeepEqual(loop, want) {
		t.Errorf("Loop 1: got %+v, want %+v", loop, want)
	}
	if got := loop.Allowed("I"); !slices.Equal(got, []string{"tensor(int64)"}) {
		t.Errorf("Loop's I is %v", got)
	}
	if got := loop.Allowed("tensor(bool)"); !slices.Equal(got, []string{"tensor(bool)"}) {
		t.Errorf("a type that is no variable stands for %v", got)
	}
	for _, c := range []struct {
		domain, op, attr string
		want             any
	}{
		{"", "LayerNormalization", "epsilon", float32(1e-5)},
		{"", "Conv", "auto_pad", "NOTSET"},
		{"", "Gemm", "transB", int64(0)},
		{"", "RNN", "activations", []string{"Tanh", "Tanh"}},
		{"ai.onnx.ml", "Imputer", "imputed_value_floats", nil},
		{"com.microsoft", "FusedMatMul", "alpha", float32(1)},
	} {
		s, ok := Find(c.domain, c.op, Latest(c.domain))
		if !ok {
			t.Errorf("no schema of %s", c.op)
			continue
		}
		if a, ok := s.Attr(c.attr); !ok || !reflect.DeepEqual(a.Default, c.want) {
			t.Errorf("%s.%s: got %v, want default %v", c.op, c.attr, a, c.want)
		}
	}
}

// TestOutputCounts looks at the one operator whose outputs are given all or one.
func TestOutputCounts(t *testing.T) {
	for opset, want := range map[int64][]int{9: {1, 5}, 15: {1, 3}} {
		s, _ := Find("", "BatchNormalization", opset)
		if !slices.Equal(s.OutputCounts, want) || s.MinOutputs != want[0] || s.MaxOutputs != want[1] {
			t.Errorf("BatchNormalization %d: got %v in %d..%d, want %v", opset, s.OutputCounts, s.MinOutputs, s.MaxOutputs, want)
		}
	}
}

func TestParams(t *testing.T) {
	concat, _ := Find("", "Concat", 13)
	if p, ok := concat.Input(7); !ok || p.Option != Variadic || p.MinArity != 1 || !p.Homogeneous {
		t.Errorf("Concat's input 7: got %v, %v", p, ok)
	}
	relu, _ := Find("", "Relu", 13)
	if p, ok := relu.Input(1); ok {
		t.Errorf("Relu has an input 1: %v", p)
	}
	if p, ok := relu.Output(0); !ok || p.TypeStr != "T" {
		t.Errorf("Relu's output: got %v, %v", p, ok)
	}
}

// TestFlags looks at operators known to be deprecated, runtime's own, functions.
func TestFlags(t *testing.T) {
	for _, c := range []struct {
		domain, op string
		opset      int64
		want       string
	}{
		{"", "Scatter", 9, ""},
		{"", "Scatter", 11, "deprecated"},
		{"", "Upsample", 10, "deprecated"},
		{"", "Softmax", 13, "function"},
		{"", "LayerNormalization", 16, "runtime"},
		{"", "LayerNormalization", 17, "function open"},
		{"", "SimplifiedLayerNormalization", 17, "runtime"},
		{"com.microsoft", "BiasGelu", 1, "runtime"},
	} {
		s, ok := Find(c.domain, c.op, c.opset)
		if !ok {
			t.Errorf("no schema of %s at %d", c.op, c.opset)
			continue
		}
		var got []string
		for _, flag := range []struct {
			name string
			set  bool
		}{{"deprecated", s.Deprecated}, {"runtime", s.Runtime}, {"function", s.Function}, {"open", s.Open}} {
			if flag.set {
				got = append(got, flag.name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s at %d: got %v, want %q", c.op, c.opset, got, c.want)
		}
	}
}

// TestConsistent holds every schema to what callers rely on.
func TestConsistent(t *testing.T) {
	for _, s := range All() {
		name := fmt.Sprintf("%s.%s %d", s.Domain, s.Name, s.Since)
		if s.MinInputs > s.MaxInputs || s.MinOutputs > s.MaxOutputs {
			t.Errorf("%s: arity %d..%d, %d..%d", name, s.MinInputs, s.MaxInputs, s.MinOutputs, s.MaxOutputs)
		}
		if len(s.Types) > 0 { // a runtime's type variables may lack a constraint
			for _, p := range append(slices.Clone(s.Inputs), s.Outputs...) {
				if a := s.Allowed(p.TypeStr); len(a) == 1 && a[0] == p.TypeStr && !strings.Contains(p.TypeStr, "(") && !s.Runtime {
					t.Errorf("%s: parameter %s has the unknown type %s", name, p.Name, p.TypeStr)
				}
			}
		}
		if found, ok := Find(s.Domain, s.Name, s.Since); !ok || found != s {
			t.Errorf("%s is not found", name)
		}
		if !slices.IsSortedFunc(s.Attrs, func(a, b Attr) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("%s: attributes are not sorted", name)
		}
	}
}

func TestReleases(t *testing.T) {
	for _, c := range []struct {
		domain string
		opset  int64
		ir     int64 // 0 is unknown
	}{
		{"", 1, 3}, {"", 13, 7}, {"", 17, 8}, {"ai.onnx", 21, 10}, {"", 27, 13}, {"", 99, 0}, {"", 0, 0},
		{"ai.onnx.ml", 3, 8}, {"ai.onnx.preview.training", 1, 7}, {"com.example", 1, 0},
	} {
		if ir, ok := MinIR(c.domain, c.opset); ir != c.ir || ok != (c.ir != 0) {
			t.Errorf("MinIR(%q, %d) = %d, %v, want %d", c.domain, c.opset, ir, ok, c.ir)
		}
	}
	if got := LatestIR(); got != 13 {
		t.Errorf("LatestIR is %d, want 13", got)
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		mustRead(text)
	}
}
