package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Patch is a change to a model's main graph, built aside and applied whole or
// not at all. Mistakes made while building are remembered and returned by
// [Patch.Apply], so that building needs no error handling. (The idea is tract's
// TypedModelPatch.)
type Patch struct {
	model *Model
	label string
	used  map[string]bool // names taken, the model's and the patch's

	nodes   []*patchNode
	inits   []*pb.TensorProto
	rewires []rewire
	outputs []outputChange
	removed []*Node
	prune   bool
	applied bool
	err     error // the first mistake
}

// Wire is a value inside a patch: a tapped one, a new initialiser or a new
// node's output.
type Wire struct {
	patch *Patch
	tap   *Value
	init  *pb.TensorProto
	node  *patchNode
	index int
}

func (Wire) operand() {}

// patchNode is a node to be added.
type patchNode struct {
	pb     *pb.NodeProto
	inputs []Wire
	types  []*pb.TypeProto // of each output, nil if not said
}

// rewire moves readers of old to a new wire: all of them, or one.
type rewire struct {
	old *Value
	use *Use // nil: every reader
	new Wire
}

// outputChange lets a graph output come from another wire.
type outputChange struct {
	old   *Value
	new   Wire
	shape []Dim // nil: the declared shape stays
}

// NewPatch begins a patch; the label appears in its errors.
func (m *Model) NewPatch(label string) *Patch {
	return &Patch{model: m, label: label, used: m.names()}
}

func (p *Patch) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("patch %q: %s", p.label, fmt.Sprintf(format, args...))
	}
}

// Tap reads an existing value of the main graph.
func (p *Patch) Tap(v *Value) Wire {
	switch {
	case v == nil:
		p.fail("tap of no value")
	case v.graph != p.model.Graph:
		p.fail("tap of value %q, which is not in this model's main graph", v.name)
	}
	return Wire{patch: p, tap: v}
}

// Initializer adds a constant tensor of that name.
func (p *Patch) Initializer(name string, t *Tensor) Wire {
	switch {
	case t == nil:
		p.fail("initialiser %q without a tensor", name)
		return Wire{patch: p}
	case name == "" || p.used[name]:
		p.fail("the name %q of a new initialiser is taken", name)
	}
	p.used[name] = true
	init := &pb.TensorProto{Name: &name, Dims: t.pb.Dims, DataType: t.pb.DataType, RawData: t.pb.RawData}
	if init.RawData == nil {
		raw, err := t.Raw()
		if err != nil {
			p.fail("initialiser %q: %v", name, err)
		}
		init.RawData = append([]byte{}, raw...)
	}
	p.inits = append(p.inits, init)
	return Wire{patch: p, init: init}
}

// Add adds a node and gives its first output. Operands are its inputs in order
// ([Wire], or [Omit] for an optional input left out), its attributes ([Attrs])
// and, where wanted, [Named], [Domain], [OutName], [OutType], [Outputs], [Meta].
func (p *Patch) Add(op string, operands ...Operand) Wire {
	n := &patchNode{pb: &pb.NodeProto{OpType: &op}}
	spec := nodeSpec{outputs: 1}
	for _, o := range operands {
		if w, ok := o.(Wire); ok {
			p.own(w)
			n.inputs = append(n.inputs, w)
			continue
		}
		if err := spec.take(o); err != nil {
			p.fail("operator %s: %v", op, err)
		}
	}
	p.finishNode(n, spec)
	p.nodes = append(p.nodes, n)
	return Wire{patch: p, node: n}
}

// finishNode names the node and its outputs and sets its attributes.
func (p *Patch) finishNode(n *patchNode, s nodeSpec) {
	if s.name != "" {
		if p.used[s.name] {
			p.fail("the name %q of a new node is taken", s.name)
		}
		p.used[s.name] = true
		n.pb.Name = &s.name
	}
	if s.domain != "" {
		n.pb.Domain = &s.domain
	}
	attrs, err := s.attrs.proto()
	if err != nil {
		p.fail("operator %s: %v", n.pb.GetOpType(), err)
	}
	n.pb.Attribute = attrs
	for _, k := range sortedKeys(s.meta) {
		v := s.meta[k]
		n.pb.MetadataProps = append(n.pb.MetadataProps, &pb.StringStringEntryProto{Key: &k, Value: &v})
	}
	n.types = make([]*pb.TypeProto, s.outputs)
	if s.typ != nil {
		n.types[0] = s.typ
	}
	for i := range s.outputs {
		n.pb.Output = append(n.pb.Output, p.outputName(n, s, i))
	}
}

func (p *Patch) outputName(n *patchNode, s nodeSpec, i int) string {
	if i == 0 && s.outName != "" {
		if p.used[s.outName] {
			p.fail("the name %q of a new value is taken", s.outName)
		}
		p.used[s.outName] = true
		return s.outName
	}
	base := s.name
	if base == "" {
		base = p.label + "/" + n.pb.GetOpType()
	}
	name := fresh(fmt.Sprintf("%s_output_%d", base, i), p.used)
	p.used[name] = true
	return name
}

func (p *Patch) own(w Wire) {
	if w.patch != p && !w.omitted() {
		p.fail("a wire of another patch")
	}
}

func (w Wire) omitted() bool { return w.tap == nil && w.init == nil && w.node == nil }

// Out gives another output of the wire's node.
func (w Wire) Out(i int) Wire {
	if w.node == nil || i < 0 || i >= len(w.node.pb.Output) {
		if w.patch != nil { // an omitted input belongs to no patch, and has no output
			w.patch.fail("a wire has no output %d", i)
		}
		return w
	}
	w.index = i
	return w
}

// name is the ONNX name of the wire.
func (w Wire) name() string {
	switch {
	case w.tap != nil:
		return w.tap.name
	case w.init != nil:
		return w.init.GetName()
	case w.node != nil:
		return w.node.pb.Output[w.index]
	}
	return ""
}

// Shunt lets every reader of old read new instead: nodes, subgraphs and the
// caller, if old is a graph output, whose name stays. Nodes of this patch that
// tapped old go on reading it.
func (p *Patch) Shunt(old *Value, new Wire) {
	p.check(old, new)
	p.rewires = append(p.rewires, rewire{old: old, new: new})
	if old != nil && old.output {
		p.setOutput(outputChange{old: old, new: new})
	}
}

// setOutput notes a change of a graph output; the last one asked for counts.
func (p *Patch) setOutput(c outputChange) {
	if c.old.graph != p.model.Graph {
		p.fail("value %q is an output of a subgraph; a patch changes those of the main graph", c.old.name)
		return
	}
	for i := range p.outputs {
		if p.outputs[i].old == c.old {
			p.outputs[i] = c
			return
		}
	}
	p.outputs = append(p.outputs, c)
}

// InsertAfter puts what leads from old to new behind old: every reader of old
// now reads new. It is [Patch.Shunt] under its everyday name.
func (p *Patch) InsertAfter(old *Value, new Wire) { p.Shunt(old, new) }

// ShuntUse lets one reader read new instead.
func (p *Patch) ShuntUse(use Use, new Wire) {
	if use.Node == nil || use.Node.Input(use.Input) == nil {
		p.fail("a shunt of one use needs a node and an input that it reads")
		return
	}
	old := use.Node.Input(use.Input)
	p.check(old, new)
	if use.Node.graph.model != p.model {
		p.fail("node %q belongs to another model", use.Node.Label())
		return
	}
	p.rewires = append(p.rewires, rewire{old: old, use: &use, new: new})
}

// ReplaceOutput lets the graph output old come from new. Its name stays; other
// readers of old keep reading old, under another name. A shape, if given, becomes
// the declared one, and no agreement with the old type is asked for.
func (p *Patch) ReplaceOutput(old *Value, new Wire, shape ...Dim) {
	if old == nil || !old.output {
		p.fail("replacement of a value that is not a graph output")
		return
	}
	if shape == nil {
		p.check(old, new)
	}
	p.own(new)
	if new.omitted() || old.graph.model != p.model {
		p.fail("replacing output %q needs a wire, and the output must be this model's", old.name)
		return
	}
	p.setOutput(outputChange{old: old, new: new, shape: shape})
}

// Remove drops a node. Apply refuses if one of its outputs is still read.
func (p *Patch) Remove(n *Node) {
	if n == nil || n.graph != p.model.Graph {
		p.fail("removal of a node that is not in this model's main graph")
		return
	}
	p.removed = append(p.removed, n)
}

// Prune also drops the nodes and initialisers that nobody reads any more because
// of this patch.
func (p *Patch) Prune() { p.prune = true }

// check tests that old is this model's and that old and new agree where both
// are known.
func (p *Patch) check(old *Value, new Wire) {
	p.own(new)
	if old == nil || new.omitted() {
		p.fail("a shunt needs a value and a wire")
		return
	}
	if old.graph.model != p.model {
		p.fail("value %q belongs to another model", old.name)
		return
	}
	dtype, shape := new.typ()
	what := ""
	switch {
	case dtype != Undefined && old.DType() != Undefined && dtype != old.DType():
		what = fmt.Sprintf("readers expect %s, the patch gives %s", old.DType(), dtype)
	case shape != nil && old.Shape() != nil && !compatible(old.Shape(), shape):
		what = fmt.Sprintf("readers expect shape %v, the patch gives %v", old.Shape(), shape)
	}
	if what != "" && p.err == nil {
		p.err = &SeamError{Patch: p.label, Value: old.name, What: what}
	}
}

// typ is the wire's type as far as it is known.
func (w Wire) typ() (DType, []Dim) {
	switch {
	case w.tap != nil:
		return w.tap.DType(), w.tap.Shape()
	case w.init != nil:
		return DType(w.init.GetDataType()), Known(w.init.Dims...)
	case w.node != nil && w.node.types[w.index] != nil:
		v := Value{info: w.node.types[w.index]}
		return v.DType(), v.Shape()
	}
	return Undefined, nil
}

// compatible reports whether two shapes can be the same one.
func compatible(a, b []Dim) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Value >= 0 && b[i].Value >= 0 && a[i].Value != b[i].Value {
			return false
		}
	}
	return true
}
