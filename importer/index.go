package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// indexOps pick elements by index. Negative indices count from the end since 11;
// earlier models have none.
func indexOps() []operator {
	return []operator{
		{key: onnx("Gather", 1), attrs: "axis", minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerGather)},
		{key: onnx("GatherElements", 11), attrs: "axis", minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerGatherElements)},
		{key: onnx("GatherND", 11), minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerGatherND)},
		{key: onnx("GatherND", 12), attrs: "batch_dims", minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerGatherND)},
	}
}

// hostIndices brings indices known on the host into [0, size).
func (c *call) hostIndices(h *hostTensor, size int) []int {
	out := h.asInts()
	for i, v := range out {
		if v < 0 {
			v += size
		}
		if v < 0 || v >= size {
			c.fail("index %d is outside an axis of size %d", out[i], size)
		}
		out[i] = v
	}
	return out
}

// lowerGather is Gather-1. Indices in steady steps known on the host are a
// slice, which has a cheaper gradient than a scatter.
func lowerGather(c *call) *graph.Node {
	axis := c.axis(c.attrInt("axis", 0), c.rank(0))
	dims := c.dims(0)
	out := slices.Concat(dims[:axis], c.dims(1), dims[axis+1:])
	if product(out) == 0 {
		shape := c.arg(0).Shape()
		return graph.Zeros(c.graph, shapes.Make(shape.DType, out...))
	}
	if h := c.in[1].host; h != nil {
		if b, ok := steady(c.hostIndices(h, dims[axis])); ok {
			return graph.Reshape(sliceNode(c.arg(0), axis, b), out...)
		}
	}
	// GoMLX gathers along the first axis.
	front := frontPerm(len(dims), axis)
	x := permute(c.arg(0), front)
	picked := graph.Gather(x, c.indexColumn(1, dims[axis]))
	// picked is [indices..., other axes...]; the indices go where axis was.
	rank, n := picked.Rank(), c.rank(1)
	perm := make([]int, 0, rank)
	for i := range axis {
		perm = append(perm, n+i)
	}
	for i := range n {
		perm = append(perm, i)
	}
	for i := n + axis; i < rank; i++ {
		perm = append(perm, i)
	}
	return permute(picked, perm)
}

// steady tells whether indices rise or fall in equal steps.
func steady(at []int) (bounds, bool) {
	if len(at) == 1 {
		return bounds{at[0], at[0] + 1, 1}, true
	}
	step := at[1] - at[0]
	for i := 2; i < len(at); i++ {
		if at[i]-at[i-1] != step {
			return bounds{}, false
		}
	}
	if step == 0 {
		return bounds{}, false
	}
	return bounds{at[0], at[len(at)-1] + step/max(step, -step), step}, true
}

// indexColumn gives input i as non-negative indices with a last axis of size one.
func (c *call) indexColumn(i, size int) *graph.Node {
	return graph.InsertAxes(wrapIndex(c.arg(i), size), -1)
}

// wrapIndex lets negative indices count from the end.
func wrapIndex(idx *graph.Node, size int) *graph.Node {
	return graph.Where(graph.LessThan(idx, constantLike(idx, 0)), graph.AddScalar(idx, size), idx)
}

// frontPerm moves one axis to the front.
func frontPerm(rank, axis int) []int {
	perm := []int{axis}
	for i := range rank {
		if i != axis {
			perm = append(perm, i)
		}
	}
	return perm
}

// permute transposes unless there is nothing to do.
func permute(x *graph.Node, perm []int) *graph.Node {
	if slices.IsSorted(perm) {
		return x
	}
	return graph.TransposeAllAxes(x, perm...)
}

// lowerGatherElements is GatherElements-11.
func lowerGatherElements(c *call) *graph.Node {
	axis := c.axis(c.attrInt("axis", 0), c.rank(0))
	if c.rank(1) != c.rank(0) {
		c.fail("indices of rank %d for data of rank %d", c.rank(1), c.rank(0))
	}
	return gatherAlong(c.arg(0), wrapIndex(c.arg(1), c.dims(0)[axis]), axis)
}

// gatherAlong picks elements along one axis; the index of every other axis is the
// position itself.
func gatherAlong(x, idx *graph.Node, axis int) *graph.Node {
	if idx.Shape().Size() == 0 {
		return graph.Zeros(x.Graph(), shapes.Make(x.DType(), idx.Shape().Dimensions...))
	}
	idx = graph.ConvertDType(idx, dtypes.Int64)
	step := strides(x.Shape().Dimensions)
	at := graph.MulScalar(idx, step[axis])
	for i := range idx.Rank() {
		if i != axis {
			at = graph.Add(at, graph.MulScalar(graph.Iota(x.Graph(), idx.Shape(), i), step[i]))
		}
	}
	return graph.Gather(graph.Reshape(x, x.Shape().Size()), graph.InsertAxes(at, -1))
}

// strides of a dense row-major tensor.
func strides(dims []int) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// lowerGatherND is GatherND-11 and -12. The leading batch axes of the index are
// positions, put before the given index.
func lowerGatherND(c *call) *graph.Node {
	idx, dims := c.arg(1), c.dims(0)
	batch := c.attrInt("batch_dims", 0)
	last := c.rank(1) - 1
	if batch < 0 || last < batch || batch+c.dims(1)[last] > len(dims) {
		c.fail("indices of shape %v with %d batch axes do not fit data of shape %v", c.dims(1), batch, dims)
	}
	var columns []*graph.Node
	column := idx.Shape().Clone()
	column.Dimensions[last] = 1
	for i := range batch {
		columns = append(columns, graph.Iota(c.graph, column, i))
	}
	for i := range c.dims(1)[last] {
		part := sliceNode(idx, last, bounds{i, i + 1, 1})
		columns = append(columns, wrapIndex(part, dims[batch+i]))
	}
	if len(columns) == 1 {
		return graph.Gather(c.arg(0), columns[0])
	}
	return graph.Gather(c.arg(0), graph.Concatenate(columns, -1))
}
