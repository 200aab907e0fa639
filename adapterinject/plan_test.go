package adapterinject

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

func labels(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("label %d", i)
	}
	return out
}

// classifier builds blocks, a last norm, the first token, and a head with a norm
// of its own if own.
func classifier(t testing.TB, opset, width, blocks, classes int, own bool, s spelling) *gs.Model {
	t.Helper()
	n, x := newNet(t, opset, width, s)
	for i := range blocks {
		x = n.block(i, x)
	}
	return n.finishHead(n.norm(x, "last"), classes, own)
}

func (n *net) finishHead(x gs.Wire, classes int, own bool) *gs.Model {
	n.t.Helper()
	first := n.p.Add("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []int64{0})})
	pooled := n.p.Add("Gather", x, first, gs.Attrs{"axis": 1}, gs.OutName("pooled"))
	if own {
		pooled = n.norm(pooled, "head norm")
	}
	logits := n.p.Add("Gemm", pooled, n.weight(int64(n.width), int64(classes)), n.weight(int64(classes)))
	return n.finish(logits, gs.Dim{Value: -1, Param: "batch"}, gs.Dim{Value: int64(classes)})
}

// TestPlanASTBase holds the method's own counts: AST-base has 12 blocks of width
// 768, so 24 adapters of rank 192 have 7,100,928 parameters, and with a head for
// 20 labels 7,117,844 are trained: 7.63 % of all, the ImageNet heads of the
// original checkpoint not counted (reference/method.md 1.2).
func TestPlanASTBase(t *testing.T) {
	n, x := newNet(t, 17, 768, spelling{})
	n.s.qkv = "separate"
	// Patch projection, two tokens, 1,214 positions.
	x = n.p.Add("Add", x, n.p.Add("ReduceSum", n.weight(1214, 768), n.ints(0)))
	x = n.p.Add("Add", x, n.p.Add("ReduceSum", n.weight(256+1+2, 768), n.ints(0)))
	for i := range 12 {
		x = n.block(i, x)
	}
	m := n.finishHead(n.norm(x, "last"), 527, true)
	tests := []struct {
		recipe            Recipe
		adapters, trained int64
		sites             int
	}{
		{AAT{}, 7_100_928, 7_117_844, 24},
		{AAT{MLPOnly: true}, 3_550_464, 3_567_380, 12},
		{AAT{Rank: 8}, 313_536, 330_452, 24},
		{AAT{Rank: 64}, 2_379_264, 2_396_180, 24},
		{HeadOnly{}, 0, 16_916, 0},
	}
	for _, test := range tests {
		p, err := Plan(m, test.recipe, Head{Labels: labels(20)})
		if err != nil {
			t.Fatal(err)
		}
		if p.AdapterParameters() != test.adapters || p.Parameters() != test.trained || len(p.Sites()) != test.sites {
			t.Errorf("%+v: %d adapters, %d and %d parameters; want %d, %d and %d", test.recipe, len(p.Sites()), p.AdapterParameters(), p.Parameters(), test.sites, test.adapters, test.trained)
		}
	}
	p, err := Plan(m, AAT{}, Head{Labels: labels(20)})
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
	m := classifier(t, 17, 16, 1, 3, false, spelling{})
	tests := []struct {
		rank float64
		want int // 0: refused
	}{
		{0, 4}, {0.25, 4}, {0.3, 4}, {0.01, 1}, {1, 1}, {15, 15}, {16, 0}, {1.5, 0}, {-1, 0}, {math.NaN(), 0}, {math.Inf(1), 0},
	}
	for _, test := range tests {
		p, err := Plan(m, AAT{Rank: test.rank}, Head{})
		if test.want == 0 {
			if !unsupported(err) {
				t.Errorf("rank %v: error %v, want UnsupportedError", test.rank, err)
			}
			continue
		}
		if err != nil || p.Sites()[0].Rank != test.want {
			t.Errorf("rank %v: %v, error %v; want rank %d", test.rank, p, err, test.want)
		}
	}
}

func unsupported(err error) bool {
	var u *gs.UnsupportedError
	return errors.As(err, &u) && u.Hint != ""
}

func TestPlanRefuses(t *testing.T) {
	good := classifier(t, 17, 16, 1, 3, true, spelling{})
	injected := inject(t, good, AAT{}, Head{})
	tests := []struct {
		name   string
		m      *gs.Model
		recipe Recipe
		labels []string
		want   string
	}{
		{"no block", load(t, "../testdata/small/mlp.onnx"), AAT{}, nil, "0 of 1 Softmax and Attention candidates"},
		{"injected already", injected, AAT{}, nil, "injected already"},
		{"one label", good, AAT{}, []string{"a"}, "1 label"},
		{"duplicate label", good, AAT{}, []string{"a", "b", "a"}, `label "a" is given twice`},
		{"empty label", good, AAT{}, []string{"a", ""}, "label 2 is empty"},
		{"head only without labels", good, HeadOnly{}, nil, "no labels"},
		{"quantised", classifier(t, 17, 16, 1, 3, true, spelling{linear: "quantised"}), AAT{}, nil, "quantised"},
		{"no classifier", tokensOnly(t), AAT{}, labels(2), "want [batch, classes]"},
		{"scale", good, AAT{Scale: math.NaN()}, nil, "scale"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Plan(test.m, test.recipe, Head{Labels: test.labels})
			if !unsupported(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want UnsupportedError with a hint and %q", err, test.want)
			}
		})
	}
}

// tokensOnly is one block whose output is the token tensor.
func tokensOnly(t *testing.T) *gs.Model {
	n, x := newNet(t, 17, 16, spelling{})
	return n.finish(n.block(0, x), n.tokensOut()...)
}

// TestPlanRefusesHalf: weights stored as float16 are refused by name.
func TestPlanRefusesHalf(t *testing.T) {
	n, x := newNet(t, 17, 16, spelling{linear: "half"})
	n.p.TrustTypes() // norm and input stay float32, which no runtime would take
	m := n.finish(n.block(0, x), n.tokensOut()...)
	if blocks, report := Find(m); len(blocks) != 1 || blocks[0].Weights != gs.Float16 {
		t.Fatalf("%d blocks, want one of float16\n%s", len(blocks), report)
	}
	_, err := Plan(m, AAT{}, Head{})
	if !unsupported(err) || !strings.Contains(err.Error(), "float16") {
		t.Errorf("error %v, want UnsupportedError that names float16", err)
	}
}

func TestFindHead(t *testing.T) {
	m := classifier(t, 17, 16, 1, 3, true, spelling{})
	h, err := FindHead(m)
	if err != nil || h.Pooled.Name() != "pooled" || h.Width != 16 || h.Classes != 3 || h.Output.Name() != "y" {
		t.Errorf("with norm: %+v, error %v", h, err)
	}
	h, err = FindHead(classifier(t, 14, 16, 1, 3, true, spelling{norm: "spelled"}))
	if err != nil || h.Pooled.Name() != "pooled" {
		t.Errorf("with spelled norm: %+v, error %v", h, err)
	}
	h, err = FindHead(classifier(t, 17, 16, 1, 7, false, spelling{}))
	if err != nil || h.Pooled.Name() != "pooled" || h.Classes != 7 {
		t.Errorf("without norm: %+v, error %v", h, err)
	}
	_, err = FindHead(load(t, "../testdata/small/mlp.onnx"))
	if !unsupported(err) || !strings.Contains(err.Error(), "Softmax") {
		t.Errorf("output behind a Softmax: error %v, want UnsupportedError that names it", err)
	}
}

func inject(t *testing.T, m *gs.Model, r Recipe, h Head) *gs.Model {
	t.Helper()
	p, err := Plan(m, r, h)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Inject()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
