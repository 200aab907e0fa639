package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// shapeOps read and change shapes without moving elements, and transpose.
func shapeOps() []operator {
	return []operator{
		// Shape-1; 15 adds a range of axes. XLA's shapes are static, so the result
		// is always known.
		{key: onnx("Shape", 1), minIn: 1, maxIn: 1, maxOut: 1, lower: lowerShape},
		{key: onnx("Shape", 15), attrs: "start end", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerShape},
		{key: onnx("Size", 1), minIn: 1, maxIn: 1, maxOut: 1, lower: lowerSize},
		{key: onnx("Reshape", 1), attrs: "consumed_inputs shape", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerReshape},
		{key: onnx("Reshape", 5), minIn: 2, maxIn: 2, maxOut: 1, lower: lowerReshape},
		{key: onnx("Reshape", 14), attrs: "allowzero", minIn: 2, maxIn: 2, maxOut: 1, lower: lowerReshape},
		{key: onnx("Flatten", 1), attrs: "axis", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerFlatten},
		// Squeeze and Unsqueeze: axes are an attribute until 12, an input since 13.
		{key: onnx("Squeeze", 1), attrs: "axes", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerSqueeze},
		{key: onnx("Squeeze", 13), minIn: 1, maxIn: 2, maxOut: 1, lower: lowerSqueeze},
		{key: onnx("Unsqueeze", 1), attrs: "axes", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerUnsqueeze},
		{key: onnx("Unsqueeze", 13), minIn: 2, maxIn: 2, maxOut: 1, lower: lowerUnsqueeze},
		{key: onnx("Transpose", 1), attrs: "perm", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerTranspose)},
	}
}

// lowerShape is Shape-1 and -15 (start and end are cut to the rank).
func lowerShape(c *call) []*wire {
	rank := c.rank(0)
	cut := func(i int) int {
		if i < 0 {
			i += rank
		}
		return min(max(i, 0), rank)
	}
	start, end := cut(c.attrInt("start", 0)), cut(c.attrInt("end", rank))
	return []*wire{hostWire(hostInts(slices.Clone(c.dims(0)[start:max(start, end)])))}
}

// lowerSize is Size-1.
func lowerSize(c *call) []*wire {
	return []*wire{hostWire(hostInts([]int{product(c.dims(0))}).reshaped(nil))}
}

// reshaped gives input 0 other dimensions, on the host if it is there.
func (c *call) reshaped(dims []int) []*wire {
	w := c.in[0]
	if product(dims) != product(w.dims) {
		c.fail("a tensor of shape %v cannot have shape %v", w.dims, dims)
	}
	switch {
	case slices.Equal(dims, w.dims):
		return c.in[:1]
	case w.host != nil:
		return []*wire{hostWire(w.host.reshaped(dims))}
	}
	return c.out(graph.Reshape(c.anyOf(w), dims...))
}

// lowerReshape is Reshape-1, -5 (0 copies a dimension, -1 is inferred) and -14
// (with allowzero, 0 is a dimension of size zero).
func lowerReshape(c *call) []*wire {
	dims, allowZero := c.attrInts("shape"), c.attrInt("allowzero", 0) != 0
	if c.opset >= 5 {
		dims = c.ints(1)
	}
	from, free, known := c.dims(0), -1, 1
	for i, d := range dims {
		switch {
		case d == 0 && !allowZero:
			if i >= len(from) {
				c.fail("shape %v copies dimension %d of a tensor of rank %d", dims, i, len(from))
			}
			dims[i] = from[i]
		case d == -1 && free >= 0:
			c.fail("shape %v has more than one -1", dims)
		case d == -1:
			free = i
			continue
		case d < -1:
			c.fail("shape %v has a dimension below -1", dims)
		}
		known *= dims[i]
	}
	if free >= 0 {
		if known == 0 || product(from)%known != 0 {
			c.fail("shape %v does not divide the %d elements of shape %v", dims, product(from), from)
		}
		dims[free] = product(from) / known
	}
	return c.reshaped(dims)
}

// lowerFlatten is Flatten-1 to -13: two axes, cut before axis; a negative axis
// counts from the end since 11.
func lowerFlatten(c *call) []*wire {
	axis, rank := c.attrInt("axis", 1), c.rank(0)
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis > rank {
		c.fail("axis %d is outside a tensor of rank %d", axis, rank)
	}
	return c.reshaped([]int{product(c.dims(0)[:axis]), product(c.dims(0)[axis:])})
}

// axesArg reads axes from the attribute or from input 1, as the version has it.
// The second result is false when there are none.
func (c *call) axesArg() ([]int, bool) {
	if c.n.HasAttr("axes") {
		return c.attrInts("axes"), true
	}
	if c.has(1) {
		return c.ints(1), true
	}
	return nil, false
}

// lowerSqueeze is Squeeze-1 to -13. Without axes all of size one go.
func lowerSqueeze(c *call) []*wire {
	dims := c.dims(0)
	axes, given := c.axesArg()
	axes = c.axes(axes, len(dims))
	var kept []int
	for i, d := range dims {
		gone := given && slices.Contains(axes, i) || !given && d == 1
		if gone && d != 1 {
			c.fail("axis %d of shape %v is not of size 1", i, dims)
		}
		if !gone {
			kept = append(kept, d)
		}
	}
	return c.reshaped(kept)
}

// lowerUnsqueeze is Unsqueeze-1 to -13: axes are those of the result.
func lowerUnsqueeze(c *call) []*wire {
	given, _ := c.axesArg()
	dims := c.dims(0)
	axes := c.axes(given, len(dims)+len(given))
	slices.Sort(axes)
	out := slices.Clone(dims)
	for _, a := range axes {
		out = slices.Insert(out, a, 1)
	}
	return c.reshaped(out)
}

// permutation reads perm of Transpose-1; without it the axes are reversed.
func (c *call) permutation() []int {
	rank := c.rank(0)
	if !c.n.HasAttr("perm") {
		perm := make([]int, rank)
		for i := range perm {
			perm[i] = rank - 1 - i
		}
		return perm
	}
	perm := c.axes(c.attrInts("perm"), rank)
	if len(perm) != rank {
		c.fail("perm %v does not fit a tensor of rank %d", perm, rank)
	}
	return perm
}

// lowerTranspose is Transpose-1.
func lowerTranspose(c *call) *graph.Node {
	perm := c.permutation()
	if len(perm) < 2 {
		return c.arg(0)
	}
	return graph.TransposeAllAxes(c.arg(0), perm...)
}
