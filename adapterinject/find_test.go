package adapterinject

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// found is what a test expects of a block.
type found struct {
	Kind                                           string
	Width, Heads                                   int
	Activation                                     string
	Q, K, V, O, Sum1, Norm, FC1, FC2, Sum2, Branch string
}

func describe(b Block) found {
	mlp, _ := b.Site(MLPOut)
	return found{
		Kind: b.Kind.String(), Width: b.Width, Heads: b.Heads, Activation: b.Activation,
		Q: b.Query.Name(), K: b.Key.Name(), V: b.Value.Name(), O: b.Output.Name(),
		Sum1: b.ResidualAttn.Name(), Norm: b.NormMLP.Name(), FC1: b.FC1.Name(), FC2: b.FC2.Name(),
		Sum2: b.ResidualMLP.Name(), Branch: mlp.Value.Name(),
	}
}

func TestFindSpellings(t *testing.T) {
	tests := []struct {
		name  string
		opset int
		s     spelling
	}{
		{"separate, eager", 17, spelling{}},
		{"bias second, tanh by Pow", 18, spelling{linear: "second", core: "mul", act: "tanhpow"}},
		{"Gemm between Reshapes", 17, spelling{linear: "gemm", core: "mask", act: "tanh"}},
		{"weights behind Transpose, in-graph scale", 18, spelling{linear: "transposed", core: "sdpa", act: "erfB"}},
		{"weights behind Cast and Identity", 14, spelling{linear: "identity", norm: "spelled", act: "erfC"}},
		{"packed, Gather", 17, spelling{qkv: "gather", core: "mul", act: "erfD"}},
		{"packed, Split and Squeeze", 17, spelling{qkv: "split", linear: "second", act: "erfSqrt"}},
		{"packed Gemm", 17, spelling{qkv: "gather", linear: "gemm"}},
		{"Attention operator", 23, spelling{qkv: "attention", act: "op"}},
		{"bool mask, NaN guard", 20, spelling{core: "boolmask", act: "optanh"}},
		{"mask fed by the caller", 17, spelling{core: "fed"}},
		{"rotary embedding", 17, spelling{qkv: "rotary"}},
		{"LN with two Sub", 14, spelling{norm: "twosub"}},
		{"LN with Cast", 14, spelling{norm: "cast"}},
		{"LN with Reciprocal", 18, spelling{norm: "reciprocal"}},
		{"LN of Keras", 14, spelling{norm: "keras", act: "relu"}},
		{"post-norm", 17, spelling{post: true}},
		{"post-norm, spelled", 14, spelling{post: true, norm: "spelled", act: "silu"}},
		{"post-norm, Keras norm, packed", 14, spelling{post: true, norm: "keras", qkv: "split"}},
		{"LayerScale", 17, spelling{scale: true, act: "softsign"}},
		{"quantised weights", 17, spelling{linear: "quantised"}},
	}
	activations := map[string]string{
		"": "gelu", "erfB": "gelu", "erfC": "gelu", "erfD": "gelu", "erfSqrt": "gelu", "op": "gelu", "tanh": "gelu_tanh",
		"tanhpow": "gelu_tanh", "optanh": "gelu_tanh", "relu": "relu", "silu": "silu", "softsign": "other",
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, x := newNet(t, test.opset, 16, test.s)
			m := n.finish(n.block(1, n.block(0, x)), n.tokensOut()...)
			blocks, report := Find(m)
			if len(blocks) != 2 {
				t.Fatalf("%d blocks, want 2\n%s", len(blocks), report)
			}
			for i, b := range blocks {
				p := string(rune('0' + i))
				want := found{
					Kind: "pre-norm", Width: 16, Heads: 4, Activation: activations[test.s.act],
					Q: "q", K: "k", V: "v", O: "o", Sum1: "sum1", Norm: "norm", FC1: "fc1", FC2: "fc2", Sum2: "sum2", Branch: "fc2",
				}
				if test.s.post {
					want.Kind = "post-norm"
				}
				if test.s.qkv == "gather" || test.s.qkv == "split" {
					want.K, want.V = "q", "q"
				}
				for _, s := range []*string{&want.Q, &want.K, &want.V, &want.O, &want.Sum1, &want.Norm, &want.FC1, &want.FC2, &want.Sum2, &want.Branch} {
					*s = "b" + p + "." + *s
				}
				got := describe(b)
				if test.s.scale || test.s.linear == "gemm" {
					got.Branch = want.Branch // a LayerScale's or Reshape's result; TestParallelAdapterReadsResidualOperand
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("block %d (-want +got):\n%s", i, d)
				}
				if b.Index != i || report.Candidates[i].Block != i {
					t.Errorf("block %d has index %d, its candidate %d", i, b.Index, report.Candidates[i].Block)
				}
			}
		})
	}
}

// TestParallelAdapterReadsResidualOperand: the MLP site is what the residual Add
// reads, in the layout of the stream, not the two-dimensional Gemm result.
func TestParallelAdapterReadsResidualOperand(t *testing.T) {
	for _, s := range []spelling{{linear: "gemm"}, {scale: true}} {
		n, x := newNet(t, 17, 8, s)
		m := n.finish(n.block(0, x), n.tokensOut()...)
		blocks, report := Find(m)
		if len(blocks) != 1 {
			t.Fatalf("%+v: %s", s, report)
		}
		site, _ := blocks[0].Site(MLPOut)
		uses := site.Value.Uses()
		if len(uses) != 1 || uses[0].Node != blocks[0].ResidualMLP.Producer() {
			t.Errorf("%+v: MLP site %q is not read by the residual Add", s, site.Value.Name())
		}
		if site.Value == blocks[0].FC2 {
			t.Errorf("%+v: MLP site is the linear layer's own result", s)
		}
	}
}

// TestFindTinyAST needs both exports of the pretrained model: six blocks, four
// heads, and each projection's weight is the one of its name. (Names are read by
// this test alone; both exporters kept those of the biases.)
func TestFindTinyAST(t *testing.T) {
	files, err := filepath.Glob("../testdata/tinyast/*.onnx")
	if err != nil || len(files) < 2 {
		t.Fatalf("testdata/tinyast holds %d models, want the exports of both exporters (%v)", len(files), err)
	}
	for _, file := range files {
		blocks, report := Find(load(t, file))
		if len(blocks) != 6 || len(report.Misses()) != 0 {
			t.Errorf("%s: %d blocks, want 6\n%s", file, len(blocks), report)
			continue
		}
		for i, b := range blocks {
			if b.Kind != PreNorm || b.Width != 128 || b.Heads != 4 || b.Activation != ActivationGELU {
				t.Errorf("%s: block %d is %s, width %d, %d heads, %s", file, i, b.Kind, b.Width, b.Heads, b.Activation)
			}
			layer := "layers." + string(rune('0'+i)) + "."
			for want, v := range map[string]*gs.Value{
				"attention.q_proj.bias": b.Query, "attention.k_proj.bias": b.Key, "attention.v_proj.bias": b.Value,
				"attention.o_proj.bias": b.Output, "mlp.fc1.bias": b.FC1, "mlp.fc2.bias": b.FC2, "layernorm_after.bias": b.NormMLP,
			} {
				if !readsNamed(v, layer+want) {
					t.Errorf("%s: block %d: %q is not computed with %s", file, i, v.Name(), layer+want)
				}
			}
		}
	}
}

func readsNamed(v *gs.Value, suffix string) bool {
	for _, in := range v.Producer().Inputs() {
		if in != nil && strings.HasSuffix(in.Name(), suffix) {
			return true
		}
	}
	return false
}

func load(t *testing.T, path string) *gs.Model {
	t.Helper()
	m, err := gs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
