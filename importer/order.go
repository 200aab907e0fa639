package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// orderOps find the largest and smallest elements.
func orderOps() []operator {
	return []operator{
		// TopK-1 has k as an attribute, 10 as an input; 11 adds the smallest. 24
		// adds a type.
		{key: onnx("TopK", 1), attrs: "axis k", minIn: 1, maxIn: 1, maxOut: 2, lower: lowerTopK},
		{key: onnx("TopK", 10), attrs: "axis", minIn: 2, maxIn: 2, maxOut: 2, lower: lowerTopK},
		{key: onnx("TopK", 11), attrs: "axis largest sorted", minIn: 2, maxIn: 2, maxOut: 2, lower: lowerTopK},
		// ArgMax and ArgMin: a negative axis since 11, the choice among equals
		// since 12.
		{key: onnx("ArgMax", 1), attrs: "axis keepdims", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerArg(graph.ArgMax)},
		{key: onnx("ArgMin", 1), attrs: "axis keepdims", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerArg(graph.ArgMin)},
		{key: onnx("ArgMax", 12), attrs: "axis keepdims select_last_index", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerArg(graph.ArgMax)},
		{key: onnx("ArgMin", 12), attrs: "axis keepdims select_last_index", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerArg(graph.ArgMin)},
		// Hardmax: all axes from axis on, taken together, until 11.
		{key: onnx("Hardmax", 1), attrs: "axis", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerSoftmaxFlat(hardmax))},
		{key: onnx("Hardmax", 13), attrs: "axis", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerSoftmax(hardmax))},
	}
}

// lowerTopK is TopK-1, -10 and -11. Among equals the lower index comes first. The
// order has no gradient: the values are gathered by it.
func lowerTopK(c *call) []*wire {
	axis, k := c.axis(c.attrInt("axis", -1), c.rank(0)), c.attrInt("k", 0)
	if c.opset >= 10 {
		h := c.ints(1)
		if len(h) != 1 {
			c.fail("k has %d elements, want 1", len(h))
		}
		k = h[0]
	}
	if k < 0 || k > c.dims(0)[axis] {
		c.fail("k is %d for an axis of size %d", k, c.dims(0)[axis])
	}
	x := c.arg(0)
	if k == 0 {
		empty := x.Shape().Clone()
		empty.Dimensions[axis] = 0
		index := shapes.Make(dtypes.Int64, empty.Dimensions...)
		return []*wire{c.wire(graph.Zeros(c.graph, empty)), c.wire(graph.Zeros(c.graph, index))}
	}
	index := sliceNode(sortedOrder(x, axis, c.attrInt("largest", 1) == 0), axis, bounds{0, k, 1})
	index = graph.ConvertDType(index, dtypes.Int64)
	return []*wire{c.wire(gatherAlong(x, index, axis)), c.wire(index)}
}

// sortedOrder gives the indices that sort x stably along an axis.
func sortedOrder(x *graph.Node, axis int, ascending bool) *graph.Node {
	number := graph.Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dimensions...), axis)
	before := graph.NewClosure(x.Graph(), func(g *graph.Graph) []*graph.Node {
		a, b := graph.Parameter(g, "a", shapes.Make(x.DType())), graph.Parameter(g, "b", shapes.Make(x.DType()))
		graph.Parameter(g, "i", shapes.Make(dtypes.Int32))
		graph.Parameter(g, "j", shapes.Make(dtypes.Int32))
		if !ascending {
			return []*graph.Node{after(a, b)}
		}
		return []*graph.Node{after(b, a)}
	})
	return graph.StopGradient(graph.SortFunc(before, axis, true, graph.StopGradient(x), number)[1])
}

// after tells whether a is larger than b. A NaN is larger than all else, which makes
// it an order: a sort by comparisons loses elements otherwise.
func after(a, b *graph.Node) *graph.Node {
	if !a.DType().IsFloat() {
		return graph.GreaterThan(a, b)
	}
	return graph.LogicalOr(graph.GreaterThan(a, b), graph.LogicalAnd(isNaN(a), graph.Equal(b, b)))
}

// lowerArg is ArgMax and ArgMin, -1 and -12. To have the last of equals, the axis
// is reversed.
func lowerArg(f argument) func(c *call) []*wire {
	return func(c *call) []*wire {
		dims := c.dims(0)
		axis := c.axis(c.attrInt("axis", 0), len(dims))
		x, last := c.arg(0), c.attrInt("select_last_index", 0) != 0
		if last {
			x = graph.Reverse(x, axis)
		}
		y := argOf(f, x, axis)
		if last {
			y = graph.Sub(constantLike(y, float64(dims[axis]-1)), y)
		}
		if c.attrInt("keepdims", 1) != 0 {
			y = graph.InsertAxes(y, axis)
		}
		return c.out(y)
	}
}

// hardmax is one at the first maximum along an axis and zero elsewhere.
func hardmax(x *graph.Node, axis int) *graph.Node {
	at := graph.InsertAxes(argOf(graph.ArgMax, x, axis), axis)
	number := graph.Iota(x.Graph(), shapes.Make(dtypes.Int64, x.Shape().Dimensions...), axis)
	return graph.ConvertDType(graph.Equal(number, at), x.DType())
}
