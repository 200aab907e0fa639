package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// sequenceOps work on sequences and optionals. These exist only while the graph is
// built: a wire holds the wires that are in it.
func sequenceOps() []operator {
	return []operator{
		{key: onnx("SequenceEmpty", 11), attrs: "dtype", maxOut: 1,
			lower: func(c *call) []*wire { return sequenceOf() }},
		{key: onnx("SequenceConstruct", 11), minIn: 1, maxIn: -1, maxOut: 1,
			lower: func(c *call) []*wire { return sequenceOf(c.in...) }},
		{key: onnx("SequenceAt", 11), minIn: 2, maxIn: 2, maxOut: 1, lower: lowerSequenceAt},
		{key: onnx("SequenceInsert", 11), minIn: 2, maxIn: 3, maxOut: 1, lower: lowerSequenceInsert},
		{key: onnx("SequenceErase", 11), minIn: 1, maxIn: 2, maxOut: 1, lower: lowerSequenceErase},
		{key: onnx("SequenceLength", 11), minIn: 1, maxIn: 1, maxOut: 1, lower: lowerSequenceLength},
		{key: onnx("ConcatFromSequence", 11), attrs: "axis new_axis", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerConcatFromSequence},
		// SplitToSequence-11; 24 adds types.
		{key: onnx("SplitToSequence", 11), attrs: "axis keepdims", minIn: 1, maxIn: 2, maxOut: 1, lower: lowerSplitToSequence},
		{key: onnx("SequenceMap", 17), attrs: "body", minIn: 1, maxIn: -1, maxOut: maxOutputs, lower: lowerSequenceMap},
		{key: onnx("Optional", 15), attrs: "type", maxIn: 1, maxOut: 1, lower: lowerOptional},
		// OptionalGetElement-15 and OptionalHasElement-15; 18 allows what is no optional.
		{key: onnx("OptionalGetElement", 15), minIn: 1, maxIn: 1, maxOut: 1, lower: lowerOptionalGetElement},
		{key: onnx("OptionalHasElement", 15), maxIn: 1, maxOut: 1, lower: lowerOptionalHasElement},
	}
}

// sequenceOf makes a sequence.
func sequenceOf(items ...*wire) []*wire {
	return []*wire{{kind: sequenceWire, items: items}}
}

// items gives the wires in input i, a sequence.
func (c *call) items(i int) []*wire {
	if c.in[i].kind != sequenceWire {
		c.fail("input %d is no sequence", i)
	}
	return c.in[i].items
}

// position reads a position in a sequence from input i: negative ones count from
// the end, and at most last is allowed.
func (c *call) position(i, length, last int) int {
	h := c.host(i)
	if h.len() != 1 {
		c.fail("the position has %d elements, want 1", h.len())
	}
	at := int(h.ints[0])
	if at < -length || at > last {
		c.fail("position %d of a sequence of %d", at, length)
	}
	if at < 0 {
		at += length
	}
	return at
}

// lowerSequenceAt is SequenceAt-11.
func lowerSequenceAt(c *call) []*wire {
	items := c.items(0)
	return []*wire{items[c.position(1, len(items), len(items)-1)]}
}

// lowerSequenceInsert is SequenceInsert-11; without a position it appends.
func lowerSequenceInsert(c *call) []*wire {
	items := c.items(0)
	at := len(items)
	if c.has(2) {
		at = c.position(2, len(items), len(items))
	}
	return sequenceOf(slices.Insert(slices.Clone(items), at, c.in[1])...)
}

// lowerSequenceErase is SequenceErase-11; without a position the last goes.
func lowerSequenceErase(c *call) []*wire {
	items := c.items(0)
	if len(items) == 0 {
		c.fail("an empty sequence has nothing to erase")
	}
	at := len(items) - 1
	if c.has(1) {
		at = c.position(1, len(items), at)
	}
	return sequenceOf(slices.Delete(slices.Clone(items), at, at+1)...)
}

// lowerSequenceLength is SequenceLength-11.
func lowerSequenceLength(c *call) []*wire {
	return []*wire{hostWire(hostInts([]int{len(c.items(0))}).reshaped(nil))}
}

// lowerConcatFromSequence is ConcatFromSequence-11: a Concat, along a new axis if
// new_axis says so.
func lowerConcatFromSequence(c *call) []*wire {
	items := c.items(0)
	if len(items) == 0 {
		c.fail("an empty sequence has nothing to join")
	}
	if !c.n.HasAttr("axis") {
		c.fail("attribute \"axis\" is missing")
	}
	axis := c.attrInt("axis", 0)
	if c.attrInt("new_axis", 0) != 0 {
		return []*wire{c.stack(items, axis, c.n.Input(0))}
	}
	axis = c.axis(axis, len(items[0].dims))
	nodes := make([]*graph.Node, len(items))
	for i, w := range items {
		if nodes[i] = c.nodeOf(w); len(w.dims) != len(items[0].dims) {
			c.fail("tensors of shapes %v and %v are to be joined", items[0].dims, w.dims)
		}
	}
	if len(nodes) == 1 {
		return items
	}
	return c.out(graph.Concatenate(nodes, axis))
}

// lowerSplitToSequence is SplitToSequence-11. Without sizes the parts have size 1,
// and keepdims says whether they keep the axis.
func lowerSplitToSequence(c *call) []*wire {
	axis := c.axis(c.attrInt("axis", 0), c.rank(0))
	total := c.dims(0)[axis]
	var sizes []int
	switch {
	case !c.has(1):
		sizes = slices.Repeat([]int{1}, total)
	case c.rank(1) == 0:
		size := c.ints(1)[0]
		if size < 1 {
			c.fail("parts of size %d", size)
		}
		for left := total; left > 0; left -= size {
			sizes = append(sizes, min(size, left))
		}
	default:
		sizes = c.ints(1)
		c.checkSplit(sizes, axis, total, len(sizes))
	}
	var items []*wire
	start := 0
	for _, size := range sizes {
		if !c.has(1) && c.attrInt("keepdims", 1) == 0 {
			items = append(items, c.slice(c.in[0], axis, start))
		} else {
			items = append(items, c.wire(sliceNode(c.arg(0), axis, bounds{start, start + size, 1})))
		}
		start += size
	}
	return sequenceOf(items...)
}

// lowerSequenceMap is SequenceMap-17: the body runs once for each item of the
// first sequence, with the same item of the others and the tensors as they are.
func lowerSequenceMap(c *call) []*wire {
	g := c.bodyOf("body")
	out := make([]*wire, len(g.Outputs()))
	for k := range out {
		out[k] = sequenceOf()[0]
	}
	for i := range c.items(0) {
		args := slices.Clone(c.in)
		for k, w := range args {
			if w == nil || w.kind != sequenceWire {
				continue
			}
			if len(w.items) != len(c.items(0)) {
				c.fail("sequences of %d and %d items", len(c.items(0)), len(w.items))
			}
			args[k] = w.items[i]
		}
		for k, w := range c.body(g, args...) {
			out[k].items = append(out[k].items, w)
		}
	}
	return out
}

// lowerOptional is Optional-15: empty without an input.
func lowerOptional(c *call) []*wire {
	w := &wire{kind: optionalWire}
	if c.has(0) {
		w.items = c.in[:1]
	}
	return []*wire{w}
}

// lowerOptionalGetElement is OptionalGetElement-15.
func lowerOptionalGetElement(c *call) []*wire {
	switch w := c.in[0]; {
	case w.kind != optionalWire:
		return c.in[:1]
	case len(w.items) == 0:
		c.fail("the optional is empty")
	}
	return c.in[0].items
}

// lowerOptionalHasElement is OptionalHasElement-15; since 18 the input may be left
// out, or be no optional.
func lowerOptionalHasElement(c *call) []*wire {
	has := c.has(0) && (c.in[0].kind != optionalWire || len(c.in[0].items) > 0)
	return []*wire{hostBool(has)}
}
