package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// maskOps make and apply patterns of zeros and ones.
func maskOps() []operator {
	return []operator{
		// OneHot-11 allows negative indices.
		{key: onnx("OneHot", 9), attrs: "axis", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerOneHot)},
		{key: onnx("Trilu", 14), attrs: "upper", minIn: 1, maxIn: 2, maxOut: 1, lower: single(lowerTrilu)},
		{key: onnx("EyeLike", 9), attrs: "dtype k", minIn: 1, maxIn: 1, maxOut: 1, check: checkEyeLike, lower: single(lowerEyeLike)},
	}
}

// lowerOneHot is OneHot-9 and -11: values holds what is off and what is on; an
// index outside the depth leaves all off.
func lowerOneHot(c *call) *graph.Node {
	depth := c.host(1)
	if depth.len() != 1 || product(c.dims(2)) != 2 {
		c.fail("depth has %d elements and values %d, want 1 and 2", depth.len(), product(c.dims(2)))
	}
	n := int(depth.scalar())
	axis := c.axis(c.attrInt("axis", -1), c.rank(0)+1)
	idx := wrapIndex(graph.ConvertDType(graph.StopGradient(c.arg(0)), dtypes.Int64), n)
	dims := append(append(append([]int{}, c.dims(0)[:axis]...), n), c.dims(0)[axis:]...)
	c.bounded(dims)
	if product(dims) == 0 {
		return graph.Zeros(c.graph, shapes.Make(c.arg(2).DType(), dims...))
	}
	number := graph.Iota(c.graph, shapes.Make(dtypes.Int64, dims...), axis)
	hit := graph.Equal(number, graph.InsertAxes(idx, axis))
	values := graph.Reshape(c.arg(2), 2)
	off := graph.Reshape(sliceNode(values, 0, bounds{0, 1, 1}))
	on := graph.Reshape(sliceNode(values, 0, bounds{1, 2, 1}))
	return choose(hit, on, off)
}

// diagonal gives column minus row number over the last two axes.
func diagonal(g *graph.Graph, dims []int) *graph.Node {
	shape := shapes.Make(dtypes.Int64, dims[len(dims)-2:]...)
	return graph.Sub(graph.Iota(g, shape, 1), graph.Iota(g, shape, 0))
}

// lowerTrilu is Trilu-14: the part of each matrix above the k-th diagonal, or that
// below it.
func lowerTrilu(c *call) *graph.Node {
	dims := c.dims(0)
	if len(dims) < 2 {
		c.fail("a tensor of rank %d, want 2 or more", len(dims))
	}
	if product(dims) == 0 {
		return c.arg(0)
	}
	k := graph.Scalar(c.graph, dtypes.Int64, 0)
	if c.has(1) {
		k = graph.Reshape(graph.ConvertDType(c.arg(1), dtypes.Int64))
	}
	keep := graph.LessOrEqual(diagonal(c.graph, dims), k)
	if c.attrInt("upper", 1) != 0 {
		keep = graph.GreaterOrEqual(diagonal(c.graph, dims), k)
	}
	keep = graph.BroadcastToDims(graph.ExpandLeftToRank(keep, len(dims)), dims...)
	x := c.arg(0)
	if x.DType() == dtypes.Bool {
		return graph.LogicalAnd(x, keep)
	}
	return graph.Where(keep, x, graph.ZerosLike(x))
}

// checkEyeLike refuses types that no backend computes with.
func checkEyeLike(n *graphsurgery.Node) string {
	if !n.HasAttr("dtype") {
		return ""
	}
	return checkElementType(n, "dtype")
}

// checkElementType refuses the type that an attribute names if no backend
// computes with it.
func checkElementType(n *graphsurgery.Node, attr string) string {
	to := graphsurgery.DType(n.Int(attr, 0))
	if _, err := computeDType(to); err != nil {
		return attr + "=" + to.String() + " of " + n.Op() + " is not supported"
	}
	return ""
}

// lowerEyeLike is EyeLike-9: ones on the k-th diagonal of a matrix of the input's
// shape.
func lowerEyeLike(c *call) *graph.Node {
	if c.rank(0) != 2 {
		c.fail("a tensor of rank %d, want 2", c.rank(0))
	}
	dtype := c.in[0].dtype
	if c.n.HasAttr("dtype") {
		dtype = graphsurgery.DType(c.attrInt("dtype", 0))
	}
	to, err := computeDType(dtype)
	if err != nil {
		c.refuse("%v", err)
	}
	on := diagonal(c.graph, c.dims(0))
	return graph.ConvertDType(graph.Equal(on, constantLike(on, float64(c.attrInt("k", 0)))), to)
}
