package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// sampleOps read tensors at positions between their elements.
func sampleOps() []operator {
	return []operator{
		// GridSample-16 has images only and other names of the modes than 20.
		{key: onnx("GridSample", 16), attrs: "align_corners mode padding_mode", minIn: 2, maxIn: 2, maxOut: 1,
			check: checkGridSample, lower: single(lowerGridSample)},
		{key: onnx("AffineGrid", 20), attrs: "align_corners", minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerAffineGrid)},
		// RoiAlign-16 adds the coordinates' mode and changes its default.
		{key: onnx("RoiAlign", 10), attrs: "mode output_height output_width sampling_ratio spatial_scale", minIn: 3, maxIn: 3, maxOut: 1,
			check: checkRoiAlign, lower: single(lowerRoiAlign)},
		{key: onnx("RoiAlign", 16), attrs: "coordinate_transformation_mode mode output_height output_width sampling_ratio spatial_scale",
			minIn: 3, maxIn: 3, maxOut: 1, check: checkRoiAlign, lower: single(lowerRoiAlign)},
		{key: onnx("DeformConv", 19), attrs: "dilations group kernel_shape offset_group pads strides", minIn: 3, maxIn: 5, maxOut: 1,
			lower: single(lowerDeformConv)},
	}
}

// checkGridSample knows the modes.
func checkGridSample(n *graphsurgery.Node) string {
	mode, padding := n.Str("mode", "linear"), n.Str("padding_mode", "zeros")
	if !slices.Contains([]string{"linear", "bilinear", "nearest", "cubic", "bicubic"}, mode) {
		return "mode=" + mode + " of GridSample is not supported"
	}
	if !slices.Contains([]string{"zeros", "border", "reflection"}, padding) {
		return "padding_mode=" + padding + " of GridSample is not supported"
	}
	return ""
}

// sampler reads x, laid out as [rows, channels], at positions given per spatial
// axis; base is the row where an example's elements begin.
type sampler struct {
	rows    *graph.Node
	base    *graph.Node // int32, broadcasts against the positions
	dims    []int       // of the spatial axes
	padding string
	corners bool // positions -1 and 1 are the centres of the outer elements
}

// lowerGridSample is GridSample-16 to -22: x [N, C, spatial...], grid
// [N, places..., axes] with the last axis first.
func lowerGridSample(c *call) *graph.Node {
	dims, grid := c.dims(0), c.dims(1)
	n := len(dims) - 2
	if n < 1 || len(grid) != n+2 || grid[n+1] != n || grid[0] != dims[0] {
		c.fail("a grid of shape %v does not fit a tensor of shape %v", grid, dims)
	}
	places := product(grid[1 : n+1])
	g := stashed(c.arg(1))
	s := newSampler(c.arg(0), n)
	s.padding, s.corners = c.n.Str("padding_mode", "zeros"), c.attrInt("align_corners", 0) != 0
	at := make([]*graph.Node, n)
	for i := range n {
		part := graph.Reshape(sliceNode(g, n+1, bounds{n - 1 - i, n - i, 1}), grid[0], places)
		at[i] = s.denormalised(part, i)
	}
	y := s.read(at, c.n.Str("mode", "linear"))
	y = graph.Reshape(y, dims[0], places, dims[1])
	y = graph.ConvertDType(permute(y, []int{0, 2, 1}), c.arg(0).DType())
	return graph.Reshape(y, append([]int{dims[0], dims[1]}, grid[1:n+1]...)...)
}

// newSampler lays x [N, C, spatial...] out by elements.
func newSampler(x *graph.Node, n int) *sampler {
	dims := x.Shape().Dimensions
	size := product(dims[2:])
	rows := permute(graph.Reshape(x, dims[0], dims[1], size), []int{0, 2, 1})
	base := graph.Iota(x.Graph(), shapes.Make(dtypes.Int32, dims[0], 1), 0)
	return &sampler{rows: graph.Reshape(stashed(rows), dims[0]*size, dims[1]), dims: dims[2:],
		base: graph.MulScalar(base, size), padding: "zeros"}
}

// denormalised turns positions in [-1, 1] into elements of an axis.
func (s *sampler) denormalised(x *graph.Node, axis int) *graph.Node {
	size := float64(s.dims[axis])
	if s.corners {
		return graph.MulScalar(graph.AddScalar(x, 1), (size-1)/2)
	}
	return graph.AddScalar(graph.MulScalar(graph.AddScalar(x, 1), size/2), -0.5)
}

// read samples at positions [N, P] per axis, to [N, P, C].
func (s *sampler) read(at []*graph.Node, mode string) *graph.Node {
	parts := s.parts(at, mode)
	y := parts[0]
	for _, p := range parts[1:] {
		y = graph.Add(y, p)
	}
	return y
}

// parts gives the elements around positions [N, P] per axis, times their weights,
// each [N, P, C].
func (s *sampler) parts(at []*graph.Node, mode string) []*graph.Node {
	at = slices.Clone(at)
	for i := range at {
		if mode == "nearest" {
			at[i] = graph.StopGradient(graph.Round(at[i]))
		}
		if s.padding != "border" || mode != "cubic" && mode != "bicubic" { // there, each tap is clamped
			at[i] = s.inside(at[i], i)
		}
	}
	taps, offset := linearTaps, 0
	switch mode {
	case "nearest":
		taps = func(x *graph.Node) []*graph.Node { return []*graph.Node{graph.OnesLike(x)} }
	case "cubic", "bicubic":
		taps, offset = cubicTaps, -1
	}
	first, weights := make([]*graph.Node, len(at)), make([][]*graph.Node, len(at))
	for i, x := range at {
		floor := graph.StopGradient(graph.Floor(x))
		first[i] = graph.AddScalar(floor, offset)
		weights[i] = taps(graph.Sub(x, floor))
	}
	return s.combine(first, weights)
}

// combine takes the elements around the positions: along axis i those from
// first[i] on, times weights[i].
func (s *sampler) combine(first []*graph.Node, weights [][]*graph.Node) []*graph.Node {
	counts := make([]int, len(weights))
	for i, w := range weights {
		counts[i] = len(w)
	}
	index := make([]int, len(counts))
	var parts []*graph.Node
	for range product(counts) {
		element := make([]*graph.Node, len(first))
		weight := weights[0][index[0]]
		for i := range first {
			element[i] = graph.AddScalar(first[i], index[i])
			if i > 0 {
				weight = graph.Mul(weight, weights[i][index[i]])
			}
		}
		parts = append(parts, s.weighted(element, weight))
		advance(index, counts)
	}
	return parts
}

// weighted takes the elements at whole positions, times weight; outside of x
// there are zeros, or what the padding says.
func (s *sampler) weighted(at []*graph.Node, weight *graph.Node) *graph.Node {
	var row *graph.Node
	for i, x := range at {
		top := float64(s.dims[i] - 1)
		switch s.padding {
		case "zeros":
			in := graph.LogicalAnd(graph.GreaterOrEqual(x, constantLike(x, 0)), graph.LessOrEqual(x, constantLike(x, top)))
			weight = graph.Where(in, weight, graph.ZerosLike(weight))
		case "reflection":
			x = s.reflected(x, i)
		}
		x = graph.ConvertDType(graph.MinScalar(graph.MaxScalar(x, 0), top), dtypes.Int32)
		if row == nil {
			row = x
		} else {
			row = graph.Add(graph.MulScalar(row, s.dims[i]), x)
		}
	}
	row = graph.Add(row, s.base)
	return graph.Mul(graph.Gather(s.rows, graph.ExpandAxes(graph.StopGradient(row), 2)), graph.ExpandAxes(weight, 2))
}

// inside moves positions into x as the padding says; zeros leaves them.
func (s *sampler) inside(x *graph.Node, axis int) *graph.Node {
	switch s.padding {
	case "border":
		// Outside, the gradient is zero; on the border it is not.
		low, high := constantLike(x, 0), constantLike(x, float64(s.dims[axis]-1))
		x = graph.Where(graph.LessThan(x, low), graph.ZerosLike(x), x)
		return graph.Where(graph.GreaterThan(x, high), graph.BroadcastToDims(high, x.Shape().Dimensions...), x)
	case "reflection":
		return s.reflected(x, axis)
	}
	return x
}

// reflected mirrors positions at the borders until they are inside.
func (s *sampler) reflected(x *graph.Node, axis int) *graph.Node {
	low, length := -0.5, float64(s.dims[axis])
	if s.corners {
		low, length = 0, length-1
	}
	if length <= 0 {
		return graph.MulScalar(x, 0)
	}
	from := graph.Abs(graph.AddScalar(x, -low))
	times := graph.StopGradient(graph.Floor(graph.DivScalar(from, length)))
	rest := graph.Sub(from, graph.MulScalar(times, length))
	odd := graph.Sub(times, graph.MulScalar(graph.StopGradient(graph.Floor(graph.DivScalar(times, 2))), 2))
	back := graph.AddScalar(graph.Neg(rest), length)
	return graph.AddScalar(graph.Where(graph.GreaterThan(odd, constantLike(odd, 0.5)), back, rest), low)
}

// linearTaps are the weights of two elements, x after the first.
func linearTaps(x *graph.Node) []*graph.Node {
	return []*graph.Node{graph.AddScalar(graph.Neg(x), 1), x}
}

// cubicTaps are the weights of four elements, x after the second, by Keys' kernel
// with a = -0.75.
func cubicTaps(x *graph.Node) []*graph.Node {
	const a = -0.75
	near := func(x *graph.Node) *graph.Node { // ((a+2)x - (a+3))x² + 1
		return graph.AddScalar(graph.Mul(graph.AddScalar(graph.MulScalar(x, a+2), -(a+3)), graph.Mul(x, x)), 1)
	}
	far := func(x *graph.Node) *graph.Node { // ((ax - 5a)x + 8a)x - 4a
		y := graph.AddScalar(graph.MulScalar(x, a), -5*a)
		y = graph.AddScalar(graph.Mul(y, x), 8*a)
		return graph.AddScalar(graph.Mul(y, x), -4*a)
	}
	rest := graph.AddScalar(graph.Neg(x), 1)
	return []*graph.Node{far(graph.AddScalar(x, 1)), near(x), near(rest), far(graph.AddScalar(rest, 1))}
}

// lowerAffineGrid is AffineGrid-20: theta [N, n, n+1] times the places of a tensor
// of the given size, to [N, spatial..., n].
func lowerAffineGrid(c *call) *graph.Node {
	size := c.ints(1)
	n := len(size) - 2
	if n < 2 || n > 3 || !slices.Equal(c.dims(0), []int{size[0], n, n + 1}) {
		c.fail("theta of shape %v for a tensor of shape %v", c.dims(0), size)
	}
	c.bounded(append(slices.Clone(size), n))
	theta := c.arg(0)
	column := func(j int) *graph.Node { // [N, 1..., n]
		shape := append(append([]int{size[0]}, slices.Repeat([]int{1}, n)...), n)
		return graph.Reshape(sliceNode(theta, 2, bounds{j, j + 1, 1}), shape...)
	}
	y := column(n)
	for i, d := range size[2:] {
		shape := slices.Repeat([]int{1}, n+2)
		shape[1+i] = d
		places := graph.Reshape(graph.ConstAs(theta, gridPlaces(d, c.attrInt("align_corners", 0) != 0)), shape...)
		y = graph.Add(y, graph.Mul(column(n-1-i), places))
	}
	return y
}

// gridPlaces spreads n places over [-1, 1]: their centres, or with the outer ones
// at the ends.
func gridPlaces(n int, corners bool) []float64 {
	at := make([]float64, n)
	for i := range at {
		switch {
		case !corners:
			at[i] = (2*float64(i)+1)/float64(n) - 1
		case n > 1:
			at[i] = 2*float64(i)/float64(n-1) - 1
		default:
			at[i] = -1
		}
	}
	return at
}

// advance steps a row-major index.
func advance(index, dims []int) {
	for axis := len(dims) - 1; axis >= 0; axis-- {
		if index[axis]++; index[axis] < dims[axis] {
			return
		}
		index[axis] = 0
	}
}
