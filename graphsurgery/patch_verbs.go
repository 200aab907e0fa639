package graphsurgery

import "fmt"

// rewire moves readers of old to a new wire: all of them, those in one graph, or
// one.
type rewire struct {
	old    *Value
	use    *Use   // nil: every reader
	within *Graph // nil: wherever they are
	new    Wire

	resized bool // the sizes may differ
}

// outputChange lets a graph output come from another wire.
type outputChange struct {
	old   *Value
	new   Wire
	shape []Dim // nil: the declared shape stays
	alone bool  // other readers stay
}

// Shunt lets every reader of old read new instead: nodes, subgraphs and the
// caller, if old is a graph output, whose name stays. Nodes of this patch that
// tapped old go on reading it. Through [Patch.In], only the readers in that graph
// are moved. Readers that the patch has moved before can be moved again only to what
// comes of the wire they read by then.
func (p *Patch) Shunt(old *Value, new Wire) {
	if !p.check(old, new) {
		return
	}
	r := rewire{old: old, new: new}
	if p.graph != old.graph && p.graph.inside(old.graph) {
		r.within = p.graph
	}
	p.addRewire(r)
	if old.output && r.within == nil {
		p.setOutput(outputChange{old: old, new: new})
	}
}

// readers is what a rewire moves.
type readers struct {
	old    *Value
	within *Graph
	node   *Node
	input  int
}

func (r rewire) readers() readers {
	if r.use != nil {
		return readers{old: r.old, node: r.use.Node, input: r.use.Input}
	}
	return readers{old: r.old, within: r.within}
}

// addRewire notes a rewire and gives its place. Readers can be moved twice only if
// what comes second reads what came first, else the first would be lost.
func (p *Patch) addRewire(r rewire) int {
	i, twice := p.moves[r.readers()]
	switch {
	case !twice:
		i = len(p.rewires)
		p.moves[r.readers()] = i
		p.rewires = append(p.rewires, r)
	case r.new.derives(p.rewires[i].new):
		p.rewires[i].new = r.new
	default:
		p.fail("the readers of %q are to read %q, and again %q, which does not come of the first", r.old.name, p.rewires[i].new.name(), r.new.name())
	}
	return i
}

// derives reports whether w is a wire, or computed from it by the patch.
func (w Wire) derives(from Wire) bool {
	seen := map[*patchNode]bool{}
	queue := []Wire{w}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		if w == from {
			return true
		}
		if w.node == nil || seen[w.node] {
			continue
		}
		seen[w.node] = true
		queue = append(queue, w.node.inputs...)
		for _, c := range w.node.captures {
			queue = append(queue, c.wire)
		}
	}
	return false
}

// setOutput notes a change of a graph output. A replacement of the output alone
// counts more than a move of all readers before it; nothing else may be lost.
func (p *Patch) setOutput(c outputChange) {
	i, twice := p.outputAt[c.old]
	switch {
	case !twice:
		p.outputAt[c.old] = len(p.outputs)
		p.outputs = append(p.outputs, c)
	case c.alone && !p.outputs[i].alone, c.new.derives(p.outputs[i].new):
		p.outputs[i] = c
	default:
		p.fail("output %q is to come from %q, and again from %q, which does not come of the first", c.old.name, p.outputs[i].new.name(), c.new.name())
	}
}

// InsertAfter puts what leads from old to new behind old: every reader of old
// now reads new. It is [Patch.Shunt] under its everyday name.
func (p *Patch) InsertAfter(old *Value, new Wire) { p.Shunt(old, new) }

// InsertBefore puts what leads to new before one input of a node: the node reads
// new there, and other readers stay. It is [Patch.ShuntUse] under its everyday
// name.
func (p *Patch) InsertBefore(n *Node, input int, new Wire) { p.ShuntUse(Use{n, input}, new) }

// ShuntUse lets one reader read new instead.
func (p *Patch) ShuntUse(use Use, new Wire) {
	if use.Node == nil || use.Node.Input(use.Input) == nil {
		p.fail("a shunt of one use needs a node and an input that it reads")
		return
	}
	if !p.mine(use.Node) {
		return
	}
	old := use.Node.Input(use.Input)
	if p.check(old, new) {
		p.addRewire(rewire{old: old, use: &use, new: new})
	}
}

// ShuntResized is [Patch.ShuntUse] for a wire of other sizes than the reader had: only
// the element type and the number of dimensions must agree. That what follows goes with
// the sizes is the caller's to see to.
func (p *Patch) ShuntResized(use Use, new Wire) {
	if use.Node == nil || use.Node.Input(use.Input) == nil || new.omitted() {
		p.fail("a shunt of one use needs a node, an input that it reads and a wire")
		return
	}
	old := use.Node.Input(use.Input)
	if !p.mine(use.Node) || !p.has(old) {
		return
	}
	p.own(new)
	got, want := new.typ(), old.typ()
	want.Shape = make([]Dim, len(want.Shape))
	for i := range want.Shape {
		want.Shape[i].Value = -1
	}
	if old.typ().Shape == nil {
		want.Shape = nil
	}
	p.seam(old.name, got, want)
	p.addRewire(rewire{old: old, use: &use, new: new, resized: true})
}

// Forget drops the type that the file states of a value, which is neither input nor
// output: its sizes follow from what the patch changes.
func (p *Patch) Forget(v *Value) {
	if v != nil && p.has(v) {
		p.forgotten = append(p.forgotten, v)
	}
}

// SetInput connects an input of a node, be it one that is left out so far; with
// [Omit] it is left out.
func (p *Patch) SetInput(n *Node, input int, w Wire) {
	if !p.mine(n) {
		return
	}
	p.own(w)
	switch {
	case input < 0:
		p.fail("node %q has no input %d", n.Label(), input)
	case !w.omitted() && n.Input(input) != nil:
		p.ShuntUse(Use{n, input}, w)
	default:
		p.nodeEdits = append(p.nodeEdits, nodeEdit{node: n, input: &input, wire: w})
	}
}

// ReplaceOutput lets the graph output old come from new. Its name stays; other
// readers of old keep reading old, under another name. A shape, if given, becomes
// the declared one, and no agreement with the old type is asked for.
func (p *Patch) ReplaceOutput(old *Value, new Wire, shape ...Dim) {
	if old == nil || !old.output {
		p.fail("replacement of a value that is not a graph output")
		return
	}
	if !p.has(old) || new.omitted() {
		p.fail("replacing output %q needs a wire, and the output must be this model's", old.name)
		return
	}
	p.own(new)
	if shape == nil && !p.check(old, new) {
		return
	}
	p.setOutput(outputChange{old: old, new: new, shape: shape, alone: true})
}

// Replace puts wires in the place of a node's outputs, in order, and drops the
// node. [Omit] stands for an output that nobody reads. New nodes take over the
// names of the outputs, unless they have been given others, so that the readers
// stay as they are.
func (p *Patch) Replace(n *Node, wires ...Wire) {
	if !p.mine(n) {
		return
	}
	if len(wires) != len(n.outputs) {
		p.fail("node %q has %d outputs, and %d wires are to replace them", n.Label(), len(n.outputs), len(wires))
		return
	}
	for i, w := range wires {
		if v := n.outputs[i]; v != nil && !w.omitted() {
			p.Shunt(v, w)
			if i, ok := p.moves[readers{old: v}]; ok {
				p.heirs = append(p.heirs, i)
			}
		}
	}
	p.Remove(n)
}

// Bypass drops a node and lets the readers of its first output read its first
// input; nobody may read its other outputs. The error is a [SeamError] where
// their types disagree, and an [UnsupportedError] for an Identity that gives a
// graph output which could not be named otherwise. To keep another input, use
// [Patch.Replace].
func (p *Patch) Bypass(n *Node) {
	if !p.mine(n) {
		return
	}
	if n.Input(0) == nil || n.Output(0) == nil {
		p.fail("node %q lacks its first input or output and cannot be bypassed", n.Label())
		return
	}
	in, out := n.Input(0), n.Output(0)
	if n.Op() == "Identity" && n.Domain() == "" && out.output && (in.producer == nil || in.output || in.graph != out.graph) {
		p.fail("node %q gives a graph output that would have no name of its own without it: %w", n.Label(), &UnsupportedError{What: fmt.Sprintf("%q is an input, a constant or an output itself", in.name)})
		return
	}
	wires := make([]Wire, len(n.outputs))
	wires[0] = p.In(n.graph).Tap(in)
	p.In(n.graph).Replace(n, wires...)
}

// Remove drops a node. Apply refuses with an [InUseError] if one of its outputs
// is still read.
func (p *Patch) Remove(n *Node) {
	if p.mine(n) {
		p.removed = append(p.removed, n)
	}
}

// RemoveInitializer drops an initialiser. Apply refuses with an [InUseError] if
// it is still read.
func (p *Patch) RemoveInitializer(v *Value) {
	switch {
	case !p.has(v):
		p.fail("removal of an initialiser that is not in this model")
	case v.tensor == nil && v.sparse == nil:
		p.fail("value %q is not an initialiser and cannot be removed as one", v.name)
	default:
		p.constants = append(p.constants, v)
	}
}

// Prune also drops the nodes and initialisers that nobody reads any more because
// of this patch, in subgraphs too. What nobody read before stays.
func (p *Patch) Prune() { p.prune = true }

// has reports whether a value is part of the patch's model.
func (p *Patch) has(v *Value) bool {
	return v != nil && v.graph != nil && v.graph.model == p.model && v.current()
}

// mine tests that a node is in the patch's model.
func (p *Patch) mine(n *Node) bool {
	switch {
	case n == nil || n.graph == nil:
		p.fail("change of no node")
	case n.graph.model != p.model:
		p.fail("node %q belongs to another model", n.Label())
	case !n.current():
		p.fail("node %q is not in this model any more", n.Label())
	default:
		return true
	}
	return false
}
