// Package lastk tunes the last k blocks wholly: every weight, bias, gain and offset
// of theirs, w, becomes w + δ with δ trained from zero. What is before, between and
// behind the blocks stays, the last norm too: the AAT paper's "partial" fine-tuning.
// A block of width d with an MLP of 4·d has 12·d² + 13·d numbers. Of a tensor that
// other blocks share, only the last k blocks' reading is tuned.
package lastk

import (
	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe tunes the blocks in scope; without a scope the last half of them, as that
// paper does.
type Recipe struct {
	adapterinject.Scope
}

// Method is "last-k".
func (Recipe) Method() string { return "last-k" }

// Adapters are block<i>.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	if len(r.Blocks) == 0 && r.Last == 0 {
		r.Last = max(1, len(t.Blocks)/2)
	}
	out, err := t.TuneBlocks(r.Scope, func(adapterinject.Parameter) bool { return true })
	if err == nil && len(out) == 0 {
		return nil, &gs.UnsupportedError{File: t.Model.Path(), What: "the blocks in scope have no parameters", Hint: "choose other blocks"}
	}
	return out, err
}
