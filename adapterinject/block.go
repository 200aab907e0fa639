package adapterinject

import (
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Kind says where a block's norms stand.
type Kind int

// The kinds of block.
const (
	PreNorm  Kind = iota // X + f(LN(X)), as in ViT and AST
	PostNorm             // LN(X + f(X)), as in BERT
)

// String gives "pre-norm" or "post-norm".
func (k Kind) String() string {
	if k == PostNorm {
		return "post-norm"
	}
	return "pre-norm"
}

// SiteName names a place in a block where an adapter can go.
type SiteName string

// The sites of a block.
const (
	// AttentionOut is the attention's result: output projection and bias done,
	// residual not yet added. A sequential adapter goes here.
	AttentionOut SiteName = "attn.out"
	// MLP is the MLP's result where the residual Add reads it. A parallel
	// adapter reads Block.NormMLP and is added here.
	MLP SiteName = "mlp"
)

// Site is a place in a block where an adapter can go.
type Site struct {
	Name  SiteName
	Value *gs.Value
	Shape []gs.Dim // as far as the file says it; nil if it does not
	DType gs.DType // of the block's weights
}

// Block is a Transformer encoder block found in a graph. Query, Key, Value,
// Output, FC1 and FC2 are the results of its linear layers, bias included; where
// one layer computes several of query, key and value, they are the same value.
type Block struct {
	Index int // from 0, in the order of the attentions
	Kind  Kind
	Width int // of the residual stream
	Heads int // 0 if the graph does not say

	Softmax      *gs.Value // attention weights; the result of an Attention operator
	Query        *gs.Value
	Key          *gs.Value
	Value        *gs.Value
	Output       *gs.Value // attention's result, before the residual
	Residual     *gs.Value // the stream that its residual Add adds it to
	ResidualAttn *gs.Value // result of that Add

	NormMLP     *gs.Value // what the MLP reads: LN2's result, LN1's in a post-norm block
	FC1, FC2    *gs.Value
	ResidualMLP *gs.Value // result of the MLP's residual Add
	Activation  string    // of the MLP: gelu, gelu_tanh, relu, …, or other

	Sites []Site

	quantised bool
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

// blockAt completes an attention to a block: one stream in, residual Add, norm,
// MLP, residual Add.
func (f *facts) blockAt(a *attention) (*Block, *miss) {
	x := f.root(a.q.in)
	if f.root(a.k.in) != x || f.root(a.v.in) != x {
		return nil, missed("stream", "queries and keys come from different values (cross-attention)")
	}
	if a.o.width <= 0 {
		return nil, missed("output", "the shape of the output projection's weight is not known")
	}
	b := &Block{
		Width: a.o.width, Softmax: a.softmax, Heads: f.headCount(a),
		Query: a.q.out, Key: a.k.out, Value: a.v.out, Output: a.o.out,
	}
	if why := f.attentionResidual(b, x); why != nil {
		return nil, why
	}
	branch, l1, l2, why := f.mlp(b)
	if why != nil {
		return nil, why
	}
	dtype := f.dtypes[a.o.weight]
	b.Sites = []Site{
		{AttentionOut, b.Output, b.Output.Shape(), dtype},
		{MLP, branch, branch.Shape(), dtype},
	}
	for _, l := range []*linear{a.q, a.k, a.v, a.o, l1, l2} {
		b.quantised = b.quantised || f.quant[l.weight]
	}
	return b, nil
}

// attentionResidual finds the Add of the attention's result to the stream that
// the attention read: itself, or through a norm.
func (f *facts) attentionResidual(b *Block, x *gs.Value) *miss {
	add, other, why := f.residual("residual", b.Output, func(stream *gs.Value) bool {
		if stream == x {
			b.Kind = PostNorm
			return true
		}
		n := f.normOf[x]
		if n != nil && f.root(n.in) == stream {
			b.Kind = PreNorm
			return true
		}
		return false
	})
	if why != nil {
		return why
	}
	b.ResidualAttn, b.Residual = add.Node.Output(0), other
	return nil
}

// residual goes forward from a branch's result to the Add with a stream that
// fits. It gives the branch's use there and the other operand.
func (f *facts) residual(step string, from *gs.Value, fits func(root *gs.Value) bool) (gs.Use, *gs.Value, *miss) {
	stop := func(u gs.Use) bool {
		return is(u.Node, "Add") && len(f.dataInputs(u.Node)) == 2 && u.Node.Output(0) != nil
	}
	pass := func(u gs.Use) bool { return layout(u.Node) || carving(u.Node) || f.scaling(u.Node) }
	hits, ends := f.ahead(from, stop, pass)
	for _, h := range hits {
		if other := h.Node.Input(1 - h.Input); fits(f.root(unadapted(other))) {
			return h, other, nil
		}
	}
	switch {
	case len(hits) > 0:
		return gs.Use{}, nil, missed(step, "it is added, but not to the stream the layer before it reads")
	case len(ends) > 0:
		return gs.Use{}, nil, missed(step, "the result goes into %s, not into a residual Add", opNames(ends))
	}
	return gs.Use{}, nil, missed(step, "the result goes into no residual Add")
}

// added reports whether Inject made the node. Its own prefix is the one name
// this package reads.
func added(n *gs.Node) bool { return n != nil && strings.HasPrefix(n.Name(), Prefix) }

// unadapted is the base's value below the results that Inject added to it, so
// that the blocks of an injected model are found too.
func unadapted(v *gs.Value) *gs.Value {
	for added(v.Producer()) && is(v.Producer(), "Add") {
		v = v.Producer().Input(0)
	}
	return v
}

// mlp finds norm, linear, activation, linear and residual Add behind the
// attention, and fills them in. branch is the MLP's result where its residual
// Add reads it.
func (f *facts) mlp(b *Block) (branch *gs.Value, l1, l2 *linear, why *miss) {
	why = missed("norm", "no norm reads the attention's residual sum")
	for _, n := range f.norms {
		if f.root(n.in) != b.ResidualAttn {
			continue
		}
		stream := b.ResidualAttn
		if b.Kind == PostNorm {
			stream = n.out
		}
		for _, l := range f.linears {
			if f.root(l.in) != n.out || added(l.out.Producer()) {
				continue
			}
			l2, name, miss := f.secondLinear(l)
			if miss != nil {
				why = miss
				continue
			}
			add, _, miss := f.residual("mlp residual", l2.out, func(root *gs.Value) bool { return root == stream })
			if miss != nil {
				why = miss
				continue
			}
			if l2.width != b.Width || l.inDim != b.Width {
				why = missed("mlp", "it is %d to %d wide, the attention %d", l.inDim, l2.width, b.Width)
				continue
			}
			b.NormMLP, b.FC1, b.FC2, b.Activation = n.out, l.out, l2.out, name
			b.ResidualMLP = add.Node.Output(0)
			return add.Node.Input(add.Input), l, l2, nil
		}
		if why.step == "norm" {
			why = missed("mlp", "no linear layer reads the norm behind the attention")
		}
	}
	return nil, nil, nil, why
}

// secondLinear goes from the MLP's first linear layer through its activation to
// the second.
func (f *facts) secondLinear(first *linear) (*linear, string, *miss) {
	stop := func(u gs.Use) bool { return f.reads(u) != nil }
	pass := func(u gs.Use) bool { return elementwise(u.Node) }
	hits, ends := f.ahead(first.out, stop, pass)
	switch {
	case len(hits) > 1:
		return nil, "", missed("mlp", "its first linear layer leads to %d others", len(hits))
	case len(hits) == 0 && len(ends) > 0:
		return nil, "", missed("mlp", "its first linear layer goes into %s, not through an activation into a second one", opNames(ends))
	case len(hits) == 0:
		return nil, "", missed("mlp", "its first linear layer leads to no second one")
	}
	second := f.reads(hits[0])
	name, ok := f.activation(first.out, second.in)
	if !ok {
		return nil, "", missed("mlp", "what stands between its linear layers is not one activation function (a gated MLP?)")
	}
	return second, name, nil
}
