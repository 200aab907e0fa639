package adapterinject

import (
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestFindMisses: nets that look like a block at one place, and what the report
// says of the place where they are none.
func TestFindMisses(t *testing.T) {
	block := func(s spelling) func(n *net, x gs.Wire) gs.Wire {
		return func(n *net, x gs.Wire) gs.Wire { n.s = s; return n.block(0, x) }
	}
	tests := []struct {
		name  string
		build func(n *net, x gs.Wire) gs.Wire
		step  string
		why   string // part of the reason; empty: no candidate at all
	}{
		{"SE gate", func(n *net, x gs.Wire) gs.Wire {
			gate := n.p.Add("Softmax", n.linear(n.p.Add("ReduceMean", x, gs.Attrs{"axes": []int{1}}), n.width, n.width, "g"))
			return n.p.Add("Mul", x, gate)
		}, "context", "want to be read by a matrix product, perhaps behind rearrangement or guard, got only Mul"},
		{"attentive pooling", func(n *net, x gs.Wire) gs.Wire {
			w := n.p.Add("Softmax", n.transpose(n.linear(x, n.width, 1, "a"), 0, 2, 1))
			return n.p.Add("MatMul", w, x)
		}, "scores", "want a product of two activations"},
		{"similarity softmax", func(n *net, x gs.Wire) gs.Wire {
			w := n.p.Add("Softmax", n.p.Add("MatMul", x, n.transpose(x, 0, 2, 1)))
			return n.p.Add("MatMul", w, x)
		}, "query", "want a linear layer, perhaps behind head splitting, got a graph input"},
		{"learned query", block(spelling{qkv: "learned"}), "scores", "want a product of two activations"},
		{"classifier", func(n *net, x gs.Wire) gs.Wire {
			return n.p.Add("Softmax", n.linear(x, n.width, n.width, "c"))
		}, "context", "want to be read by a matrix product"},
		{"softmax over another axis", func(n *net, x gs.Wire) gs.Wire {
			w := n.p.Add("Softmax", n.p.Add("MatMul", x, n.transpose(x, 0, 2, 1), gs.OutType(gs.Float, gs.Known(2, tokens, tokens)...)), gs.Attrs{"axis": 1})
			return n.p.Add("MatMul", w, x)
		}, "context", "axis 1"},
		{"no residual", func(n *net, x gs.Wire) gs.Wire {
			name := func(s string) string { return s }
			return n.linear(n.attention(n.norm(x, "n"), name), n.width, n.width, "o")
		}, "residual", "want to be read by Add"},
		{"residual to another stream", func(n *net, x gs.Wire) gs.Wire {
			name := func(s string) string { return s }
			o := n.linear(n.attention(n.norm(x, "n"), name), n.width, n.width, "o")
			return n.p.Add("Add", o, n.p.Add("Relu", x))
		}, "residual", "want a value of the stream"},
		{"neither norm nor MLP", func(n *net, x gs.Wire) gs.Wire {
			name := func(s string) string { return s }
			return n.p.Add("Add", n.linear(n.attention(x, name), n.width, n.width, "o"), x)
		}, "norm", "neither a norm nor an MLP"},
		{"no output projection", func(n *net, x gs.Wire) gs.Wire {
			name := func(s string) string { return s }
			return n.p.Add("Add", x, n.attention(n.norm(x, "n"), name))
		}, "output", "want to be read by a linear layer"},
		{"plain MLP", func(n *net, x gs.Wire) gs.Wire {
			return n.linear(n.act(n.linear(x, n.width, 8, "f1")), 8, n.width, "f2")
		}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, x := newNet(t, 17, 16, spelling{})
			m := n.finish(test.build(n, x), gs.Dim{Value: -1}, gs.Dim{Value: -1}, gs.Dim{Value: -1})
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
	m, err := gs.Parse(seedModel(17, 16, "Attention", "com.microsoft"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, report := Find(m)
	if len(blocks) != 0 || !strings.Contains(report.String(), "com.microsoft.Attention") || !strings.Contains(report.String(), "want stored projections") {
		t.Errorf("%d blocks, report %q; want none, as it has no weights", len(blocks), report)
	}
}
