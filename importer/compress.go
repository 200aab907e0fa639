package importer

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// compressOps have results whose shape depends on data, which must be known while
// the graph is built.
func compressOps() []operator {
	return []operator{
		// Compress-11 allows a negative axis.
		{key: onnx("Compress", 9), attrs: "axis", minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerCompress)},
	}
}

// lowerCompress is Compress-9: the slices of an axis whose condition holds, or,
// without an axis, the elements.
func lowerCompress(c *call) *graph.Node {
	x, axis := c.arg(0), 0
	if c.n.HasAttr("axis") {
		axis = c.axis(c.attrInt("axis", 0), c.rank(0))
	} else {
		x = graph.Reshape(x, product(c.dims(0)))
	}
	dims := x.Shape().Clone().Dimensions
	var at []int
	for i, v := range c.ints(1) {
		if i < dims[axis] && v != 0 {
			at = append(at, i)
		}
	}
	if dims[axis] = len(at); product(dims) == 0 {
		return graph.Zeros(c.graph, shapes.Make(x.DType(), dims...))
	}
	return takeAlong(x, axis, at)
}
