package graphsurgery

import (
	"fmt"
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Apply makes the change: all of it, or none and an error. Afterwards the patch
// is spent. New nodes stand directly behind the last node they depend on;
// untouched nodes keep their order and bytes.
func (p *Patch) Apply() error {
	if p.applied {
		return fmt.Errorf("patch %q: applied already", p.label)
	}
	p.applied = true
	if p.err != nil {
		return p.err
	}
	e := &edit{patch: p, g: p.model.Graph, liveBefore: p.model.Graph.liveNodes()}
	e.snapshot()
	if err := e.run(); err != nil {
		e.undo()
		if again := p.model.reindex(); again != nil {
			panic("graphsurgery: undoing a patch left a broken index: " + again.Error())
		}
		return fmt.Errorf("patch %q: %w", p.label, err)
	}
	p.model.original = nil
	return nil
}

// edit is one application of a patch to a graph's message.
type edit struct {
	patch      *Patch
	g          *Graph
	saved      *pb.GraphProto // the lists as they were
	values     map[string]*Value
	seen       map[*pb.NodeProto]*Node
	undos      []func()
	liveBefore map[*pb.NodeProto]bool
	readBefore map[string]bool // initialisers that had a reader
}

// snapshot keeps the graph's lists; what is changed inside nodes is undone one
// by one.
func (e *edit) snapshot() {
	p := e.g.pb
	e.saved = &pb.GraphProto{
		Node: slices.Clone(p.Node), Initializer: slices.Clone(p.Initializer),
		Input: slices.Clone(p.Input), Output: slices.Clone(p.Output), ValueInfo: slices.Clone(p.ValueInfo),
	}
	e.values, e.seen, e.readBefore = e.g.values, e.g.seen, map[string]bool{}
	for _, t := range e.g.inits {
		if v := e.g.values[t.Name()]; len(v.uses) > 0 || v.output {
			e.readBefore[t.Name()] = true
		}
	}
}

func (e *edit) undo() {
	for _, u := range slices.Backward(e.undos) {
		u()
	}
	p := e.g.pb
	p.Node, p.Initializer, p.Input, p.Output, p.ValueInfo = e.saved.Node, e.saved.Initializer, e.saved.Input, e.saved.Output, e.saved.ValueInfo
	e.g.values, e.g.seen = e.values, e.seen // values and nodes keep their identity
}

// setName changes one element of a list of names, reversibly.
func (e *edit) setName(names []string, i int, name string) {
	old := names[i]
	e.undos = append(e.undos, func() { names[i] = old })
	names[i] = name
}

func (e *edit) run() error {
	steps := []func() error{e.moveOutputs, e.rewire, e.addNodes, e.remove, e.reindex, e.sort, e.pruneDead}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if err := e.patch.model.reindex(); err != nil {
		return err
	}
	return e.patch.model.Verify()
}

func (e *edit) reindex() error {
	p := e.patch
	for _, n := range p.nodes {
		n.pb.Input = n.pb.Input[:0]
		for _, w := range n.inputs {
			n.pb.Input = append(n.pb.Input, w.name())
		}
	}
	return p.model.reindex()
}

// moveOutputs gives the name of each changed graph output to its new wire. The
// old value gets another name, which this patch's taps and, unless they are
// shunted too, the other readers follow.
func (e *edit) moveOutputs() error {
	for _, c := range e.patch.outputs {
		if err := e.moveOutput(c); err != nil {
			return err
		}
	}
	return nil
}

func (e *edit) moveOutput(c outputChange) error {
	old, name := c.old, c.old.name
	if old.producer == nil {
		return &UnsupportedError{What: fmt.Sprintf("graph output %q is an input or a constant and cannot be computed otherwise under its name", name), Hint: "put an Identity node before that output first"}
	}
	if c.new.tap != nil || c.new.init != nil || e.isOutput(c.new) {
		id := &patchNode{pb: &pb.NodeProto{OpType: new("Identity"), Output: []string{""}}, inputs: []Wire{c.new}, types: make([]*pb.TypeProto, 1)}
		e.patch.nodes = append(e.patch.nodes, id)
		c.new = Wire{patch: e.patch, node: id}
	}
	inner := fresh(name+"_inner", e.patch.used)
	e.patch.used[inner] = true
	e.setName(old.producer.pb.Output, old.index, inner)
	shunted := slices.ContainsFunc(e.patch.rewires, func(r rewire) bool { return r.old == old && r.use == nil })
	if !shunted {
		for _, u := range old.uses {
			e.setName(u.Node.pb.Input, u.Input, inner)
		}
		e.renameInBodies(old, inner)
	}
	previous := old.name
	old.name = inner // taps follow; reindexing makes a new value under the old name
	e.undos = append(e.undos, func() { old.name = previous })
	e.rename(c.new, name)
	e.declareOutput(name, c)
	return nil
}

// isOutput reports whether the wire has the name of a graph output already.
func (e *edit) isOutput(w Wire) bool {
	return slices.ContainsFunc(e.g.pb.Output, func(o *pb.ValueInfoProto) bool { return o.GetName() == w.name() })
}

// rename gives a new node's output the graph output's name.
func (e *edit) rename(w Wire, name string) {
	e.setName(w.node.pb.Output, w.index, name)
}

// declareOutput sets the declared type of a graph output, if the patch says one.
func (e *edit) declareOutput(name string, c outputChange) {
	if c.shape == nil {
		return
	}
	shape := c.shape
	dtype, _ := c.new.typ()
	if dtype == Undefined {
		dtype = c.old.DType()
	}
	for i, out := range e.g.pb.Output {
		if out.GetName() == name {
			e.g.pb.Output[i] = &pb.ValueInfoProto{Name: out.Name, DocString: out.DocString, Type: typeProto(dtype, shape), MetadataProps: out.MetadataProps}
		}
	}
}

// rewire lets readers read the new wires.
func (e *edit) rewire() error {
	for _, r := range e.patch.rewires {
		uses := r.old.uses
		if r.use != nil {
			uses = []Use{*r.use}
		}
		for _, u := range uses {
			e.setName(u.Node.pb.Input, u.Input, r.new.name())
		}
		e.rewireBodies(r)
	}
	return nil
}

// rewireBodies covers subgraphs whose declared outputs name an outer value
// directly.
func (e *edit) rewireBodies(r rewire) {
	if r.use != nil {
		return
	}
	e.renameInBodies(r.old, r.new.name())
}

// renameInBodies lets subgraphs that declare the outer value old as an output
// declare another name.
func (e *edit) renameInBodies(old *Value, name string) {
	e.patch.model.walk(func(g *Graph) {
		if g.outer == nil {
			return
		}
		for _, out := range g.pb.Output {
			own := g.values[out.GetName()]
			if own != nil && own.producer == nil && g.outer.resolve(out.GetName()) == old {
				before := out.Name
				e.undos = append(e.undos, func() { out.Name = before })
				out.Name = &name
			}
		}
	})
}

// addNodes puts the new nodes and tensors into the message.
func (e *edit) addNodes() error {
	g := e.g.pb
	g.Initializer = append(g.Initializer, e.patch.inits...)
	if e.patch.model.IRVersion() < 4 { // until then every initialiser is an input, too
		for _, t := range e.patch.inits {
			g.Input = append(g.Input, &pb.ValueInfoProto{Name: t.Name, Type: typeProto(DType(t.GetDataType()), Known(t.Dims...))})
		}
	}
	for _, n := range e.patch.nodes {
		for i, name := range n.pb.Output {
			if n.types[i] != nil && !slices.ContainsFunc(g.Output, func(o *pb.ValueInfoProto) bool { return o.GetName() == name }) {
				g.ValueInfo = append(g.ValueInfo, &pb.ValueInfoProto{Name: &name, Type: n.types[i]})
			}
		}
	}
	g.Node = e.place()
	return nil
}

// place merges the new nodes into the list: each directly behind the last node
// it reads from.
func (e *edit) place() []*pb.NodeProto {
	made := map[string]int{} // value name → place of its producer
	for i, n := range e.g.pb.Node {
		for _, out := range n.Output {
			made[out] = i
		}
	}
	after := make([][]*pb.NodeProto, len(e.g.pb.Node)+1)
	for _, n := range e.patch.nodes {
		at := -1
		for _, w := range n.inputs {
			if i, ok := made[w.name()]; ok {
				at = max(at, i)
			}
		}
		for _, out := range n.pb.Output {
			made[out] = at
		}
		after[at+1] = append(after[at+1], n.pb)
	}
	list := slices.Clone(after[0])
	for i, n := range e.g.pb.Node {
		list = append(list, n)
		list = append(list, after[i+1]...)
	}
	return list
}

// remove drops the nodes the patch removes; each must be without readers.
func (e *edit) remove() error {
	for _, n := range e.patch.removed {
		i := e.g.indexOf(n.pb)
		if i < 0 {
			return fmt.Errorf("node %q to be removed is not in the main graph", n.Label())
		}
		e.g.pb.Node = slices.Delete(slices.Clone(e.g.pb.Node), i, i+1)
		e.forget(func(name string) bool { return name != "" && slices.Contains(n.pb.Output, name) })
	}
	return nil // a dangling reader is found by Verify
}

// sort restores topological order where a new node had to come late; nodes that
// are in order already keep their places.
func (e *edit) sort() error {
	sorted, err := e.g.stableOrder()
	if err != nil {
		return err
	}
	e.g.pb.Node = sorted
	return e.patch.model.reindex()
}

// forget drops the type notes of values that are gone.
func (e *edit) forget(gone func(name string) bool) {
	e.g.pb.ValueInfo = slices.DeleteFunc(slices.Clone(e.g.pb.ValueInfo), func(v *pb.ValueInfoProto) bool { return gone(v.GetName()) })
}

// pruneDead drops what died because of this patch.
func (e *edit) pruneDead() error {
	if !e.patch.prune {
		return nil
	}
	live := e.g.liveNodes()
	dead := func(n *pb.NodeProto) bool { return e.liveBefore[n] && !live[n] }
	gone := map[string]bool{}
	for _, n := range e.g.nodes {
		if !dead(n.pb) {
			continue
		}
		for _, out := range n.pb.Output {
			gone[out] = true
		}
	}
	e.g.pb.Node = slices.DeleteFunc(slices.Clone(e.g.pb.Node), dead)
	if err := e.patch.model.reindex(); err != nil {
		return err
	}
	unread := func(name string) bool {
		v := e.g.values[name]
		return e.readBefore[name] && v != nil && len(v.uses) == 0 && !v.output
	}
	e.g.pb.Initializer = slices.DeleteFunc(slices.Clone(e.g.pb.Initializer), func(t *pb.TensorProto) bool {
		if unread(t.GetName()) {
			gone[t.GetName()] = true
			return true
		}
		return false
	})
	e.forget(func(name string) bool { return gone[name] })
	e.g.pb.Input = slices.DeleteFunc(slices.Clone(e.g.pb.Input), func(v *pb.ValueInfoProto) bool { return gone[v.GetName()] })
	return nil
}
