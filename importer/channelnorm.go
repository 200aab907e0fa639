package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// channelNormOps normalise with statistics per channel, per group of channels or
// over given axes.
func channelNormOps() []operator {
	const common = "epsilon momentum"
	return []operator{
		// BatchNormalization: 1 and 6 tell training by is_test, 7 and 9 by their
		// number of outputs, 14 by training_mode; 9 drops spatial.
		{key: onnx("BatchNormalization", 1), attrs: common + " consumed_inputs is_test spatial", minIn: 5, maxIn: 5, maxOut: 5, lower: lowerBatchNorm},
		{key: onnx("BatchNormalization", 6), attrs: common + " is_test spatial", minIn: 5, maxIn: 5, maxOut: 5, lower: lowerBatchNorm},
		{key: onnx("BatchNormalization", 7), attrs: common + " spatial", minIn: 5, maxIn: 5, maxOut: 5, lower: lowerBatchNorm},
		{key: onnx("BatchNormalization", 9), attrs: common, minIn: 5, maxIn: 5, maxOut: 5, lower: lowerBatchNorm},
		{key: onnx("BatchNormalization", 14), attrs: common + " training_mode", minIn: 5, maxIn: 5, maxOut: 3, lower: lowerBatchNorm},
		{key: onnx("InstanceNormalization", 1), attrs: "consumed_inputs epsilon", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerInstanceNorm)},
		{key: onnx("InstanceNormalization", 6), attrs: "epsilon", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerInstanceNorm)},
		// GroupNormalization-18 scales per group, 21 per channel.
		{key: onnx("GroupNormalization", 18), attrs: "epsilon num_groups", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerGroupNorm)},
		{key: onnx("GroupNormalization", 21), attrs: "epsilon num_groups stash_type", minIn: 3, maxIn: 3, maxOut: 1,
			check: checkStash, lower: single(lowerGroupNorm)},
		{key: onnx("MeanVarianceNormalization", 9), attrs: "axes", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerMeanVariance)},
		{key: onnx("LpNormalization", 1), attrs: "axis p", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerLpNorm)},
		{key: onnx("LRN", 1), attrs: "alpha beta bias size", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerLRN)},
	}
}

// stashed converts half types to float32, in which statistics are taken.
func stashed(x *graph.Node) *graph.Node {
	if x.DType().IsHalfPrecision() {
		return graph.ConvertDType(x, dtypes.Float32)
	}
	return x
}

// keptMoments gives the mean and the biased variance over axes, which stay with
// size one.
func keptMoments(x *graph.Node, axes []int) (mean, variance *graph.Node) {
	dims := slices.Clone(x.Shape().Dimensions)
	for _, a := range axes {
		dims[a] = 1
	}
	mean = graph.Reshape(reduceMean(x, axes), dims...)
	centred := graph.Sub(x, mean)
	return mean, graph.Reshape(reduceMean(graph.Mul(centred, centred), axes), dims...)
}

// lowerBatchNorm is BatchNormalization-1 to -15: scale·(x-mean)/√(var+eps) + bias
// per channel, or per position of an example with spatial=0. In training the
// statistics are those of the batch, and the stored ones move towards them.
func lowerBatchNorm(c *call) []*wire {
	x := stashed(c.arg(0))
	dims := c.dims(0)
	if len(dims) < 2 {
		dims = append(slices.Clone(dims), 1)
	}
	shape, axes := slices.Repeat([]int{1}, len(dims)), []int{0}
	if c.attrInt("spatial", 1) != 0 {
		shape[1] = dims[1]
		axes = append(axes, spatialAxes(len(dims))...)
	} else {
		copy(shape[1:], dims[1:])
	}
	x = graph.Reshape(x, dims...)
	channel := func(i int) *graph.Node {
		if product(c.dims(i)) != product(shape) {
			c.fail("input %d has shape %v, want %d elements", i, c.dims(i), product(shape))
		}
		return graph.ConvertDType(graph.Reshape(c.arg(i), shape...), x.DType())
	}
	mean, variance := channel(3), channel(4)
	training := c.batchTraining()
	if training {
		mean, variance = keptMoments(x, axes)
	}
	inverse := graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, float64(c.n.Float("epsilon", 1e-5)))))
	y := graph.Add(graph.Mul(graph.Sub(x, mean), graph.Mul(channel(1), inverse)), channel(2))
	out := c.out(graph.ConvertDType(graph.Reshape(y, c.dims(0)...), c.arg(0).DType()))
	if !training {
		return out
	}
	momentum := float64(c.n.Float("momentum", 0.9))
	stored := func(i int, batch *graph.Node) *wire {
		moved := graph.Add(graph.MulScalar(channel(i), momentum), graph.MulScalar(batch, 1-momentum))
		return c.wire(graph.ConvertDType(graph.Reshape(moved, c.dims(i)...), c.arg(i).DType()))
	}
	saved := func(i int, batch *graph.Node) *wire {
		return c.wire(graph.ConvertDType(graph.Reshape(batch, c.dims(i)...), c.arg(i).DType()))
	}
	return append(out, stored(3, mean), stored(4, variance), saved(3, mean), saved(4, variance))
}

// batchTraining tells whether BatchNormalization uses the statistics of the batch.
func (c *call) batchTraining() bool {
	switch {
	case c.opset >= 14:
		return c.attrInt("training_mode", 0) != 0
	case c.opset < 7:
		return c.attrInt("is_test", 0) == 0
	}
	for i, v := range c.n.Outputs() {
		if i > 0 && v != nil {
			return true
		}
	}
	return false
}

// lowerInstanceNorm is InstanceNormalization-1 to -22: each channel of each
// example by itself.
func lowerInstanceNorm(c *call) *graph.Node {
	if c.rank(0) < 3 {
		c.fail("a tensor of shape %v, want [N,C,spatial...]", c.dims(0))
	}
	return c.groupNorm(c.dims(0)[1])
}

// lowerGroupNorm is GroupNormalization-18 and -21.
func lowerGroupNorm(c *call) *graph.Node {
	groups := c.attrInt("num_groups", 0)
	if c.rank(0) < 2 || groups < 1 || c.dims(0)[1]%groups != 0 {
		c.fail("num_groups=%d for a tensor of shape %v", groups, c.dims(0))
	}
	return c.groupNorm(groups)
}

// groupNorm normalises each group of channels of each example, then scales and
// shifts by inputs 1 and 2, which have one number per channel or per group.
func (c *call) groupNorm(groups int) *graph.Node {
	dims := c.dims(0)
	n, channels := dims[0], dims[1]
	if product(dims) == 0 {
		return c.arg(0)
	}
	x := graph.Reshape(stashed(c.arg(0)), n, groups, product(dims)/(n*groups))
	mean, variance := keptMoments(x, []int{2})
	inverse := graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, float64(c.n.Float("epsilon", 1e-5)))))
	y := graph.Mul(graph.Sub(x, mean), inverse)
	affine := func(i int) *graph.Node {
		p := graph.ConvertDType(c.arg(i), x.DType())
		switch size := product(c.dims(i)); size {
		case channels:
			return graph.Reshape(p, 1, groups, channels/groups, 1)
		case groups:
			return graph.Reshape(p, 1, groups, 1, 1)
		default:
			c.fail("input %d has %d elements for %d channels in %d groups", i, size, channels, groups)
			return nil
		}
	}
	y = graph.Reshape(y, n, groups, channels/groups, product(dims[2:]))
	y = graph.Add(graph.Mul(y, affine(1)), affine(2))
	return graph.ConvertDType(graph.Reshape(y, dims...), c.arg(0).DType())
}

// lowerMeanVariance is MeanVarianceNormalization-9: (x-mean)/(σ+1e-9).
func lowerMeanVariance(c *call) *graph.Node {
	axes := []int{0, 2, 3}
	if c.n.HasAttr("axes") {
		axes = c.attrInts("axes")
	}
	x := stashed(c.arg(0))
	mean, variance := keptMoments(x, c.axes(axes, c.rank(0)))
	y := graph.Div(graph.Sub(x, mean), graph.AddScalar(rootOf(variance, 2), 1e-9))
	return graph.ConvertDType(y, c.arg(0).DType())
}

// lowerLpNorm is LpNormalization-1 and -22: x divided by its norm along an axis,
// or zero where that is zero.
func lowerLpNorm(c *call) *graph.Node {
	x, p := c.arg(0), normOrder(c.n)
	axis := c.axis(c.attrInt("axis", -1), c.rank(0))
	dims := slices.Clone(c.dims(0))
	dims[axis] = 1
	norm := graph.Reshape(rootOf(reduceSum(absPower(x, p), []int{axis}), p), dims...)
	zero := graph.Equal(norm, constantLike(norm, 0))
	return graph.Div(x, graph.Where(zero, graph.OnesLike(norm), norm))
}

// lowerLRN is LRN-1 and -13: x/(bias + alpha/size·Σx²)^beta, with the sum over
// the size channels around.
func lowerLRN(c *call) *graph.Node {
	x, size := c.arg(0), c.attrInt("size", 0)
	if size < 1 || c.rank(0) < 2 {
		c.fail("size=%d for a tensor of shape %v, want a positive size and [N,C,...]", size, c.dims(0))
	}
	channels := c.dims(0)[1]
	around := poolAxis{axis: 1, size: channels, out: channels, kernel: size, stride: 1, dilation: 1, low: (size - 1) / 2}
	sum := around.sum(graph.Mul(x, x))
	base := graph.AddScalar(graph.MulScalar(sum, float64(c.n.Float("alpha", 1e-4))/float64(size)), float64(c.n.Float("bias", 1)))
	return graph.Div(x, graph.Pow(base, constantLike(x, float64(c.n.Float("beta", 0.75)))))
}
