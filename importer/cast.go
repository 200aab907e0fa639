package importer

import (
	"cmp"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// castOps change the element type.
func castOps() []operator {
	return []operator{
		// Cast-1 names the type, Cast-6 numbers it; 9, 13 and 19 add types, saturate concerns float8 alone.
		{key: onnx("Cast", 1), attrs: "to", minIn: 1, maxIn: 1, maxOut: 1, check: checkCast, lower: lowerCast},
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
	to := castTarget(n)
	if _, err := computeDType(to); err != nil {
		return fmt.Sprintf("cast to %s is not supported", cmp.Or(n.Str("to", ""), to.String()))
	}
	return ""
}

// castTarget reads the type as Cast-1 names it, after TensorProto.DataType, or as
// Cast-6 numbers it.
func castTarget(n *graphsurgery.Node) graphsurgery.DType {
	switch n.Str("to", "") {
	case "":
		return graphsurgery.DType(n.Int("to", 0))
	case "FLOAT":
		return graphsurgery.Float
	case "UINT8":
		return graphsurgery.Uint8
	case "INT8":
		return graphsurgery.Int8
	case "UINT16":
		return graphsurgery.Uint16
	case "INT16":
		return graphsurgery.Int16
	case "INT32":
		return graphsurgery.Int32
	case "INT64":
		return graphsurgery.Int64
	case "BOOL":
		return graphsurgery.Bool
	case "FLOAT16":
		return graphsurgery.Float16
	case "DOUBLE":
		return graphsurgery.Double
	case "UINT32":
		return graphsurgery.Uint32
	case "UINT64":
		return graphsurgery.Uint64
	}
	return graphsurgery.Undefined
}

// lowerCast is Cast-1 and -6. What of a float does not fit an integer is left
// open by the standard, and is what the backend makes of it.
func lowerCast(c *call) []*wire { return c.castTo(castTarget(c.n)) }

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
