package adapterinject

import (
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// SiteName names a place in a block where an adapter can go.
type SiteName string

// The sites of a block, in the order of the flow.
const (
	// AttentionIn is what the projections read: the norm's result, or the stream.
	AttentionIn SiteName = "attn.in"
	// AttentionQ, AttentionK and AttentionV are the projections' results.
	AttentionQ SiteName = "attn.q"
	AttentionK SiteName = "attn.k"
	AttentionV SiteName = "attn.v"
	// AttentionKV and AttentionQKV are the results of packed projections.
	AttentionKV  SiteName = "attn.kv"
	AttentionQKV SiteName = "attn.qkv"
	// AttentionOut is the attention's result: output projection and bias done,
	// residual not yet added. A sequential adapter goes here.
	AttentionOut SiteName = "attn.out"
	// MLPIn is what the MLP reads. A parallel adapter reads it.
	MLPIn SiteName = "mlp.in"
	// MLPFC1 and MLPGate are the results of the MLP's first linear layers.
	MLPFC1  SiteName = "mlp.fc1"
	MLPGate SiteName = "mlp.gate"
	// MLPHidden is what the MLP's second linear layer reads.
	MLPHidden SiteName = "mlp.hidden"
	// MLPOut is the MLP's result where the residual Add reads it.
	MLPOut SiteName = "mlp.out"
)

// Site is a place in a block where an adapter can go.
type Site struct {
	Name  SiteName
	Value *gs.Value
	Shape []gs.Dim // as far as it is known; nil if not even the rank is
	DType gs.DType // of the value, Undefined if it is not known; see Block.Weights
	Width int      // of the axis that an adapter works on; 0 if it is not known
}

// Parameters is what an adapter of rank r costs at the site, two linear layers
// with biases: 2·d·r + r + d.
func (s Site) Parameters(r int) int64 {
	d := int64(s.Width)
	return 2*d*int64(r) + int64(r) + d
}

// Site gives the site of that name.
func (b Block) Site(name SiteName) (Site, bool) {
	for _, s := range b.Sites {
		if s.Name == name {
			return s, true
		}
	}
	return Site{}, false
}

// sites lists the places of a block that are values of the file.
func (f *facts) sites(b *Block, a *attention, m *ffn) []Site {
	var out []Site
	add := func(name SiteName, v *gs.Value, width int) {
		if v == nil {
			return
		}
		s := Site{Name: name, Value: v, Shape: f.Type(v).Shape, DType: f.Type(v).DType, Width: width}
		if s.Width == 0 {
			s.Width = f.lastSize(v)
		}
		out = append(out, s)
	}
	in := a.in
	if r := f.root(in); f.normOf[r] != nil {
		in = r // before window partition and flattening
	}
	add(AttentionIn, in, b.Width)
	switch {
	case a.q == nil:
	case a.q == a.k && a.q == a.v:
		add(AttentionQKV, a.q.out, a.q.width)
	case a.k == a.v:
		add(AttentionQ, a.q.out, a.q.width)
		add(AttentionKV, a.k.out, a.k.width)
	default:
		add(AttentionQ, a.q.out, a.q.width)
		add(AttentionK, a.k.out, a.k.width)
		add(AttentionV, a.v.out, a.v.width)
	}
	add(AttentionOut, b.Output, b.Width)
	if m != nil {
		add(MLPIn, m.in, m.fc1.inDim)
		add(MLPHidden, m.fc2.in, m.fc2.inDim)
		add(MLPOut, m.sum.branch, b.Width)
	}
	return out
}

func hasPrefix(name string) bool { return strings.HasPrefix(name, Prefix) }
