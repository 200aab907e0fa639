package adapterinject

import (
	"bytes"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestInjectGraph reads the spliced nodes of one block, spelled for opset 17.
func TestInjectGraph(t *testing.T) {
	m := classifier(t, 17, 8, 1, 3, true, spelling{})
	before, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	before = bytes.Clone(before)
	adapted := inject(t, m, AAT{Scale: 0.5}, Head{Labels: labels(2)})
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
		"aat/block0/attn/down_matmul_output_0": "MatMul(b0.o, aat/block0/attn/down_weight)",
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
		s     spelling
		want  []string // distinct operators of adapters and head
	}{
		{14, spelling{norm: "spelled"}, []string{"Add", "Constant", "Div", "Erf", "MatMul", "Mul", "ReduceMean", "Sqrt", "Sub"}},
		{17, spelling{}, []string{"Add", "Constant", "Div", "Erf", "LayerNormalization", "MatMul", "Mul"}},
		{17, spelling{act: "tanh"}, []string{"Add", "Constant", "LayerNormalization", "MatMul", "Mul", "Tanh"}},
		{17, spelling{act: "relu"}, []string{"Add", "Constant", "Div", "Erf", "LayerNormalization", "MatMul", "Mul"}},
		{20, spelling{act: "optanh"}, []string{"Add", "Gelu tanh", "LayerNormalization", "MatMul"}},
		{20, spelling{act: "op"}, []string{"Add", "Gelu none", "LayerNormalization", "MatMul"}},
	}
	for _, test := range tests {
		m := classifier(t, test.opset, 8, 2, 3, false, test.s)
		adapted := inject(t, m, AAT{}, Head{Labels: labels(2)})
		ops := map[string]bool{}
		for _, n := range adapted.Graph.Nodes() {
			if strings.HasPrefix(n.Name(), Prefix) {
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
		if blocks, report := Find(adapted); len(blocks) != 0 && len(blocks) != 2 {
			t.Errorf("opset %d: %d blocks in the injected model\n%s", test.opset, len(blocks), report)
		}
	}
}

// TestSpelledActivationsAreThemselves computes the spliced spellings at sample
// points, by the detector's own scalar evaluation.
func TestSpelledActivationsAreThemselves(t *testing.T) {
	for _, test := range []struct {
		opset int
		act   string
		want  string
	}{{17, "", ActivationGELU}, {17, "tanh", ActivationGELUTanh}, {20, "op", ActivationGELU}, {20, "optanh", ActivationGELUTanh}} {
		m := classifier(t, test.opset, 8, 1, 3, false, spelling{act: test.act})
		g := inject(t, m, AAT{}, Head{}).Graph
		f := study(g)
		down := g.Value("aat/block0/mlp/down_add_output_0")
		up := g.Value("aat/block0/mlp/up_matmul_output_0").Producer().Input(0)
		if got := f.activation(&linear{out: down}, up); got != test.want {
			t.Errorf("opset %d, %q: spliced activation is %q, want %q", test.opset, test.act, got, test.want)
		}
	}
}

func TestInjectDeterministic(t *testing.T) {
	m := classifier(t, 17, 8, 2, 3, true, spelling{})
	digest := func(seed, head uint64) string {
		return inject(t, m, AAT{Seed: seed}, Head{Labels: labels(4), Seed: head}).Digest()
	}
	if digest(1, 2) != digest(1, 2) {
		t.Error("the same seeds gave different bytes")
	}
	if digest(1, 2) == digest(3, 2) || digest(1, 2) == digest(1, 3) {
		t.Error("different seeds gave the same bytes")
	}
	both := inject(t, m, AAT{Seed: 1}, Head{})
	one := inject(t, m, AAT{Seed: 1, MLPOnly: true}, Head{})
	const name = "aat/block1/mlp/down_weight"
	a, _ := both.Graph.Initializer(name).Digest()
	b, _ := one.Graph.Initializer(name).Digest()
	if a != b {
		t.Errorf("%s changed when the spatial adapters were left out", name)
	}
}

func TestTrainableAndProvenance(t *testing.T) {
	m := classifier(t, 17, 8, 1, 3, true, spelling{})
	if _, ok := Provenance(m); ok || len(Trainable(m)) != 0 {
		t.Error("a base model claims to be injected")
	}
	adapted := inject(t, m, AAT{Seed: 5, Scale: 0.1}, Head{Labels: labels(2), Seed: 6})
	var want []string
	for _, place := range []string{"block0/attn/", "block0/mlp/"} {
		for _, part := range []string{"down_weight", "down_bias", "up_weight", "up_bias"} {
			want = append(want, Prefix+place+part)
		}
	}
	for _, part := range []string{"norm_weight", "norm_bias", "dense_weight", "dense_bias"} {
		want = append(want, Prefix+"head/"+part)
	}
	if d := cmp.Diff(want, Trainable(adapted)); d != "" {
		t.Errorf("trainable (-want +got):\n%s", d)
	}
	info, ok := Provenance(adapted)
	wantInfo := Info{Version: "1", BaseDigest: m.Digest(), Labels: labels(2), Method: "aat", Rank: 0.25, Scale: 0.1, Seed: 5, HeadSeed: 6, Blocks: 1}
	if d := cmp.Diff(wantInfo, info); !ok || d != "" {
		t.Errorf("provenance (-want +got):\n%s", d)
	}
	if outputs, _ := adapted.Metadata(MetaBaseOutputs); outputs != `[{"name":"y","shape":["batch","3"]}]` {
		t.Errorf("base outputs are %s", outputs)
	}
	adapted.SetMetadata(MetaRecipe, "{")
	if _, ok := Provenance(adapted); ok {
		t.Error("provenance was read from broken JSON")
	}
}

// TestTruncNormal compares with the distribution: a normal one cut at two
// deviations has the standard deviation sqrt(1 - 4·φ(2)/(2Φ(2)-1)) = 0.87963.
func TestTruncNormal(t *testing.T) {
	const n, sigma = 200_000, 0.02
	xs := truncNormal(newPCG(9, "w"), n, sigma)
	var sum, squares float64
	for _, x := range xs {
		if math.Abs(float64(x)) > 2*sigma*(1+1e-7) {
			t.Fatalf("%g is beyond two deviations", x)
		}
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	mean, deviation := sum/n, math.Sqrt(squares/n)
	// Four standard errors: σ/√n for the mean, σ/√(2n) bounds the deviation's.
	if math.Abs(mean) > 4*sigma/math.Sqrt(n) {
		t.Errorf("mean %g, want 0", mean)
	}
	if want := 0.87963 * sigma; math.Abs(deviation-want) > 4*sigma/math.Sqrt(2*n) {
		t.Errorf("deviation %g, want %g", deviation, want)
	}
	// Kolmogorov–Smirnov against the cut normal; 1.95/√n is its 0.1 % bound.
	slices.Sort(xs)
	cut := math.Erf(math.Sqrt2)
	worst := 0.0
	for i, x := range xs {
		p := 0.5 * (1 + math.Erf(float64(x)/sigma/math.Sqrt2)/cut)
		worst = max(worst, math.Abs(p-float64(i)/n), math.Abs(p-float64(i+1)/n))
	}
	if bound := 1.95 / math.Sqrt(n); worst > bound {
		t.Errorf("distance to the distribution %g, want at most %g", worst, bound)
	}
}
