package importer

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// poolOps are the poolings. Sums and maxima over boxes are made axis by axis.
func poolOps() []operator {
	const common = "auto_pad kernel_shape pads strides"
	return []operator{
		// MaxPool: 8 adds the indices, 10 dilations and ceil_mode, 12 8-bit
		// integers, 22 types.
		{key: onnx("MaxPool", 1), attrs: common, minIn: 1, maxIn: 1, maxOut: 1, check: checkAutoPad, lower: lowerMaxPool},
		{key: onnx("MaxPool", 8), attrs: common + " storage_order", minIn: 1, maxIn: 1, maxOut: 2, check: checkAutoPad, lower: lowerMaxPool},
		{key: onnx("MaxPool", 10), attrs: common + " storage_order ceil_mode dilations", minIn: 1, maxIn: 1, maxOut: 2,
			check: checkAutoPad, lower: lowerMaxPool},
		// AveragePool: 7 adds count_include_pad, 10 ceil_mode, 19 dilations.
		{key: onnx("AveragePool", 1), attrs: common, minIn: 1, maxIn: 1, maxOut: 1, check: checkAutoPad, lower: single(lowerAveragePool)},
		{key: onnx("AveragePool", 7), attrs: common + " count_include_pad", minIn: 1, maxIn: 1, maxOut: 1, check: checkAutoPad, lower: single(lowerAveragePool)},
		{key: onnx("AveragePool", 10), attrs: common + " count_include_pad ceil_mode", minIn: 1, maxIn: 1, maxOut: 1,
			check: checkAutoPad, lower: single(lowerAveragePool)},
		{key: onnx("AveragePool", 19), attrs: common + " count_include_pad ceil_mode dilations", minIn: 1, maxIn: 1, maxOut: 1,
			check: checkAutoPad, lower: single(lowerAveragePool)},
		// LpPool: p is a float at 1, an integer since 2; 18 adds ceil_mode and dilations.
		{key: onnx("LpPool", 1), attrs: common + " p", minIn: 1, maxIn: 1, maxOut: 1, check: checkAutoPad, lower: single(lowerLpPool)},
		{key: onnx("LpPool", 18), attrs: common + " p ceil_mode dilations", minIn: 1, maxIn: 1, maxOut: 1, check: checkAutoPad, lower: single(lowerLpPool)},
		{key: onnx("GlobalAveragePool", 1), minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerGlobalAveragePool)},
		{key: onnx("GlobalMaxPool", 1), minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerGlobalMaxPool)},
		{key: onnx("GlobalLpPool", 1), attrs: "p", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerGlobalLpPool)},
	}
}

// lowerMaxPool is MaxPool-1 to -22. Pooling the last axis first and taking the
// first of equal elements finds, over all axes, the first in row-major order, as
// PyTorch does.
func lowerMaxPool(c *call) []*wire {
	axes := c.poolAxes()
	y := c.arg(0)
	var at *graph.Node
	if len(c.n.Outputs()) > 1 && c.n.Output(1) != nil {
		at = c.poolPositions()
	}
	for _, a := range slices.Backward(axes) {
		if at != nil {
			at = a.select1(at, graph.StopGradient(y))
		}
		y = a.max(y)
	}
	out := c.out(y)
	if at != nil {
		out = append(out, c.wire(at))
	}
	return out
}

// poolPositions numbers the elements of input 0; storage_order=1 counts the
// spatial axes in the opposite order.
func (c *call) poolPositions() *graph.Node {
	dims, g := c.dims(0), c.arg(0).Graph()
	if c.attrInt("storage_order", 0) == 0 {
		return graph.IotaFull(g, shapes.Make(dtypes.Int64, dims...))
	}
	reversed, perm := slices.Clone(dims), make([]int, len(dims))
	slices.Reverse(reversed[2:])
	for i := range perm {
		perm[i] = i
	}
	slices.Reverse(perm[2:])
	return permute(graph.IotaFull(g, shapes.Make(dtypes.Int64, reversed...)), perm)
}

// max takes the largest element of each window. The gradient goes to the first
// of equal elements.
func (a poolAxis) max(x *graph.Node) *graph.Node {
	if a.kernel == 1 && a.stride == 1 && a.low == 0 && a.out == a.size {
		return x
	}
	forward := func(in []*graph.Node) *graph.Node {
		taps := a.maxTaps(in[0])
		y := taps[0]
		for _, t := range taps[1:] {
			y = larger(y, t)
		}
		return y
	}
	if !x.DType().IsFloat() {
		return forward([]*graph.Node{x})
	}
	return withGradient([]*graph.Node{x}, forward, func(in []*graph.Node, v *graph.Node) []*graph.Node {
		first := a.firstMax(in[0])
		var grad *graph.Node
		for k := range a.kernel {
			part := a.untap(graph.Where(graph.Equal(first, constantLike(first, float64(k))), v, graph.ZerosLike(v)), k)
			if grad == nil {
				grad = part
			} else {
				grad = graph.Add(grad, part)
			}
		}
		return []*graph.Node{grad}
	})
}

// maxTaps are the taps with the lowest value as padding.
func (a poolAxis) maxTaps(x *graph.Node) []*graph.Node {
	return a.taps(x, lowestOf(x.DType()))
}

// firstMax gives the first tap that holds the maximum of each window.
func (a poolAxis) firstMax(x *graph.Node) *graph.Node {
	taps := a.maxTaps(x)
	best := taps[0]
	first := graph.Zeros(x.Graph(), shapes.Make(dtypes.Int32, best.Shape().Dimensions...))
	for k, t := range taps[1:] {
		better := graph.GreaterThan(t, best)
		if x.DType().IsFloat() {
			better = graph.LogicalOr(better, isNaN(t))
		}
		first = graph.Where(better, graph.AddScalar(graph.ZerosLike(first), k+1), first)
		best = graph.Where(better, t, best)
	}
	return first
}

// select1 takes, of each window of values, the one at the maximum of x.
func (a poolAxis) select1(values, x *graph.Node) *graph.Node {
	first := a.firstMax(x)
	taps := a.taps(values, 0)
	y := taps[0]
	for k, t := range taps[1:] {
		y = graph.Where(graph.Equal(first, constantLike(first, float64(k+1))), t, y)
	}
	return y
}

// lowerAveragePool is AveragePool-1 to -22: the elements of each window are
// summed, and divided by how many there are, with or without the pads.
func lowerAveragePool(c *call) *graph.Node {
	y := c.arg(0)
	for _, a := range c.poolAxes() {
		from, to := a.low, a.low+a.size
		if c.attrInt("count_include_pad", 0) != 0 {
			from, to = 0, a.padded
		}
		factors := a.counts(from, to)
		for i, n := range factors {
			factors[i] = 1 / max(n, 1)
		}
		y = a.sum(y)
		y = graph.Mul(y, a.perWindow(y, factors))
	}
	return y
}

// lowerLpPool is LpPool-1 to -22: the p-norm of each window.
func lowerLpPool(c *call) *graph.Node {
	p := normOrder(c.n)
	y := absPower(c.arg(0), p)
	for _, a := range c.poolAxes() {
		y = a.sum(y)
	}
	return rootOf(y, p)
}

// lowerGlobalAveragePool is GlobalAveragePool-1.
func lowerGlobalAveragePool(c *call) *graph.Node {
	c.poolSpatial()
	return c.overSpatial(reduceMean(c.arg(0), spatialAxes(c.rank(0))))
}

// lowerGlobalMaxPool is GlobalMaxPool-1, a MaxPool of one window.
func lowerGlobalMaxPool(c *call) *graph.Node {
	spatial := product(c.poolSpatial())
	x := graph.Reshape(c.arg(0), c.dims(0)[0], c.dims(0)[1], spatial)
	return c.overSpatial(firstMaximum(x))
}

// firstMaximum is the largest element along the last axis. The gradient goes to the
// first of equal ones.
func firstMaximum(x *graph.Node) *graph.Node {
	axis := x.Rank() - 1
	return withGradient([]*graph.Node{x},
		func(in []*graph.Node) *graph.Node { return keepNaN(graph.ReduceMax)(in[0], axis) },
		func(in []*graph.Node, v *graph.Node) []*graph.Node {
			at := graph.ExpandAxes(graph.ArgMax(in[0], axis, dtypes.Int32), axis)
			here := graph.Equal(graph.Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dimensions...), axis),
				graph.BroadcastToDims(at, x.Shape().Dimensions...))
			v = graph.BroadcastToDims(graph.ExpandAxes(v, axis), x.Shape().Dimensions...)
			return []*graph.Node{graph.Where(here, v, graph.ZerosLike(v))}
		})
}

// lowerGlobalLpPool is GlobalLpPool-1 (p is a float) to -22.
func lowerGlobalLpPool(c *call) *graph.Node {
	c.poolSpatial()
	p := normOrder(c.n)
	return c.overSpatial(rootOf(reduceSum(absPower(c.arg(0), p), spatialAxes(c.rank(0))), p))
}

// overSpatial gives a result per channel its spatial axes of size one.
func (c *call) overSpatial(y *graph.Node) *graph.Node {
	return graph.Reshape(y, append(slices.Clone(c.dims(0)[:2]), slices.Repeat([]int{1}, c.rank(0)-2)...)...)
}

// spatialAxes are the axes after batch and channels.
func spatialAxes(rank int) []int {
	var axes []int
	for i := 2; i < rank; i++ {
		axes = append(axes, i)
	}
	return axes
}

// normOrder reads p, which old versions have as a float.
func normOrder(n *graphsurgery.Node) float64 {
	if p := n.Int("p", 0); p != 0 {
		return float64(p)
	}
	return float64(n.Float("p", 2))
}

// absPower is |x|^p.
func absPower(x *graph.Node, p float64) *graph.Node {
	switch p {
	case 1:
		return absolute(x)
	case 2:
		return graph.Mul(x, x)
	}
	return graph.Pow(graph.Abs(x), constantLike(x, p))
}

// rootOf is x^(1/p) for x of zero and more. At zero its gradient is zero instead
// of infinite.
func rootOf(x *graph.Node, p float64) *graph.Node {
	if p == 1 {
		return x
	}
	zero := graph.Equal(x, constantLike(x, 0))
	safe := graph.Where(zero, graph.OnesLike(x), x)
	if p == 2 {
		safe = graph.Sqrt(safe)
	} else {
		safe = graph.Pow(safe, constantLike(x, 1/p))
	}
	return graph.Where(zero, graph.ZerosLike(x), safe)
}

// lowestOf is less than any other value of a type.
func lowestOf(t dtypes.DType) float64 {
	switch t {
	case dtypes.Uint8, dtypes.Uint16, dtypes.Uint32, dtypes.Uint64:
		return 0
	case dtypes.Int8:
		return math.MinInt8
	}
	return math.Inf(-1)
}
