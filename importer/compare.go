package importer

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// compareOps compare, combine booleans and choose.
func compareOps() []operator {
	return []operator{
		comparison(onnx("Equal", 7), graph.Equal, func(a, b float64) bool { return a == b }),
		comparison(onnx("Less", 7), graph.LessThan, func(a, b float64) bool { return a < b }),
		comparison(onnx("Greater", 7), graph.GreaterThan, func(a, b float64) bool { return a > b }),
		comparison(onnx("LessOrEqual", 12), graph.LessOrEqual, func(a, b float64) bool { return a <= b }),
		comparison(onnx("GreaterOrEqual", 12), graph.GreaterOrEqual, func(a, b float64) bool { return a >= b }),
		comparison(onnx("And", 7), graph.LogicalAnd, func(a, b float64) bool { return a != 0 && b != 0 }),
		comparison(onnx("Or", 7), graph.LogicalOr, func(a, b float64) bool { return a != 0 || b != 0 }),
		comparison(onnx("Xor", 7), graph.LogicalXor, func(a, b float64) bool { return (a != 0) != (b != 0) }),
		{key: onnx("Not", 1), minIn: 1, maxIn: 1, maxOut: 1, fold: fold1(foldNot),
			lower: single(func(c *call) *graph.Node { return graph.LogicalNot(c.arg(0)) })},
		// IsNaN-9: a number is not equal to itself if and only if it is not one.
		{key: onnx("IsNaN", 9), minIn: 1, maxIn: 1, maxOut: 1, fold: fold1(foldIsNaN),
			lower: single(func(c *call) *graph.Node { return graph.NotEqual(c.arg(0), c.arg(0)) })},
		{key: onnx("Where", 9), minIn: 3, maxIn: 3, maxOut: 1, fold: fold1(foldWhere), lower: single(lowerWhere)},
	}
}

// comparison gives booleans from two tensors under numpy's broadcasting rule.
// Host integers are compared as float64: shapes and indices are far below 2^53.
func comparison(key opKey, f func(a, b *graph.Node) *graph.Node, host func(a, b float64) bool) operator {
	fold := func(c *call) *hostTensor {
		a, b, out := c.hostPair(graphsurgery.Bool)
		if out == nil {
			return nil
		}
		for i := range out.ints {
			if host(a.at(i), b.at(i)) {
				out.ints[i] = 1
			}
		}
		return out
	}
	return operator{key: key, minIn: 2, maxIn: 2, maxOut: 1, fold: fold1(fold), lower: single(func(c *call) *graph.Node {
		n, dims, _ := c.broadcast(c.in...)
		return graph.Reshape(f(n[0], n[1]), dims...)
	})}
}

// at gives element i as a float64.
func (h *hostTensor) at(i int) float64 {
	if isFloat(h.dtype) {
		return h.floats[i]
	}
	return float64(h.ints[i])
}

// foldNot is Not-1 on the host.
func foldNot(c *call) *hostTensor {
	x := c.host(0)
	out := newHost(graphsurgery.Bool, x.dims...)
	for i, v := range x.ints {
		if v == 0 {
			out.ints[i] = 1
		}
	}
	return out
}

// foldIsNaN is IsNaN-9 on the host.
func foldIsNaN(c *call) *hostTensor {
	x := c.host(0)
	out := newHost(graphsurgery.Bool, x.dims...)
	for i, v := range x.floats {
		if math.IsNaN(v) {
			out.ints[i] = 1
		}
	}
	return out
}

// foldWhere is Where-9 on the host.
func foldWhere(c *call) *hostTensor {
	dims, err := broadcastDims(c.dims(0), c.dims(1), c.dims(2))
	if err != nil {
		c.fail("%v", err)
	}
	if !c.small(dims) {
		return nil
	}
	cond, yes, no := c.host(0).broadcastTo(dims), c.host(1).broadcastTo(dims), c.host(2).broadcastTo(dims)
	out := newHost(yes.dtype, dims...)
	for i, v := range cond.ints {
		if v != 0 {
			out.copyFrom(i, yes, i)
		} else {
			out.copyFrom(i, no, i)
		}
	}
	return out
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
