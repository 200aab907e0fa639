// Package pfeiffer puts one sequential bottleneck into each block, behind the MLP,
// arXiv 2005.00247: the MLP's result M becomes
//
//	M + A(M),    A(z) = act(z·W_down + b_down)·W_up + b_up
//
// before the residual addition, and the norm in front of the MLP (behind it in a
// post-norm block) is trained with it. W_down begins as a truncated normal of deviation
// 0.02, all else that is added as zero. A block without an MLP gets none.
package pfeiffer

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
)

// Recipe is the kind's. The zero value is AdapterHub's "seq_bn".
type Recipe struct {
	adapterinject.Scope
	Rank       float64 `json:"rank,omitempty"`        // below 1 a share of the block's width, from 1 a number; 0 is 1/16
	Scale      float64 `json:"scale,omitempty"`       // factor on the bottleneck's result; 0 is 1
	Activation string  `json:"activation,omitempty"`  // gelu, gelu_tanh, relu or silu; "" is relu
	FixedNorms bool    `json:"fixed_norms,omitempty"` // leave the norms as they are
	Seed       uint64  `json:"seed,omitempty"`        // of the random initial values
}

// Method is "pfeiffer".
func (Recipe) Method() string { return "pfeiffer" }

// Adapters are block<i>/mlp, of 2·d·r + r + d parameters, and the offsets of the MLP's
// norm, of 2·d: with r = 12, 248,976 for a ViT-B.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	blocks, err := t.Select(r.Scope)
	if err != nil {
		return nil, err
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		n, err := adapterinject.NewBottleneck(b, r.Scope, r.Rank, r.Scale, r.Activation, adapterinject.ActivationReLU)
		if err != nil {
			return nil, err
		}
		site, ok := b.Site(adapterinject.MLPOut)
		if !ok {
			continue
		}
		out = append(out, n.After(site, fmt.Sprintf("block%d/mlp", b.Index), r.Seed))
		if norms := b.Norms; !r.FixedNorms && len(norms) > 0 {
			out = append(out, norms[len(norms)-1].Tuned(b))
		}
	}
	return out, nil
}
