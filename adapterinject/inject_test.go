package adapterinject_test

import (
	"bytes"
	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestInjectGraph reads the spliced nodes of one block, spelled for opset 17.
func TestInjectGraph(t *testing.T) {
	m := nets.Classifier(t, 17, 8, 1, 3, true, nets.Spelling{})
	before, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	before = bytes.Clone(before)
	adapted := inject(t, m, aat.Recipe{Scale: 0.5}, adapterinject.Head{Labels: labels(2)})
	if err := adapted.Verify(); err != nil {
		t.Error(err)
	}
	after, err := m.Bytes()
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the base was changed (error %v)", err)
	}
	want := map[string]string{
		"b0.sum1":                              "Add(b0.o, aat/block0/attn/residual_output_0)",
		"b0.sum2":                              "Add(aat/block0/mlp/residual_output_0, b0.fc2)",
		"b0.fc1":                               "",
		"aat/block0/attn/residual_output_0":    "Add(x, aat/block0/attn/up_add_output_0)",
		"aat/block0/attn/up_add_output_0":      "Add(aat/block0/attn/up_matmul_output_0, aat/block0/attn/up_bias)",
		"aat/block0/attn/up_matmul_output_0":   "MatMul(aat/block0/attn/act_halve_output_0, aat/block0/attn/up_weight)",
		"aat/block0/attn/down_matmul_output_0": "MatMul(aat/block0/attn/branch_output_0, aat/block0/attn/down_weight)",
		"aat/block0/mlp/down_matmul_output_0":  "MatMul(b0.norm, aat/block0/mlp/down_weight)",
		"aat/block0/mlp/scale_output_0":        "Mul(aat/block0/mlp/up_add_output_0, aat/block0/mlp/scale_factor_output_0)",
		"aat/block0/mlp/residual_output_0":     "Add(b0.sum1, aat/block0/mlp/scale_output_0)",
		"aat/head/norm_output_0":               "LayerNormalization(pooled, aat/head/norm_weight, aat/head/norm_bias)",
		"y":                                    "Add(aat/head/dense_matmul_output_0, aat/head/dense_bias)",
	}
	delete(want, "b0.fc1")
	for name, text := range want {
		v := adapted.Graph.Value(name)
		if v == nil || v.Producer() == nil {
			t.Errorf("no computed value %q", name)
			continue
		}
		if got := strings.TrimPrefix(v.Producer().String(), name+" = "); got != text {
			t.Errorf("%s is %s, want %s", name, got, text)
		}
	}
	out := adapted.Graph.Output("y")
	if d := cmp.Diff([]gs.Dim{{Value: -1, Param: "batch"}, {Value: 2}}, out.Shape()); d != "" {
		t.Errorf("declared shape of the logits (-want +got):\n%s", d)
	}
	if v := adapted.Graph.Value("head norm"); v != nil {
		t.Error("the base's head norm was not pruned")
	}
}

// TestInjectOpsets: the operators spliced in are those of the model's opset and
// of the base's activation.
func TestInjectOpsets(t *testing.T) {
	tests := []struct {
		opset int
		s     nets.Spelling
		want  []string // distinct operators of adapters and head
	}{
		{14, nets.Spelling{Norm: "spelled"}, []string{"Add", "Constant", "Div", "Erf", "MatMul", "Mul", "ReduceMean", "Sqrt", "Sub"}},
		{17, nets.Spelling{}, []string{"Add", "Constant", "Div", "Erf", "LayerNormalization", "MatMul", "Mul"}},
		{17, nets.Spelling{Act: "tanh"}, []string{"Add", "Constant", "LayerNormalization", "MatMul", "Mul", "Tanh"}},
		{17, nets.Spelling{Act: "relu"}, []string{"Add", "Constant", "Div", "Erf", "LayerNormalization", "MatMul", "Mul"}},
		{20, nets.Spelling{Act: "optanh"}, []string{"Add", "Gelu tanh", "LayerNormalization", "MatMul"}},
		{20, nets.Spelling{Act: "op"}, []string{"Add", "Gelu none", "LayerNormalization", "MatMul"}},
	}
	for _, test := range tests {
		m := nets.Classifier(t, test.opset, 8, 2, 3, false, test.s)
		adapted := inject(t, m, aat.Recipe{}, adapterinject.Head{Labels: labels(2)})
		ops := map[string]bool{}
		for _, n := range adapted.Graph.Nodes() {
			if strings.HasPrefix(n.Name(), adapterinject.Prefix) {
				op := n.Op()
				if op == "Gelu" {
					op += " " + n.Str("approximate", "none")
				}
				ops[op] = true
			}
		}
		got := make([]string, 0, len(ops))
		for op := range ops {
			got = append(got, op)
		}
		sort.Strings(got)
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("opset %d, %+v (-want +got):\n%s", test.opset, test.s, d)
		}
		// The spelled activation and norm are recognised by our own detector.
		if blocks, report := adapterinject.Find(adapted); len(blocks) != 0 && len(blocks) != 2 {
			t.Errorf("opset %d: %d blocks in the injected model\n%s", test.opset, len(blocks), report)
		}
	}
}

func TestInjectDeterministic(t *testing.T) {
	m := nets.Classifier(t, 17, 8, 2, 3, true, nets.Spelling{})
	digest := func(seed, head uint64) string {
		return inject(t, m, aat.Recipe{Seed: seed}, adapterinject.Head{Labels: labels(4), Seed: head}).Digest()
	}
	if digest(1, 2) != digest(1, 2) {
		t.Error("the same seeds gave different bytes")
	}
	if digest(1, 2) == digest(3, 2) || digest(1, 2) == digest(1, 3) {
		t.Error("different seeds gave the same bytes")
	}
	both := inject(t, m, aat.Recipe{Seed: 1}, adapterinject.Head{})
	one := inject(t, m, aat.Recipe{Seed: 1, MLPOnly: true}, adapterinject.Head{})
	const name = "aat/block1/mlp/down_weight"
	a, _ := both.Graph.Initializer(name).Digest()
	b, _ := one.Graph.Initializer(name).Digest()
	if a != b {
		t.Errorf("%s changed when the spatial adapters were left out", name)
	}
}

func TestTrainableAndProvenance(t *testing.T) {
	m := nets.Classifier(t, 17, 8, 1, 3, true, nets.Spelling{})
	if _, ok := adapterinject.Provenance(m); ok || len(adapterinject.Trainable(m)) != 0 {
		t.Error("a base model claims to be injected")
	}
	adapted := inject(t, m, aat.Recipe{Seed: 5, Scale: 0.1}, adapterinject.Head{Labels: labels(2), Seed: 6})
	var want []string
	for _, place := range []string{"block0/attn/", "block0/mlp/"} {
		for _, part := range []string{"down_weight", "down_bias", "up_weight", "up_bias"} {
			want = append(want, adapterinject.Prefix+place+part)
		}
	}
	for _, part := range []string{"norm_weight", "norm_bias", "dense_weight", "dense_bias"} {
		want = append(want, adapterinject.Prefix+"head/"+part)
	}
	if d := cmp.Diff(want, adapterinject.Trainable(adapted)); d != "" {
		t.Errorf("trainable (-want +got):\n%s", d)
	}
	info, ok := adapterinject.Provenance(adapted)
	wantInfo := adapterinject.Info{Version: "2", BaseDigest: m.Digest(), Labels: labels(2), Method: "aat", Recipe: []byte(`{"scale":0.1,"seed":5}`), Head: adapterinject.Head{Seed: 6}, Blocks: 1}
	if d := cmp.Diff(wantInfo, info); !ok || d != "" {
		t.Errorf("provenance (-want +got):\n%s", d)
	}
	if outputs, _ := adapted.Metadata(adapterinject.MetaBaseOutputs); outputs != `[{"name":"y","shape":["batch","3"]}]` {
		t.Errorf("base outputs are %s", outputs)
	}
	adapted.SetMetadata(adapterinject.MetaRecipe, "{")
	if _, ok := adapterinject.Provenance(adapted); ok {
		t.Error("provenance was read from broken JSON")
	}
}
