package finetune

import "github.com/gomlx/gomlx/core/graph"

// maskedCrossEntropy is the mean of −log softmax(logits)[label] over the rows
// whose mask is 1. Shapes: logits [B, C], labels [B] int32, mask [B]; the result
// is a scalar in nats. The row's maximum is taken off first, so that no
// exponential overflows; its gradient cancels and is not built.
func maskedCrossEntropy(logits, labels, mask *graph.Node) *graph.Node {
	classes := logits.Shape().Dimensions[1]
	top := graph.StopGradient(graph.ReduceAndKeep(logits, graph.ReduceMax, -1))
	shifted := graph.Sub(logits, top)
	logSum := graph.Log(graph.ReduceSum(graph.Exp(shifted), -1))
	hot := graph.OneHot(labels, classes, logits.DType())
	picked := graph.ReduceSum(graph.Mul(hot, shifted), -1)
	total := graph.ReduceAllSum(graph.Mul(graph.Sub(logSum, picked), mask))
	return graph.Div(total, graph.ReduceAllSum(mask))
}
