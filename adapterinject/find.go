package adapterinject

import (
	"fmt"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Find gives the Transformer blocks of a model's main graph, in the order of
// their attentions, and a report on every candidate. It works by structure
// alone: names are never read, and a block is the same block whichever exporter
// or optimiser wrote it. A candidate is each Softmax and each operator that
// computes an attention; it is a block if the projections of query, key, value
// and output are found around it, and the residual addition to the stream that
// the queries are made of, with a norm on one side or an MLP behind it.
//
// Functions of the model are looked into; values that exist only inside them are
// nil in the blocks.
//
// Each sublayer of a decoder is a block of its own: the self-attention has no
// MLP, the cross-attention has the layer's.
func Find(m *gs.Model) ([]Block, Report) {
	s := shadowOf(m)
	blocks, report := study(s.graph).find()
	return s.blocks(blocks), report
}

func (f *facts) find() ([]Block, Report) {
	var r Report
	var found []*attention
	at := map[*attention]int{}
	for _, n := range f.graph.Nodes() {
		if !f.candidate(n) {
			continue
		}
		c := Candidate{Node: n.Label(), Op: strings.ReplaceAll(pattern.OpName(n), "::", "."), Block: -1}
		a, why := f.sublayerAt(n)
		if why != nil {
			c.Step, c.Why = why.step, why.why
		} else {
			at[a] = len(r.Candidates)
			found = append(found, a)
			f.attnAt[a.sum.node] = a
		}
		r.Candidates = append(r.Candidates, c)
	}
	ffns := f.findFFNs()
	var blocks []Block
	for _, a := range found {
		c := &r.Candidates[at[a]]
		b, why := f.blockOf(a, ffns)
		if why != nil {
			c.Step, c.Why = why.step, why.why
			continue
		}
		b.Index, c.Block = len(blocks), len(blocks)
		blocks = append(blocks, *b)
		f.parts = append(f.parts, part{a, f.mlpOf(a, ffns)})
	}
	return blocks, r
}

// candidate reports whether n may be the core of an attention.
func (f *facts) candidate(n *gs.Node) bool {
	return f.isSoftmax(n) || f.isOperator(n)
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
	Step  string // the step that failed: context, scores, query, …, norm; empty for a block
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
