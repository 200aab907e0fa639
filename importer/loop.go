package importer

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// loop is a Loop being unrolled.
type loop struct {
	*call
	body    *graphsurgery.Graph
	carried []*wire
	scans   [][]*wire // by scan output, one wire an iteration
	// cond says whether the next iteration runs; active is the same where it
	// depends on data, else nil.
	cond   *wire
	active *graph.Node
}

// lowerLoop is Loop-1: the inputs are the trip count and the condition, both
// optional, then what is carried; the body gets the iteration, the condition and
// what is carried, and gives the next condition, the next carried values, and one
// slice of each scan output.
//
// A condition that depends on data needs a trip count: all iterations are
// computed, and those after it became false change nothing.
func lowerLoop(c *call) []*wire {
	l := &loop{call: c, body: c.bodyOf("body"), cond: hostBool(true)}
	if len(c.in) > 2 {
		l.carried = slices.Clone(c.in[2:])
	}
	if want := len(l.carried) + 2; len(l.body.Inputs()) != want || len(l.body.Outputs()) < want-1 {
		c.fail("the body has %d inputs and %d outputs for %d carried values", len(l.body.Inputs()), len(l.body.Outputs()), len(l.carried))
	}
	l.scans = make([][]*wire, len(l.body.Outputs())-1-len(l.carried))
	if c.has(1) {
		l.next(c.in[1])
	}
	trips, bounded := l.trips()
	for i := int64(0); i < trips && l.runs(); i++ {
		if l.active != nil && !bounded {
			c.refuseData("a Loop whose condition depends on data needs a trip count that is known while the graph is built")
		}
		before := l.cond
		l.iterate(i)
		if l.cond == before && l.active == nil && trips > maxUnrolled {
			c.refuse("a Loop of more than %d iterations, which would be unrolled", maxUnrolled)
		}
	}
	return append(l.carried, l.stacked()...)
}

// trips gives the number of iterations at most, and whether there is one.
func (l *loop) trips() (int64, bool) {
	if !l.has(0) {
		return math.MaxInt64, false
	}
	h := l.host(0)
	if h.len() != 1 {
		l.fail("the trip count has %d elements, want 1", h.len())
	}
	return h.ints[0], h.ints[0] < maxUnrolled
}

// runs tells whether an iteration is to be computed.
func (l *loop) runs() bool {
	h, err := l.cond.elements()
	return err != nil || h.scalar() != 0
}

// next takes the condition of the next iteration.
func (l *loop) next(cond *wire) {
	if n := product(cond.dims); n != 1 || cond.dtype != graphsurgery.Bool {
		l.fail("the condition is %s%v, want one bool", cond.dtype, cond.dims)
	}
	if h, err := cond.elements(); err == nil {
		if l.active == nil || h.scalar() == 0 {
			l.cond = cond
		}
		return
	}
	node := graph.Reshape(l.nodeOf(cond))
	if l.active != nil {
		node = graph.LogicalAnd(l.active, node)
	}
	l.active, l.cond = node, l.wire(node)
}

// iterate lowers the body once.
func (l *loop) iterate(i int64) {
	at := newHost(graphsurgery.Int64)
	at.ints[0] = i
	out := l.call.body(l.body, append([]*wire{hostWire(at), l.cond}, l.carried...)...)
	if l.active != nil && len(l.scans) > 0 {
		l.refuseData("a Loop whose condition depends on data has scan outputs, whose length would depend on it")
	}
	for k := range l.carried {
		if next := out[1+k]; l.active != nil {
			l.carried[k] = l.choose(l.active, next, l.carried[k])
		} else {
			l.carried[k] = next
		}
	}
	for k, w := range out[1+len(l.carried):] {
		l.scans[k] = append(l.scans[k], w)
	}
	l.next(out[0])
}

// stacked joins the slices of each scan output.
func (l *loop) stacked() []*wire {
	out := make([]*wire, len(l.scans))
	for k, slices := range l.scans {
		out[k] = l.stack(slices, 0, l.body.Outputs()[1+len(l.carried)+k])
	}
	return out
}

// stack joins equal tensors along a new axis. When there are none, the declared
// type of one decides.
func (c *call) stack(parts []*wire, axis int, declared *graphsurgery.Value) *wire {
	if len(parts) == 0 {
		return c.emptyStack(axis, declared)
	}
	first := parts[0]
	axis = c.axis(axis, len(first.dims)+1)
	known := true
	for _, w := range parts {
		switch {
		case w.kind != tensorWire:
			c.refuse("slices of %q that are no tensors", declared.Name())
		case w.dtype != first.dtype || !slices.Equal(w.dims, first.dims):
			c.refuse("slices of %q of different types: %s%v and %s%v", declared.Name(), first.dtype, first.dims, w.dtype, w.dims)
		}
		known = known && w.host != nil
	}
	dims := slices.Insert(slices.Clone(first.dims), axis, len(parts))
	if known && c.small(dims) {
		return hostWire(stackHosts(parts, dims, axis))
	}
	nodes := make([]*graph.Node, len(parts))
	for i, w := range parts {
		nodes[i] = graph.InsertAxes(c.nodeOf(w), axis)
	}
	if len(nodes) == 1 {
		return c.wire(nodes[0])
	}
	return c.wire(graph.Concatenate(nodes, axis))
}

// emptyStack is the scan output of no iteration.
func (c *call) emptyStack(axis int, declared *graphsurgery.Value) *wire {
	shape := declared.Shape()
	if shape == nil {
		c.refuse("no iteration gives %q, whose shape is not declared", declared.Name())
	}
	dims := make([]int, len(shape))
	for i, d := range shape {
		if d.Value < 0 {
			c.refuse("no iteration gives %q, whose declared shape %s is open", declared.Name(), dimsText(shape))
		}
		dims[i] = int(d.Value)
	}
	dims = slices.Insert(dims, c.axis(axis, len(dims)+1), 0)
	return hostWire(newHost(declared.DType(), dims...))
}

// stackHosts joins tensors known on the host along a new axis of dims.
func stackHosts(parts []*wire, dims []int, axis int) *hostTensor {
	out := &hostTensor{dtype: parts[0].dtype, dims: dims}
	run := product(dims[axis+1:])
	for at := 0; at < product(dims[:axis])*run; at += run {
		for _, w := range parts {
			if isFloat(out.dtype) {
				out.floats = append(out.floats, w.host.floats[at:at+run]...)
			} else {
				out.ints = append(out.ints, w.host.ints[at:at+run]...)
			}
		}
	}
	return out
}

// hostBool makes a known condition.
func hostBool(value bool) *wire {
	h := newHost(graphsurgery.Bool)
	if value {
		h.ints[0] = 1
	}
	return hostWire(h)
}
