package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Kind is the kind of a block's attention, and for plain self-attention where its
// norms stand.
type Kind int

// The kinds of block.
const (
	PreNorm  Kind = iota // X + f(LN(X)), as in ViT and AST
	PostNorm             // LN(X + f(X)), as in BERT, and X + LN(f(X)), as in Swin V2
	Window               // self-attention inside windows (arXiv 2103.14030), as in Swin and HTS-AT
	Cross                // keys and values come from another stream
)

// String gives "pre-norm", "post-norm", "window" or "cross".
func (k Kind) String() string {
	switch k {
	case PostNorm:
		return "post-norm"
	case Window:
		return "window"
	case Cross:
		return "cross"
	}
	return "pre-norm"
}

// Block is an attention with its residual addition and, if there is one, the MLP
// behind it. Query, Key, Value, Output, FC1 and FC2 are the results of its linear
// layers, bias included; where one layer computes several of query, key and
// value, they are the same value. Where an optimiser fused a bias into a later
// operator, the result without it stands for the layer, and what is no value of
// the file at all is nil.
type Block struct {
	Index   int // from 0, in the order of the attentions
	Kind    Kind
	PreNorm bool     // a norm stands between the stream and the projections
	Width   int      // of the residual stream; 0 if the graph does not say
	Heads   int      // 0 if the graph does not say
	Weights gs.DType // element type of the output projection's weight as it is used or, if quantised, stored; Undefined if it is not known

	Softmax      *gs.Value // attention weights; the result of an attention operator
	Query        *gs.Value
	Key          *gs.Value
	Value        *gs.Value
	Output       *gs.Value // attention's result, before the residual
	Residual     *gs.Value // the stream that its residual Add adds it to
	ResidualAttn *gs.Value // result of that Add; nil if fused with the norm behind it

	NormMLP     *gs.Value // what the MLP reads: LN2's result, LN1's in a post-norm block
	FC1, FC2    *gs.Value // nil, as all of the MLP, where the block has none
	Gate        *gs.Value // other first layer of a gated MLP (arXiv 2002.05202), or nil
	ResidualMLP *gs.Value // result of the MLP's residual Add; nil if fused with a norm
	Activation  string    // of the MLP: gelu, gelu_tanh, relu, …, or other; empty without an MLP

	Sites  []Site
	Layers []Layer // its linear layers; none where they are inside functions of the model
	Norms  []Norm  // its norms; none where they are inside functions of the model

	quantised bool
	channels  bool // a layer is a convolution: the width is axis 1
}

// sublayerAt completes an attention to a sublayer of a residual stream.
func (f *facts) sublayerAt(n *gs.Node) (*attention, *miss) {
	a, why := f.attentionAt(n)
	if why != nil {
		return nil, why
	}
	if a.sum, why = f.residual("residual", a.in, a.o.out); why != nil {
		return nil, why
	}
	a.pre = a.sum.pre
	return a, nil
}

// blockOf completes a sublayer with its MLP.
func (f *facts) blockOf(a *attention, ffns []*ffn) (*Block, *miss) {
	m := f.mlpOf(a, ffns)
	if m == nil && !f.normed(a) {
		return nil, missed("norm", "it has neither a norm nor an MLP")
	}
	if m != nil && m.sum.pre && f.root(m.sum.stream) == a.sum.out && !a.sum.behind {
		a.pre = true // the first block of a stream that begins with a norm
	}
	b := &Block{
		Width: a.o.width, Softmax: a.softmax, Heads: f.headCount(a), PreNorm: a.pre, Weights: f.Type(a.o.weight).DType,
		Output: a.o.out, Residual: a.sum.stream, ResidualAttn: a.sum.out,
	}
	if b.Width == 0 {
		b.Width = f.lastSize(a.o.out)
	}
	b.Kind = f.kind(a)
	layers := []*linear{a.o}
	if a.q != nil {
		b.Query, b.Key, b.Value = a.q.out, a.k.out, a.v.out
		layers = append(layers, a.q, a.k, a.v)
	}
	if m != nil {
		b.NormMLP, b.FC1, b.FC2, b.Activation, b.ResidualMLP = m.in, m.fc1.out, m.fc2.out, m.act, m.sum.out
		if m.gate != nil {
			b.Gate = m.gate.out
		}
		layers = append(layers, m.fc1, m.fc2)
	}
	for _, l := range layers {
		b.quantised = b.quantised || l.quantised || f.quant[l.weight]
		b.channels = b.channels || l.channels
	}
	b.Sites, b.Layers, b.Norms = f.sites(b, a, m), f.layersOf(a, m), f.normsOf(b, a, m)
	return b, nil
}

func (f *facts) kind(a *attention) Kind {
	switch {
	case !f.shares(a.sum.stream, a.keysIn) && !f.shares(a.sum.stream, a.valuesIn):
		return Cross
	case a.sum.windowed:
		return Window
	case a.pre:
		return PreNorm
	}
	return PostNorm
}

// normed reports whether a norm stands before or behind an attention.
func (f *facts) normed(a *attention) bool {
	if a.pre || a.sum.normed != nil || a.sum.behind {
		return true
	}
	return slices.ContainsFunc(f.norms, func(n *norm) bool { return n.In != nil && f.root(n.In) == a.sum.out })
}

// mlpOf finds the feed-forward module behind an attention on its stream, or
// beside it where both read the same norm. One that does not mix positions comes
// before one that does, as a convolution module.
func (f *facts) mlpOf(a *attention, ffns []*ffn) *ffn {
	var second *ffn
	for _, m := range ffns {
		if !f.follows(m.sum.stream, a.sum) && !f.follows(m.in, a.sum) && !f.parallel(a, m) {
			continue
		}
		if !m.mixes {
			return m
		}
		if second == nil {
			second = m
		}
	}
	return second
}

// parallel reports whether an MLP reads the stream that the attention reads and
// both results are added to it together.
func (f *facts) parallel(a *attention, m *ffn) bool {
	if f.root(m.sum.stream) != f.root(a.sum.stream) {
		return false
	}
	if m.sum.node == a.sum.node {
		return true
	}
	first, second := a.sum, m.sum
	if f.Place(first.node) > f.Place(second.node) {
		first, second = second, first
	}
	for _, in := range second.node.Inputs() {
		if f.root(in) == first.out {
			return true
		}
	}
	return false
}

// lastSize is the size of a value's last axis, or 0.
func (f *facts) lastSize(v *gs.Value) int {
	dims := f.Type(v).Shape
	if len(dims) == 0 {
		return 0
	}
	return int(max(0, dims[len(dims)-1].Value))
}

// added reports whether Inject made the node. Its own prefix is the one name
// this package reads.
func added(n *gs.Node) bool { return n != nil && hasPrefix(n.Name()) }
