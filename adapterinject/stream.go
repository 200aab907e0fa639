package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// sum is a residual addition: an Add of two activations, or an operator that
// fuses it with the norm behind it.
type sum struct {
	node   *gs.Node
	branch *gs.Value // operand that comes from the branch
	stream *gs.Value // the stream's value that the other operand is
	out    *gs.Value // nil where a fused operator keeps it to itself
	normed *gs.Value // the fused norm's result
	behind bool      // a norm stands between the branch's end and the addition
}

// origin says how a value lies on the way back from a branch's input.
type origin struct {
	normed   bool // a norm lies between
	windowed bool // a partition into windows, or a roll
}

// ancestry gives the values that a branch's input is made from, back through
// rearrangements, arithmetic and norms, the results of linear layers and products
// included. The residual stream is one of them.
func (f *facts) ancestry(v *gs.Value) map[*gs.Value]origin {
	seen := map[*gs.Value]origin{v: {}}
	for queue := []*gs.Value{v}; len(queue) > 0 && len(seen) <= walkBudget; queue = queue[1:] {
		v := queue[0]
		from := seen[v]
		for _, in := range f.parents(v, &from) {
			if _, ok := seen[in]; !ok && in != nil {
				seen[in] = from
				queue = append(queue, in)
			}
		}
	}
	return seen
}

// parents are the values one step back from v; none at results of linear layers
// and other operators that end a walk. What the step is is noted in from.
func (f *facts) parents(v *gs.Value, from *origin) []*gs.Value {
	n := v.Producer()
	if l := f.linearOf[v]; n == nil || n.Graph() != f.graph || l != nil && !l.wide {
		return nil
	}
	if norm := f.normOf[v]; norm != nil {
		from.normed = true
		if norm.In == nil {
			return []*gs.Value{norm.Sum, n.Input(0), n.Input(1)}
		}
		return []*gs.Value{norm.In}
	}
	if f.skips[n] != nil { // the sum beside a fused norm
		return []*gs.Value{n.Input(0), n.Input(1)}
	}
	w := f.ways
	switch {
	case w.moving.Has(f.View, n), w.arithmetic.Has(f.View, n), among(n, "Where", "Neg", "Conv", "AveragePool", "MaxPool", "ScatterND", "Clip", "com.microsoft::RotaryEmbedding", "RotaryEmbedding"):
		if is(n, "Transpose") && len(n.Ints("perm")) >= 6 {
			from.windowed = true
		}
		if is(n, "Concat") { // a learned token may begin a stream
			return n.Inputs()
		}
		return f.DataInputs(n)
	case among(n, "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "LpNormalization"):
		from.normed = true
		return f.DataInputs(n)
	}
	return nil
}

// residual goes forward from a branch's result to the addition whose other
// operand is a value of the stream the branch reads.
//
// Where the stream changes its size beside the branch, as between stages of
// CoAtNet and MViT, the other operand is a projection or pooling of it, and a
// further linear layer may stand before the addition, as in TimeSformer: that is
// looked for if nothing else is found.
func (f *facts) residual(step string, from *gs.Value, ancestors map[*gs.Value]origin) (*sum, *miss) {
	s, why := f.residualBy(step, from, ancestors, false)
	if s == nil {
		s, _ = f.residualBy(step, from, ancestors, true)
	}
	if s != nil {
		return s, nil
	}
	return nil, why
}

func (f *facts) residualBy(step string, from *gs.Value, ancestors map[*gs.Value]origin, projected bool) (*sum, *miss) {
	var found *sum
	adds := 0
	stop := func(u gs.Use) bool {
		other := f.addend(u)
		if other == nil {
			return false
		}
		adds++
		stream := f.streamOf(other, ancestors, projected)
		if stream == nil {
			return false
		}
		if found == nil {
			found = f.sumAt(u, stream)
		}
		return true
	}
	w := f.ways
	pass := func(u gs.Use) bool {
		n := u.Node
		return found == nil && (w.moving.Has(f.View, n) || w.arithmetic.Has(f.View, n) ||
			among(n, "Where", "BatchNormalization", "ScatterND", "ScatterElements") || projected && f.reads(u) != nil)
	}
	_, ends := f.ahead(from, stop, pass, true)
	switch {
	case found != nil:
		return found, nil
	case adds > 0:
		return nil, missed(step, "it is added, but not to the stream the layer before it reads")
	case len(ends) > 0:
		return nil, missed(step, "the result goes into %s, not into a residual Add", opNames(ends))
	}
	return nil, missed(step, "the result goes into no residual Add")
}

// addend gives the other operand where the use is in an addition of two
// activations, else nil.
func (f *facts) addend(u gs.Use) *gs.Value {
	n := u.Node
	switch {
	case is(n, "Add") && n.Input(0) != nil && n.Input(1) != nil && n.Output(0) != nil && f.linearOf[n.Output(0)] == nil:
		return n.Input(1 - u.Input)
	case f.skips[n] != nil && u.Input < 2:
		return n.Input(1 - u.Input)
	}
	return nil
}

func (f *facts) sumAt(u gs.Use, stream *gs.Value) *sum {
	s := &sum{node: u.Node, branch: u.Node.Input(u.Input), stream: stream, out: u.Node.Output(0)}
	if skip := f.skips[u.Node]; skip != nil {
		s.out, s.normed = skip.Sum, skip.Out
	}
	_, norm := f.normOf[f.root(s.branch)]
	s.behind = norm
	return s
}

// streamOf gives the value among the ancestors that an operand is, perhaps
// rearranged, scaled or with another branch's result added, and if asked for
// projected or pooled; nil if it is none.
func (f *facts) streamOf(operand *gs.Value, ancestors map[*gs.Value]origin, projected bool) *gs.Value {
	operand = unadapted(operand)
	w := f.ways
	seen := map[*gs.Value]bool{operand: true}
	for queue := []*gs.Value{operand}; len(queue) > 0 && len(seen) <= walkBudget; queue = queue[1:] {
		v := queue[0]
		if _, ok := ancestors[v]; ok {
			return v
		}
		n := v.Producer()
		if n == nil || n.Graph() != f.graph || f.normOf[v] != nil {
			continue
		}
		loose := projected && (f.linearOf[v] != nil || f.linearAt[n] != nil || among(n, "AveragePool", "MaxPool", "ReduceMax", "ReduceMean", "Conv"))
		if !loose && (f.linearOf[v] != nil || !w.moving.Has(f.View, n) && !is(n, "Add") && !w.scaling.Has(f.View, n)) {
			continue
		}
		ins := f.DataInputs(n)
		if l := f.linearOf[v]; loose && l != nil {
			ins = []*gs.Value{l.in} // whatever its spelling has between
		}
		for _, in := range ins {
			if !seen[in] {
				seen[in] = true
				queue = append(queue, in)
			}
		}
	}
	return nil
}

// follows reports whether a stream's value is a sum, directly, through a norm, or
// with the results of other branches added or joined (a convolution module, as in
// a Conformer), but of none that is a block's own.
func (f *facts) follows(v *gs.Value, s *sum, hops int) bool {
	const most = 3 // modules between an attention and its MLP
	v = f.root(unadapted(v))
	if v == nil || hops > most {
		return false
	}
	if v == s.out || v == s.normed {
		return true
	}
	if n := f.normOf[v]; n != nil && n.In != nil {
		return f.follows(n.In, s, hops)
	}
	n := v.Producer()
	if n == nil || n.Graph() != f.graph || f.attnAt[n] != nil || f.linearOf[v] != nil {
		return false
	}
	if m := f.ffnAt[n]; m != nil && !m.mixes {
		return false
	}
	switch {
	case f.skips[n] != nil, is(n, "Add") && len(f.DataInputs(n)) == 2:
		return f.follows(n.Input(0), s, hops+1) || f.follows(n.Input(1), s, hops+1)
	case is(n, "Concat"):
		return slices.ContainsFunc(n.Inputs(), func(in *gs.Value) bool { return f.follows(in, s, hops+1) })
	case f.scales(n):
		return f.follows(f.DataInputs(n)[0], s, hops)
	case depthwise().Has(f.View, n), among(n, "BatchNormalization"):
		return f.follows(n.Input(0), s, hops+1)
	case f.rescaled(n) != nil:
		return f.follows(f.rescaled(n), s, hops)
	}
	return false
}

// rescaled gives the integer product whose scale n multiplies in, as dynamic
// quantisation ends; nil if n is no such product.
func (f *facts) rescaled(n *gs.Node) *gs.Value {
	if !is(n, "Mul") {
		return nil
	}
	for i, v := range n.Inputs() {
		if f.dynamicScale(n.Input(1-i)) && !f.dynamicScale(v) {
			return v
		}
	}
	return nil
}

// dynamicScale reports whether v is the scale of a DynamicQuantizeLinear, perhaps
// multiplied with a weight's.
func (f *facts) dynamicScale(v *gs.Value) bool {
	if v == nil || v.Producer() == nil {
		return false
	}
	n := v.Producer()
	if is(n, "Mul") && f.scales(n) {
		return f.dynamicScale(f.DataInputs(n)[0])
	}
	return is(n, "DynamicQuantizeLinear") && v == n.Output(1)
}
