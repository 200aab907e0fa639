// Package norms tunes the gains and offsets of norms, as in arXiv 2103.05247 and
// 2304.01933: of each LayerNorm or RMS norm y = γ⊙x̂ + β, whatever its spelling,
// γ becomes γ + δγ and β becomes β + δβ, with δγ and δβ trained from zero. Without a
// scope these are all norms of the model, those before, between and behind the blocks
// included, but for one in the classifier; with one, the blocks' own.
// BatchNorm's gains and offsets count too, its statistics stay.
package norms

import (
	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe tunes the norms of the blocks in scope; without a scope all of the model.
type Recipe struct {
	adapterinject.Scope
}

// Method is "ln".
func (Recipe) Method() string { return "ln" }

// Adapters are block<i>, and front and back for the norms outside of blocks.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	out, err := t.TuneBlocks(r.Scope, func(p adapterinject.Parameter) bool {
		return p.Role == adapterinject.RoleGain || p.Role == adapterinject.RoleOffset
	})
	if err == nil && len(out) == 0 {
		return nil, &gs.UnsupportedError{File: t.Model.Path(), What: "the norms of the blocks have neither gains nor offsets", Hint: "choose another method, such as ssf"}
	}
	return out, err
}
