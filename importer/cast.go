package importer

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// castOps change the element type.
func castOps() []operator {
	return []operator{
		// Cast-6; 9, 13 and 19 add types, saturate concerns float8 alone.
		{key: onnx("Cast", 6), attrs: "to saturate round_mode", minIn: 1, maxIn: 1, maxOut: 1, check: checkCast, lower: lowerCast},
		{key: onnx("CastLike", 15), attrs: "saturate round_mode", minIn: 2, maxIn: 2, maxOut: 1,
			lower: func(c *call) []*wire { return c.castTo(c.in[1].dtype) }},
		// Identity-1 passes the wire on: a graph node would have no gradient in GoMLX.
		{key: onnx("Identity", 1), minIn: 1, maxIn: 1, maxOut: 1,
			lower: func(c *call) []*wire { return c.in[:1] }},
	}
}

// checkCast refuses types that no backend computes with.
func checkCast(n *graphsurgery.Node) string {
	to := graphsurgery.DType(n.Int("to", 0))
	if _, err := computeDType(to); err != nil {
		return fmt.Sprintf("cast to %s is not supported", to)
	}
	return ""
}

// lowerCast is Cast-6.
func lowerCast(c *call) []*wire { return c.castTo(graphsurgery.DType(c.n.Int("to", 0))) }

// castTo converts input 0; to the type that it has already, nothing is done.
func (c *call) castTo(to graphsurgery.DType) []*wire {
	if c.in[0].dtype == to {
		return c.in[:1]
	}
	dtype, err := computeDType(to)
	if err != nil {
		c.refuse("%v", err)
	}
	if c.in[0].real != nil && isFloat(to) {
		return []*wire{c.asFloat(c.in[0], dtype)}
	}
	return c.mapped(func(x *graph.Node) *graph.Node {
		if to == graphsurgery.Bool {
			return graph.NotEqual(x, constantLike(x, 0))
		}
		return graph.ConvertDType(x, dtype)
	})
}
