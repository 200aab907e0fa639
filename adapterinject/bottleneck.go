package adapterinject

import (
	"cmp"
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Bottleneck is what the bottleneck kinds put into one block:
// s·(act(z·W_down + b_down)·W_up + b_up).
type Bottleneck struct {
	block      Block
	rank       int
	scale      float64
	activation string
}

// NewBottleneck checks a bottleneck's settings: a rank of 0 is a sixteenth of the
// width, a scale of 0 is 1, and an activation of "" is usual. The error is an
// *UnsupportedError.
func NewBottleneck(b Block, scope Scope, rank, scale float64, activation, usual string) (Bottleneck, error) {
	if err := CheckScale(scale); err != nil {
		return Bottleneck{}, err
	}
	activation = cmp.Or(activation, usual)
	switch activation {
	case ActivationGELU, ActivationGELUTanh, ActivationReLU, ActivationSiLU:
	default:
		return Bottleneck{}, &gs.UnsupportedError{What: fmt.Sprintf("activation %q is none that an adapter has", activation), Hint: "choose gelu, gelu_tanh, relu or silu"}
	}
	r, err := scope.Rank(b, cmp.Or(rank, 1.0/16))
	return Bottleneck{b, r, cmp.Or(scale, 1), activation}, err
}

// After is the sequential form at a site: its value H becomes H + A(H).
func (n Bottleneck) After(site Site, name string, seed uint64) Adapter {
	return n.Beside(site.Value, site, name, seed)
}

// Beside is the parallel form at a site: its value becomes H + A(z).
func (n Bottleneck) Beside(z *gs.Value, site Site, name string, seed uint64) Adapter {
	return Adapter{
		Name: name, Block: n.block.Index, Site: site, Rank: n.rank, Parameters: site.Parameters(n.rank), Seed: seed,
		Splice: func(s *Splicer) {
			h := s.Bottleneck(n.read(s, z, site), n.block.Width, n.rank, n.activation)
			s.AddTo(n.block, site, s.Scale("scale", h, n.scale))
		},
	}
}

func (n Bottleneck) read(s *Splicer, z *gs.Value, site Site) gs.Wire {
	if z == site.Value {
		return s.ReadBranch(n.block, site)
	}
	return s.Read(z)
}

// Stream is what a residual addition adds a site's value to: the stream in front of
// the attention for [AttentionOut], of the MLP for [MLPOut]; nil if the file has no
// such value.
func (b Block) Stream(site Site) *gs.Value {
	sum := b.ResidualAttn
	if site.Name == MLPOut {
		sum = b.ResidualMLP
	}
	if operand, ok := skip(sum, site.Value); ok {
		return sum.Producer().Input(operand)
	}
	return nil
}

// Tuned trains a norm's gain and offset, by offsets to them that begin as zero.
func (n Norm) Tuned(b Block) Adapter {
	parameters := int64(0)
	for _, v := range []*gs.Value{n.Gain, n.Offset} {
		if v != nil {
			parameters += int64(n.Width)
		}
	}
	return Adapter{
		Name: fmt.Sprintf("block%d/%s", b.Index, n.Name), Block: b.Index, Site: Site{Name: SiteName(n.Name), Value: n.Out, Width: n.Width}, Parameters: parameters,
		Splice: func(s *Splicer) {
			for _, p := range []struct {
				name string
				v    *gs.Value
			}{{"weight", n.Gain}, {"bias", n.Offset}} {
				if p.v == nil {
					continue
				}
				if use, err := n.use(p.v); err == nil {
					s.OffsetUse(p.name, use)
				} else {
					s.Offset(p.name, p.v)
				}
			}
		},
	}
}
