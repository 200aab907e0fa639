package adapterinject

import (
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestFindMisses: nets that look like a block at one place, and what the report
// says of the place where they are none.
func TestFindMisses(t *testing.T) {
	block := func(s nets.Spelling) func(n *nets.Net, x gs.Wire) gs.Wire {
		return func(n *nets.Net, x gs.Wire) gs.Wire { n.S = s; return n.Block(0, x) }
	}
	tests := []struct {
		name  string
		build func(n *nets.Net, x gs.Wire) gs.Wire
		step  string
		why   string // part of the reason; empty: no candidate at all
	}{
		{"SE gate", func(n *nets.Net, x gs.Wire) gs.Wire {
			gate := n.P.Add("Softmax", n.Dense(n.P.Add("ReduceMean", x, gs.Attrs{"axes": []int{1}}), n.Width, n.Width, "g"))
			return n.P.Add("Mul", x, gate)
		}, "context", "want to be read by a matrix product, perhaps behind rearrangement or guard, got only Mul"},
		{"attentive pooling", func(n *nets.Net, x gs.Wire) gs.Wire {
			w := n.P.Add("Softmax", n.Transpose(n.Dense(x, n.Width, 1, "a"), 0, 2, 1))
			return n.P.Add("MatMul", w, x)
		}, "scores", "want a product of two activations"},
		{"similarity softmax", func(n *nets.Net, x gs.Wire) gs.Wire {
			w := n.P.Add("Softmax", n.P.Add("MatMul", x, n.Transpose(x, 0, 2, 1)))
			return n.P.Add("MatMul", w, x)
		}, "query", "want a linear layer, perhaps behind head splitting, got a graph input"},
		{"learned query", block(nets.Spelling{QKV: "learned"}), "scores", "want a product of two activations"},
		{"classifier", func(n *nets.Net, x gs.Wire) gs.Wire {
			return n.P.Add("Softmax", n.Dense(x, n.Width, n.Width, "c"))
		}, "context", "want to be read by a matrix product"},
		{"softmax over another axis", func(n *nets.Net, x gs.Wire) gs.Wire {
			w := n.P.Add("Softmax", n.P.Add("MatMul", x, n.Transpose(x, 0, 2, 1), gs.OutType(gs.Float, gs.Known(2, nets.Tokens, nets.Tokens)...)), gs.Attrs{"axis": 1})
			return n.P.Add("MatMul", w, x)
		}, "context", "axis 1"},
		{"no residual", func(n *nets.Net, x gs.Wire) gs.Wire {
			name := func(s string) string { return s }
			return n.Dense(n.Attention(n.LayerNorm(x, "n"), name), n.Width, n.Width, "o")
		}, "residual", "want to be read by Add"},
		{"residual to another stream", func(n *nets.Net, x gs.Wire) gs.Wire {
			name := func(s string) string { return s }
			o := n.Dense(n.Attention(n.LayerNorm(x, "n"), name), n.Width, n.Width, "o")
			return n.P.Add("Add", o, n.P.Add("Relu", x))
		}, "residual", "want a value of the stream"},
		{"neither norm nor MLP", func(n *nets.Net, x gs.Wire) gs.Wire {
			name := func(s string) string { return s }
			return n.P.Add("Add", n.Dense(n.Attention(x, name), n.Width, n.Width, "o"), x)
		}, "norm", "neither a norm nor an MLP"},
		{"no output projection", func(n *nets.Net, x gs.Wire) gs.Wire {
			name := func(s string) string { return s }
			return n.P.Add("Add", x, n.Attention(n.LayerNorm(x, "n"), name))
		}, "output", "want to be read by a linear layer"},
		{"plain MLP", func(n *nets.Net, x gs.Wire) gs.Wire {
			return n.Dense(n.Activate(n.Dense(x, n.Width, 8, "f1")), 8, n.Width, "f2")
		}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, x := nets.New(t, 17, 16, nets.Spelling{})
			m := n.Finish(test.build(n, x), gs.Dim{Value: -1}, gs.Dim{Value: -1}, gs.Dim{Value: -1})
			blocks, report := Find(m)
			if len(blocks) != 0 {
				t.Fatalf("%d blocks, want none", len(blocks))
			}
			if test.why == "" {
				if len(report.Candidates) != 0 || !strings.Contains(report.String(), "no Softmax") {
					t.Errorf("report is %q, want no candidate", report)
				}
				return
			}
			misses := report.Misses()
			if len(misses) != 1 || misses[0].Step != test.step || !strings.Contains(misses[0].Why, test.why) {
				t.Errorf("got %+v, want step %s because %q", misses, test.step, test.why)
			}
			if !strings.Contains(report.String(), test.why) {
				t.Errorf("the report's text lacks the reason:\n%s", report)
			}
		})
	}
}

// TestFindFusedOperator: an operator with its projections inside is a candidate
// like any other.
func TestFindFusedOperator(t *testing.T) {
	m, err := gs.Parse(nets.Seed(17, 16, "Attention", "com.microsoft"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, report := Find(m)
	if len(blocks) != 0 || !strings.Contains(report.String(), "com.microsoft.Attention") || !strings.Contains(report.String(), "want stored projections") {
		t.Errorf("%d blocks, report %q; want none, as it has no weights", len(blocks), report)
	}
}
