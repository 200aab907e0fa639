package adapterinject

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
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
		s     nets.Spelling
	}{
		{"separate, eager", 17, nets.Spelling{}},
		{"bias second, tanh by Pow", 18, nets.Spelling{Linear: "second", Core: "mul", Act: "tanhpow"}},
		{"Gemm between Reshapes", 17, nets.Spelling{Linear: "gemm", Core: "mask", Act: "tanh"}},
		{"weights behind Transpose, in-graph scale", 18, nets.Spelling{Linear: "transposed", Core: "sdpa", Act: "erfB"}},
		{"weights behind Cast and Identity", 14, nets.Spelling{Linear: "identity", Norm: "spelled", Act: "erfC"}},
		{"packed, Gather", 17, nets.Spelling{QKV: "gather", Core: "mul", Act: "erfD"}},
		{"packed, Split and Squeeze", 17, nets.Spelling{QKV: "split", Linear: "second", Act: "erfSqrt"}},
		{"packed Gemm", 17, nets.Spelling{QKV: "gather", Linear: "gemm"}},
		{"Attention operator", 23, nets.Spelling{QKV: "attention", Act: "op"}},
		{"bool mask, NaN guard", 20, nets.Spelling{Core: "boolmask", Act: "optanh"}},
		{"mask fed by the caller", 17, nets.Spelling{Core: "fed"}},
		{"rotary embedding", 17, nets.Spelling{QKV: "rotary"}},
		{"LN with two Sub", 14, nets.Spelling{Norm: "twosub"}},
		{"LN with Cast", 14, nets.Spelling{Norm: "cast"}},
		{"LN with Reciprocal", 18, nets.Spelling{Norm: "reciprocal"}},
		{"LN of Keras", 14, nets.Spelling{Norm: "keras", Act: "relu"}},
		{"post-norm", 17, nets.Spelling{Post: true}},
		{"post-norm, spelled", 14, nets.Spelling{Post: true, Norm: "spelled", Act: "silu"}},
		{"post-norm, Keras norm, packed", 14, nets.Spelling{Post: true, Norm: "keras", QKV: "split"}},
		{"LayerScale", 17, nets.Spelling{Scale: true, Act: "softsign"}},
		{"quantised weights", 17, nets.Spelling{Linear: "quantised"}},
	}
	activations := map[string]string{
		"": "gelu", "erfB": "gelu", "erfC": "gelu", "erfD": "gelu", "erfSqrt": "gelu", "op": "gelu", "tanh": "gelu_tanh",
		"tanhpow": "gelu_tanh", "optanh": "gelu_tanh", "relu": "relu", "silu": "silu", "softsign": "other",
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, x := nets.New(t, test.opset, 16, test.s)
			m := n.Finish(n.Block(1, n.Block(0, x)), n.TokensOut()...)
			blocks, report := Find(m)
			if len(blocks) != 2 {
				t.Fatalf("%d blocks, want 2\n%s", len(blocks), report)
			}
			for i, b := range blocks {
				p := string(rune('0' + i))
				want := found{
					Kind: "pre-norm", Width: 16, Heads: 4, Activation: activations[test.s.Act],
					Q: "q", K: "k", V: "v", O: "o", Sum1: "sum1", Norm: "norm", FC1: "fc1", FC2: "fc2", Sum2: "sum2", Branch: "fc2",
				}
				if test.s.Post {
					want.Kind = "post-norm"
				}
				if test.s.QKV == "gather" || test.s.QKV == "split" {
					want.K, want.V = "q", "q"
				}
				for _, s := range []*string{&want.Q, &want.K, &want.V, &want.O, &want.Sum1, &want.Norm, &want.FC1, &want.FC2, &want.Sum2, &want.Branch} {
					*s = "b" + p + "." + *s
				}
				got := describe(b)
				if test.s.Scale || test.s.Linear == "gemm" {
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
	for _, s := range []nets.Spelling{{Linear: "gemm"}, {Scale: true}} {
		n, x := nets.New(t, 17, 8, s)
		m := n.Finish(n.Block(0, x), n.TokensOut()...)
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
