package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Norm is a norm of a block: y = gain·normalised(x) + offset.
type Norm struct {
	Name         string // norm1 or norm2, in the order of the flow
	Out          *gs.Value
	Gain, Offset *gs.Value // fixed values; nil if there is none
	Width        int       // 0 if the file does not say

	nodes []*gs.Node
}

// normsOf lists the norms that belong to a block: those its attention and its MLP
// read, or behind their residual additions, or, as in Swin V2, before these.
func (f *facts) normsOf(b *Block, a *attention, m *ffn) []Norm {
	var found []*norm
	add := func(n *norm) {
		if n != nil && n.Out != nil && !slices.Contains(found, n) {
			found = append(found, n)
		}
	}
	sums := []*sum{a.sum}
	in := []*gs.Value{a.in}
	if m != nil {
		sums, in = append(sums, m.sum), append(in, m.in)
	}
	for i, s := range sums {
		switch {
		case s.behind:
			add(f.normOf[f.root(s.branch)])
		case s.normed != nil && !b.PreNorm:
			add(f.skips[s.node])
		case b.PreNorm:
			add(f.normOf[f.root(in[i])])
		case s.out != nil:
			for _, n := range f.normsIn[s.out] {
				add(n)
			}
		}
	}
	var out []Norm
	for i, n := range found {
		own := Norm{Name: "norm" + string(rune('1'+i)), Out: n.Out, Gain: n.Gain, Offset: n.Bias, Width: f.lastSize(n.Out), nodes: n.Nodes}
		if s := n.Out.Producer(); among(s, "com.microsoft::SkipLayerNormalization") {
			own.Gain, own.Offset = s.Input(2), s.Input(3)
		}
		if own.Width == 0 {
			own.Width = b.Width
		}
		out = append(out, own)
	}
	return out
}

// FoldNorm works a gain and an offset on a norm's result into its own: those it has
// not are added behind it.
func (f *Folder) FoldNorm(n Norm, gain, offset []float64) error {
	shift := slices.Clone(offset)
	if n.Offset != nil {
		use, err := n.use(n.Offset)
		if err != nil {
			return err
		}
		c, err := f.read(use)
		if err != nil {
			return err
		}
		old := c.spreadTo(len(gain))
		if old == nil {
			return f.refuse(n.Offset, "it is no row of channels")
		}
		for i := range shift {
			shift[i] += old[i] * gain[i]
		}
		if err := f.write(use, shift); err != nil {
			return err
		}
	}
	if n.Gain == nil {
		if n.Offset != nil {
			return f.refuse(n.Out, "the norm has an offset, but no gain")
		}
		return f.behind(n.Out, gain, offset)
	}
	use, err := n.use(n.Gain)
	if err != nil {
		return err
	}
	c, err := f.read(use)
	if err != nil {
		return err
	}
	scaled := c.spreadTo(len(gain))
	if scaled == nil {
		return f.refuse(n.Gain, "it is no row of channels")
	}
	for i := range scaled {
		scaled[i] *= gain[i]
	}
	if err := f.write(use, scaled); err != nil || n.Offset != nil {
		return err
	}
	return f.behind(n.Out, nil, offset)
}

// behind puts a gain, if there is one, and an offset behind a base's value.
func (f *Folder) behind(v *gs.Value, gain, offset []float64) error {
	p := f.model.NewPatch("fold")
	own := f.model.Graph.Value(v.Name())
	w := p.Tap(own)
	for _, step := range []struct {
		op, name string
		values   []float64
	}{{"Mul", "gain", gain}, {"Add", "offset", offset}} {
		if step.values == nil {
			continue
		}
		t, err := f.tensor(f.typeOf(v).DType, []int64{int64(len(step.values))}, step.values)
		if err != nil {
			return err
		}
		w = p.Add(step.op, w, p.Initializer(f.model.FreshName(v.Name()+"_"+step.name), t))
	}
	p.InsertAfter(own, w)
	return p.Apply()
}

// use is the one place where a norm reads one of its constants.
func (n Norm) use(v *gs.Value) (gs.Use, error) {
	var uses []gs.Use
	for _, node := range n.nodes {
		for i, in := range node.Inputs() {
			if in == v {
				uses = append(uses, gs.Use{Node: node, Input: i})
			}
		}
	}
	if len(uses) != 1 {
		return gs.Use{}, &gs.UnsupportedError{Node: n.Out.Name(), What: "the norm reads " + v.Name() + " in more than one place", Hint: "export the fused form"}
	}
	return uses[0], nil
}

// spreadTo are the numbers of a constant as a row of n; nil if it is none.
func (c fixed) spreadTo(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		switch len(c.values) {
		case n:
			out[i] = c.values[i]
		case 1:
			out[i] = c.values[0]
		default:
			return nil
		}
	}
	return out
}
