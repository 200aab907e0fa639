package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// sliceOps cut ranges out of axes.
func sliceOps() []operator {
	return []operator{
		{key: onnx("Slice", 1), attrs: "axes starts ends", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerSlice},
		// Slice-10: bounds are inputs, and there are steps.
		{key: onnx("Slice", 10), minIn: 3, maxIn: 5, maxOut: 1, lower: lowerSlice},
	}
}

// bounds is a range of one axis: start, start+step, … up to end, which is left
// out. With a negative step end may be -1, which is before the first element.
type bounds struct{ start, end, step int }

// len is the number of elements in the range.
func (b bounds) len() int {
	if b.step > 0 {
		return max(0, (b.end-b.start+b.step-1)/b.step)
	}
	return max(0, (b.start-b.end-b.step-1)/-b.step)
}

// sliceBounds reads the ranges of Slice-1 and -10, cut to the axes as the
// standard says; huge bounds mean "to the end".
func (c *call) sliceBounds() map[int]bounds {
	starts, ends := c.attrInts("starts"), c.attrInts("ends")
	axes, given := c.attrInts("axes"), c.n.HasAttr("axes")
	var steps []int
	if c.opset >= 10 {
		starts, ends = c.ints(1), c.ints(2)
		if given = c.has(3); given {
			axes = c.ints(3)
		}
		if c.has(4) {
			steps = c.ints(4)
		}
	}
	if !given {
		axes = make([]int, len(starts))
		for i := range axes {
			axes[i] = i
		}
	}
	if steps == nil {
		steps = slices.Repeat([]int{1}, len(starts))
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || len(steps) != len(starts) {
		c.fail("%d starts, %d ends, %d axes, %d steps; want as many of each", len(starts), len(ends), len(axes), len(steps))
	}
	out := make(map[int]bounds)
	for i, axis := range c.axes(axes, c.rank(0)) {
		if steps[i] == 0 {
			c.fail("step of axis %d is zero", axis)
		}
		out[axis] = cutBounds(starts[i], ends[i], steps[i], c.dims(0)[axis])
	}
	return out
}

// cutBounds brings a range into an axis of size d. A step beyond the axis is cut
// too, so that nothing overflows.
func cutBounds(start, end, step, d int) bounds {
	step = min(max(step, -d-1), d+1)
	if start < 0 {
		start += d
	}
	if end < 0 {
		end += d
	}
	if step > 0 {
		return bounds{min(max(start, 0), d), min(max(end, 0), d), step}
	}
	return bounds{min(max(start, 0), d-1), min(max(end, -1), d-1), step}
}

// lowerSlice is Slice-1 and -10.
func lowerSlice(c *call) []*wire {
	ranges := c.sliceBounds()
	x := c.arg(0)
	for axis := range c.dims(0) {
		if b, ok := ranges[axis]; ok {
			x = sliceNode(x, axis, b)
		}
	}
	return c.out(x)
}

// sliceNode takes a range of one axis. A negative step becomes a positive one on
// the range in reverse.
func sliceNode(x *graph.Node, axis int, b bounds) *graph.Node {
	dims := x.Shape().Dimensions
	n := b.len()
	switch {
	case n == 0:
		empty := x.Shape().Clone()
		empty.Dimensions[axis] = 0
		return graph.Zeros(x.Graph(), empty)
	case b.step < 0:
		last := b.start + (n-1)*b.step
		return graph.Reverse(sliceNode(x, axis, bounds{last, b.start + 1, -b.step}), axis)
	case b.start == 0 && b.step == 1 && n == dims[axis]:
		return x
	}
	spec := graph.AxisRange(b.start, b.start+(n-1)*b.step+1)
	return graph.SliceAxis(x, axis, spec.Stride(b.step))
}
