// Package parallel puts a scaled bottleneck beside each block's MLP, as AdaptFormer
// does (arXiv 2205.13535; the scaled parallel adapter of arXiv 2110.04366): with the
// stream X' in front of the MLP's residual addition,
//
//	X'' = X' + (MLP(LN2(X')) + s·A(X')),    A(z) = act(z·W_down + b_down)·W_up + b_up
//
// It reads the stream as it is, not the norm's result. W_down begins as a truncated
// normal of deviation 0.02, all else that is added as zero. A block without an MLP gets
// none; where attention and MLP stand side by side, it stands beside both.
package parallel

import (
	"cmp"
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe is the kind's. The zero value is AdaptFormer's setting.
type Recipe struct {
	adapterinject.Scope
	Rank       float64 `json:"rank,omitempty"`       // below 1 a share of the block's width, from 1 a number; 0 is 64, or a quarter of a width of 64 or less
	Scale      float64 `json:"scale,omitempty"`      // factor on the bottleneck's result; 0 is 0.1
	Activation string  `json:"activation,omitempty"` // gelu, gelu_tanh, relu or silu; "" is relu
	Seed       uint64  `json:"seed,omitempty"`       // of the random initial values
}

// Method is "parallel".
func (Recipe) Method() string { return "parallel" }

// Adapters are block<i>/mlp, of 2·d·r + r + d parameters.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	blocks, err := t.Select(r.Scope)
	if err != nil {
		return nil, err
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		site, ok := b.Site(adapterinject.MLPOut)
		if !ok {
			continue
		}
		rank := adapterinject.UsualRank(r.Rank, 64, b.Width)
		n, err := adapterinject.NewBottleneck(b, r.Scope, rank, cmp.Or(r.Scale, 0.1), r.Activation, adapterinject.ActivationReLU)
		if err != nil {
			return nil, err
		}
		stream := b.Stream(site)
		if stream == nil {
			return nil, &gs.UnsupportedError{
				File: t.Model.Path(), Node: site.Value.Name(),
				What: fmt.Sprintf("the stream beside the MLP of block %d is no value of the file: its residual addition is fused with another operator", b.Index),
				Hint: "use method aat-m or pfeiffer, or a file that no optimizer has rewritten",
			}
		}
		out = append(out, n.Beside(stream, site, fmt.Sprintf("block%d/mlp", b.Index), r.Seed))
	}
	return out, nil
}
