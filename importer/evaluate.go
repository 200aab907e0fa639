package importer

import (
	"errors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/eval"
)

// maxDemanded bounds the elements of a tensor that is computed in plain Go
// because an operator cannot be lowered without knowing it.
const maxDemanded = 1 << 22

// origin says how a wire comes from constants alone although no elements of it
// are kept: as the initialiser of a parameter that is not trained, as an input
// that may be read, or as an output of a node. It is evaluated when a lowering
// demands the elements.
type origin struct {
	init *graphsurgery.Tensor
	read func() (*hostTensor, error)
	node *graphsurgery.Node
	in   []*wire

	done bool
	out  []*hostTensor
	err  error
}

// constant tells whether a wire depends on no input and no trained parameter.
func (w *wire) constant() bool { return w.host != nil || w.origin != nil }

// evaluate computes the outputs of a node in plain Go, if its inputs are known
// and small and package eval can. Nil leaves the node to its lowering.
func (c *call) evaluate() []*wire {
	if len(c.in) == 0 || !eval.Knows(c.n.Domain(), c.n.Op()) {
		return nil
	}
	for _, w := range c.in {
		if w != nil && (w.host == nil || !c.small(w.dims)) {
			return nil
		}
	}
	limit := eval.Limits{MaxElements: int64(c.program.options.MaxHostElements)}
	results, err := evaluateNode(c.n, c.in, limit)
	if err != nil {
		return nil // the lowering knows more, or says better what is wrong
	}
	out := make([]*wire, len(results))
	for i, h := range results {
		if h != nil {
			out[i] = hostWire(h)
		}
	}
	return out
}

// evaluateNode calls package eval on wires whose elements can be had.
func evaluateNode(n *graphsurgery.Node, in []*wire, limits eval.Limits) ([]*hostTensor, error) {
	inputs := make([]*graphsurgery.Tensor, len(in))
	for i, w := range in {
		if w == nil {
			continue
		}
		h, err := w.elements()
		if err != nil {
			return nil, err
		}
		if inputs[i], err = h.onnx(); err != nil {
			return nil, err
		}
	}
	results, err := eval.Node(n, inputs, limits)
	if err != nil {
		return nil, err
	}
	out := make([]*hostTensor, len(results))
	for i, t := range results {
		if t == nil {
			continue
		}
		if out[i], err = hostOf(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// errData says that elements are not known while the graph is built.
var errData = errors.New("depends on data")

// elements gives a constant wire's elements, computing them when first asked for.
func (w *wire) elements() (*hostTensor, error) {
	switch {
	case w.host != nil:
		return w.host, nil
	case w.origin == nil:
		return nil, errData
	}
	o := w.origin
	if !o.done {
		o.done = true
		switch {
		case o.init != nil:
			o.out = make([]*hostTensor, 1)
			o.out[0], o.err = hostOf(o.init)
		case o.read != nil:
			o.out = make([]*hostTensor, 1)
			o.out[0], o.err = o.read()
		default:
			o.out, o.err = evaluateNode(o.node, o.in, eval.Limits{MaxElements: maxDemanded})
		}
	}
	if o.err != nil {
		return nil, o.err
	}
	return o.out[w.index], nil
}

// remember notes the origin of what a node with constant inputs was lowered to.
func (c *call) remember(out []*wire) {
	if len(c.in) == 0 || !eval.Knows(c.n.Domain(), c.n.Op()) {
		return
	}
	for _, w := range c.in {
		if w != nil && !w.constant() {
			return
		}
	}
	o := &origin{node: c.n, in: c.in}
	for i, w := range out {
		if w != nil && !w.constant() {
			w.origin, w.index = o, i
		}
	}
}

// lowerOnHost lowers an operator whose result has a shape that depends on the
// elements of its inputs: they must be known while the graph is built.
func lowerOnHost(c *call) []*wire {
	for i := range c.in {
		if c.has(i) {
			c.host(i)
		}
	}
	results, err := evaluateNode(c.n, c.in, eval.Limits{MaxElements: maxDemanded})
	if err != nil {
		panic(c.program.withFile(err))
	}
	out := make([]*wire, len(results))
	for i, h := range results {
		if h != nil {
			out[i] = hostWire(h)
		}
	}
	return out
}
