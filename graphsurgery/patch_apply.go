package graphsurgery

import (
	"fmt"
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Apply makes the change: all of it, or none and an error. Afterwards the patch
// is spent. Where the patch is joined, types must agree as far as they are stated
// or can be inferred ([SeamError]), and new nodes must keep the rules of their
// operators: those of [LevelSchema] ([FormatError], or [UnsupportedError] for an
// operator that came later than the imported set) and of types ([TypeError]); see
// [Patch.TrustTypes]. New nodes stand directly behind the last node they depend on;
// untouched nodes keep their order and bytes. It takes time in proportion to the
// model's nodes; tensors are not copied.
func (p *Patch) Apply() error {
	if p.applied {
		return fmt.Errorf("patch %q: applied already", p.label)
	}
	p.applied = true
	if p.err != nil {
		return p.err
	}
	e := &edit{patch: p.change, moved: map[*Value]string{}, touched: map[*Graph]bool{}, heir: map[heirKey]bool{}, notes: map[*Graph]map[string]string{}, outs: map[*Graph]map[string]bool{}, goes: make(map[*Node]bool, len(p.removed))}
	for _, n := range p.removed {
		e.goes[n] = true
	}
	e.keepIndex()
	before := p.model.nodeCount()
	if err := tooManyNodes(before+len(p.nodes)-len(p.removed), before); err != nil {
		return e.explain(err)
	}
	known, done := p.model.types, false
	defer func() {
		if done { // else an error, or a panic in a check of the caller's
			return
		}
		e.undo()
		if again := p.model.reindex(); again != nil {
			panic("graphsurgery: undoing a patch left a broken index: " + again.Error())
		}
	}()
	if err := e.run(); err != nil {
		return e.explain(err)
	}
	if err := tooManyNodes(p.model.nodeCount(), before); err != nil {
		return e.explain(err)
	}
	done = true
	e.keepTypes(known)
	if len(e.undos) > 0 {
		p.model.original = nil
	}
	return nil
}

// nodeCount is the number of nodes in all graphs and functions.
func (m *Model) nodeCount() int {
	n := 0
	m.walkAll(func(g *Graph) { n += len(g.nodes) })
	return n
}

// tooManyNodes keeps a patch, such as one that inlines calls of calls, from making a
// model that [Load] would refuse. One that was loaded with larger [Limits] may grow to
// twice its size.
func tooManyNodes(after, before int) error {
	if limit := max(Limits{}.filled().Nodes, 2*before); after > limit {
		return &UnsupportedError{What: fmt.Sprintf("nodes in the patched model: %d, more than the limit of %d", after, limit)}
	}
	return nil
}

// explain adds the patch's label to an error that does not have it.
func (e *edit) explain(err error) error {
	switch err.(type) {
	case *SeamError, *InUseError:
		return err
	}
	return fmt.Errorf("patch %q: %w", e.patch.label, err)
}

// edit is one application of a patch to a model's message. Each change of the
// message goes through set, which remembers how to take it back.
type edit struct {
	patch   *change
	undos   []func()
	kept    []keptGraph
	calls   []*Function
	moved   map[*Value]string            // tapped values whose name the patch changes
	heir    map[heirKey]bool             // new outputs that have taken over a name
	goes    map[*Node]bool               // nodes that the patch removes
	notes   map[*Graph]map[string]string // new names of outputs' old values
	outs    map[*Graph]map[string]bool   // names of graph outputs, see isOutput
	touched map[*Graph]bool              // graphs whose order may have suffered
	types   *Types                       // what is inferred of the model
	seams   []wanted                     // what readers expect
	before  liveness                     // what was read before, if the patch prunes
}

type heirKey struct {
	node  *patchNode
	index int
}

// keptGraph is a graph's index as it was, so that after a failed patch all
// values, nodes and subgraphs keep their identity.
type keptGraph struct {
	graph  *Graph
	values map[string]*Value
	seen   map[*pb.NodeProto]*Node
	bodies map[*Node][]*Graph
}

func (e *edit) keepIndex() {
	e.calls = e.patch.model.functions
	e.patch.model.walkAll(func(g *Graph) {
		k := keptGraph{graph: g, values: g.values, seen: g.seen}
		for _, n := range g.nodes {
			if len(n.bodies) > 0 {
				if k.bodies == nil {
					k.bodies = map[*Node][]*Graph{}
				}
				k.bodies[n] = n.bodies
			}
		}
		e.kept = append(e.kept, k)
	})
}

func (e *edit) undo() {
	for _, u := range slices.Backward(e.undos) {
		u()
	}
	for _, k := range e.kept {
		k.graph.values, k.graph.seen = k.values, k.seen
		for n, bodies := range k.bodies {
			n.bodies = bodies
		}
	}
	e.patch.model.functions = e.calls
}

// set changes one field or element of the message, reversibly.
func set[T any](e *edit, at *T, value T) {
	old := *at
	e.undos = append(e.undos, func() { *at = old })
	*at = value
}

// The lists of a function are kept twice, in the function and in its view.

func (e *edit) setNodes(g *Graph, list []*pb.NodeProto) {
	set(e, &g.pb.Node, list)
	if g.function != nil {
		set(e, &g.function.pb.Node, list)
	}
}

func (e *edit) setInfo(g *Graph, list []*pb.ValueInfoProto) {
	set(e, &g.pb.ValueInfo, list)
	if g.function != nil {
		set(e, &g.function.pb.ValueInfo, list)
	}
}

func (e *edit) setInputs(g *Graph, list []*pb.ValueInfoProto) {
	set(e, &g.pb.Input, list)
	if g.function != nil {
		set(e, &g.function.pb.Input, portNames(list))
	}
}

func (e *edit) setOutputs(g *Graph, list []*pb.ValueInfoProto) {
	if names := e.outs[g]; names != nil && len(list) == len(g.pb.Output)+1 { // one more, last
		names[list[len(list)-1].GetName()] = true
	} else {
		delete(e.outs, g)
	}
	set(e, &g.pb.Output, list)
	if g.function != nil {
		set(e, &g.function.pb.Output, portNames(list))
	}
}

func portNames(ports []*pb.ValueInfoProto) []string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = p.GetName()
	}
	return names
}

// mark notes that a graph changed, and with it those around, which it may now
// read otherwise.
func (e *edit) mark(g *Graph) {
	for ; g != nil && !e.touched[g]; g = g.outer {
		e.touched[g] = true
	}
}

// nameOf is the name a wire has by now.
func (e *edit) nameOf(w Wire) string {
	if w.tap != nil {
		if name, moved := e.moved[w.tap]; moved {
			return name
		}
	}
	return w.name()
}

func (e *edit) run() error {
	if e.patch.prune {
		e.before = e.patch.model.liveness()
	}
	steps := []func() error{
		e.followRemoved, e.lookAhead, e.inheritNames, e.setVersions, e.addImports, e.addInputs, e.moveOutputs, e.rewire, e.dropTypes, e.editNodes, e.changeOutputs, e.addNodes, e.patch.model.reindex,
		e.checkSchemas, e.remove, e.sort, e.pruneDead, e.checkSeams, e.checkSplices, e.rename,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if err := (Limits{}).filled().checkCalls(e.patch.model); err != nil {
		return err
	}
	if err := e.patch.model.Verify(); err != nil {
		return err
	}
	return e.runChecks()
}

// dropTypes drops what the file says of values whose sizes change.
func (e *edit) dropTypes() error {
	lists := map[*Graph]map[string]bool{}
	for _, v := range e.patch.forgotten {
		if lists[v.graph] == nil {
			lists[v.graph] = map[string]bool{}
		}
		lists[v.graph][v.name] = true
	}
	for _, g := range e.graphs() {
		if len(lists[g]) > 0 && len(g.pb.ValueInfo) > 0 {
			e.setInfo(g, slices.DeleteFunc(slices.Clone(g.pb.ValueInfo), func(info *pb.ValueInfoProto) bool { return lists[g][info.GetName()] }))
		}
	}
	return nil
}

// rewire lets readers read the new wires.
func (e *edit) rewire() error {
	for _, r := range e.patch.rewires {
		name := e.nameOf(r.new)
		if r.use != nil {
			if err := e.rewireUse(r, *r.use, name); err != nil {
				return err
			}
			continue
		}
		for _, u := range r.old.uses {
			if err := e.rewireUse(r, u, name); err != nil {
				return err
			}
		}
		for _, out := range r.old.returned {
			if r.within != nil && !out.graph.inside(r.within) {
				continue
			}
			set(e, &out.port.Name, &name)
			delete(e.outs, out.graph)
			e.mark(out.graph)
		}
	}
	return nil
}

func (e *edit) rewireUse(r rewire, u Use, name string) error {
	switch {
	case u.Input < 0, r.within != nil && !u.Node.graph.inside(r.within):
		return nil
	case !u.Node.graph.inside(r.new.graph):
		return fmt.Errorf("node %q cannot read %q, which is in a graph that it does not see", u.Node.Label(), name)
	}
	set(e, &u.Node.pb.Input[u.Input], name)
	e.mark(u.Node.graph)
	return nil
}

// remove drops the nodes, constants, inputs and functions that the patch removes;
// none may have a reader.
func (e *edit) remove() error {
	gone := make(map[*pb.NodeProto]bool, len(e.patch.removed))
	for _, n := range e.patch.removed {
		gone[n.pb] = true
	}
	for _, n := range e.patch.removed {
		for _, v := range n.outputs {
			if err := e.unread(v, gone); err != nil {
				return err
			}
		}
		e.mark(n.graph)
	}
	lost := e.dropNodes(gone)
	dead := map[any]bool{}
	for _, v := range e.patch.constants {
		if err := e.unread(v, gone); err != nil {
			return err
		}
		dead[v.tensorKey()] = true
		lost.add(v.graph, v.name)
	}
	e.dropConstants(dead)
	if len(gone) > 0 || len(e.patch.ports) > 0 {
		if err := e.patch.model.reindex(); err != nil {
			return err
		}
	}
	if err := e.removeInputs(); err != nil {
		return err
	}
	e.forget(lost)
	if err := e.dropFunctions(); err != nil {
		return err
	}
	if len(e.patch.removed)+len(e.patch.constants)+len(e.patch.ports)+len(e.patch.dropped) == 0 {
		return nil
	}
	return e.patch.model.reindex()
}

// unread demands that nobody reads a value but nodes that go, too.
func (e *edit) unread(v *Value, gone map[*pb.NodeProto]bool) error {
	if v == nil {
		return nil
	}
	var readers []string
	for _, u := range v.uses {
		if !goes(u.Node, gone) {
			readers = append(readers, u.Node.Label())
		}
	}
	if v.output {
		readers = append(readers, "graph output")
	}
	if len(readers) == 0 {
		return nil
	}
	return &InUseError{Patch: e.patch.label, Value: v.name, Readers: readers}
}

// goes reports whether a node is dropped, by itself or with the subgraph it is
// in.
func goes(n *Node, gone map[*pb.NodeProto]bool) bool {
	for n != nil {
		if gone[n.pb] {
			return true
		}
		n = n.graph.owner
	}
	return false
}

// sort restores topological order where a new reader had to come late; nodes
// that are in order already keep their places.
func (e *edit) sort() error {
	changed := false
	for _, k := range e.graphs() {
		if !e.touched[k] {
			continue
		}
		sorted, err := k.stableOrder()
		if err != nil {
			return err
		}
		if !slices.Equal(sorted, k.pb.Node) {
			changed = true
			e.setNodes(k, sorted)
		}
	}
	if !changed {
		return nil
	}
	return e.patch.model.reindex()
}

// graphs are the model's graphs as they are by now, in order.
func (e *edit) graphs() []*Graph { return e.patch.model.Graphs() }
