package graphsurgery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// TestInferTinyAST: every value of a real export, TorchScript and dynamo, has a type
// and a complete shape, in the symbols of its input.
func TestInferTinyAST(t *testing.T) {
	for _, c := range []struct{ file, value, want string }{
		{"tinyast-ts17.onnx", "/model/audio_spectrogram_transformer/embeddings/Add_output_0", "float[batch,98,128]"},
		{"tinyast-dynamo.onnx", "logits", ""},
	} {
		m, err := Load("../testdata/tinyast/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		types, err := m.InferWith(InferOptions{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range m.Graph.Nodes() {
			for _, v := range n.Outputs() {
				if v != nil && !complete(types.Of(v)) {
					t.Errorf("%s: %s has type %s", c.file, n, types.Of(v))
				}
			}
		}
		if c.want == "" {
			continue
		}
		if got := types.Of(m.Graph.Value(c.value)).String(); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.file, c.value, got, c.want)
		}
	}
}

// complete reports whether element type and every dimension are known.
func complete(t Type) bool {
	if t.DType == Undefined || t.Shape == nil {
		return false
	}
	for _, d := range t.Shape {
		if d.Value < 0 && d.Param == "" {
			return false
		}
	}
	return true
}

// TestInferShapes: shape arithmetic, branches, loops and a function, by value.
func TestInferShapes(t *testing.T) {
	m, err := Load("testdata/infer_shapes.onnx")
	if err != nil {
		t.Fatal(err)
	}
	types, err := m.InferWith(InferOptions{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"mm": "float[batch,time,6]", "act": "float[batch,time,6]", "tail": "float[batch,time,3]", "y": "float[batch*time,6]",
		"flat": "float[batch*time*8]", "z": "float[batch*time,6]", "final": "float", "s": "float[e]", "nz2": "int64[1,f]", "nz": "int64[f]",
		"target": "int64[2]", "limit": "bool",
	} {
		if got := types.Of(m.Graph.Value(name)).String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	ints, ok := types.Ints(m.Graph.Value("target"))
	if got := fmt.Sprint(ints); !ok || got != "[(time//2)*3 -1]" {
		t.Errorf("target holds %s, %v, want [(time//2)*3 -1]", got, ok)
	}
	if _, ok := types.Ints(m.Graph.Value("mm")); ok {
		t.Error("the elements of mm are known, want not")
	}
	bound := types.Bind(map[string]int64{"batch": 3, "time": 11})
	if got := bound.Of(m.Graph.Value("y")).String(); got != "float[33,6]" {
		t.Errorf("y is %s for batch 3 and time 11, want float[33,6]", got)
	}
	for _, f := range m.Functions() {
		if got := types.Of(f.Body().Value("r")).String(); got != "float[batch,time,6]" {
			t.Errorf("the function's result is %s, want float[batch,time,6]", got)
		}
	}
}

// TestInferFixedInputs: sizes that the caller fixes take the place of symbols.
func TestInferFixedInputs(t *testing.T) {
	m, err := Load("testdata/infer_shapes.onnx")
	if err != nil {
		t.Fatal(err)
	}
	types, err := m.InferWith(InferOptions{Inputs: map[string][]int64{"x": {2, 5, -1}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"y": "float[10,6]", "x": "float[2,5,8]", "z": "float[10,6]"} {
		if got := types.Of(m.Graph.Value(name)).String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if ints, _ := types.Ints(m.Graph.Value("target")); fmt.Sprint(ints) != "[6 -1]" {
		t.Errorf("target holds %v, want [6 -1]", ints)
	}
	for what, inputs := range map[string]map[string][]int64{
		"no such input": {"q": {1}}, "wrong rank": {"x": {1, 2}}, "wrong size": {"x": {1, 2, 9}},
	} {
		if _, err := m.InferWith(InferOptions{Inputs: inputs}); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

// TestInferStrict: each broken rule is a TypeError that names node and rule, and
// lenient inference goes on behind it.
func TestInferStrict(t *testing.T) {
	for _, c := range []struct{ name, nodes, want string }{
		{"matmul", "y = MatMul(a, a)", "do not multiply: 3 against 2"},
		{"broadcast", "y = Add(a, c)", "do not broadcast: 3 against 4"},
		{"types", "y = Add(a, i)", "input 1 (B) is of type tensor(int64) and input 0 of type tensor(float)"},
		{"axis", "y = Softmax<axis = 5>(a)", "axis 5 is out of range for rank 2"},
		{"concat axis", "y = Concat<axis = 2>(a, a)", "axis 2 is out of range for rank 2"},
		{"concat sizes", "y = Concat<axis = 1>(a, b)", "2 against 3"},
		{"reshape", "y = Reshape(a, shape5)", "does not hold the elements"},
		{"transpose", "y = Transpose<perm = [0, 0]>(a)", "no permutation"},
		{"gather axis", "y = Gather<axis = -3>(a, i)", "axis -3 is out of range"},
		{"gemm", "y = Gemm(a, a)", "do not multiply"},
		{"squeeze", "y = Squeeze(a, axis1)", "axis 1 of [2, 3] is not 1"},
		{"where", "y = Where(a, a, a)", "want tensor(bool)"},
		{"integer softmax", "y = Softmax(i)", "is of type tensor(int64), want tensor(float16)"},
		{"index type", "y = Gather(a, b)", "(indices) is of type tensor(float)"},
		{"and", "y = And(a, a)", "want tensor(bool)"},
		{"split", "y, y2 = Split<axis = 1>(a, split)", "the parts sum to 4"},
		{"conv", "w = Constant<value_floats = [1.0]>() y = Conv(a, w)", "rank"},
		{"expand", "y = Expand(a, shape5)", "does not expand"},
		{"declared", "z = Identity(a) y = Relu(z)", ""},
	} {
		text := `<ir_version: 8, opset_import: ["" : 18]>
			g (float[2, 3] a, float[3, 3] b, float[4] c, int64[1] i) => (float[p, q] out)
			<int64[1] shape5 = {5}, int64[1] axis1 = {1}, int64[2] split = {1, 3}>
			{ ` + c.nodes + ` out = Identity(b) }`
		m, err := ParseText(text)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		_, err = m.InferWith(InferOptions{Strict: true})
		var broken *TypeError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v, want no error", c.name, err)
		case c.want == "":
		case !errors.As(err, &broken) || !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v, want a TypeError with %q", c.name, err, c.want)
		case broken.Node == "" || broken.Op == "" || len(broken.Inputs) == 0:
			t.Errorf("%s: the error does not name its place: %+v", c.name, broken)
		}
		types, err := m.Infer()
		if err != nil {
			t.Fatal(err)
		}
		if got := types.Of(m.Graph.Value("out")).String(); got != "float[3,3]" {
			t.Errorf("%s: behind the fault, out is %s, want float[3,3]", c.name, got)
		}
	}
}

// TestInferDeclared: a declared output that contradicts the inferred one is a
// problem; one that names an unknown size gives it its name.
func TestInferDeclared(t *testing.T) {
	for _, c := range []struct{ out, want, problem string }{
		{"float[2, 7]", "float[2,3]", "3 against 7"},
		{"int64[2, 3]", "float[2,3]", "float32 and int64 differ"},
		{"float[2, 3, 1]", "float[2,3]", "differ in rank"},
		{"float[rows, cols]", "float[2,3]", ""},
	} {
		m, err := ParseText(`<ir_version: 8, opset_import: ["" : 18]> g (float[2, 3] a) => (` + c.out + ` y) { y = Relu(a) }`)
		if err != nil {
			t.Fatal(err)
		}
		types, err := m.Infer()
		if err != nil {
			t.Fatal(err)
		}
		if got := types.Of(m.Graph.Value("y")).String(); got != c.want {
			t.Errorf("%s: y is %s, want %s", c.out, got, c.want)
		}
		problem := fmt.Sprint(types.Problems())
		if c.problem == "" && len(types.Problems()) > 0 || !strings.Contains(problem, c.problem) {
			t.Errorf("%s: problems %s, want %q", c.out, problem, c.problem)
		}
	}
}

// TestInferInto: single nodes are inferred from known types without the rest.
func TestInferInto(t *testing.T) {
	m, err := Load("testdata/infer_shapes.onnx")
	if err != nil {
		t.Fatal(err)
	}
	full, err := m.Infer()
	if err != nil {
		t.Fatal(err)
	}
	want := full.Of(m.Graph.Value("y")).String()
	var last []*Node
	for _, n := range m.Graph.Nodes() {
		if n.Op() == "Concat" || n.Op() == "Flatten" {
			last = append(last, n)
			for _, v := range n.Outputs() {
				delete(full.of, v)
			}
		}
	}
	if err := m.inferInto(full, last); err != nil {
		t.Fatal(err)
	}
	if got := full.Of(m.Graph.Value("y")).String(); got != want {
		t.Errorf("y is %s, want %s", got, want)
	}
}

// TestInferAnyOperator puts every operator in the place of many nodes: what comes of
// it may be unknown, but nothing breaks, and nothing takes long.
func TestInferAnyOperator(t *testing.T) {
	files := []string{"testdata/infer_shapes.onnx", "../testdata/small/waveform.onnx"}
	if dirs, ok := testutil.NodeTests(t, "node"); ok {
		for i := 0; i < len(dirs); i += 29 {
			files = append(files, filepath.Join(dirs[i], "model.onnx"))
		}
	}
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		step := 4
		if i > 0 {
			step = 40
		}
		for k, op := range infer.Ops() {
			swapOperator(t, m, op, file, k+i, step)
		}
	}
}

// swapOperator makes every step-th node the operator, in turn.
func swapOperator(t *testing.T, m *Model, op infer.Op, file string, from, step int) {
	for i, n := range m.Graph.Nodes() {
		if (i+from)%step != 0 {
			continue
		}
		name, domain := n.pb.OpType, n.pb.Domain
		n.pb.OpType, n.pb.Domain = &op.Name, &op.Domain
		version := []int64{6, 23}[i/step%2]
		imports := m.pb.OpsetImport
		m.pb.OpsetImport = []*pb.OperatorSetIdProto{{Domain: &op.Domain, Version: &version}}
		start := time.Now()
		if _, err := m.Infer(); err != nil {
			t.Errorf("%s: %s as node %d: %v", file, op.Name, i, err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("%s: %s as node %d takes %v", file, op.Name, i, d)
		}
		m.pb.OpsetImport = imports
		n.pb.OpType, n.pb.Domain = name, domain
	}
}

// BenchmarkInfer takes the TorchScript export, of 596 nodes.
func BenchmarkInfer(b *testing.B) {
	m, err := Load("../testdata/tinyast/tinyast-ts17.onnx")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Infer(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestInferUnsorted: nodes in the wrong order are inferred nevertheless; a node that
// depends on itself stays unknown.
func TestInferUnsorted(t *testing.T) {
	for _, c := range []struct{ nodes, want string }{
		{"y = Relu(b) b = Transpose(a)", "float[3,2]"},
		{"y = Relu(b) c = Neg(y) b = Add(c, a)", "?"},
	} {
		m, err := ParseText(`<ir_version: 8, opset_import: ["" : 18]> g (float[2, 3] a) => (float[p, q] y) { ` + c.nodes + ` }`)
		if err != nil {
			t.Fatal(err)
		}
		stripTypes(t, m)
		types, err := m.Infer()
		if err != nil {
			t.Fatal(err)
		}
		if got := types.Of(m.Graph.Value("y")).String(); got != c.want {
			t.Errorf("%s: y is %s, want %s", c.nodes, got, c.want)
		}
	}
}
