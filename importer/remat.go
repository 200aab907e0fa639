package importer

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// segment is a part of the model whose values the backward pass does not keep: it computes
// them again from what the segment reads. It ends in one value; nothing else in it is
// read outside.
type segment struct {
	nodes []*graphsurgery.Node // in the order they are lowered in
	reads []*graphsurgery.Value
	end   *graphsurgery.Value
}

// checkRemat looks the values of Options.Recompute up.
func (p *Program) checkRemat() error {
	for _, name := range p.options.Recompute {
		v := p.model.Graph.Value(name)
		if v == nil || v.Producer() == nil {
			return &graphsurgery.FormatError{File: p.model.Path(),
				What: fmt.Sprintf("recomputing from %q, which no node of the model computes", name)}
		}
		p.kept = append(p.kept, v)
	}
	return nil
}

// segments cuts a plan at the values that are kept, and gives each segment by its last node.
func (t *tracer) segments(plan []*graphsurgery.Node, targets []*graphsurgery.Value) map[*graphsurgery.Node]*segment {
	place := make(map[*graphsurgery.Node]int)
	for i, n := range plan {
		place[n] = i
	}
	kept := slices.DeleteFunc(slices.Clone(t.program.kept), func(v *graphsurgery.Value) bool {
		_, ok := place[v.Producer()]
		return !ok
	})
	slices.SortFunc(kept, func(a, b *graphsurgery.Value) int { return place[a.Producer()] - place[b.Producer()] })
	found := make(map[*graphsurgery.Node]*segment)
	for i := 1; i < len(kept); i++ {
		if s := segmentBetween(kept[i-1], kept[i], plan, targets); s != nil {
			found[s.end.Producer()] = s
		}
	}
	return found
}

// segmentBetween is what leads from one kept value to the next, nil if nothing does.
// What it computes that others read too is left out, with all that leads there.
func segmentBetween(from, to *graphsurgery.Value, plan []*graphsurgery.Node, targets []*graphsurgery.Value) *segment {
	before, leads := needed([]*graphsurgery.Value{from}), needed([]*graphsurgery.Value{to})
	if !leads[from] {
		return nil
	}
	inside := make(map[*graphsurgery.Node]bool)
	for _, n := range plan {
		if v := n.Output(0); v != nil && leads[v] && !before[v] && repeats(n) {
			inside[n] = true
		}
	}
	escapes := func(v *graphsurgery.Value) bool {
		if v == nil || v == to {
			return false
		}
		return slices.Contains(targets, v) || slices.ContainsFunc(v.Uses(), func(u graphsurgery.Use) bool { return !inside[u.Node] })
	}
	for shrunk := true; shrunk; {
		shrunk = false
		for n := range inside {
			if slices.ContainsFunc(n.Outputs(), escapes) {
				delete(inside, n)
				shrunk = true
			}
		}
	}
	s := &segment{end: to}
	seen := make(map[*graphsurgery.Value]bool)
	for _, n := range plan {
		if !inside[n] {
			continue
		}
		s.nodes = append(s.nodes, n)
		for _, v := range n.Inputs() {
			if v != nil && !seen[v] && !inside[v.Producer()] {
				seen[v] = true
				s.reads = append(s.reads, v)
			}
		}
	}
	if !inside[to.Producer()] {
		return nil
	}
	return s
}

// repeats tells whether a node may be lowered twice with the same result. Bodies are left out
// because they read values that are not among the node's inputs.
func repeats(n *graphsurgery.Node) bool {
	switch n.Op() {
	case "Dropout", "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike":
		return false
	}
	return n.Function() == nil && len(n.Subgraphs()) == 0
}

// stepSegment lowers a segment so that its gradient computes it again.
func (t *tracer) stepSegment(s *segment) {
	var moving []*graphsurgery.Value // what the gradient goes to
	var in []*graph.Node
	for _, v := range s.reads {
		w := t.wireOf(v)
		if w.kind != tensorWire || w.constant() || !isFloat(w.dtype) {
			continue
		}
		n := t.anyOf(w)
		if n.DType() != dtypes.Float32 || w.real != nil { // withGradient wants one type, and one value
			t.plainly(s)
			return
		}
		moving, in = append(moving, v), append(in, n)
	}
	var form *wire // of the result
	forward := func(in []*graph.Node) *graph.Node {
		form = t.within(s, moving, in)
		return t.anyOf(form)
	}
	y := withGradient(in, forward, func(_ []*graph.Node, v *graph.Node) []*graph.Node {
		// The barrier ties the second computation to the gradient's arrival: without it, XLA
		// would find both equal and keep the first. One operand alone go-xla passes on as it is.
		after := graph.OptimizationBarriers(append(slices.Clone(in), v)...)
		again := t.anyOf(t.within(s, moving, after[:len(in)]))
		return graph.Gradient(graph.ReduceAllSum(graph.Mul(again, after[len(in)])), after[:len(in)]...)
	})
	t.wires[s.end] = t.formed(y, form.dims)
}

// formed is a wire of a value of the given shape from a node of either form.
func (t *tracer) formed(n *graph.Node, dims []int) *wire {
	if slices.Equal(n.Shape().Dimensions, dims) {
		return t.wire(n)
	}
	return t.flatWire(n, dims)
}

// plainly lowers the nodes of a segment as if it were none.
func (t *tracer) plainly(s *segment) {
	for _, n := range s.nodes {
		t.step(n)
	}
}

// within lowers the nodes of a segment with other nodes in the place of those it reads, and
// gives the wire of its result. Nothing else of it stays.
func (t *tracer) within(s *segment, moving []*graphsurgery.Value, in []*graph.Node) *wire {
	outside := t.wires
	defer func() { t.wires = outside }()
	t.wires = make(map[*graphsurgery.Value]*wire)
	for _, v := range s.reads {
		if w := outside[v]; w != nil {
			t.wires[v] = w
		}
	}
	for i, v := range moving {
		if t.program.isParam[v] {
			t.learned[in[i]] = t.program.trainable[v.Name()]
		}
		t.wires[v] = t.formed(in[i], outside[v].dims)
	}
	t.plainly(s)
	return t.wires[s.end]
}
