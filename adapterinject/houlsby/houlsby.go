// Package houlsby puts two sequential bottlenecks into each block, arXiv 1902.00751:
// the attention's result H and the MLP's result M become
//
//	H + A_1(H)    and    M + A_2(M),    A(z) = act(z·W_down + b_down)·W_up + b_up
//
// before the residual additions, and the block's norms are trained with them. W_down
// begins as a truncated normal of deviation 0.02, all else that is added as zero. A
// block without an MLP gets the first only.
package houlsby

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
)

// Recipe is the kind's. The zero value is AdapterHub's "double_seq_bn" with a
// bottleneck of a sixteenth of the width.
type Recipe struct {
	adapterinject.Scope
	Rank       float64 `json:"rank,omitempty"`        // below 1 a share of the block's width, from 1 a number; 0 is 1/16
	Scale      float64 `json:"scale,omitempty"`       // factor on each bottleneck's result; 0 is 1
	Activation string  `json:"activation,omitempty"`  // gelu, gelu_tanh, relu or silu; "" is silu
	FixedNorms bool    `json:"fixed_norms,omitempty"` // leave the norms as they are
	Seed       uint64  `json:"seed,omitempty"`        // of the random initial values
}

// Method is "houlsby".
func (Recipe) Method() string { return "houlsby" }

// Adapters are block<i>/attn and block<i>/mlp, of 2·d·r + r + d parameters each, and
// the offsets of the norms, block<i>/norm1 and norm2, of 2·d: with r = 12, 497,952 for
// a ViT-B.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	blocks, err := t.Select(r.Scope)
	if err != nil {
		return nil, err
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		n, err := adapterinject.NewBottleneck(b, r.Scope, r.Rank, r.Scale, r.Activation, adapterinject.ActivationSiLU)
		if err != nil {
			return nil, err
		}
		for _, at := range []struct {
			site adapterinject.SiteName
			name string
		}{{adapterinject.AttentionOut, "attn"}, {adapterinject.MLPOut, "mlp"}} {
			if site, ok := b.Site(at.site); ok {
				out = append(out, n.After(site, fmt.Sprintf("block%d/%s", b.Index, at.name), r.Seed))
			}
		}
		if !r.FixedNorms {
			for _, norm := range b.Norms {
				out = append(out, norm.Tuned(b))
			}
		}
	}
	return out, nil
}
