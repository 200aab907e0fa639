package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// compareOps compare, combine booleans and choose.
func compareOps() []operator {
	return []operator{
		comparison(onnx("Equal", 7), equalNodes),
		comparison(onnx("Less", 7), graph.LessThan),
		comparison(onnx("Greater", 7), graph.GreaterThan),
		comparison(onnx("LessOrEqual", 12), graph.LessOrEqual),
		comparison(onnx("GreaterOrEqual", 12), graph.GreaterOrEqual),
		comparison(onnx("And", 7), graph.LogicalAnd),
		comparison(onnx("Or", 7), graph.LogicalOr),
		comparison(onnx("Xor", 7), graph.LogicalXor),
		{key: onnx("Not", 1), minIn: 1, maxIn: 1, maxOut: 1,
			lower: single(func(c *call) *graph.Node { return graph.LogicalNot(c.arg(0)) })},
		// IsNaN-9: a number is not equal to itself if and only if it is not one.
		{key: onnx("IsNaN", 9), minIn: 1, maxIn: 1, maxOut: 1,
			lower: single(func(c *call) *graph.Node { return graph.NotEqual(c.arg(0), c.arg(0)) })},
		{key: onnx("Where", 9), minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerWhere)},
	}
}

// comparison gives booleans from two tensors under numpy's broadcasting rule.
func comparison(key opKey, f func(a, b *graph.Node) *graph.Node) operator {
	return operator{key: key, minIn: 2, maxIn: 2, maxOut: 1, lower: single(func(c *call) *graph.Node {
		n, dims, _ := c.broadcast(c.in...)
		return graph.Reshape(f(n[0], n[1]), dims...)
	})}
}

// equalNodes compares booleans too, for which the Go backend has no Equal.
func equalNodes(a, b *graph.Node) *graph.Node {
	if a.DType() == dtypes.Bool {
		return graph.LogicalNot(graph.LogicalXor(a, b))
	}
	return graph.Equal(a, b)
}

// lowerWhere is Where-9. GoMLX's Where does not broadcast by numpy's rule, so
// every operand is brought to the full shape first.
func lowerWhere(c *call) *graph.Node {
	n, dims, flat := c.broadcast(c.in...)
	full := dims
	if flat {
		full = []int{product(dims[:len(dims)-1]), dims[len(dims)-1]}
	}
	for i := range n {
		n[i] = graph.BroadcastToDims(n[i], full...)
	}
	return graph.Reshape(graph.Where(n[0], n[1], n[2]), dims...)
}
