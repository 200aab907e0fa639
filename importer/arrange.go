package importer

import (
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// arrangeOps repeat, join and cut tensors.
func arrangeOps() []operator {
	return []operator{
		{key: onnx("Expand", 8), minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerExpand)},
		// Tile-1 repeats one axis.
		{key: onnx("Tile", 1), minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerTile1)},
		{key: onnx("Tile", 6), minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerTile)},
		// Concat-1 has an axis by default, 1.
		{key: onnx("Concat", 1), attrs: "axis", minIn: 1, maxIn: -1, maxOut: 1, lower: single(lowerConcat)},
		{key: onnx("Concat", 4), attrs: "axis", minIn: 1, maxIn: -1, maxOut: 1, lower: single(lowerConcat)},
		// Split: sizes are an attribute until 12 (at 1 they may be an input), an input since 13; since 18 the
		// number of parts may be given instead.
		{key: onnx("Split", 1), attrs: "axis split", minIn: 1, maxIn: 2, maxOut: maxOutputs, lower: lowerSplit},
		{key: onnx("Split", 2), attrs: "axis split", minIn: 1, maxIn: 1, maxOut: maxOutputs, lower: lowerSplit},
		{key: onnx("Split", 13), attrs: "axis", minIn: 1, maxIn: 2, maxOut: maxOutputs, lower: lowerSplit},
		{key: onnx("Split", 18), attrs: "axis num_outputs", minIn: 1, maxIn: 2, maxOut: maxOutputs, lower: lowerSplit},
	}
}

// maxOutputs is for operators whose number of outputs is free.
const maxOutputs = 1 << 20

// expandDims gives the dimensions of Expand-8, which broadcasts both ways.
func (c *call) expandDims() []int {
	dims, err := broadcastDims(c.dims(0), c.ints(1))
	if err != nil {
		c.fail("%v", err)
	}
	return c.bounded(dims)
}

// lowerExpand is Expand-8.
func lowerExpand(c *call) *graph.Node { return c.broadcastTo(c.in[0], c.expandDims()) }

// broadcastTo repeats a wire to the given dimensions.
func (c *call) broadcastTo(w *wire, dims []int) *graph.Node {
	if slices.Equal(w.dims, dims) {
		return c.nodeOf(w)
	}
	return graph.BroadcastToDims(graph.ExpandLeftToRank(c.nodeOf(w), len(dims)), dims...)
}

// lowerTile1 is Tile-1: how often, and the axis, are scalars of the data's type.
func lowerTile1(c *call) *graph.Node {
	if c.host(1).len() != 1 || c.host(2).len() != 1 {
		c.fail("tiles has %d elements and axis %d, want 1", c.host(1).len(), c.host(2).len())
	}
	repeats := slices.Repeat([]int{1}, c.rank(0))
	repeats[c.axis(int(c.host(2).scalar()), c.rank(0))] = int(c.host(1).scalar())
	return c.tile(repeats)
}

// lowerTile is Tile-6.
func lowerTile(c *call) *graph.Node { return c.tile(c.ints(1)) }

// tile repeats input 0: each axis is preceded by one of the repeats, broadcast,
// and the pairs are joined.
func (c *call) tile(repeats []int) *graph.Node {
	dims := c.dims(0)
	if len(repeats) != len(dims) {
		c.fail("%d repeats for a tensor of rank %d", len(repeats), len(dims))
	}
	var split, wide, out []int
	for i, d := range dims {
		if repeats[i] < 0 {
			c.fail("repeats %v has a negative number", repeats)
		}
		times := min(repeats[i], maxElements+1)
		split, wide, out = append(split, 1, d), append(wide, times, d), append(out, times*d)
	}
	if len(dims) == 0 {
		return c.arg(0)
	}
	c.bounded(out)
	return graph.Reshape(graph.BroadcastToDims(graph.Reshape(c.arg(0), split...), wide...), out...)
}

// lowerConcat is Concat-1 and -4. Empty parts are left out.
func lowerConcat(c *call) *graph.Node {
	axis := c.axis(c.attrInt("axis", 1), c.rank(0))
	dims := slices.Clone(c.dims(0))
	dims[axis] = 0
	var parts []*graph.Node
	for i := range c.in {
		if c.rank(i) != len(dims) {
			c.fail("input %d has rank %d, want %d", i, c.rank(i), len(dims))
		}
		dims[axis] += c.dims(i)[axis]
		if product(c.dims(i)) > 0 {
			parts = append(parts, c.arg(i))
		}
	}
	switch len(parts) {
	case 0:
		return graph.Zeros(c.graph, shapes.Make(c.arg(0).DType(), dims...))
	case 1:
		return parts[0]
	}
	return graph.Concatenate(parts, axis)
}

// lowerSplit is Split-2, -13 and -18. Without sizes the parts are equal; at 18
// the last is smaller when they cannot be.
func lowerSplit(c *call) []*wire {
	rank := c.rank(0)
	axis := c.axis(c.attrInt("axis", 0), rank)
	total, parts := c.dims(0)[axis], len(c.n.Outputs())
	sizes := c.splitSizes(total, c.attrInt("num_outputs", parts))
	c.checkSplit(sizes, axis, total, parts)
	var out []*wire
	start := 0
	for _, size := range sizes {
		b := bounds{start: start, end: start + size, step: 1}
		out = append(out, c.wire(sliceNode(c.arg(0), axis, b)))
		start += size
	}
	return out
}

// checkSplit fails unless the sizes are one per output, not negative, and cover
// the axis.
func (c *call) checkSplit(sizes []int, axis, total, parts int) {
	left, fits := total, len(sizes) == parts
	for _, size := range sizes {
		fits = fits && size >= 0 && size <= left
		left -= size
	}
	if !fits || left != 0 {
		c.fail("sizes %v do not split axis %d of size %d into %d outputs", sizes, axis, total, parts)
	}
}

// splitSizes gives the sizes of the parts.
func (c *call) splitSizes(total, parts int) []int {
	if c.n.HasAttr("split") {
		return c.attrInts("split")
	}
	if c.has(1) {
		sizes := c.ints(1)
		for _, size := range c.host(1).floats { // Split-1: of the type of the data
			sizes = append(sizes, int(size))
		}
		return sizes
	}
	if parts < 1 || parts != len(c.n.Outputs()) {
		c.fail("a Split into %d parts with %d outputs", parts, len(c.n.Outputs()))
	}
	if c.opset < 18 && total%parts != 0 {
		c.fail("an axis of size %d does not split into %d equal parts", total, parts)
	}
	size := (total + parts - 1) / parts
	var sizes []int
	for left := total; len(sizes) < parts; left -= size {
		sizes = append(sizes, max(0, min(size, left)))
	}
	return sizes
}
