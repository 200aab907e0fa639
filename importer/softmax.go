package importer

import (
	"github.com/gomlx/gomlx/core/graph"
)

// softmaxOps normalise to probabilities.
func softmaxOps() []operator {
	return []operator{
		{key: onnx("Softmax", 1), attrs: "axis", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerSoftmaxFlat(softmax))},
		{key: onnx("Softmax", 13), attrs: "axis", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerSoftmax(softmax))},
		{key: onnx("LogSoftmax", 1), attrs: "axis", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerSoftmaxFlat(logSoftmax))},
		{key: onnx("LogSoftmax", 13), attrs: "axis", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerSoftmax(logSoftmax))},
	}
}

// softmax along one axis, shifted by the maximum.
func softmax(x *graph.Node, axis int) *graph.Node {
	e := graph.Exp(shifted(x, axis))
	return graph.Div(e, graph.ReduceAndKeep(e, graph.ReduceSum, axis))
}

// logSoftmax along one axis, shifted by the maximum.
func logSoftmax(x *graph.Node, axis int) *graph.Node {
	s := shifted(x, axis)
	return graph.Sub(s, graph.Log(graph.ReduceAndKeep(graph.Exp(s), graph.ReduceSum, axis)))
}

// shifted subtracts the maximum, through which no gradient need flow: the result
// does not depend on it.
func shifted(x *graph.Node, axis int) *graph.Node {
	return graph.Sub(x, graph.StopGradient(graph.ReduceAndKeep(x, graph.ReduceMax, axis)))
}

// lowerSoftmax is Softmax-13: along one axis, the last by default.
func lowerSoftmax(f func(*graph.Node, int) *graph.Node) func(c *call) *graph.Node {
	return func(c *call) *graph.Node {
		if c.rank(0) == 0 {
			return graph.Reshape(f(graph.Reshape(c.arg(0), 1), 0))
		}
		return f(c.arg(0), c.axis(c.attrInt("axis", -1), c.rank(0)))
	}
}

// lowerSoftmaxFlat is Softmax-1 and -11: over all axes from axis on, 1 by
// default, taken together.
func lowerSoftmaxFlat(f func(*graph.Node, int) *graph.Node) func(c *call) *graph.Node {
	return func(c *call) *graph.Node {
		dims := c.dims(0)
		axis := min(1, len(dims)) // the default also where the rank is below 2
		if c.n.HasAttr("axis") {
			axis = c.axis(c.attrInt("axis", 1), len(dims))
		}
		y := f(graph.Reshape(c.arg(0), product(dims[:axis]), product(dims[axis:])), 1)
		return graph.Reshape(y, dims...)
	}
}
