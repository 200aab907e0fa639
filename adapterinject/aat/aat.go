// Package aat is the method of arXiv 2401.10544. With tokens X, the frozen block
//
//	X'  = X  + MHSA(LN1(X))
//	X'' = X' + MLP(LN2(X'))
//
// becomes, with A(z) = act(z·W_down + b_down)·W_up + b_up,
//
//	H   = MHSA(LN1(X)),  X'  = X  + (H + A_s(H))        spatial adapter
//	Z   = LN2(X'),       X'' = X' + (MLP(Z) + s·A_m(Z)) MLP adapter
//
// The activation has the form (by erf or by tanh) that the block's own MLP has.
// W_down begins as a truncated normal of deviation 0.02; b_down, W_up and b_up begin as zero.
//
// The MLP adapter reads what the MLP reads and has its activation, so that both are
// one MLP with r more hidden units: so it is folded. The spatial adapter's activation
// stands between two linear maps of its own, which no weight of the block can hold.
package aat

import (
	"cmp"
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
)

// Recipe puts a sequential adapter on each block's attention and one parallel to
// its MLP. The zero value is the paper's setting.
type Recipe struct {
	adapterinject.Scope
	Rank    float64 `json:"rank,omitempty"`     // below 1 a share of the block's width, from 1 a number; 0 is 0.25
	Scale   float64 `json:"scale,omitempty"`    // factor on the MLP adapter's result; 0 is 1
	MLPOnly bool    `json:"mlp_only,omitempty"` // leave the spatial adapter out (AAT^M)
	Seed    uint64  `json:"seed,omitempty"`     // of the random initial values
}

// Method is "aat", or "aat-m" with MLPOnly.
func (r Recipe) Method() string {
	if r.MLPOnly {
		return "aat-m"
	}
	return "aat"
}

// Adapters are block<i>/attn and block<i>/mlp, of 2·d·r + r + d parameters each.
// A block without an MLP gets the first only.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	if err := adapterinject.CheckScale(r.Scale); err != nil {
		return nil, err
	}
	blocks, err := t.Select(r.Scope)
	if err != nil {
		return nil, err
	}
	var out []adapterinject.Adapter
	for _, b := range blocks {
		rank, err := r.Scope.Rank(b, cmp.Or(r.Rank, 0.25))
		if err != nil {
			return nil, err
		}
		if site, ok := b.Site(adapterinject.AttentionOut); ok && !r.MLPOnly {
			out = append(out, r.spatial(b, site, rank))
		}
		if site, ok := b.Site(adapterinject.MLPOut); ok {
			out = append(out, r.parallel(b, site, rank))
		}
	}
	return out, nil
}

// adapter is one of them, without what it does.
func (r Recipe) adapter(b adapterinject.Block, site adapterinject.Site, name string, rank int) adapterinject.Adapter {
	return adapterinject.Adapter{
		Name: fmt.Sprintf("block%d/%s", b.Index, name), Block: b.Index, Site: site,
		Rank: rank, Parameters: site.Parameters(rank), Seed: r.Seed,
	}
}

func (r Recipe) spatial(b adapterinject.Block, site adapterinject.Site, rank int) adapterinject.Adapter {
	a := r.adapter(b, site, "attn", rank)
	a.Splice = func(s *adapterinject.Splicer) {
		s.AddTo(b, site, s.Bottleneck(s.ReadBranch(b, site), b.Width, rank, b.GELU()))
	}
	return a
}

func (r Recipe) parallel(b adapterinject.Block, site adapterinject.Site, rank int) adapterinject.Adapter {
	a := r.adapter(b, site, "mlp", rank)
	a.Splice = func(s *adapterinject.Splicer) {
		h := s.Bottleneck(s.Read(b.NormMLP), b.Width, rank, b.GELU())
		s.AddTo(b, site, s.Scale("scale", h, cmp.Or(r.Scale, 1)))
	}
	a.Fold = func(f *adapterinject.Folder) error {
		down, up, err := f.Bottleneck(b.Width, rank, cmp.Or(r.Scale, 1))
		if err != nil {
			return err
		}
		return f.WidenMLP(b, site, down, up)
	}
	return a
}
