package importer

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// wire is what an ONNX value is while a graph is built. It has up to three
// forms: elements known on the host, a node of the value's own shape, and a node
// of shape [rows, width] that holds the same elements. Forms are made from each
// other when first asked for.
type wire struct {
	kind  wireKind
	items []*wire // of a sequence, or the one of an optional, if it has one
	dtype graphsurgery.DType
	dims  []int
	host  *hostTensor
	node  *graph.Node
	flat  *graph.Node
	// real is a quantised value as floats with a straight-through gradient, or nil.
	real *wire
	// origin and index say which constant the wire is, if host does not.
	origin *origin
	index  int
}

// leftOut stands for an input of a function's body that the call does not give.
var leftOut = new(wire)

// wireKind tells tensors from what holds them.
type wireKind int

const (
	tensorWire wireKind = iota
	sequenceWire
	optionalWire
)

// tracer builds one graph. at is the node being lowered, for error messages.
type tracer struct {
	program *Program
	graph   *graph.Graph
	store   *model.Store
	wires   map[*graphsurgery.Value]*wire
	at      *graphsurgery.Node
	feeding *feeding       // nil where the caller's nodes are all there is
	apart   map[*unit]bool // units whose nodes are lowered one by one

	learned  map[*graph.Node]bool        // parameters as they were read, and whether they are trained
	narrowed map[*graph.Node]*graph.Node // float32 nodes in the type of products

	// what was found out about bodies of If, Loop and Scan
	steps     map[*graphsurgery.Node]*operator
	instances map[*graphsurgery.Node]*graphsurgery.Graph
	plans     map[*graphsurgery.Graph][]*graphsurgery.Node
	unrolled  int // nodes in bodies lowered so far
}

// newTracer begins a graph.
func newTracer(p *Program, g *graph.Graph, store *model.Store) *tracer {
	p.refuseHalfProducts(g.Backend())
	t := &tracer{program: p, graph: g, store: store, wires: make(map[*graphsurgery.Value]*wire), apart: make(map[*unit]bool),
		learned:   make(map[*graph.Node]bool),
		narrowed:  make(map[*graph.Node]*graph.Node),
		steps:     make(map[*graphsurgery.Node]*operator),
		instances: make(map[*graphsurgery.Node]*graphsurgery.Graph),
		plans:     make(map[*graphsurgery.Graph][]*graphsurgery.Node),
	}
	for v, h := range p.fixed {
		t.wires[v] = hostWire(h)
	}
	return t
}

// feed checks the inputs that targets depend on and makes them wires.
func (t *tracer) feed(inputs map[string]*graph.Node, targets []*graphsurgery.Value) {
	for name := range inputs {
		if _, err := t.program.fed(name); err != nil {
			panic(err)
		}
	}
	sizes := make(sizes)
	for _, v := range t.program.fedPorts(targets, func(name string) bool { return inputs[name] != nil }) {
		n := inputs[v.Name()]
		if n == nil {
			panic(fmt.Errorf("input %q is missing: want %s%s", v.Name(), v.DType(), dimsText(v.Shape())))
		}
		err := checkShape(v, n.Shape())
		if err == nil {
			err = sizes.bind(v, n.Shape().Dimensions)
		}
		if err != nil {
			panic(err)
		}
		t.wires[v] = t.wire(n)
		if d := v.DType(); storedDType(d) != d {
			labelled(t.wires[v], d)
		}
	}
}

// run lowers what targets need, in file order, and returns their wires.
func (t *tracer) run(targets []*graphsurgery.Value) []*wire {
	t.openUnits(targets)
	nodes := plan(t.program.model.Graph, targets)
	segments := t.segments(nodes, targets)
	again := make(map[*graphsurgery.Node]bool)
	for _, s := range segments {
		for _, n := range s.nodes {
			again[n] = true
		}
	}
	for _, n := range nodes {
		if s := segments[n]; s != nil {
			t.stepSegment(s)
		} else if !again[n] {
			t.step(n)
		}
	}
	t.at = nil
	wires := make([]*wire, len(targets))
	for i, v := range targets {
		wires[i] = t.wireOf(v)
	}
	return wires
}

// step lowers one node.
func (t *tracer) step(n *graphsurgery.Node) {
	if t.stepUnit(n) {
		return
	}
	t.at = n
	c := &call{tracer: t, n: n, in: make([]*wire, len(n.Inputs()))}
	c.opset, _ = n.Graph().Opset(n.Domain())
	for i, v := range n.Inputs() {
		if v == nil {
			continue
		}
		if w := t.wireOf(v); w != leftOut {
			c.in[i] = w
		}
	}
	for i, w := range c.lower() {
		if v := n.Output(i); v != nil && w != nil {
			t.wires[v] = w
		}
	}
}

// lower computes the node on the host, in its function's body, or by its table
// entry.
func (c *call) lower() []*wire {
	if c.n.Function() != nil {
		return lowerFunction(c)
	}
	op := c.operator()
	for i := range op.minIn {
		if !c.has(i) {
			c.fail("input %d of %s is missing", i, c.n.Op())
		}
	}
	if out := c.evaluate(); out != nil {
		return out
	}
	out := op.lower(c)
	c.carryReal(op, out)
	c.remember(out)
	return out
}

// operator gives the node's table entry. Those of nodes in bodies are looked up
// when they are lowered first.
func (t *tracer) operator() *operator {
	n := t.at
	if op := t.program.steps[n]; op != nil {
		return op
	}
	if op := t.steps[n]; op != nil {
		return op
	}
	op, err := t.program.operator(n)
	if err != nil {
		panic(err)
	}
	t.steps[n] = op
	return op
}

// wireOf gives the wire of a value, reading initialisers when first used.
func (t *tracer) wireOf(v *graphsurgery.Value) *wire {
	if w := t.wires[v]; w != nil {
		return w
	}
	if w := t.innerWire(v); w != nil {
		t.wires[v] = w
		return w
	}
	init, err := v.Dense()
	if err != nil {
		panic(err)
	}
	if init == nil {
		panic(fmt.Errorf("value %q was read before it was computed", v.Name()))
	}
	var w *wire
	if t.program.isParam[v] {
		w = t.parameter(v)
		if !t.program.trainable[v.Name()] {
			w.origin = &origin{init: init}
		}
	} else {
		h, err := hostOf(init)
		if err != nil {
			panic(err)
		}
		w = hostWire(h)
	}
	if d := init.DType(); storedDType(d) != d {
		labelled(w, d)
	}
	t.wires[v] = w
	return w
}

// parameter reads the variable of an initialiser.
func (t *tracer) parameter(v *graphsurgery.Value) *wire {
	variable := variableOf(t.store, VariablePath(v.Name()), v.Name())
	n := variable.NodeValue(t.graph)
	if held := n; t.program.half != dtypes.InvalidDType && held.DType() == t.program.half {
		n = wide(held)
		t.narrowed[n] = held
	}
	t.learned[n] = t.program.trainable[v.Name()]
	return t.wire(n)
}

// wire wraps a node of the value's own shape.
func (t *tracer) wire(n *graph.Node) *wire {
	t.refuseHalf(n)
	return &wire{dtype: onnxDType(n.DType()), dims: n.Shape().Dimensions, node: n}
}

// flatWire wraps a [rows, width] node of a value of the given shape.
func (t *tracer) flatWire(n *graph.Node, dims []int) *wire {
	t.refuseHalf(n)
	return &wire{dtype: onnxDType(n.DType()), dims: dims, flat: n}
}

// hostWire wraps elements known on the host.
func hostWire(h *hostTensor) *wire {
	return &wire{dtype: h.dtype, dims: h.dims, host: h}
}

// goBackend is what GoMLX's pure Go backend calls itself.
const goBackend = "go"

// refuseHalf keeps half precision off the pure Go backend, whose transposed half
// precision products are wrong when it is built with GOEXPERIMENT=simd.
func (t *tracer) refuseHalf(n *graph.Node) {
	if n.DType().IsHalfPrecision() && t.graph.Backend().String() == goBackend {
		panic(&graphsurgery.UnsupportedError{File: t.program.model.Path(),
			What: fmt.Sprintf("type %s on the pure Go backend", n.DType()),
			Hint: "use an XLA backend, or compute in float32"})
	}
}

// nodeOf gives the node of the value's own shape.
func (t *tracer) nodeOf(w *wire) *graph.Node {
	switch {
	case w.kind != tensorWire:
		panic(&graphsurgery.UnsupportedError{File: t.program.model.Path(), What: "a sequence or optional where a tensor is computed"})
	case w.node != nil:
	case w.flat != nil:
		w.node = graph.Reshape(w.flat, w.dims...)
	default:
		n, err := w.host.constant(t.graph)
		if err != nil {
			panic(err)
		}
		t.refuseHalf(n)
		w.node = n
	}
	return w.node
}

// flatOf gives the [rows, width] node of a value of rank two or more.
func (t *tracer) flatOf(w *wire) *graph.Node {
	if w.flat == nil {
		w.flat = t.nodeOf(w)
		if len(w.dims) != 2 {
			width := w.dims[len(w.dims)-1]
			w.flat = graph.Reshape(w.flat, product(w.dims[:len(w.dims)-1]), width)
		}
	}
	return w.flat
}

// anyOf gives whichever node exists, for operators that only look at the order
// of elements.
func (t *tracer) anyOf(w *wire) *graph.Node {
	if w.node == nil && w.flat != nil {
		return w.flat
	}
	return t.nodeOf(w)
}

// onnxDType is the inverse of computeDType.
func onnxDType(t dtypes.DType) graphsurgery.DType {
	for d := graphsurgery.Float; d <= graphsurgery.BFloat16; d++ {
		if c, err := computeDType(d); err == nil && c == t {
			return d
		}
	}
	panic(fmt.Errorf("type %s has no ONNX type", t))
}
