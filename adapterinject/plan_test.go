package adapterinject_test

import (
	"errors"
	"fmt"
	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"github.com/aat-onnx/aat-onnx/adapterinject/headonly"
	"math"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

func labels(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("label %d", i)
	}
	return out
}

// TestPlanASTBase holds the method's own counts: AST-base has 12 blocks of width
// 768, so 24 adapters of rank 192 have 7,100,928 parameters, and with a head for
// 20 labels 7,117,844 are trained: 7.63 % of all, the ImageNet heads of the
// original checkpoint not counted (reference/method.md 1.2).
func TestPlanASTBase(t *testing.T) {
	n, x := nets.New(t, 17, 768, nets.Spelling{})
	n.S.QKV = "separate"
	// Patch projection, two tokens, 1,214 positions.
	x = n.P.Add("Add", x, n.P.Add("ReduceSum", n.Weight(1214, 768), n.Ints(0)))
	x = n.P.Add("Add", x, n.P.Add("ReduceSum", n.Weight(256+1+2, 768), n.Ints(0)))
	for i := range 12 {
		x = n.Block(i, x)
	}
	m := n.FinishHead(n.LayerNorm(x, "last"), 527, true)
	tests := []struct {
		recipe            adapterinject.Recipe
		adapters, trained int64
		sites             int
	}{
		{aat.Recipe{}, 7_100_928, 7_117_844, 24},
		{aat.Recipe{MLPOnly: true}, 3_550_464, 3_567_380, 12},
		{aat.Recipe{Rank: 8}, 313_536, 330_452, 24},
		{aat.Recipe{Rank: 64}, 2_379_264, 2_396_180, 24},
		{headonly.Recipe{}, 0, 16_916, 0},
	}
	for _, test := range tests {
		p, err := adapterinject.Plan(m, test.recipe, adapterinject.Head{Labels: labels(20)})
		if err != nil {
			t.Fatal(err)
		}
		if p.AdapterParameters() != test.adapters || p.Parameters() != test.trained || len(p.Adapters()) != test.sites {
			t.Errorf("%+v: %d adapters, %d and %d parameters; want %d, %d and %d", test.recipe, len(p.Adapters()), p.AdapterParameters(), p.Parameters(), test.sites, test.adapters, test.trained)
		}
	}
	p, err := adapterinject.Plan(m, aat.Recipe{}, adapterinject.Head{Labels: labels(20)})
	if err != nil {
		t.Fatal(err)
	}
	const total = 86_204_180 + 7_100_928 // body and 20-class head, adapters
	if p.Total() != total || math.Abs(p.Share()-0.0763) > 5e-5 {
		t.Errorf("total %d, share %.5f; want %d and 0.0763", p.Total(), p.Share(), total)
	}
	for _, want := range []string{"24 adapters, 7100928 parameters", "trainable: 7.118 M of 93.305 M parameters (7117844 of 93305108), 7.63 %", "\nhead ", "295872"} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, p)
		}
	}
}

func TestPlanRank(t *testing.T) {
	m := nets.Classifier(t, 17, 16, 1, 3, false, nets.Spelling{})
	tests := []struct {
		rank float64
		want int // 0: refused
	}{
		{0, 4}, {0.25, 4}, {0.3, 4}, {0.01, 1}, {1, 1}, {15, 15}, {16, 0}, {1.5, 0}, {-1, 0}, {math.NaN(), 0}, {math.Inf(1), 0},
	}
	for _, test := range tests {
		p, err := adapterinject.Plan(m, aat.Recipe{Rank: test.rank}, adapterinject.Head{})
		if test.want == 0 {
			if !unsupported(err) {
				t.Errorf("rank %v: error %v, want UnsupportedError", test.rank, err)
			}
			continue
		}
		if err != nil || p.Adapters()[0].Rank != test.want {
			t.Errorf("rank %v: %v, error %v; want rank %d", test.rank, p, err, test.want)
		}
	}
}

func unsupported(err error) bool {
	var u *gs.UnsupportedError
	return errors.As(err, &u) && u.Hint != ""
}

func TestPlanRefuses(t *testing.T) {
	good := nets.Classifier(t, 17, 16, 1, 3, true, nets.Spelling{})
	injected := inject(t, good, aat.Recipe{}, adapterinject.Head{})
	tests := []struct {
		name   string
		m      *gs.Model
		recipe adapterinject.Recipe
		labels []string
		want   string
	}{
		{"no block", load(t, "../testdata/small/mlp.onnx"), aat.Recipe{}, nil, "0 of 1 Softmax and Attention candidates"},
		{"injected already", injected, aat.Recipe{}, nil, "injected already"},
		{"one label", good, aat.Recipe{}, []string{"a"}, "1 label"},
		{"duplicate label", good, aat.Recipe{}, []string{"a", "b", "a"}, `label "a" is given twice`},
		{"empty label", good, aat.Recipe{}, []string{"a", ""}, "label 2 is empty"},
		{"head only without labels", good, headonly.Recipe{}, nil, "no labels"},
		{"quantised", nets.Classifier(t, 17, 16, 1, 3, true, nets.Spelling{Linear: "quantised"}), aat.Recipe{}, nil, "quantised"},
		{"scale", good, aat.Recipe{Scale: math.NaN()}, nil, "scale"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := adapterinject.Plan(test.m, test.recipe, adapterinject.Head{Labels: test.labels})
			if !unsupported(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want UnsupportedError with a hint and %q", err, test.want)
			}
		})
	}
}

// tokensOnly is one block whose output is the token tensor.
func tokensOnly(t *testing.T) *gs.Model {
	n, x := nets.New(t, 17, 16, nets.Spelling{})
	return n.Finish(n.Block(0, x), n.TokensOut()...)
}

// TestHalf: in a float16 model, adapters compute in float32 between casts.
func TestHalf(t *testing.T) {
	n, x := nets.New(t, 17, 16, nets.Spelling{Linear: "half"})
	n.P.TrustTypes() // norm and input stay float32, which no runtime would take
	m := n.Finish(n.Block(0, x), n.TokensOut()...)
	if blocks, report := adapterinject.Find(m); len(blocks) != 1 || blocks[0].Weights != gs.Float16 {
		t.Fatalf("%d blocks, want one of float16\n%s", len(blocks), report)
	}
	if _, err := adapterinject.Plan(m, aat.Recipe{}, adapterinject.Head{}); err != nil {
		t.Error(err)
	}
}

func TestFindHead(t *testing.T) {
	m := nets.Classifier(t, 17, 16, 1, 3, true, nets.Spelling{})
	h, err := adapterinject.FindHead(m)
	if err != nil || h.Pooled.Name() != "pooled" || h.Width != 16 || h.Classes != 3 || h.Output.Name() != "y" {
		t.Errorf("with norm: %+v, error %v", h, err)
	}
	h, err = adapterinject.FindHead(nets.Classifier(t, 14, 16, 1, 3, true, nets.Spelling{Norm: "spelled"}))
	if err != nil || h.Pooled.Name() != "pooled" {
		t.Errorf("with spelled norm: %+v, error %v", h, err)
	}
	h, err = adapterinject.FindHead(nets.Classifier(t, 17, 16, 1, 7, false, nets.Spelling{}))
	if err != nil || h.Pooled.Name() != "pooled" || h.Classes != 7 {
		t.Errorf("without norm: %+v, error %v", h, err)
	}
	_, err = adapterinject.FindHead(load(t, "../testdata/small/mlp.onnx"))
	if !unsupported(err) || !strings.Contains(err.Error(), "Softmax") {
		t.Errorf("output behind a Softmax: error %v, want UnsupportedError that names it", err)
	}
}

// TestHeadOnEncoder adds a head to an encoder that gives its tokens only.
func TestHeadOnEncoder(t *testing.T) {
	base := tokensOnly(t)
	p, err := adapterinject.Plan(base, aat.Recipe{}, adapterinject.Head{Labels: labels(2), MultiLabel: true})
	if err != nil {
		t.Fatal(err)
	}
	adapted, err := p.Inject()
	if err != nil {
		t.Fatal(err)
	}
	out := adapted.Graph.Outputs()
	if n := len(base.Graph.Outputs()); len(out) != n+1 || out[n].Name() != adapterinject.LogitsOutput || len(out[n].Shape()) != 2 {
		t.Fatalf("outputs are %v, want the base's and [batch, 2] logits", out)
	}
	if err := adapterinject.CheckNoop(base, adapted); err != nil {
		t.Error(err)
	}
	if info, ok := adapterinject.Provenance(adapted); !ok || !info.Head.MultiLabel {
		t.Errorf("provenance %+v, want multi-label", info.Head)
	}
}
