package eval

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Limits bound the work of one node. A zero field means its default.
type Limits struct {
	MaxElements int64 // of one input or output; default 1<<22
	MaxWork     int64 // multiplications of a matrix product; default 1<<28
}

func (l Limits) withDefaults() Limits {
	if l.MaxElements == 0 {
		l.MaxElements = 1 << 22
	}
	if l.MaxWork == 0 {
		l.MaxWork = 1 << 28
	}
	return l
}

// call is one node with its decoded inputs.
type call struct {
	node   *gs.Node
	in     []*array // nil where an optional input is omitted
	opset  int64
	limits Limits
}

// kernel computes a node. It may assume that its required inputs are there.
type kernel struct {
	inputs int // number of inputs that must be there
	run    func(*call) ([]*array, error)
}

// Knows reports whether Node has an implementation of the operator; single
// versions, types or attributes of it may still be refused.
func Knows(domain, op string) bool {
	_, ok := kernels(op)
	return ok && domain == ""
}

// Node computes the node's outputs from its inputs, one tensor each, nil where an
// optional one is omitted. The operator's version is the one the node's graph
// imports. Outputs the node omits are nil.
func Node(n *gs.Node, inputs []*gs.Tensor, limits Limits) ([]*gs.Tensor, error) {
	c := &call{node: n, limits: limits.withDefaults()}
	c.opset, _ = n.Graph().Opset(n.Domain())
	k, ok := kernels(n.Op())
	if !ok || n.Domain() != "" {
		return nil, c.unsupported("it cannot be computed on the host")
	}
	if c.opset < 7 && !unchanged(n.Op()) {
		return nil, c.unsupported("before opset 7 it is not computed on the host")
	}
	if err := c.load(inputs, k.inputs); err != nil {
		return nil, err
	}
	results, err := k.run(c)
	if err != nil {
		return nil, err
	}
	return c.store(results)
}

// unchanged names the operators that mean the same before opset 7, when
// broadcasting was another.
func unchanged(op string) bool {
	switch op {
	case "Constant", "Identity", "Not", "Transpose", "Shape", "Size", "Squeeze", "Unsqueeze", "Gather":
		return true
	}
	return false
}

// load decodes the inputs and tests that the required ones are there.
func (c *call) load(inputs []*gs.Tensor, required int) error {
	for i := range required {
		if i >= len(inputs) || inputs[i] == nil {
			return c.broken("input %d is missing", i)
		}
	}
	for _, t := range inputs {
		if t == nil {
			c.in = append(c.in, nil)
			continue
		}
		if _, err := c.size(t.Shape()); err != nil {
			return err
		}
		a, err := fromTensor(t)
		if err != nil {
			return err
		}
		c.in = append(c.in, a)
	}
	return nil
}

// store encodes the results that the node names.
func (c *call) store(results []*array) ([]*gs.Tensor, error) {
	outs := c.node.Outputs()
	tensors := make([]*gs.Tensor, len(outs))
	for i, v := range outs {
		if v == nil {
			continue
		}
		if i >= len(results) || results[i] == nil {
			return nil, c.unsupported("output %d is not computed", i)
		}
		t, err := results[i].tensor()
		if err != nil {
			return nil, c.broken("%v", err)
		}
		tensors[i] = t
	}
	return tensors, nil
}

// input gives input i, or nil if it is omitted.
func (c *call) input(i int) *array {
	if i >= len(c.in) {
		return nil
	}
	return c.in[i]
}

func (c *call) unsupported(format string, args ...any) error {
	return &gs.UnsupportedError{Node: c.node.Label(), Op: c.node.Op(), Domain: c.node.Domain(), Opset: c.opset, What: fmt.Sprintf(format, args...)}
}

func (c *call) broken(format string, args ...any) error {
	return &gs.FormatError{Node: c.node.Label(), Op: c.node.Op(), What: fmt.Sprintf(format, args...)}
}

// size multiplies sizes and holds the product to the limit. Sizes of 0 do not
// lift the limit from the others, so that products over some of the axes are
// bounded too.
func (c *call) size(shape []int64) (int, error) {
	bound := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, c.broken("shape %v is not possible", shape)
		}
		if d > 0 && bound > c.limits.MaxElements/d {
			return 0, c.unsupported("shape %v is over the limit of %d elements", shape, c.limits.MaxElements)
		}
		bound *= max(d, 1)
	}
	return volume(shape), nil
}

// axis maps a possibly negative axis into [0, rank).
func (c *call) axis(a int64, rank int) (int, error) {
	if a < -int64(rank) || a >= int64(rank) {
		return 0, c.broken("axis %d is not one of a tensor of rank %d", a, rank)
	}
	if a < 0 {
		a += int64(rank)
	}
	return int(a), nil
}

// ints gives a small integer input as int64s, nil if it is omitted.
func (c *call) ints(i int) ([]int64, error) {
	a := c.input(i)
	if a == nil {
		return nil, nil
	}
	if !isInt(a.dtype) {
		return nil, c.broken("input %d is %s, want integers", i, a.dtype)
	}
	return a.ints(), nil
}

// scalarInt gives a one-element integer input, or def if it is omitted.
func (c *call) scalarInt(i int, def int64) (int64, error) {
	v, err := c.ints(i)
	if err != nil || v == nil {
		return def, err
	}
	if len(v) != 1 {
		return 0, c.broken("input %d has %d elements, want 1", i, len(v))
	}
	return v[0], nil
}

// one wraps a single result.
func one(a *array, err error) ([]*array, error) {
	if err != nil {
		return nil, err
	}
	return []*array{a}, nil
}
