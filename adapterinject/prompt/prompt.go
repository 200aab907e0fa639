// Package prompt adds learned tokens to a block's input, visual prompt tuning
// (arXiv 2203.12119). With tokens X [N, d] and P prompts [P, d]
//
//	shallow:  the first block in scope reads [X; p]
//	deep:     every block reads [X; p_i], the former block's P results dropped
//
// and behind the last block the P results are dropped, so that the head reads N tokens.
// The prompts stand behind the tokens: to attention without positions the order is
// nothing, and no token changes its place. They are added and replace no patch, other
// than in the AAT paper's code. Prompts begin as uniform draws within ±√(6/(3·16² + d)),
// that paper's initial values for patches of 16×16.
//
// P·d numbers are trained, or P·d a block. Prompts take part in attention from the
// start: an untrained model does not compute what its base does, and there is no proof
// that it does.
//
// A model whose number of tokens is fixed has it in the shapes it reshapes to; these
// are replaced by ones for N + P. Where the tokens are cut into windows, or biases or
// masks belong to positions, prompts have no place, and the model is refused.
package prompt

import (
	"fmt"
	"math"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe adds prompts from the first block in scope on. The zero value is 25 prompts
// at the first block.
type Recipe struct {
	adapterinject.Scope
	Tokens float64 `json:"tokens,omitempty"` // a whole number; 0 is 25
	Deep   bool    `json:"deep,omitempty"`
	Seed   uint64  `json:"seed,omitempty"`
}

// Method is "prompt", or "prompt-deep" with Deep.
func (r Recipe) Method() string {
	if r.Deep {
		return "prompt-deep"
	}
	return "prompt"
}

// Adapters are block<i>/prompt; the first of them removes the tokens too. The error is
// an *UnsupportedError where the model has no place for more tokens.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	blocks, err := t.Select(r.Scope)
	if err != nil {
		return nil, err
	}
	tokens := 25
	if r.Tokens != 0 {
		tokens = int(r.Tokens)
	}
	first, last := blocks[0], t.Blocks[len(t.Blocks)-1]
	refuse := func(format string, args ...any) error {
		return &gs.UnsupportedError{File: t.Model.Path(), What: "prompts cannot be added: " + fmt.Sprintf(format, args...), Hint: "choose another method, such as prefix"}
	}
	switch {
	case float64(tokens) != r.Tokens && r.Tokens != 0 || tokens < 1 || tokens > 1<<16:
		return nil, refuse("%v is no number of tokens", r.Tokens)
	case len(r.Ranks) > 0:
		return nil, refuse("all blocks have the same number of tokens")
	case len(blocks) != len(t.Blocks)-first.Index:
		return nil, refuse("blocks %d to %d are not all in scope", first.Index, last.Index)
	}
	w := &walk{target: t, blocks: blocks, more: int64(tokens)}
	if err := w.run(); err != nil {
		return nil, err
	}
	if !r.Deep {
		blocks = blocks[:1]
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		site := adapterinject.Site{Name: "stream", Value: b.Residual, Shape: t.Type(b.Residual).Shape, DType: t.Type(b.Residual).DType, Width: b.Width}
		out = append(out, adapterinject.Adapter{
			Name: fmt.Sprintf("block%d/prompt", b.Index), Block: b.Index, Site: site, Rank: tokens,
			Parameters: int64(tokens) * int64(b.Width), Seed: r.Seed,
			Splice: func(s *adapterinject.Splicer) { w.splice(s, b, b.Index == first.Index) },
		})
	}
	return out, nil
}

// splice joins the prompts of one block; that of the first also changes the shapes and
// drops the results behind the last.
func (w *walk) splice(s *adapterinject.Splicer, b adapterinject.Block, first bool) {
	p := int(w.more)
	bound := math.Sqrt(6 / (3*16*16 + float64(b.Width)))
	x := s.Read(b.Residual)
	if !first {
		x = w.drop(s, "former", x)
	}
	form := []int64{1, int64(p), int64(b.Width)}
	if w.axis == 0 {
		form[0], form[1] = form[1], form[0]
	}
	prompts := s.Op("form", "Reshape", s.Param("tokens", []int{p, b.Width}, adapterinject.Uniform(bound)), s.Ints("form_shape", form...))
	batch := s.Op("batch", "Slice", s.Op("shape", "Shape", x), s.Ints("batch_start", int64(1-w.axis)), s.Ints("batch_end", int64(2-w.axis)))
	size := []gs.Operand{batch, s.Ints("size", form[1:]...), gs.Attrs{"axis": 0}}
	if w.axis == 0 {
		size = []gs.Operand{s.Ints("size_tokens", form[0]), batch, s.Ints("size_width", form[2]), gs.Attrs{"axis": 0}}
	}
	prompts = s.Op("spread", "Expand", prompts, s.Op("spread_size", "Concat", size...))
	s.Resize(b.Residual, s.Op("joined", "Concat", x, prompts, gs.Attrs{"axis": w.axis}))
	if !first {
		return
	}
	for i, c := range w.changes {
		s.ReplaceUse(gs.Use{Node: c.node, Input: 1}, s.Ints(fmt.Sprintf("reshape%d", i), c.dims...))
	}
	for _, n := range w.target.Model.Graph.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil && v != b.Residual && len(w.at[v]) > 0 {
				s.Forget(v)
			}
		}
	}
	s.Resize(w.exit, w.drop(s, "rest", s.Read(w.exit)))
}

// drop leaves the prompts' results out.
func (w *walk) drop(s *adapterinject.Splicer, name string, x gs.Wire) gs.Wire {
	return s.Op(name, "Slice", x, s.Ints(name+"_start", 0), s.Ints(name+"_end", -w.more), s.Ints(name+"_axis", int64(w.axis)))
}
