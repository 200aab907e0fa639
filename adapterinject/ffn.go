package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// ffn is a feed-forward module on a residual stream: linear, activation, linear,
// and the addition to what it reads.
type ffn struct {
	fc1, fc2 *linear
	gate     *linear   // of a gated MLP (arXiv 2002.05202); may be fc1, packed
	act      string    // activation
	mixes    bool      // positions are mixed between the linear layers
	sum      *sum      // residual addition
	normed   bool      // it reads a norm of the stream
	in       *gs.Value // what fc1 reads, in the stream's layout
}

// inner is what lies between two linear layers of an MLP.
type inner struct {
	sources   []*linear
	nonlinear bool
	mixes     bool
	gated     *gs.Node // product of two activations
	foreign   bool     // something else comes in
}

// findFFNs finds the feed-forward modules of the graph, by their second linear
// layer.
func (f *facts) findFFNs() []*ffn {
	var out []*ffn
	for _, l := range f.linears {
		if added(l.out.Producer()) {
			continue
		}
		m, why := f.ffnEnding(l)
		if why == nil {
			out = append(out, m)
			f.ffnAt[m.sum.node] = m
		}
	}
	return out
}

// ffnEnding reads a linear layer as the second one of an MLP, or says why not.
func (f *facts) ffnEnding(fc2 *linear) (*ffn, *miss) {
	between := f.between(fc2.in, fc2.inDim)
	m := &ffn{fc2: fc2, mixes: between.mixes}
	switch n := len(between.sources); {
	case n == 0 || between.foreign:
		return nil, missed("mlp", "what its last linear layer reads comes not from a linear layer alone")
	case !between.nonlinear:
		return nil, missed("mlp", "what stands between its linear layers is not one activation function")
	case n == 1:
		m.fc1 = between.sources[0]
		m.act = f.activation(m.fc1, fc2.in)
		if between.gated != nil && m.act == "other" {
			if act, packed := f.gateActivation(m.fc1, between.gated); packed {
				m.act, m.gate = act, m.fc1
			}
		}
	case n == 2 && between.gated != nil:
		m.fc1, m.gate, m.act = f.split(between.sources, between.gated)
	default:
		return nil, missed("mlp", "%d linear layers lead into its last one", n)
	}
	if m.fc1 == fc2 || m.gate != nil && f.root(m.gate.in) != f.root(m.fc1.in) {
		return nil, missed("mlp", "its two first linear layers read different values")
	}
	ancestors := f.ancestry(m.fc1.in)
	s, why := f.residual("mlp residual", fc2.out, ancestors)
	if why != nil {
		return nil, why
	}
	if fc2.width > 0 && m.fc1.inDim > 0 && fc2.width != m.fc1.inDim {
		return nil, missed("mlp", "it is %d to %d wide", m.fc1.inDim, fc2.width)
	}
	m.sum, m.normed, m.in = s, ancestors[s.stream].normed, f.root(m.fc1.in)
	return m, nil
}

// between walks back from what a linear layer reads to the linear layers it comes
// from, through elementwise operators, rearrangements, norms and masks of
// positions. The width is that of the values on the way, 0 if not known.
func (f *facts) between(v *gs.Value, width int) inner {
	var r inner
	w := f.ways
	seen := map[*gs.Value]bool{v: true}
	for queue := []*gs.Value{v}; len(queue) > 0; queue = queue[1:] {
		v := queue[0]
		if l := f.linearOf[v]; l != nil {
			r.sources = append(r.sources, l)
			if l.activation != "" {
				r.nonlinear = true
			}
			continue
		}
		n := v.Producer()
		if n == nil || n.Graph() != f.graph || len(seen) > walkBudget {
			r.foreign = true
			return r
		}
		ins := f.unmasked(n, width)
		if norm := f.normOf[v]; norm != nil && norm.In != nil {
			ins = []*gs.Value{norm.In}
		} else if !f.passesInner(n, ins, &r, w) {
			r.foreign = true
			return r
		}
		for _, in := range ins {
			if !seen[in] {
				seen[in] = true
				queue = append(queue, in)
			}
		}
	}
	return r
}

// unmasked gives a node's data inputs; of a product with a mask of positions, as
// VITS has around each layer for padded frames, only the factor that is masked. A
// mask has one number where the other factor has a whole row of channels.
func (f *facts) unmasked(n *gs.Node, width int) []*gs.Value {
	ins := f.DataInputs(n)
	if !is(n, "Mul") || len(ins) != 2 || width <= 1 {
		return ins
	}
	for i, mask := range ins {
		a, b := f.Type(mask).Shape, f.Type(ins[1-i]).Shape
		if len(a) != len(b) {
			continue
		}
		for axis := range a {
			if a[axis].Value == 1 && b[axis].Value == int64(width) {
				return ins[1-i : 2-i]
			}
		}
	}
	return ins
}

// passesInner reports whether n may stand inside an MLP, and notes what it does.
func (f *facts) passesInner(n *gs.Node, ins []*gs.Value, r *inner, w ways) bool {
	two := len(ins) == 2 && ins[0] != ins[1]
	if f.clampsNegative(n) {
		r.nonlinear = true
	}
	switch {
	case w.moving.Has(f.View, n):
		return len(ins) == 1 || is(n, "Concat")
	case is(n, "Add"), is(n, "Sub"):
		return true
	case is(n, "Mul"), is(n, "Div"):
		if len(ins) == 2 { // of which a mask is none
			r.nonlinear = true
		}
		if two && r.gated == nil {
			r.gated = n
		}
		return true
	case depthwise().Has(f.View, n):
		r.mixes = true
		return true
	case among(n, "BatchNormalization"):
		return true
	case w.elementwise.Has(f.View, n), among(n, "PRelu", "ThresholdedRelu", "Celu", "com.microsoft::BiasGelu", "com.microsoft::BiasSplitGelu", "Where", "Greater", "Less", "Sign"):
		r.nonlinear = true
		return true
	}
	return false
}

// clampsNegative reports whether a quantisation holds no negative numbers: what a
// quantiser leaves of a Relu.
func (f *facts) clampsNegative(n *gs.Node) bool {
	if n.Op() != "QuantizeLinear" || n.Input(2) == nil {
		return false
	}
	zero, ok := f.Scalar(n.Input(2))
	lowest := map[gs.DType]float64{gs.Uint8: 0, gs.Uint16: 0, gs.Int8: -128, gs.Int16: -32768}
	least, known := lowest[f.Type(n.Input(2)).DType]
	return ok && known && zero == least
}

// activation names the function between an MLP's linear layers. A bias inside a
// fused operator belongs to the layer before.
func (f *facts) activation(first *linear, y *gs.Value) string {
	if first.activation != "" {
		return first.activation
	}
	if name := f.biasActivation(first.out, y); name != "" {
		return name
	}
	p, ok := f.Expression(first.out, y)
	if !ok {
		return "other"
	}
	if slices.ContainsFunc(p.Nodes, f.clampsNegative) && f.linearProgram(p) {
		return "relu"
	}
	if name, _ := f.Name(p, pattern.Activations()); name != "" {
		return name
	}
	return "other"
}

// biasActivation names ONNX Runtime's fusions of a bias with GELU.
func (f *facts) biasActivation(x, y *gs.Value) string {
	for _, u := range f.Readers(x) {
		if u.Node.Output(0) == nil || f.root(y) != u.Node.Output(0) || u.Node.Input(1) == nil {
			continue
		}
		switch pattern.OpName(u.Node) {
		case "com.microsoft::BiasGelu":
			return ActivationGELU
		case "com.microsoft::FastGelu":
			return ActivationGELUTanh
		}
	}
	return ""
}

// split tells a gated MLP's activated layer from its gate: the one whose way to
// the product has the activation.
func (f *facts) split(sources []*linear, product *gs.Node) (fc1, gate *linear, act string) {
	for i, l := range sources {
		for _, operand := range product.Inputs() {
			way := f.between(operand, l.width)
			if len(way.sources) == 1 && way.sources[0] == l && way.nonlinear {
				return l, sources[1-i], f.activation(l, operand)
			}
		}
	}
	return sources[0], sources[1], "other"
}

// linearProgram reports whether a program is a straight line at its sample
// points, as scales and casts are.
func (f *facts) linearProgram(p pattern.Program) bool {
	a, ok1 := f.At(p, -2)
	b, ok2 := f.At(p, 0.5)
	c, ok3 := f.At(p, 3)
	const rounding = 1e-6 // of a float64 sum of three terms of this size, with room
	d := (b-a)/2.5 - (c-b)/2.5
	return ok1 && ok2 && ok3 && max(d, -d) <= rounding
}

// gateActivation names the activation of a gated MLP whose layer computes both
// halves at once; false if the product's operands are no parts of its result.
func (f *facts) gateActivation(l *linear, product *gs.Node) (act string, packed bool) {
	act = "other"
	for _, operand := range product.Inputs() {
		half := f.half(operand, l)
		if half == nil {
			continue
		}
		packed = true
		if p, ok := f.Expression(half, operand); ok && !f.linearProgram(p) {
			if name, _ := f.Name(p, pattern.Activations()); name != "" {
				act = name
			}
		}
	}
	return act, packed
}

// half goes back from an operand of the gate's product to the part of the packed
// layer's result that it is made of.
func (f *facts) half(operand *gs.Value, l *linear) *gs.Value {
	w := f.ways
	isPart := func(v *gs.Value) bool { return w.carving.Has(f.View, v.Producer()) }
	elementwise := pattern.Class{Name: "elementwise", Has: func(v *pattern.View, n *gs.Node) bool { return w.elementwise.Has(v, n) }}
	walk := f.Back(operand, elementwise, func(v *gs.Value) bool { return v.Producer() != nil && isPart(v) })
	if len(walk.Hits) == 0 || !slices.Contains(f.between(walk.Hits[0], 0).sources, l) {
		return nil
	}
	return walk.Hits[0]
}
