package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// places says where the nodes of a graph are.
type places struct {
	block  map[*gs.Node]int
	behind map[*gs.Node]bool
	head   map[*gs.Node]bool
	layer  map[*gs.Node]string // name of the layer or norm that a node is of
}

// of is the block of a node, or -1, and its place.
func (p places) of(n *gs.Node) (int, ParameterPlace) {
	if i, ok := p.block[n]; ok {
		return i, Inside
	}
	switch {
	case p.head[n]:
		return -1, Classifier
	case p.behind[n]:
		return -1, Behind
	}
	return -1, Before
}

// placesOf finds the nodes of each block: what lies between the stream it reads and
// its last residual addition, with the norm behind that in a post-norm block; and its
// linear layers, of which those of keys in cross-attention read another stream.
func (f *facts) placesOf(t *Target) places {
	p := places{block: map[*gs.Node]int{}, behind: map[*gs.Node]bool{}, head: map[*gs.Node]bool{}, layer: map[*gs.Node]string{}}
	blocks, _ := f.find()
	for i, b := range blocks {
		exit := f.exit(i)
		for _, n := range f.interval(b.Residual, exit) {
			if _, taken := p.block[n]; !taken {
				p.block[n] = i
			}
		}
		for _, l := range b.Layers {
			for _, n := range []*gs.Node{l.Node, l.Out.Producer()} {
				p.block[n], p.layer[n] = i, string(l.Name)
			}
		}
		for _, m := range b.Norms {
			for _, n := range m.nodes {
				p.layer[n] = m.Name
			}
		}
		for _, out := range exit.Outputs() {
			for _, m := range f.normsIn[out] {
				for _, n := range m.Nodes {
					if !b.PreNorm {
						p.block[n] = i
					}
				}
			}
		}
		if f.skips[exit] != nil && b.PreNorm { // its norm is the next block's
			delete(p.block, exit)
			if i+1 < len(blocks) {
				p.block[exit] = i + 1
			}
		}
		for n := range f.after(exit.Outputs()...) {
			p.behind[n] = true
		}
	}
	if h, err := f.head(t.Model); err == nil {
		p.markHead(h)
	}
	return p
}

// markHead marks the nodes of a classifier.
func (p places) markHead(h HeadSite) {
	p.head[h.dense.node] = true
	if n := h.dense.out.Producer(); n != nil {
		p.head[n] = true
	}
	if h.norm != nil {
		for _, n := range h.norm.Nodes {
			p.head[n] = true
		}
	}
}

// exit is the last residual addition of a block.
func (f *facts) exit(block int) *gs.Node {
	p := f.parts[block]
	if p.mlp != nil && f.Place(p.mlp.sum.node) > f.Place(p.attn.sum.node) {
		return p.mlp.sum.node
	}
	return p.attn.sum.node
}

// after are the nodes that values' numbers reach.
func (f *facts) after(values ...*gs.Value) map[*gs.Node]bool {
	out := map[*gs.Node]bool{}
	values = slices.Clone(values)
	for len(values) > 0 {
		v := values[len(values)-1]
		values = values[:len(values)-1]
		for _, u := range f.Readers(v) {
			if !out[u.Node] {
				out[u.Node] = true
				values = append(values, u.Node.Outputs()...)
			}
		}
	}
	return out
}

// interval are the nodes behind a value that a node's result depends on, the node
// included, in the file's order.
func (f *facts) interval(from *gs.Value, to *gs.Node) []*gs.Node {
	behind := f.after(from)
	behind[to] = true
	out, seen := []*gs.Node{to}, map[*gs.Node]bool{to: true}
	for i := 0; i < len(out); i++ {
		for _, in := range out[i].Inputs() {
			if in == nil || in == from {
				continue
			}
			if n := in.Producer(); n != nil && behind[n] && !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	slices.SortFunc(out, func(a, b *gs.Node) int { return f.Place(a) - f.Place(b) })
	return out
}
