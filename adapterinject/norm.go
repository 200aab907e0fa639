package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// norm is a LayerNormalization or RMS normalisation over the last axis, as one
// operator or spelled out.
type norm struct {
	in, out *gs.Value
	nodes   []*gs.Node // operator, or the last nodes of the spelling
}

func (f *facts) findNorms() {
	for _, n := range f.graph.Nodes() {
		var found *norm
		switch {
		case n.Domain() != "" || n.Output(0) == nil || f.fixed[n.Output(0)]:
		case n.Op() == "LayerNormalization", n.Op() == "RMSNormalization", n.Op() == "SimplifiedLayerNormalization":
			if f.lastAxis(n.Input(0), n.Int("axis", -1)) {
				found = &norm{in: n.Input(0), out: n.Output(0), nodes: []*gs.Node{n}}
			}
		case n.Op() == "Sqrt":
			found = f.spelledNorm(n)
		}
		if found != nil && found.in != nil && found.out != nil {
			f.norms = append(f.norms, found)
			f.normOf[found.out] = found
		}
	}
}

// lastAxis reports whether axis is the last one of v. Without a known rank, a
// positive axis is taken for the last from 2 on: token tensors have three.
func (f *facts) lastAxis(v *gs.Value, axis int64) bool {
	if axis == -1 {
		return true
	}
	if v == nil {
		return false
	}
	if dims := v.Shape(); dims != nil {
		return axis == int64(len(dims)-1)
	}
	return axis >= 2
}

// spelledNorm recognises (x - mean) / sqrt(mean((x - mean)²) + ε), and the same
// without the mean, from its Sqrt: Pow or Mul for the square, Div or Reciprocal
// and Mul for the quotient, Casts between, gain and offset optional, and the
// Keras form that scales x and mean apart.
func (f *facts) spelledNorm(sqrt *gs.Node) *norm {
	centred := f.squared(f.meanOf(f.plusEpsilon(sqrt.Input(0))))
	if centred == nil {
		return nil
	}
	x := f.uncentred(centred)
	for _, u := range f.readers(sqrt.Output(0)) {
		n := u.Node
		if is(n, "Div") && u.Input == 1 {
			if f.sameCentred(n.Input(0), centred, x) {
				return f.withAffine(x, n)
			}
			continue
		}
		if is(n, "Reciprocal") {
			if found := f.reciprocalNorm(n, centred, x); found != nil {
				return found
			}
		}
	}
	return nil
}

func (f *facts) reciprocalNorm(inv *gs.Node, centred, x *gs.Value) *norm {
	for _, u := range f.readers(inv.Output(0)) {
		n := u.Node
		if !is(n, "Mul") {
			continue
		}
		other := n.Input(1 - u.Input)
		if f.data(other) && f.sameCentred(other, centred, x) {
			return f.withAffine(x, n)
		}
		if !f.data(other) {
			if found := f.kerasNorm(n.Output(0), x); found != nil {
				return found
			}
		}
	}
	return nil
}

// kerasNorm recognises x·g + (β - mean·g) from g.
func (f *facts) kerasNorm(g, x *gs.Value) *norm {
	if g == nil {
		return nil
	}
	for _, u := range f.readers(g) {
		if !is(u.Node, "Mul") || u.Node.Input(1-u.Input) != x {
			continue
		}
		sum, ok := f.soleReader(u.Node.Output(0))
		if !ok || !is(sum.Node, "Add") {
			continue
		}
		sub := producer(sum.Node.Input(1 - sum.Input))
		if is(sub, "Sub") && !f.data(sub.Input(0)) {
			return &norm{in: x, out: sum.Node.Output(0), nodes: []*gs.Node{sum.Node, sub, u.Node}}
		}
	}
	return nil
}

// withAffine follows a quotient to the end of its norm: an optional gain and an
// optional offset.
func (f *facts) withAffine(x *gs.Value, core *gs.Node) *norm {
	found := &norm{in: x, out: core.Output(0), nodes: []*gs.Node{core}}
	for _, op := range []string{"Cast", "Mul", "Cast", "Add"} {
		u, ok := f.soleReader(found.out)
		if !ok || !is(u.Node, op) || u.Node.Output(0) == nil {
			continue
		}
		if op != "Cast" && len(f.dataInputs(u.Node)) != 1 {
			continue
		}
		found.out = u.Node.Output(0)
		found.nodes = append(found.nodes, u.Node)
	}
	return found
}

// plusEpsilon gives a where v is a + fixed.
func (f *facts) plusEpsilon(v *gs.Value) *gs.Value {
	n := producer(v)
	if !is(n, "Add") {
		return nil
	}
	if in := f.dataInputs(n); len(in) == 1 {
		return in[0]
	}
	return nil
}

// meanOf gives a where v is the mean of a over the last axis.
func (f *facts) meanOf(v *gs.Value) *gs.Value {
	n := producer(v)
	if !is(n, "ReduceMean") {
		return nil
	}
	axes := n.Ints("axes")
	if n.Input(1) != nil {
		axes, _ = f.ints(n.Input(1))
	}
	if len(axes) != 1 || !f.lastAxis(n.Input(0), axes[0]) {
		return nil
	}
	return n.Input(0)
}

// squared gives a where v is a².
func (f *facts) squared(v *gs.Value) *gs.Value {
	n := producer(v)
	switch {
	case is(n, "Pow") && n.Input(1) != nil:
		if e, ok := f.scalar(n.Input(1)); ok && e == 2 {
			return beforeCast(n.Input(0))
		}
	case is(n, "Mul") && n.Input(0) == n.Input(1):
		return beforeCast(n.Input(0))
	}
	return nil
}

// uncentred gives x where v is x minus its mean, else v: then the norm is RMS.
func (f *facts) uncentred(v *gs.Value) *gs.Value {
	n := producer(v)
	if is(n, "Sub") && n.Input(0) != nil && f.meanOf(n.Input(1)) == n.Input(0) {
		return n.Input(0)
	}
	return v
}

// sameCentred reports whether v is the centred value, perhaps computed twice.
func (f *facts) sameCentred(v, centred, x *gs.Value) bool {
	v = beforeCast(v)
	if v == centred {
		return true
	}
	return x != centred && v != x && f.uncentred(v) == x
}

func beforeCast(v *gs.Value) *gs.Value {
	if n := producer(v); is(n, "Cast") {
		return n.Input(0)
	}
	return v
}

func producer(v *gs.Value) *gs.Node {
	if v == nil {
		return nil
	}
	return v.Producer()
}
