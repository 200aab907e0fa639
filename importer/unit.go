package importer

import (
	"slices"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// unit is a group of nodes that is lowered as one operator: an attention spelt as
// products and a softmax. All values between its nodes are read inside it only.
// If one of them is asked for, or lower declines, the nodes are lowered singly.
type unit struct {
	kind  string               // attention, gelu or norm
	nodes []*graphsurgery.Node // in file order; the last makes the result
	// lower gives the result from the wires of what the nodes read from outside, or
	// nil. It must leave no trace when it declines.
	lower func(t *tracer) *wire
}

// last is the node whose result the unit computes.
func (u *unit) last() *graphsurgery.Node { return u.nodes[len(u.nodes)-1] }

// findUnits collects the units of the model's graph by each of their nodes.
func (p *Program) findUnits() {
	p.units = make(map[*graphsurgery.Node]*unit)
	take := func(u *unit) {
		if u == nil || slices.ContainsFunc(u.nodes, func(n *graphsurgery.Node) bool { return p.units[n] != nil }) {
			return
		}
		for _, n := range u.nodes {
			p.units[n] = u
		}
	}
	place := make(map[*graphsurgery.Node]int)
	for i, n := range p.model.Graph.Nodes() {
		place[n] = i
		if plainOp(n, "Softmax") {
			take(p.attentionAt(n))
		}
	}
	view := pattern.LookExactly(p.model.Graph, nil)
	for _, a := range recognize.GELUs(view) {
		take(geluUnit(a, place))
	}
	for _, a := range recognize.Norms(view) {
		take(normUnit(a, place))
	}
}

// openUnits lets the units be lowered node by node inside which a target is, or a value
// that is kept for recomputation.
func (t *tracer) openUnits(targets []*graphsurgery.Value) {
	for _, v := range slices.Concat(targets, t.program.kept) {
		if u := t.program.units[v.Producer()]; u != nil && v.Producer() != u.last() {
			t.apart[u] = true
		}
	}
}

// stepUnit lowers n as part of its unit and reports whether it did: earlier nodes
// wait for the last.
func (t *tracer) stepUnit(n *graphsurgery.Node) bool {
	u := t.program.units[n]
	if u == nil || t.apart[u] {
		return false
	}
	if n != u.last() {
		return true
	}
	t.at = n
	if w := u.lower(t); w != nil {
		t.wires[n.Output(0)] = w
		return true
	}
	t.apart[u] = true
	for _, earlier := range u.nodes[:len(u.nodes)-1] {
		t.step(earlier)
	}
	return false
}

// soleReader gives the node that alone reads v, nil if there is another reader or
// none, or if v is an output of the model.
func soleReader(v *graphsurgery.Value) *graphsurgery.Node {
	if v == nil || v.IsGraphOutput() || len(v.Uses()) != 1 {
		return nil
	}
	return v.Uses()[0].Node
}
