package importer

import (
	"cmp"
	"fmt"

	"github.com/gomlx/compute/dtypes"
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
	if _, err := computeDType(storedDType(to)); err != nil {
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

// castTo converts input 0; to the type that it has already, nothing is done. A small
// type gets the numbers rounded into it, and a gradient passes through the rounding
// as if there were none.
func (c *call) castTo(to graphsurgery.DType) []*wire {
	from := c.in[0]
	if from.dtype == to {
		return c.in[:1]
	}
	if _, err := computeDType(storedDType(to)); err != nil {
		c.refuse("%v", err)
	}
	if f, small := smallFloatOf(from.dtype); small {
		from = c.decoded(from, f)
	}
	if f, small := smallFloatOf(to); small {
		mode := toEven
		if to == graphsurgery.Float8E8M0 {
			mode = c.n.Str("round_mode", upwards)
		}
		return []*wire{c.encoded(c.asFloat(from, dtypes.Float32), f, to, c.attrInt("saturate", 1) != 0, mode)}
	}
	dtype, _ := computeDType(storedDType(to))
	if from.real != nil && isFloat(to) {
		return []*wire{c.asFloat(from, dtype)}
	}
	if storedDType(to) != to {
		return []*wire{labelled(c.wire(narrowInt(c.nodeOf(from), to)), to)}
	}
	c.in[0] = from
	return c.mapped(func(x *graph.Node) *graph.Node {
		if to == graphsurgery.Bool {
			return graph.NotEqual(x, constantLike(x, 0))
		}
		return graph.ConvertDType(x, dtype)
	})
}

// labelled gives a wire the ONNX type of what it holds.
func labelled(w *wire, as graphsurgery.DType) *wire {
	w.dtype = as
	return w
}

// decoded gives the numbers of a small float: as float32, or as the real form that
// it was made from.
func (c *call) decoded(w *wire, f smallFloat) *wire {
	if w.real != nil {
		return w.real
	}
	return c.wire(f.decode(c.nodeOf(w)))
}

// encoded gives the codes of numbers in a small type, and as the real form what
// they stand for, with a straight-through gradient.
func (c *call) encoded(x *wire, f smallFloat, to graphsurgery.DType, saturate bool, mode string) *wire {
	n := c.nodeOf(x)
	codes := f.encode(n, saturate, mode)
	out := labelled(c.wire(codes), to)
	out.real = c.wire(straightThrough(n, f.decode(codes)))
	return out
}

// straightThrough has the numbers of rounded and the gradient of x.
func straightThrough(x, rounded *graph.Node) *graph.Node {
	fixed := graph.StopGradient(x)
	// Where x is no finite number, x - x would not be zero.
	finite := graph.Equal(graph.Sub(fixed, fixed), graph.ScalarZero(x.Graph(), x.DType()))
	rest := graph.Where(finite, graph.Sub(x, fixed), graph.ZerosLike(x))
	return graph.Add(graph.StopGradient(rounded), rest)
}

// narrowInt discards the higher bits of integers, or of what floats have before the
// point, and reads the rest as a type of fewer than eight.
func narrowInt(x *graph.Node, to graphsurgery.DType) *graph.Node {
	size := 1 << to.Bits()
	x = graph.ConvertDType(x, dtypes.Int32)
	num := func(n int) *graph.Node { return graph.Scalar(x.Graph(), dtypes.Int32, n) }
	low := graph.BitwiseAnd(x, num(size-1))
	stored, _ := computeDType(storedDType(to))
	if storedDType(to) == graphsurgery.Int8 {
		low = graph.Where(graph.GreaterOrEqual(low, num(size/2)), graph.Sub(low, num(size)), low)
	}
	return graph.ConvertDType(low, stored)
}
