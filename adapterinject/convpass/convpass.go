// Package convpass puts a convolutional bottleneck beside each block's MLP, arXiv
// 2207.07039: with the norm's result Z that the MLP reads,
//
//	X'' = X' + (MLP(Z) + s·C(Z)),    C(z) = act(conv(act(z·W_down + b_down)))·W_up + b_up
//
// where conv sees three tokens along each axis of the grid of patches, time and
// frequency for a spectrogram, and time alone for a model that reads a waveform. Tokens
// that lie nowhere, such as cls, see themselves. W_down begins as a truncated normal of
// deviation 0.02, the kernel as the identity, all else as zero.
package convpass

import (
	"cmp"
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe is the kind's. The zero value has a bottleneck of 8, as the paper's.
type Recipe struct {
	adapterinject.Scope
	Rank  float64 `json:"rank,omitempty"`  // below 1 a share of the block's width, from 1 a number; 0 is 8, or a quarter of a width of 8 or less
	Scale float64 `json:"scale,omitempty"` // factor on its result; 0 is 1
	Seed  uint64  `json:"seed,omitempty"`  // of the random initial values
}

// Method is "conv".
func (Recipe) Method() string { return "conv" }

// Adapters are block<i>/mlp, of 2·d·r + r + d parameters and k·r² + r of the kernel,
// k being 9 on a grid and 3 along time.
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
		site, ok := b.Site(adapterinject.MLPOut)
		if !ok {
			continue
		}
		a, err := r.adapter(t, b, site)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (r Recipe) adapter(t *adapterinject.Target, b adapterinject.Block, site adapterinject.Site) (adapterinject.Adapter, error) {
	rank, err := r.Scope.Rank(b, adapterinject.UsualRank(r.Rank, 8, b.Width))
	if err != nil {
		return adapterinject.Adapter{}, err
	}
	if b.NormMLP == nil {
		return adapterinject.Adapter{}, &gs.UnsupportedError{File: t.Model.Path(), What: fmt.Sprintf("what the MLP of block %d reads is no value of the file", b.Index), Hint: "use a file that no optimizer has rewritten"}
	}
	grid, err := t.GridOf(b.NormMLP)
	if err != nil {
		return adapterinject.Adapter{}, err
	}
	taps := 1
	for range grid.Sizes {
		taps *= 3
	}
	return adapterinject.Adapter{
		Name: fmt.Sprintf("block%d/mlp", b.Index), Block: b.Index, Site: site, Rank: rank, Seed: r.Seed,
		Parameters: site.Parameters(rank) + int64(taps*rank*rank+rank),
		Splice: func(s *adapterinject.Splicer) {
			h := s.Linear("down", s.Read(b.NormMLP), b.Width, rank, adapterinject.TruncNormal(0.02))
			h = s.Activation("act1", h, b.GELU())
			h = s.ConvTokens("conv", h, grid, rank)
			h = s.Activation("act2", h, b.GELU())
			h = s.Linear("up", h, rank, b.Width, adapterinject.Zeros())
			s.AddTo(b, site, s.Scale("scale", h, cmp.Or(r.Scale, 1)))
		},
	}, nil
}
