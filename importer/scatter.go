package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// scatterOps write updates into a copy of a tensor at positions given by indices.
// 16 adds reductions by sum and product, 18 by maximum and minimum.
func scatterOps() []operator {
	return []operator{
		{key: onnx("Scatter", 9), attrs: "axis", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerScatterElements)},
		{key: onnx("ScatterElements", 11), attrs: "axis", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerScatterElements)},
		{key: onnx("ScatterElements", 16), attrs: "axis reduction", minIn: 3, maxIn: 3, maxOut: 1,
			check: checkReduction("add", "mul"), lower: single(lowerScatterElements)},
		{key: onnx("ScatterElements", 18), attrs: "axis reduction", minIn: 3, maxIn: 3, maxOut: 1,
			check: checkReduction("add", "mul", "max", "min"), lower: single(lowerScatterElements)},
		{key: onnx("ScatterND", 11), minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerScatterND)},
		{key: onnx("ScatterND", 16), attrs: "reduction", minIn: 3, maxIn: 3, maxOut: 1,
			check: checkReduction("add", "mul"), lower: single(lowerScatterND)},
		{key: onnx("ScatterND", 18), attrs: "reduction", minIn: 3, maxIn: 3, maxOut: 1,
			check: checkReduction("add", "mul", "max", "min"), lower: single(lowerScatterND)},
		{key: onnx("TensorScatter", 24), attrs: "axis mode", minIn: 2, maxIn: 3, maxOut: 1,
			check: checkTensorScatter, lower: single(lowerTensorScatter)},
	}
}

// checkReduction knows the reductions of a version.
func checkReduction(known ...string) func(n *graphsurgery.Node) string {
	return func(n *graphsurgery.Node) string {
		if r := n.Str("reduction", "none"); r != "none" && !slices.Contains(known, r) {
			return "reduction=" + r + " of " + n.Op() + " is not supported"
		}
		return ""
	}
}

// lowerScatterElements is Scatter-9 and ScatterElements-11, -16 and -18: each
// index replaces the position along one axis of the element beside it.
func lowerScatterElements(c *call) *graph.Node {
	dims, rank := c.dims(0), c.rank(0)
	axis := c.axis(c.attrInt("axis", 0), rank)
	if !slices.Equal(c.dims(1), c.dims(2)) || c.rank(1) != rank {
		c.fail("data %v, indices %v and updates %v do not fit", dims, c.dims(1), c.dims(2))
	}
	n := product(c.dims(1))
	if n == 0 || product(dims) == 0 {
		return c.arg(0)
	}
	idx := wrapIndex(graph.ConvertDType(c.arg(1), dtypes.Int64), dims[axis])
	step := strides(dims)
	at := graph.MulScalar(idx, step[axis])
	for i := range rank {
		if i != axis {
			at = graph.Add(at, graph.MulScalar(graph.Iota(c.graph, idx.Shape(), i), step[i]))
		}
	}
	rows := graph.Reshape(c.arg(0), product(dims), 1)
	return graph.Reshape(c.scatterRows(rows, graph.Reshape(at, n), graph.Reshape(c.arg(2), n, 1)), dims...)
}

// lowerScatterND is ScatterND-11, -16 and -18: each index tuple names a slice of
// the leading axes.
func lowerScatterND(c *call) *graph.Node {
	dims, last := c.dims(0), c.rank(1)-1
	if last < 0 || c.dims(1)[last] > len(dims) {
		c.fail("indices of shape %v do not fit data of shape %v", c.dims(1), dims)
	}
	depth := c.dims(1)[last]
	n, size := product(c.dims(1)[:last]), product(dims[depth:])
	if want := slices.Concat(c.dims(1)[:last], dims[depth:]); !slices.Equal(c.dims(2), want) {
		c.fail("updates of shape %v, want %v", c.dims(2), want)
	}
	if n == 0 || product(dims) == 0 {
		return c.arg(0)
	}
	idx := graph.Reshape(graph.ConvertDType(c.arg(1), dtypes.Int64), n, depth)
	at := graph.Zeros(c.graph, shapes.Make(dtypes.Int64, n))
	step := strides(dims[:depth])
	for i := range depth {
		column := graph.Reshape(sliceNode(idx, 1, bounds{i, i + 1, 1}), n)
		at = graph.Add(at, graph.MulScalar(wrapIndex(column, dims[i]), step[i]))
	}
	rows := graph.Reshape(c.arg(0), product(dims[:depth]), size)
	return graph.Reshape(c.scatterRows(rows, at, graph.Reshape(c.arg(2), n, size)), dims...)
}

// scatterRows writes updates [n, size] into rows [m, size] at the row numbers at
// [n], as the attribute reduction says.
func (c *call) scatterRows(rows, at, updates *graph.Node) *graph.Node {
	column := graph.InsertAxes(at, -1)
	switch c.n.Str("reduction", "none") {
	case "add":
		return graph.ScatterSum(rows, column, updates, false, false)
	case "max":
		return graph.ScatterMax(rows, column, updates, false, false)
	case "min":
		return graph.ScatterMin(rows, column, updates, false, false)
	case "mul":
		return c.scatterProduct(rows, at, updates)
	}
	return replaceRows(rows, column, updates)
}

// replaceRows looks up for each row the last update that goes there, if any. A
// scatter in XLA leaves the order of repeated indices open, and GoMLX's has no
// gradient unless it is a sum; this has both.
func replaceRows(rows, column, updates *graph.Node) *graph.Node {
	m, n := rows.Shape().Dimensions[0], updates.Shape().Dimensions[0]
	g := rows.Graph()
	none := graph.BroadcastToDims(graph.Scalar(g, dtypes.Int64, -1), m, 1)
	number := graph.Iota(g, shapes.Make(dtypes.Int64, n, 1), 0)
	winner := graph.ScatterMax(none, column, number, false, false)
	zero := graph.ZerosLike(winner)
	picked := graph.Gather(updates, graph.Max(winner, zero))
	return choose(graph.GreaterOrEqual(winner, zero), picked, rows)
}

// maxProductMask bounds the mask of scatterProduct.
const maxProductMask = 1 << 24

// scatterProduct multiplies each row by the updates that go there. Neither GoMLX
// nor XLA's gradients know a scatter by product, so every row is multiplied by
// every update or by one.
func (c *call) scatterProduct(rows, at, updates *graph.Node) *graph.Node {
	m, size, n := rows.Shape().Dimensions[0], rows.Shape().Dimensions[1], updates.Shape().Dimensions[0]
	if m > maxProductMask/n || m*n > maxProductMask/size {
		c.refuse("reduction=mul of %d updates into %d places of %d elements", n, m, size)
	}
	number := graph.Iota(c.graph, shapes.Make(at.DType(), m, n), 0)
	hit := graph.Reshape(graph.Equal(number, graph.Reshape(at, 1, n)), m, n, 1)
	factors := choose(hit, graph.Reshape(updates, 1, n, size), constantLike(updates, 1))
	return graph.Mul(rows, reduceProd(factors, []int{1}))
}

// checkTensorScatter knows the two modes.
func checkTensorScatter(n *graphsurgery.Node) string {
	switch mode := n.Str("mode", "linear"); mode {
	case "linear", "circular":
		return ""
	default:
		return "mode=" + mode + " of TensorScatter is not supported"
	}
}

// lowerTensorScatter is TensorScatter-24: a run of updates goes into a cache from
// an index per batch element on, around its end in circular mode. Each place of
// the cache looks its update up.
func lowerTensorScatter(c *call) *graph.Node {
	dims, rank := c.dims(0), c.rank(0)
	axis := c.axis(c.attrInt("axis", -2), rank)
	if axis == 0 || c.rank(1) != rank {
		c.fail("axis %d of cache %v and updates %v", axis, dims, c.dims(1))
	}
	batch, length, n := dims[0], dims[axis], c.dims(1)[axis]
	shape := shapes.Make(dtypes.Int64, batch, length)
	offset := graph.Iota(c.graph, shape, 1)
	if c.has(2) {
		offset = graph.Sub(offset, graph.Reshape(graph.ConvertDType(c.arg(2), dtypes.Int64), batch, 1))
	}
	zero := graph.ZerosLike(offset)
	if c.n.Str("mode", "linear") == "circular" {
		offset = wrapIndex(offset, length)
	}
	inside := graph.LogicalAnd(graph.GreaterOrEqual(offset, zero), graph.LessThan(offset, constantLike(offset, float64(n))))
	source := graph.Where(inside, offset, zero)
	perm := []int{0, axis} // batch and sequence first
	for i := 1; i < rank; i++ {
		if i != axis {
			perm = append(perm, i)
		}
	}
	pairs := graph.Concatenate([]*graph.Node{graph.Reshape(graph.Iota(c.graph, shape, 0), batch, length, 1),
		graph.Reshape(source, batch, length, 1)}, -1)
	picked := graph.Gather(permute(c.arg(1), perm), pairs)
	mask := graph.Reshape(inside, append([]int{batch, length}, slices.Repeat([]int{1}, rank-2)...)...)
	back := make([]int, rank)
	for i, p := range perm {
		back[p] = i
	}
	return permute(choose(mask, picked, permute(c.arg(0), perm)), back)
}
