package importer

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// normOps are the normalisations, and Dropout, which does nothing at inference.
func normOps() []operator {
	return []operator{
		{key: onnx("LayerNormalization", 17), attrs: "axis epsilon stash_type", minIn: 2, maxIn: 3, maxOut: 3,
			check: checkStash, lower: lowerLayerNorm},
		// BatchNormalization: 14 and later tell training by an attribute, earlier
		// versions by their number of outputs, which the table bounds.
		{key: onnx("BatchNormalization", 7), attrs: "epsilon momentum spatial", minIn: 5, maxIn: 5, maxOut: 1,
			check: checkSpatial, lower: single(lowerBatchNorm)},
		{key: onnx("BatchNormalization", 9), attrs: "epsilon momentum", minIn: 5, maxIn: 5, maxOut: 1, lower: single(lowerBatchNorm)},
		{key: onnx("BatchNormalization", 14), attrs: "epsilon momentum training_mode", minIn: 5, maxIn: 5, maxOut: 1,
			check: checkTraining, lower: single(lowerBatchNorm)},
		{key: onnx("Dropout", 7), attrs: "ratio", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerDropout},
		{key: onnx("Dropout", 12), attrs: "seed", minIn: 1, maxIn: 3, maxOut: 1, lower: lowerDropout},
	}
}

// checkStash knows float32 statistics, the default.
func checkStash(n *graphsurgery.Node) string {
	if s := n.Int("stash_type", 1); s != int64(graphsurgery.Float) {
		return fmt.Sprintf("stash_type=%d of %s is not supported", s, n.Op())
	}
	return ""
}

// checkSpatial refuses statistics per position (BatchNormalization-7, spatial=0).
func checkSpatial(n *graphsurgery.Node) string {
	if n.Int("spatial", 1) != 1 {
		return "spatial=0 of BatchNormalization is not supported"
	}
	return ""
}

// checkTraining refuses batch statistics.
func checkTraining(n *graphsurgery.Node) string {
	if n.Int("training_mode", 0) != 0 {
		return "training_mode=1 of BatchNormalization is not supported"
	}
	return ""
}

// lowerLayerNorm is LayerNormalization-17: over all axes from axis on, with the
// biased variance, statistics in float32 for half types. Over the last axis, the
// common case, it works on [rows, width].
func lowerLayerNorm(c *call) []*wire {
	dims := c.dims(0)
	axis := c.axis(c.attrInt("axis", -1), len(dims))
	rows, width := product(dims[:axis]), product(dims[axis:])
	if rows*width == 0 {
		return c.in[:1]
	}
	var x *graph.Node
	if axis == len(dims)-1 && axis > 0 {
		x = c.flatOf(c.in[0])
	} else {
		x = graph.Reshape(c.anyOf(c.in[0]), rows, width)
	}
	own := x.DType()
	if own.IsHalfPrecision() {
		x = graph.ConvertDType(x, dtypes.Float32)
	}
	y, mean, inv := standardise(x, float64(c.n.Float("epsilon", 1e-5)))
	y = graph.Mul(graph.ConvertDType(y, own), c.row(1, dims[axis:]))
	if c.has(2) {
		y = graph.Add(y, c.row(2, dims[axis:]))
	}
	stat := append(slices.Clone(dims[:axis]), slices.Repeat([]int{1}, len(dims)-axis)...)
	var out *wire
	if len(dims) >= 3 && axis == len(dims)-1 {
		out = c.flatWire(y, dims)
	} else {
		out = c.wire(graph.Reshape(y, dims...))
	}
	return []*wire{out, c.wire(graph.Reshape(mean, stat...)), c.wire(graph.Reshape(inv, stat...))}
}

// row gives scale or bias, which broadcast to the normalised axes, as [1, width].
func (c *call) row(i int, dims []int) *graph.Node {
	return graph.Reshape(c.broadcastTo(c.in[i], dims), 1, product(dims))
}

// standardise gives (x-mean)/√(var+eps) along the rows of x, the mean and
// 1/√(var+eps). GoMLX's Rsqrt has no gradient.
func standardise(x *graph.Node, eps float64) (y, mean, inv *graph.Node) {
	rows, width := x.Shape().Dimensions[0], float64(x.Shape().Dimensions[1])
	mean = graph.Reshape(graph.DivScalar(graph.ReduceSum(x, 1), width), rows, 1)
	centred := graph.Sub(x, mean)
	variance := graph.Reshape(graph.DivScalar(graph.ReduceSum(graph.Mul(centred, centred), 1), width), rows, 1)
	inv = graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, eps)))
	return graph.Mul(centred, inv), mean, inv
}

// lowerBatchNorm is BatchNormalization-7 to -15 with stored statistics:
// scale·(x-mean)/√(var+eps) + bias per channel.
func lowerBatchNorm(c *call) *graph.Node {
	shape := slices.Repeat([]int{1}, max(2, c.rank(0)))
	shape[1] = c.dims(1)[0]
	channel := func(i int) *graph.Node { return graph.Reshape(c.arg(i), shape...) }
	std := graph.Sqrt(graph.AddScalar(channel(4), float64(c.n.Float("epsilon", 1e-5))))
	y := graph.Mul(graph.Sub(c.arg(0), channel(3)), graph.Div(channel(1), std))
	return graph.Add(y, channel(2))
}

// lowerDropout is Dropout-7 and -12 at inference, the identity.
func lowerDropout(c *call) []*wire {
	if c.has(2) && c.host(2).len() > 0 && c.host(2).scalar() != 0 {
		c.refuse("training_mode of Dropout is not supported")
	}
	return c.in[:1]
}
