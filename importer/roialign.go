package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// checkRoiAlign knows the modes, and wants a fixed number of samples.
func checkRoiAlign(n *graphsurgery.Node) string {
	if m := n.Str("mode", "avg"); m != "avg" && m != "max" {
		return "mode=" + m + " of RoiAlign is not supported"
	}
	if n.Int("sampling_ratio", 0) < 1 {
		return "sampling_ratio=0 of RoiAlign is not supported: the number of samples depends on data"
	}
	return ""
}

// lowerRoiAlign is RoiAlign-10 to -22: x [N, C, H, W] is sampled on a grid in each
// box [x1, y1, x2, y2], and the samples of a cell are averaged, or their largest
// weighted neighbour is taken.
func lowerRoiAlign(c *call) *graph.Node {
	if c.rank(0) != 4 || c.rank(1) != 2 || c.dims(1)[1] != 4 || product(c.dims(2)) != c.dims(1)[0] {
		c.fail("x, boxes and examples of shapes %v, %v and %v", c.dims(0), c.dims(1), c.dims(2))
	}
	boxes, per := c.dims(1)[0], c.attrInt("sampling_ratio", 0)
	cells := [2]int{c.attrInt("output_height", 1), c.attrInt("output_width", 1)}
	c.bounded([]int{boxes, c.dims(0)[1], cells[0] * per, cells[1] * per})
	s := newSampler(c.arg(0), 2)
	s.padding = "border"
	example := graph.ConvertDType(graph.Reshape(c.arg(2), boxes, 1), dtypes.Int32)
	s.base = graph.MulScalar(example, product(c.dims(0)[2:]))
	at, inside := make([]*graph.Node, 2), (*graph.Node)(nil)
	for axis := range at {
		at[axis] = c.roiPlaces(axis, cells, per)
		in := graph.LogicalAnd(graph.GreaterOrEqual(at[axis], constantLike(at[axis], -1)),
			graph.LessOrEqual(at[axis], constantLike(at[axis], float64(s.dims[axis]))))
		if inside == nil {
			inside = in
		} else {
			inside = graph.LogicalAnd(inside, in)
		}
	}
	mask := graph.ExpandAxes(graph.ConvertDType(inside, s.rows.DType()), 2)
	parts := s.parts(at, "linear")
	for i := range parts {
		parts[i] = graph.Reshape(graph.Mul(parts[i], mask), boxes, cells[0], per, cells[1], per, c.dims(0)[1])
	}
	y := permute(roiCells(parts, c.n.Str("mode", "avg") == "max"), []int{0, 3, 1, 2})
	return graph.ConvertDType(y, c.arg(0).DType())
}

// roiCells joins the neighbours of samples [boxes, height, per, width, per, C], and
// the samples of each cell.
func roiCells(parts []*graph.Node, largest bool) *graph.Node {
	if largest {
		all := graph.Stack(parts, 6)
		d := all.Shape().Dimensions
		return firstMaximum(graph.Reshape(permute(all, []int{0, 1, 3, 5, 2, 4, 6}), d[0], d[1], d[3], d[5], d[2]*d[4]*d[6]))
	}
	y := parts[0]
	for _, p := range parts[1:] {
		y = graph.Add(y, p)
	}
	return reduceMean(y, []int{2, 4})
}

// roiPlaces gives the positions of the samples along one spatial axis,
// [boxes, all samples].
func (c *call) roiPlaces(axis int, cells [2]int, per int) *graph.Node {
	boxes := stashed(c.arg(1))
	scale, offset := float64(c.n.Float("spatial_scale", 1)), 0.0
	half := c.opset >= 16 && c.n.Str("coordinate_transformation_mode", "half_pixel") == "half_pixel"
	if half {
		offset = -0.5
	}
	edge := func(i int) *graph.Node {
		return graph.AddScalar(graph.MulScalar(sliceNode(boxes, 1, bounds{i, i + 1, 1}), scale), offset)
	}
	start, size := edge(1-axis), graph.Sub(edge(3-axis), edge(1-axis))
	if !half { // a box has at least one element
		size = graph.MaxScalar(size, 1)
	}
	n := cells[axis] * per
	places := make([]float64, n)
	for i := range places {
		places[i] = (float64(i) + 0.5) / float64(n)
	}
	n0 := boxes.Shape().Dimensions[0]
	at := graph.Add(start, graph.Mul(size, graph.Reshape(graph.ConstAs(boxes, places), 1, n)))
	other := cells[1-axis] * per
	if axis == 0 {
		at = graph.BroadcastToDims(graph.Reshape(at, n0, n, 1), n0, n, other)
	} else {
		at = graph.BroadcastToDims(graph.Reshape(at, n0, 1, n), n0, other, n)
	}
	return graph.Reshape(at, n0, n*other)
}
