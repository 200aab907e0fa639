package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// lossOps are the losses of classifiers. Their gradient by the scores, log
// probabilities and class weights exists; labels have none.
func lossOps() []operator {
	return []operator{
		{key: onnx("NegativeLogLikelihoodLoss", 12), attrs: "ignore_index reduction", minIn: 2, maxIn: 3, maxOut: 1,
			check: checkLossReduction, lower: func(c *call) []*wire { return c.out(c.likelihoodLoss(c.arg(0))) }},
		{key: onnx("SoftmaxCrossEntropyLoss", 12), attrs: "ignore_index reduction", minIn: 2, maxIn: 3, maxOut: 2,
			check: checkLossReduction, lower: lowerCrossEntropy},
	}
}

// checkLossReduction knows the three reductions.
func checkLossReduction(n *graphsurgery.Node) string {
	switch r := n.Str("reduction", "mean"); r {
	case "none", "sum", "mean":
		return ""
	default:
		return "reduction=" + r + " of " + n.Op() + " is not supported"
	}
}

// lowerCrossEntropy is SoftmaxCrossEntropyLoss-12 and -13; its second output is
// the log probability.
func lowerCrossEntropy(c *call) []*wire {
	if c.rank(0) < 2 {
		c.fail("scores of shape %v, want [batch, classes, ...]", c.dims(0))
	}
	logProb := logSoftmax(c.arg(0), 1)
	return []*wire{c.wire(c.likelihoodLoss(logProb)), c.wire(logProb)}
}

// likelihoodLoss is NegativeLogLikelihoodLoss-12 to -22 of log probabilities
// [batch, classes, ...] and the labels of input 1. A label equal to ignore_index
// counts neither in the sum nor in the mean. The label's log probability is picked
// by a one-hot tensor.
func (c *call) likelihoodLoss(logProb *graph.Node) *graph.Node {
	dims := logProb.Shape().Dimensions
	if len(dims) < 2 || !slices.Equal(c.dims(1), append([]int{dims[0]}, dims[2:]...)) {
		c.fail("scores of shape %v and labels of shape %v do not fit", dims, c.dims(1))
	}
	labels := c.arg(1)
	hot := graph.OneHot(labels, dims[1], logProb.DType()) // classes last; zero for a label outside
	isLabel := graph.NotEqual(hot, constantLike(hot, 0))
	if c.n.HasAttr("ignore_index") {
		ignored := graph.Equal(labels, constantLike(labels, float64(c.attrInt("ignore_index", 0))))
		counts := graph.ConvertDType(graph.LogicalNot(ignored), logProb.DType())
		hot = graph.Mul(hot, graph.InsertAxes(counts, -1))
	}
	if c.has(2) {
		if !slices.Equal(c.dims(2), []int{dims[1]}) {
			c.fail("weights of shape %v for %d classes", c.dims(2), dims[1])
		}
		shape := slices.Repeat([]int{1}, hot.Rank())
		shape[len(shape)-1] = dims[1]
		hot = graph.Mul(hot, graph.Reshape(c.arg(2), shape...))
	}
	perm := []int{0}
	for i := 2; i < len(dims); i++ {
		perm = append(perm, i)
	}
	// Where keeps the infinities of impossible classes out of the sum.
	picked := graph.Where(isLabel, graph.TransposeAllAxes(logProb, append(perm, 1)...), graph.ZerosLike(hot))
	picked = graph.Mul(hot, picked)
	losses := graph.Neg(graph.ReduceSum(picked, picked.Rank()-1))
	switch c.n.Str("reduction", "mean") {
	case "none":
		return losses
	case "sum":
		return graph.ReduceAllSum(losses)
	}
	return graph.Div(graph.ReduceAllSum(losses), graph.ReduceAllSum(hot))
}
