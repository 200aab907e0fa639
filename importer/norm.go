package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// normOps are the normalisations, and Dropout, which does nothing at inference.
func normOps() []operator {
	return []operator{
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
