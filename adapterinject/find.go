package adapterinject

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Find gives the Transformer blocks of a model's main graph, in the order of
// their attentions, and a report on every candidate. It works by structure
// alone: names are never read, and a block is the same block whichever exporter
// wrote it. A candidate is each Softmax and each Attention operator; it is a
// block if query, key, value and output projections, the residual Adds, a norm
// and the MLP are all found around it.
func Find(m *gs.Model) ([]Block, Report) {
	f := study(m.Graph)
	var blocks []Block
	var r Report
	for _, n := range m.Graph.Nodes() {
		c, ok := candidate(n)
		if !ok {
			continue
		}
		if c.Why == "" {
			b, why := f.try(n)
			if why == nil {
				b.Index = len(blocks)
				c.Block = b.Index
				blocks = append(blocks, *b)
			} else {
				c.Step, c.Why = why.step, why.why
			}
		}
		r.Candidates = append(r.Candidates, c)
	}
	return blocks, r
}

func (f *facts) try(n *gs.Node) (*Block, *miss) {
	a, why := f.attentionAt(n)
	if why != nil {
		return nil, why
	}
	return f.blockAt(a)
}

// candidate reports whether n may be the core of an attention.
func candidate(n *gs.Node) (Candidate, bool) {
	c := Candidate{Node: n.Label(), Op: n.Op(), Block: -1}
	if is(n, "Softmax") || is(n, "Attention") {
		return c, true
	}
	fused := []string{"Attention", "MultiHeadAttention", "PackedAttention", "PackedMultiHeadAttention", "QAttention", "GroupQueryAttention", "QLinearSoftmax"}
	if n.Domain() == "com.microsoft" && slices.Contains(fused, n.Op()) {
		c.Op = "com.microsoft." + n.Op()
		c.Step, c.Why = "operator", "ONNX Runtime's offline optimiser fused it; use the model as it was exported"
		return c, true
	}
	return c, false
}

// Report says of every candidate whether it is a block, and if not, why.
type Report struct {
	Candidates []Candidate
}

// Candidate is one Softmax or Attention operator of a graph.
type Candidate struct {
	Node  string // its name, or its result's
	Op    string
	Block int    // index of its block, or -1
	Step  string // the step that failed: context, scores, query, …, mlp; empty for a block
	Why   string // what was found instead
}

// Misses are the candidates that are no block.
func (r Report) Misses() []Candidate {
	var out []Candidate
	for _, c := range r.Candidates {
		if c.Block < 0 {
			out = append(out, c)
		}
	}
	return out
}

// String gives a line with the counts and one for each candidate that is no
// block, each ended by a line feed.
func (r Report) String() string {
	var b strings.Builder
	misses := r.Misses()
	found := len(r.Candidates) - len(misses)
	if len(r.Candidates) == 0 {
		return "the graph has no Softmax and no Attention operator\n"
	}
	fmt.Fprintf(&b, "%d of %d Softmax and Attention candidates are blocks\n", found, len(r.Candidates))
	for _, c := range misses {
		fmt.Fprintf(&b, "%s %q, %s: %s\n", c.Op, c.Node, c.Step, c.Why)
	}
	return b.String()
}
