// Package bitfit tunes biases, arXiv 2106.10199: of each block's linear layers
// y = x·W + b and norms, b becomes
//
//	b + δ
//
// with δ trained from zero, and so the offsets of norms behind the last block. The
// base's numbers stay; folded, δ is added to them. A block of width d with an MLP of
// 4·d has 11·d such numbers: query, key, value and output d each, the MLP's layers
// 4·d and d, the norms d each. Layers without a bias get none. The embedding of
// patches, projections behind the blocks and the classifier are left as they are.
package bitfit

import (
	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe tunes the biases of the blocks in scope; without a scope the offsets of norms
// behind blocks too.
type Recipe struct {
	adapterinject.Scope
}

// Method is "bitfit".
func (Recipe) Method() string { return "bitfit" }

// Adapters are block<i>, and back for what is behind.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	out, err := t.TuneBlocks(r.Scope, func(p adapterinject.Parameter) bool {
		switch p.Place {
		case adapterinject.Inside:
			return p.Role == adapterinject.RoleBias || p.Role == adapterinject.RoleOffset
		case adapterinject.Behind:
			return p.Role == adapterinject.RoleOffset
		}
		return false
	})
	if err == nil && len(out) == 0 {
		return nil, &gs.UnsupportedError{File: t.Model.Path(), What: "neither the linear layers nor the norms of the blocks have biases", Hint: "choose another method, such as lora"}
	}
	return out, err
}
