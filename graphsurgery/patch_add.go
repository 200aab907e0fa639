package graphsurgery

import (
	"fmt"
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// moveOutputs gives the name of each changed graph output to its new wire. The
// old value gets another name, which this patch's taps and, unless they are
// shunted too, the other readers follow.
func (e *edit) moveOutputs() error {
	for _, c := range e.patch.outputs {
		if err := e.moveOutput(c); err != nil {
			return err
		}
	}
	for _, g := range e.graphs() {
		if e.notes[g] != nil {
			e.renameNotes(g, e.notes[g])
		}
	}
	return nil
}

// note keeps a renaming for renameNotes: one walk for all outputs of a graph.
func (e *edit) note(g *Graph, old, name string) {
	if e.notes[g] == nil {
		e.notes[g] = map[string]string{}
	}
	e.notes[g][old] = name
}

func (e *edit) moveOutput(c outputChange) error {
	old, name, g := c.old, c.old.name, c.old.graph
	if old.producer == nil {
		return &UnsupportedError{What: fmt.Sprintf("graph output %q is an input or a constant and cannot be computed otherwise under its name", name), Hint: "put an Identity node before that output first"}
	}
	inner := e.patch.names.fresh(name+"_inner", valueName)
	set(e, &old.producer.pb.Output[old.index], inner)
	e.moved[old] = inner
	if !e.shunted(old) {
		e.renameReaders(old, inner)
	}
	e.note(g, name, inner)
	if e.takesName(c) {
		e.renameTap(c.new.tap, name)
	} else {
		e.produce(g, c.new, name)
	}
	e.mark(g)
	e.declareOutput(name, c)
	return nil
}

// shunted reports whether every reader of the value moves to another wire.
func (e *edit) shunted(v *Value) bool {
	_, moved := e.patch.moves[readers{old: v}]
	return moved
}

// takesName reports whether the new source of an output can simply be given the
// output's name: if its old node goes, an Identity between them would say
// nothing.
func (e *edit) takesName(c outputChange) bool {
	v := c.new.tap
	if v == nil || v.graph != c.old.graph || v.producer == nil || v.output {
		return false
	}
	_, moved := e.moved[v]
	return !moved && e.goes[c.old.producer] && !e.goes[v.producer]
}

func (e *edit) renameTap(v *Value, name string) {
	e.moved[v] = name
	set(e, &v.producer.pb.Output[v.index], name)
	e.renameReaders(v, name)
	e.note(v.graph, v.name, name)
}

// produce lets a wire's value have a name in g: a new node's output is called
// so, anything else goes through an Identity node.
func (e *edit) produce(g *Graph, w Wire, name string) {
	if w.node != nil && w.graph == g && !e.isOutput(g, w.name()) {
		set(e, &w.node.pb.Output[w.index], name)
		return
	}
	e.patch.nodes = append(e.patch.nodes, &patchNode{
		graph: g, pb: &pb.NodeProto{OpType: new("Identity"), Output: []string{name}}, inputs: []Wire{w}, types: make([]*pb.TypeProto, 1),
	})
}

// isOutput reports whether a graph output has the name.
func (e *edit) isOutput(g *Graph, name string) bool {
	names := e.outs[g]
	if names == nil {
		names = make(map[string]bool, len(g.pb.Output))
		for _, o := range g.pb.Output {
			names[o.GetName()] = true
		}
		e.outs[g] = names
	}
	return names[name]
}

// declareOutput sets the declared type of a graph output, if the patch says one.
func (e *edit) declareOutput(name string, c outputChange) {
	if c.shape == nil {
		return
	}
	dtype := c.new.typ().DType
	if dtype == Undefined {
		dtype = c.old.DType()
	}
	list := slices.Clone(c.old.graph.pb.Output)
	for i, out := range list {
		if out.GetName() == name {
			list[i] = &pb.ValueInfoProto{Name: out.Name, DocString: out.DocString, Type: typeProto(dtype, c.shape), MetadataProps: out.MetadataProps}
		}
	}
	e.setOutputs(c.old.graph, list)
}

// addNodes puts the new nodes and tensors into the message.
func (e *edit) addNodes() error {
	added := map[*Graph]*additions{}
	of := func(g *Graph) *additions {
		if added[g] == nil {
			added[g] = &additions{}
		}
		return added[g]
	}
	for _, t := range e.patch.inits {
		a := of(t.graph)
		if t.sparse != nil {
			a.sparse = append(a.sparse, t.sparse)
			continue
		}
		a.inits = append(a.inits, t.pb)
		if e.patch.model.IRVersion() < 4 { // until then every initialiser is an input, too
			a.inputs = append(a.inputs, &pb.ValueInfoProto{Name: t.pb.Name, Type: typeProto(DType(t.pb.GetDataType()), Known(t.pb.Dims...))})
		}
	}
	for _, n := range e.patch.nodes {
		e.connect(n)
		a := of(n.graph)
		a.info = append(a.info, e.declared(n)...)
		a.nodes = append(a.nodes, n)
	}
	for _, g := range e.graphs() {
		if added[g] != nil {
			e.add(g, added[g])
		}
	}
	for _, a := range e.patch.annotations {
		set(e, &a.graph.pb.QuantizationAnnotation, append(clip(a.graph.pb.QuantizationAnnotation), a.pb))
	}
	return nil
}

// additions are what is added to the lists of one graph.
type additions struct {
	nodes  []*patchNode
	inits  []*pb.TensorProto
	sparse []*pb.SparseTensorProto
	inputs []*pb.ValueInfoProto
	info   []*pb.ValueInfoProto
}

func (e *edit) add(g *Graph, a *additions) {
	if len(a.inits) > 0 {
		set(e, &g.pb.Initializer, append(clip(g.pb.Initializer), a.inits...))
	}
	if len(a.sparse) > 0 {
		set(e, &g.pb.SparseInitializer, append(clip(g.pb.SparseInitializer), a.sparse...))
	}
	if len(a.inputs) > 0 {
		e.setInputs(g, append(clip(g.pb.Input), a.inputs...))
	}
	if len(a.info) > 0 {
		e.setInfo(g, append(clip(g.pb.ValueInfo), news(g.pb.ValueInfo, a.info)...))
	}
	if len(a.nodes) > 0 {
		e.setNodes(g, e.place(g, a.nodes))
		e.mark(g)
	}
}

// news drops what is stated already: a new value that takes over a name takes
// over what is said of it.
func news(stated, added []*pb.ValueInfoProto) []*pb.ValueInfoProto {
	known := make(map[string]bool, len(stated))
	for _, info := range stated {
		known[info.GetName()] = true
	}
	return slices.DeleteFunc(added, func(info *pb.ValueInfoProto) bool { return known[info.GetName()] })
}

// connect writes the names of a new node's wires into it.
func (e *edit) connect(n *patchNode) {
	n.pb.Input = n.pb.Input[:0]
	for _, w := range n.inputs {
		n.pb.Input = append(n.pb.Input, e.nameOf(w))
	}
	for _, c := range n.captures {
		c.set(e.nameOf(c.wire))
	}
}

// declared are the types of a new node's outputs that are to be written down;
// those of graph outputs are already.
func (e *edit) declared(n *patchNode) []*pb.ValueInfoProto {
	if !n.declare {
		return nil
	}
	var list []*pb.ValueInfoProto
	for i, name := range n.pb.Output {
		if i < len(n.types) && n.types[i] != nil && !e.isOutput(n.graph, name) {
			list = append(list, &pb.ValueInfoProto{Name: &name, Type: n.types[i]})
		}
	}
	return list
}

// place merges new nodes into a graph's list: each directly behind the last node
// it reads from.
func (e *edit) place(g *Graph, nodes []*patchNode) []*pb.NodeProto {
	made := make(map[string]int, len(g.pb.Node)) // value name → place of its producer
	for i, n := range g.pb.Node {
		for _, out := range n.Output {
			made[out] = i
		}
	}
	after := make([][]*pb.NodeProto, len(g.pb.Node)+1)
	for _, n := range nodes {
		at := -1
		if n.last {
			at = len(g.pb.Node) - 1
		}
		behind := func(name string) {
			if i, ok := made[name]; ok {
				at = max(at, i)
			}
		}
		for _, name := range n.pb.Input {
			behind(name)
		}
		for _, c := range n.captures {
			behind(e.nameOf(c.wire))
		}
		for _, out := range n.pb.Output {
			made[out] = at
		}
		after[at+1] = append(after[at+1], n.pb)
	}
	list := make([]*pb.NodeProto, 0, len(g.pb.Node)+len(nodes))
	list = append(list, after[0]...)
	for i, n := range g.pb.Node {
		list = append(list, n)
		list = append(list, after[i+1]...)
	}
	return list
}
