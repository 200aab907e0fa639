package adapterinject

import (
	"fmt"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Bottleneck are an adapter's two layers, as [Splicer.Bottleneck] names them, with a
// factor on the result worked into the second.
func (f *Folder) Bottleneck(width, rank int, scale float64) (down, up Affine, err error) {
	down, up = Affine{In: width, Out: rank}, Affine{In: rank, Out: width}
	for _, part := range []struct {
		name string
		into *[]float64
		n    int
	}{{"down_weight", &down.W, width * rank}, {"down_bias", &down.B, rank}, {"up_weight", &up.W, rank * width}, {"up_bias", &up.B, width}} {
		if *part.into, err = f.Numbers(part.name, part.n); err != nil {
			return down, up, err
		}
	}
	for _, xs := range [][]float64{up.W, up.B} {
		for i := range xs {
			xs[i] *= scale
		}
	}
	return down, up, nil
}

// WidenMLP works act(z·down)·up, where z is what a block's MLP reads and act its own
// activation, into that MLP: the columns of down join those of its first layer, the
// rows of up those of its second. The nodes between are written anew for the wider
// value, by the same operators in the same order; their names stay. The error is an
// *UnsupportedError where the MLP has another form than linear, activation, linear.
func (f *Folder) WidenMLP(b Block, site Site, down, up Affine) error {
	m, err := f.widening(b, site)
	if err != nil {
		return err
	}
	first, err := f.Layer(m.fc1)
	if err != nil {
		return err
	}
	second, err := f.Layer(m.fc2)
	if err != nil {
		return err
	}
	m.hidden, m.rank = first.Out, down.Out
	m.first, m.second = first.beside(down), second.below(up)
	return m.write()
}

// beside gives the layer that computes both results, one behind the other.
func (a Affine) beside(b Affine) Affine {
	out := Affine{In: a.In, Out: a.Out + b.Out, B: append(a.bias(), b.bias()...)}
	for i := range a.In {
		out.W = append(append(out.W, a.W[i*a.Out:(i+1)*a.Out]...), b.W[i*b.Out:(i+1)*b.Out]...)
	}
	return out
}

// below gives the layer that reads the inputs of both, one behind the other, and
// computes the sum.
func (a Affine) below(b Affine) Affine {
	out := Affine{In: a.In + b.In, Out: a.Out, W: append(slices.Clone(a.W), b.W...), B: a.bias()}
	for i, x := range b.bias() {
		out.B[i] += x
	}
	return out
}

// bias is a copy of the bias, zeros where there is none.
func (a Affine) bias() []float64 {
	if a.B == nil {
		return make([]float64, a.Out)
	}
	return slices.Clone(a.B)
}

// widening is an MLP that is written anew with more hidden units.
type widening struct {
	f             *Folder
	fc1, fc2      Layer
	first, second Affine
	hidden, rank  int

	patch *gs.Patch
	wires map[*gs.Value]gs.Wire // by the copy's values, what stands for them
	names map[string]string     // of values, new to old
	nodes map[string]string     // of nodes
}

// widening checks that the block's MLP can be widened at a site.
func (f *Folder) widening(b Block, site Site) (*widening, error) {
	refuse := func(format string, args ...any) error {
		return &gs.UnsupportedError{What: fmt.Sprintf("the MLP of block %d cannot be widened: ", b.Index) + fmt.Sprintf(format, args...), Hint: "export the fused form"}
	}
	fc1, ok1 := b.Layer(LayerFC1)
	fc2, ok2 := b.Layer(LayerFC2)
	_, gated := b.Layer(LayerGate)
	switch {
	case !ok1 || !ok2:
		return nil, refuse("its layers are no values of the file")
	case gated || b.Gate != nil:
		return nil, refuse("it is gated")
	case b.Activation != b.GELU():
		return nil, refuse("its activation is %s, the adapter's is %s", b.Activation, b.GELU())
	case !rearranged(b.NormMLP, fc1.In):
		return nil, refuse("its first layer reads %q, the adapter %q", fc1.In.Name(), b.NormMLP.Name())
	case !rearranged(fc2.Out, site.Value):
		return nil, refuse("its result %q is changed before it is added to the stream", fc2.Out.Name())
	}
	for _, l := range []Layer{fc1, fc2} {
		if !among(l.Node, "MatMul", "Gemm") {
			return nil, refuse("layer %s is a %s", l.Name, l.Node.Op())
		}
	}
	return &widening{f: f, fc1: fc1, fc2: fc2, wires: map[*gs.Value]gs.Wire{}, names: map[string]string{}, nodes: map[string]string{}}, nil
}

// rearranged reports whether nothing but operators that keep every number and every
// row lead from one value to another.
func rearranged(from, to *gs.Value) bool {
	for to != from {
		n := to.Producer()
		if n == nil || !among(n, "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze") {
			return false
		}
		to = n.Input(0)
	}
	return true
}

// write makes the wide nodes and puts them in the place of the old.
func (m *widening) write() error {
	g := m.f.model.Graph
	last := m.f.reader(m.fc2.Out.Producer())
	path, err := m.path(g.Value(m.fc1.In.Name()), last.Output(0))
	if err != nil {
		return err
	}
	m.patch = m.f.model.NewPatch("wide")
	for _, n := range path {
		w, err := m.copyOf(n, n == last)
		if err != nil {
			return err
		}
		if n == last {
			m.patch.Replace(n, w)
		} else {
			m.wires[n.Output(0)] = w
		}
	}
	m.patch.Prune()
	if err := m.patch.Apply(); err != nil {
		return err
	}
	return m.rename()
}

// path lists the nodes from what the first layer reads to the second's result, in an
// order in which they can be computed.
func (m *widening) path(in, out *gs.Value) ([]*gs.Node, error) {
	var list []*gs.Node
	through := map[*gs.Value]bool{in: true}
	var visit func(v *gs.Value) bool
	visit = func(v *gs.Value) bool {
		known, seen := through[v]
		n := v.Producer()
		if seen || n == nil {
			return known
		}
		through[v] = false
		ins := n.Inputs()
		if n.Op() == "Reshape" {
			ins = ins[:1] // how a shape is computed is not the MLP's way
		}
		for _, i := range ins {
			if i != nil && visit(i) {
				through[v] = true
			}
		}
		if through[v] {
			list = append(list, n)
		}
		return through[v]
	}
	const most = 64 // operators of an MLP; the longest spelling has 17
	if !visit(out) || len(list) > most {
		return nil, &gs.UnsupportedError{Node: out.Name(), What: "no short way leads from the MLP's first layer to its second", Hint: "export the fused form"}
	}
	return list, alone(list)
}

// alone refuses a path one of whose values, but the last, is read elsewhere too.
func alone(path []*gs.Node) error {
	for _, n := range path[:len(path)-1] {
		v := n.Output(0)
		for _, u := range v.Uses() {
			if !slices.Contains(path, u.Node) {
				return &gs.UnsupportedError{Node: u.Node.Label(), What: fmt.Sprintf("it reads %q inside an MLP that is to be widened", v.Name()), Hint: "export the fused form"}
			}
		}
		if v.IsGraphOutput() || len(n.Outputs()) > 1 {
			return &gs.UnsupportedError{Node: n.Label(), What: "a value inside an MLP that is to be widened is given out of the graph", Hint: "export the fused form"}
		}
	}
	return nil
}

// copyOf writes one node of the path anew.
func (m *widening) copyOf(n *gs.Node, last bool) (gs.Wire, error) {
	attrs, err := attributes(n)
	if err != nil {
		return gs.Wire{}, err
	}
	operands := []gs.Operand{gs.Domain(n.Domain()), attrs}
	if n.Name() != "" {
		name := m.f.model.FreshName(n.Name() + "_wide")
		m.nodes[name] = n.Name()
		operands = append(operands, gs.Named(name))
	}
	if !last {
		operands = append(operands, gs.OutName(m.name(n.Output(0).Name())))
	}
	for i := range n.Inputs() {
		w, err := m.operand(n, i)
		if err != nil {
			return gs.Wire{}, err
		}
		operands = append(operands, w)
	}
	return m.patch.Add(n.Op(), operands...), nil
}

// operand is what the wide node reads in the place of an input.
func (m *widening) operand(n *gs.Node, i int) (gs.Wire, error) {
	v := n.Input(i)
	if v == nil {
		return gs.Omit(), nil
	}
	if n.Op() == "Reshape" && i == 1 {
		return m.shape(n, v)
	}
	if w, ok := m.wires[v]; ok {
		return w, nil
	}
	for _, l := range []struct {
		layer Layer
		wide  Affine
	}{{m.fc1, m.first}, {m.fc2, m.second}} {
		at, err := l.layer.biasUse()
		switch {
		case n == m.f.reader(l.layer.Node) && i == l.layer.weightUse().Input:
			return m.weight(l.layer, l.wide)
		case l.layer.Bias != nil && err != nil:
			return gs.Wire{}, err
		case l.layer.Bias != nil && n == m.f.reader(at.Node) && i == at.Input:
			return m.constant(v, []int64{int64(l.wide.Out)}, l.wide.factored(l.layer))
		}
	}
	known := m.f.typeOf(m.f.base.Value(v.Name()))
	if v.IsConstant() && len(known.Shape) > 0 && known.Shape[len(known.Shape)-1].Value == int64(m.hidden) {
		return gs.Wire{}, m.f.refuse(v, "it has a number for each hidden unit")
	}
	return m.patch.Tap(v), nil
}

// factored is a bias without the factor that its operator puts on it.
func (a Affine) factored(l Layer) []float64 {
	b := a.bias()
	if l.biasOfNode() {
		for i := range b {
			b[i] /= float64(l.Node.Float("beta", 1))
		}
	}
	return b
}

// weight is a layer's wide weight in the order in which its product reads it.
func (m *widening) weight(l Layer, a Affine) (gs.Wire, error) {
	values, shape := make([]float64, len(a.W)), []int64{int64(a.In), int64(a.Out)}
	turned := l.Node.Int("transB", 0) != 0
	if turned {
		shape[0], shape[1] = shape[1], shape[0]
	}
	for i, x := range a.W {
		at := i
		if turned {
			at = i%a.Out*a.In + i/a.Out
		}
		values[at] = x / float64(l.Node.Float("alpha", 1))
	}
	return m.constant(m.f.reader(l.Node).Input(l.weightUse().Input), shape, values)
}

// constant adds an initialiser in the place of a constant, whose name it gets if
// nothing else reads that.
func (m *widening) constant(old *gs.Value, shape []int64, values []float64) (gs.Wire, error) {
	dtype := m.f.typeOf(m.f.base.Value(old.Name())).DType
	if dtype == gs.Undefined {
		dtype = old.DType()
	}
	t, err := m.f.tensor(dtype, shape, values)
	if err != nil {
		return gs.Wire{}, err
	}
	return m.patch.Initializer(m.name(m.f.source(old)), t), nil
}

// shape is the shape that a Reshape of the hidden value asks for.
func (m *widening) shape(n *gs.Node, v *gs.Value) (gs.Wire, error) {
	from := m.f.typeOf(m.f.base.Value(n.Input(0).Name())).Shape
	if len(from) > 0 && from[len(from)-1].Value != int64(m.hidden) {
		return m.patch.Tap(v), nil // before the first layer or behind the second
	}
	c, err := m.f.readOwn(v, 0)
	if err != nil {
		return gs.Wire{}, err
	}
	end := len(c.values) - 1
	if end < 0 || c.values[end] != float64(m.hidden) {
		return gs.Wire{}, m.f.refuse(v, "the last size it names is not that of the hidden value")
	}
	sizes := make([]int64, len(c.values))
	for i, x := range c.values {
		sizes[i] = int64(x)
	}
	sizes[end] += int64(m.rank)
	return m.patch.Initializer(m.name(m.f.source(v)), gs.NewTensor([]int64{int64(len(sizes))}, sizes)), nil
}

// name is a new one for what takes the place of a value.
func (m *widening) name(old string) string {
	name := m.f.model.FreshName(old + "_wide")
	for m.names[name] != "" {
		name = m.f.model.FreshName(name + "_wide")
	}
	m.names[name] = old
	return name
}

// rename gives the new values the names of those whose place they took, as far as
// these are gone.
func (m *widening) rename() error {
	g, free := m.f.model.Graph, map[string]string{}
	for wide, old := range m.names {
		if g.Value(wide) != nil && g.Value(old) == nil {
			free[wide] = old
		}
	}
	if err := m.f.model.Rename(free); err != nil {
		return err
	}
	return m.f.model.RenameNodes(m.nodes)
}

// attributes gives those of a node that an MLP can have.
func attributes(n *gs.Node) (gs.Attrs, error) {
	out := gs.Attrs{}
	for _, name := range n.AttrNames() {
		switch name {
		case "alpha", "beta":
			out[name] = n.Float(name, 0)
		case "transA", "transB", "to", "allowzero", "saturate":
			out[name] = n.Int(name, 0)
		case "approximate":
			out[name] = n.Str(name, "")
		case "perm", "axes":
			out[name] = n.Ints(name)
		default:
			return nil, &gs.UnsupportedError{Node: n.Label(), What: fmt.Sprintf("attribute %s of a %s in an MLP that is to be widened", name, pattern.OpName(n)), Hint: "export the fused form"}
		}
	}
	return out, nil
}
