package adapterinject

import (
	"fmt"
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe says which adapters go to which sites. It is [AAT] or [HeadOnly].
type Recipe interface {
	// Method is the recipe's name: "aat", "aat-m" or "head".
	Method() string

	// adapters are those of one block.
	adapters(b Block) ([]adapter, error)
	seed() uint64
	describe(*Info)
}

// adapter is one bottleneck to be spliced in.
type adapter struct {
	site       Site
	name       string // attn or mlp
	block      int
	read       *gs.Value // what it reads
	sum        *gs.Value // result of the residual Add behind the site
	width      int
	rank       int
	scale      float64 // factor on its result
	activation string
}

// skip is the operand of the residual Add that carries the stream past the
// site's branch, if the Add reads the site's value itself.
func (a adapter) skip() (operand int, ok bool) {
	if a.sum == nil {
		return 0, false
	}
	n := a.sum.Producer()
	if !is(n, "Add") {
		return 0, false
	}
	for i, v := range n.Inputs() {
		if v == a.site.Value && n.Input(1-i) != a.site.Value {
			return 1 - i, true
		}
	}
	return 0, false
}

// parameters is 2·d·r + r + d.
func (a adapter) parameters() int64 {
	d, r := int64(a.width), int64(a.rank)
	return 2*d*r + r + d
}

// AAT is the method of arXiv 2401.10544: in each block a sequential adapter on
// the attention's result and an adapter parallel to the MLP. The zero value is
// the paper's setting.
type AAT struct {
	Rank    float64 // below 1 a share of the block's width, from 1 a number; 0 is 0.25
	Scale   float64 // factor on the MLP adapter's result; 0 is 1
	MLPOnly bool    // leave the spatial adapter out (AAT^M)
	Seed    uint64  // of the random initial values
}

// Method is "aat", or "aat-m" with MLPOnly.
func (r AAT) Method() string {
	if r.MLPOnly {
		return "aat-m"
	}
	return "aat"
}

func (r AAT) seed() uint64 { return r.Seed }

func (r AAT) rank() float64 {
	if r.Rank == 0 {
		return 0.25
	}
	return r.Rank
}

func (r AAT) scale() float64 {
	if r.Scale == 0 {
		return 1
	}
	return r.Scale
}

func (r AAT) describe(i *Info) { i.Rank, i.Scale = r.rank(), r.scale() }

func (r AAT) adapters(b Block) ([]adapter, error) {
	if math.IsNaN(r.Scale) || math.IsInf(float64(float32(r.Scale)), 0) {
		return nil, &gs.UnsupportedError{What: fmt.Sprintf("scale %v is not a number that float32 can hold", r.Scale), Hint: "the paper's scale is 1"}
	}
	rank, err := r.rankFor(b.Width)
	if err != nil {
		return nil, err
	}
	attn, _ := b.Site(AttentionOut)
	mlp, has := b.Site(MLPOut)
	one := adapter{block: b.Index, width: b.Width, rank: rank, scale: 1, activation: b.Activation}
	spatial, parallel := one, one
	spatial.site, spatial.name, spatial.read, spatial.sum = attn, "attn", attn.Value, b.ResidualAttn
	parallel.site, parallel.name, parallel.read, parallel.sum, parallel.scale = mlp, "mlp", b.NormMLP, b.ResidualMLP, r.scale()
	switch {
	case !has && r.MLPOnly:
		return nil, nil
	case !has:
		return []adapter{spatial}, nil
	case r.MLPOnly:
		return []adapter{parallel}, nil
	}
	return []adapter{spatial, parallel}, nil
}

// rankFor is the bottleneck's width for a block of the given width:
// floor(rank·d) for a share, at least 1.
func (r AAT) rankFor(width int) (int, error) {
	rank := r.rank()
	refuse := func(why string) error {
		return &gs.UnsupportedError{What: fmt.Sprintf("rank %v %s", rank, why), Hint: "give a share of the width below 1, such as 0.25, or a whole number below the width"}
	}
	switch {
	case math.IsNaN(rank) || rank <= 0:
		return 0, refuse("is not above 0")
	case rank < 1:
		return max(1, int(rank*float64(width))), nil
	case rank != math.Trunc(rank):
		return 0, refuse("is neither a share nor a whole number")
	case rank >= float64(width):
		return 0, refuse(fmt.Sprintf("is not below the block's width %d, so there is no bottleneck", width))
	}
	return int(rank), nil
}

// HeadOnly adds no adapter: only a new head is trained.
type HeadOnly struct {
	Seed uint64
}

// Method is "head".
func (HeadOnly) Method() string { return "head" }

func (r HeadOnly) seed() uint64 { return r.Seed }

func (HeadOnly) describe(*Info) {}

func (HeadOnly) adapters(Block) ([]adapter, error) { return nil, nil }

// Head asks for a new classifier. Without labels the base's head and output
// stay as they are.
type Head struct {
	Labels []string // two or more, distinct; the order is that of the logits
	Seed   uint64
}

func (h Head) check() error {
	if len(h.Labels) == 0 {
		return nil
	}
	refuse := func(format string, args ...any) error {
		return &gs.UnsupportedError{What: fmt.Sprintf(format, args...), Hint: "give two or more distinct labels, or none to keep the base's head"}
	}
	if len(h.Labels) < 2 {
		return refuse("1 label (%q); a classifier needs two or more", h.Labels[0])
	}
	seen := map[string]bool{}
	for i, l := range h.Labels {
		if l == "" {
			return refuse("label %d is empty", i+1)
		}
		if seen[l] {
			return refuse("label %q is given twice", l)
		}
		seen[l] = true
	}
	return nil
}
