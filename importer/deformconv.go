package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// lowerDeformConv is DeformConv-19 and -22: a convolution that reads x at
// positions moved by offsets, and scales what it reads by a mask.
func lowerDeformConv(c *call) *graph.Node {
	group := c.convGroups(1)
	w := c.window(c.dims(0)[2:], c.dims(1)[2:])
	n, count := c.rank(0)-2, product(w.kernel)
	w.output = c.dims(2)[min(2, c.rank(2)):]
	folds := c.attrInt("offset_group", 1)
	batch, channels, places := c.dims(0)[0], c.dims(0)[1], product(w.output)
	if len(w.output) != n || folds < 1 || channels%folds != 0 || c.dims(2)[1] != folds*count*n {
		c.fail("offsets of shape %v for %d positions in %d groups", c.dims(2), count, folds)
	}
	for i, d := range w.output {
		if d != (w.input[i]+w.pads[i][0]+w.pads[i][1]-w.span(i))/w.strides[i]+1 {
			c.fail("offsets of shape %v do not fit the result", c.dims(2))
		}
	}
	c.bounded([]int{batch, channels, count, places})
	// Each group of offsets is an example of its own.
	x := graph.Reshape(c.arg(0), append([]int{batch * folds, channels / folds}, w.input...)...)
	s := newSampler(x, n)
	offsets := graph.Reshape(stashed(c.arg(2)), batch*folds, count, n, places)
	at := make([]*graph.Node, n)
	for i := range at {
		part := graph.Reshape(sliceNode(offsets, 2, bounds{i, i + 1, 1}), batch*folds, count*places)
		at[i] = graph.Add(part, deformPlaces(part, w, i))
	}
	y := s.read(at, "linear")
	if c.has(4) {
		y = graph.Mul(y, graph.Reshape(stashed(c.arg(4)), batch*folds, count*places, 1))
	}
	y = permute(graph.Reshape(y, batch, folds, count, places, channels/folds), []int{0, 1, 4, 2, 3})
	y = graph.Reshape(y, batch, group, channels/group*count, places)
	kernel := graph.Reshape(stashed(c.arg(1)), group, c.dims(1)[0]/group, channels/group*count)
	y = graph.DotGeneral(y, []int{2}, []int{1}, kernel, []int{2}, []int{0}) // [group, batch, places, out]
	y = graph.Reshape(permute(y, []int{1, 0, 3, 2}), append([]int{batch, c.dims(1)[0]}, w.output...)...)
	return c.withBias(3, graph.ConvertDType(y, c.arg(0).DType()))
}

// deformPlaces gives where the windows read along axis i without offsets,
// [1, kernel·output].
func deformPlaces(like *graph.Node, w *window, i int) *graph.Node {
	n := len(w.kernel)
	dims := append(slices.Clone(w.kernel), w.output...)
	shape := shapes.Make(dtypes.Int32, dims...)
	at := graph.Add(graph.MulScalar(graph.Iota(like.Graph(), shape, i), w.dilations[i]),
		graph.MulScalar(graph.Iota(like.Graph(), shape, n+i), w.strides[i]))
	at = graph.AddScalar(at, -w.pads[i][0])
	return graph.ConvertDType(graph.Reshape(at, 1, product(dims)), like.DType())
}
