// Package conformer puts the convolution module of a Conformer, narrowed to a
// bottleneck, beside each block's MLP (arXiv 2312.03694): with the stream X' in front
// of the MLP's residual addition,
//
//	X'' = X' + (MLP(LN2(X')) + C(X'))
//	C(x) = SiLU(LN_r(conv(GLU(LN(x)·W_1 + b_1))))·W_2 + b_2
//
// conv is depthwise along the tokens, GLU(a, g) = a·σ(g), W_1 is [d, 2r] and W_2 [r, d].
// Where the paper has a BatchNorm, LN_r norms each token's r channels: its two numbers a
// channel are trained alike, but it needs no statistics of the batch, so that training,
// export and the padding of a short batch cannot disagree. The norm in front of the MLP
// is trained, too, as in the paper's count. W_2, b_1, b_2 and the kernel's bias begin as
// zero; W_1 and the kernel as truncated normals of deviation 0.02.
package conformer

import (
	"cmp"
	"fmt"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe is the kind's. The zero value is the paper's for speech.
type Recipe struct {
	adapterinject.Scope
	Rank       float64 `json:"rank,omitempty"`        // below 1 a share of the block's width, from 1 a number; 0 is 8, or a quarter of a width of 8 or less
	Kernel     int     `json:"kernel,omitempty"`      // tokens that conv sees; 0 is 31 (the paper has 8 for other sounds)
	FixedNorms bool    `json:"fixed_norms,omitempty"` // leave the block's norm as it is
	Seed       uint64  `json:"seed,omitempty"`        // of the random initial values
}

// Method is "conformer".
func (Recipe) Method() string { return "conformer" }

// Adapters are block<i>/mlp, of 2d + (2dr + 2r) + (kr + r) + 2r + (rd + d) parameters,
// and the offsets of the MLP's norm, of 2d: with r = 8 and k = 31, 270,720 for a ViT-B.
func (r Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	if r.Kernel < 0 || r.Kernel > 1024 {
		return nil, &gs.UnsupportedError{What: fmt.Sprintf("a kernel of %d tokens", r.Kernel), Hint: "give 1 to 1024, or leave it out for 31"}
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
		if n := len(b.Norms); n > 0 && !r.FixedNorms {
			out = append(out, b.Norms[n-1].Tuned(b))
		}
	}
	return out, nil
}

func (r Recipe) adapter(t *adapterinject.Target, b adapterinject.Block, site adapterinject.Site) (adapterinject.Adapter, error) {
	refuse := func(format string, args ...any) (adapterinject.Adapter, error) {
		return adapterinject.Adapter{}, &gs.UnsupportedError{File: t.Model.Path(), Node: site.Value.Name(), What: fmt.Sprintf(format, args...), Hint: "choose a method without convolutions, such as aat"}
	}
	rank, err := r.Scope.Rank(b, adapterinject.UsualRank(r.Rank, 8, b.Width))
	if err != nil {
		return adapterinject.Adapter{}, err
	}
	stream := b.Stream(site)
	if stream == nil {
		return refuse("the stream beside the MLP of block %d is no value of the file: its residual addition is fused with another operator", b.Index)
	}
	if shape := t.Type(stream).Shape; len(shape) != 3 {
		return refuse("the stream of block %d has the shape %v, want [batch, tokens, width]", b.Index, shape)
	}
	kernel := cmp.Or(r.Kernel, 31)
	d, n, k := int64(b.Width), int64(rank), int64(kernel)
	return adapterinject.Adapter{
		Name: fmt.Sprintf("block%d/mlp", b.Index), Block: b.Index, Site: site, Rank: rank, Seed: r.Seed,
		Parameters: 2*d + 2*d*n + 2*n + k*n + n + 2*n + n*d + d,
		Splice:     func(s *adapterinject.Splicer) { s.AddTo(b, site, module(s, s.Read(stream), b.Width, rank, kernel)) },
	}, nil
}

// epsilon is PyTorch's default for LayerNorm.
const epsilon = 1e-5

// module adds C(x).
func module(s *adapterinject.Splicer, x gs.Wire, width, rank, kernel int) gs.Wire {
	norm := func(name string, x gs.Wire, n int) gs.Wire {
		gain := s.Param(name+"_weight", []int{n}, adapterinject.Ones())
		return s.LayerNorm(name, x, gain, s.Param(name+"_bias", []int{n}, adapterinject.Zeros()), epsilon)
	}
	small := adapterinject.TruncNormal(0.02)
	h := norm("norm", x, width)
	// One layer of 2r is two of r: the halves need no cutting apart.
	value := s.Linear("value", h, width, rank, small)
	gate := s.Op("gate_sigmoid", "Sigmoid", s.Linear("gate", h, width, rank, small))
	h = s.Op("glu", "Mul", value, gate)
	h = s.DepthwiseTime("conv", h, rank, kernel, small)
	h = s.Activation("act", norm("norm_r", h, rank), adapterinject.ActivationSiLU)
	return s.Linear("up", h, rank, width, adapterinject.Zeros())
}
