package importer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// call is one node being lowered: its wires and attributes.
type call struct {
	*tracer
	n     *graphsurgery.Node
	opset int64
	in    []*wire
}

// has tells whether optional input i is there.
func (c *call) has(i int) bool { return i < len(c.in) && c.in[i] != nil }

// arg gives the node of input i.
func (c *call) arg(i int) *graph.Node { return c.nodeOf(c.in[i]) }

// dims gives the dimensions of input i.
func (c *call) dims(i int) []int { return c.in[i].dims }

// rank gives the number of axes of input i.
func (c *call) rank(i int) int { return len(c.in[i].dims) }

// host gives input i as elements known while the graph is built, or fails: XLA
// wants static shapes.
func (c *call) host(i int) *hostTensor {
	h, err := c.in[i].elements()
	if errors.Is(err, errData) {
		c.feeding.refuse()
		panic(&graphsurgery.UnsupportedError{File: c.program.model.Path(), Node: c.n.Name(), Op: c.n.Op(),
			Domain: c.n.Domain(), Opset: c.opset,
			What: fmt.Sprintf("input %d (%q) depends on data, but decides a shape", i, c.n.Input(i).Name()),
			Hint: "export the model with fixed shapes"})
	}
	if err != nil {
		panic(c.program.withFile(err))
	}
	return h
}

// ints gives input i as integers known while the graph is built.
func (c *call) ints(i int) []int { return c.host(i).asInts() }

// attrInts gives an attribute of integers.
func (c *call) attrInts(name string) []int {
	var out []int
	for _, v := range c.n.Ints(name) {
		out = append(out, int(v))
	}
	return out
}

// attrInt gives an integer attribute.
func (c *call) attrInt(name string, def int) int { return int(c.n.Int(name, int64(def))) }

// fail stops with a model that the ONNX standard does not allow.
func (c *call) fail(format string, a ...any) {
	panic(&graphsurgery.FormatError{File: c.program.model.Path(), Node: c.n.Name(), Op: c.n.Op(),
		What: fmt.Sprintf(format, a...)})
}

// refuse stops with a model that is valid but that we do not run.
func (c *call) refuse(format string, a ...any) {
	panic(&graphsurgery.UnsupportedError{File: c.program.model.Path(), Node: c.n.Name(), Op: c.n.Op(),
		Domain: c.n.Domain(), Opset: c.opset, What: fmt.Sprintf(format, a...)})
}

// refuseData is refuse where knowing the elements of the inputs would help.
func (c *call) refuseData(format string, a ...any) {
	c.feeding.refuse()
	c.refuse(format, a...)
}

// axis brings an axis of a tensor of the given rank into [0, rank).
func (c *call) axis(axis, rank int) int {
	if axis < -rank || axis >= rank {
		c.fail("axis %d is outside a tensor of rank %d", axis, rank)
	}
	if axis < 0 {
		axis += rank
	}
	return axis
}

// axes does so for several, and refuses repeats.
func (c *call) axes(axes []int, rank int) []int {
	out := make([]int, len(axes))
	seen := make(map[int]bool)
	for i, a := range axes {
		out[i] = c.axis(a, rank)
		if seen[out[i]] {
			c.fail("axis %d is named twice", a)
		}
		seen[out[i]] = true
	}
	return out
}

// small tells whether a tensor of these dimensions may be made on the host.
func (c *call) small(dims []int) bool {
	n := 1
	for _, d := range dims {
		if d > 0 && n > c.program.options.MaxHostElements/d {
			return false
		}
		n *= d
	}
	return true
}

// maxElements bounds a tensor that a shape in the model asks for: a broken or
// hostile model must not exhaust the memory.
const maxElements = 1 << 31

// bounded checks dimensions that were computed from the model's numbers.
func (c *call) bounded(dims []int) []int {
	n := 1
	for _, d := range dims {
		if d < 0 {
			c.fail("shape %v has a negative dimension", dims)
		}
		if d > 0 && n > maxElements/d {
			c.refuse("a tensor of shape %v has more than %d elements", dims, maxElements)
		}
		n *= d
	}
	return dims
}

// out wraps the only output of an operator.
func (c *call) out(n *graph.Node) []*wire { return []*wire{c.wire(n)} }

// single makes a lowering out of a function that builds one node.
func single(f func(c *call) *graph.Node) func(c *call) []*wire {
	return func(c *call) []*wire { return c.out(f(c)) }
}

// broadcast brings wires to one rank by numpy's rule and tells whether the
// result is flat ([rows, width] of dims). It is flat when a wire of the full
// shape is flat already and the others can follow: the same shape, a vector
// along the last axis, one element per row, or a scalar.
func (c *call) broadcast(wires ...*wire) (nodes []*graph.Node, dims []int, flat bool) {
	shapes := make([][]int, len(wires))
	for i, w := range wires {
		shapes[i] = w.dims
	}
	dims, err := broadcastDims(shapes...)
	if err != nil {
		c.fail("%v", err)
	}
	flat = canFlatten(wires, dims)
	nodes = make([]*graph.Node, len(wires))
	for i, w := range wires {
		switch {
		case len(w.dims) == 0:
			nodes[i] = c.nodeOf(w) // GoMLX broadcasts scalars itself
		case !flat:
			nodes[i] = graph.ExpandLeftToRank(c.nodeOf(w), len(dims))
		case slices.Equal(w.dims, dims) || isColumn(w.dims, dims):
			nodes[i] = c.flatOf(w)
		default:
			nodes[i] = graph.Reshape(c.anyOf(w), 1, w.dims[len(w.dims)-1])
		}
	}
	return nodes, dims, flat
}

// canFlatten is the condition of broadcast.
func canFlatten(wires []*wire, dims []int) bool {
	if len(dims) < 3 || product(dims) == 0 {
		return false
	}
	some := false
	for _, w := range wires {
		full := slices.Equal(w.dims, dims)
		some = some || full && w.flat != nil
		vector := len(w.dims) == 0 || product(w.dims) == w.dims[len(w.dims)-1]
		if !full && !vector && !isColumn(w.dims, dims) {
			return false
		}
	}
	return some
}

// isColumn tells whether a tensor has one element per row of a tensor of shape
// dims, as statistics along the last axis have.
func isColumn(column, dims []int) bool {
	last := len(dims) - 1
	return len(column) == len(dims) && column[last] == 1 && slices.Equal(column[:last], dims[:last])
}

// same wraps the result of an elementwise operator on what broadcast gave.
func (c *call) same(n *graph.Node, dims []int, flat bool) []*wire {
	if flat {
		return []*wire{c.flatWire(n, dims)}
	}
	return []*wire{c.wire(n)}
}

// constantLike makes a scalar of the type of n.
func constantLike(n *graph.Node, value float64) *graph.Node {
	return graph.Scalar(n.Graph(), n.DType(), value)
}
