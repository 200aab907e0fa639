package importer

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// rotaryOps turn pairs of channels by an angle that grows with the position.
func rotaryOps() []operator {
	return []operator{
		{key: onnx("RotaryEmbedding", 23), attrs: "interleaved num_heads rotary_embedding_dim", minIn: 3, maxIn: 4, maxOut: 1,
			lower: func(c *call) []*wire { return c.rotary(1, 2, 3) }},
		// com.microsoft's form has the positions before the caches.
		{key: microsoft("RotaryEmbedding", 1), attrs: "interleaved is_packed_batching num_heads rotary_embedding_dim scale",
			minIn: 4, maxIn: 4, maxOut: 1, check: checkRotary, lower: func(c *call) []*wire { return c.rotary(2, 3, 1) }},
	}
}

// checkRotary knows com.microsoft's form without packing and with angles as they are.
func checkRotary(n *graphsurgery.Node) string {
	if n.Int("is_packed_batching", 0) != 0 {
		return "is_packed_batching=1 of RotaryEmbedding is not supported"
	}
	if n.Float("scale", 1) != 1 {
		return "scale of RotaryEmbedding is not supported"
	}
	return ""
}

// rotary is RotaryEmbedding-23 of an input [batch, heads, length, width] or
// [batch, length, heads·width]: the first rotary_embedding_dim channels of each
// head are turned. cos and sin are [positions, half], looked up by the position
// ids, or [batch, length, half] without them.
func (c *call) rotary(cosIn, sinIn, ids int) []*wire {
	d := c.dims(0)
	if len(d) != 3 && len(d) != 4 {
		c.fail("RotaryEmbedding of shape %v, want rank 3 or 4", d)
	}
	turned := c.attrInt("rotary_embedding_dim", 0)
	half := c.dims(cosIn)[c.rank(cosIn)-1]
	var x *graph.Node // [batch, length, heads, width]
	if len(d) == 4 {
		x = graph.TransposeAllAxes(c.arg(0), 0, 2, 1, 3)
	} else {
		heads := c.attrInt("num_heads", 0)
		if heads == 0 { // com.microsoft leaves it out where the caches tell it
			heads = d[2] / max(1, 2*half)
		}
		if heads < 1 || d[2]%heads != 0 {
			c.fail("%d channels cannot be cut into num_heads=%d", d[2], heads)
		}
		x = graph.Reshape(c.anyOf(c.in[0]), d[0], d[1], heads, d[2]/heads)
	}
	width := x.Shape().Dimensions[3]
	if turned == 0 {
		turned = width
	}
	if turned > width || turned != 2*half {
		c.fail("rotary_embedding_dim %d of %d channels with %d angles, want twice as many", turned, width, half)
	}
	y := turnPairs(x, c.angles(cosIn, ids, x), c.angles(sinIn, ids, x), turned, c.attrInt("interleaved", 0) != 0)
	if len(d) == 4 {
		return c.out(graph.TransposeAllAxes(y, 0, 2, 1, 3))
	}
	return c.out(graph.Reshape(y, d...))
}

// angles gives the cosines or sines of input i as [batch, length, 1, half].
func (c *call) angles(i, ids int, x *graph.Node) *graph.Node {
	batch, length := x.Shape().Dimensions[0], x.Shape().Dimensions[1]
	table := c.arg(i)
	if !c.has(ids) {
		if table.Rank() != 3 || table.Shape().Dimensions[0] != batch || table.Shape().Dimensions[1] != length {
			c.fail("cache of shape %v without position ids, want [%d, %d, half]", table.Shape().Dimensions, batch, length)
		}
		return graph.InsertAxes(table, 2)
	}
	if table.Rank() != 2 {
		c.fail("cache of shape %v, want [positions, half]", table.Shape().Dimensions)
	}
	at := c.arg(ids)
	if at.Shape().Size() == 1 { // com.microsoft: the first position
		at = graph.Add(graph.Iota(c.graph, shapes.Make(at.DType(), batch, length), 1), graph.Reshape(at))
	}
	return graph.InsertAxes(graph.Gather(table, graph.Reshape(at, batch, length, 1)), 2)
}

// turnPairs turns the first n channels of x, [batch, length, heads, width]: the
// pairs are neighbours if interleaved, else half of n apart.
func turnPairs(x, cos, sin *graph.Node, n int, interleaved bool) *graph.Node {
	d := x.Shape().Dimensions
	part := func(from, to int) *graph.Node { return graph.SliceAxis(x, 3, graph.AxisRange(from, to)) }
	a, b := part(0, n/2), part(n/2, n)
	if interleaved {
		pairs := graph.Reshape(part(0, n), d[0], d[1], d[2], n/2, 2)
		side := func(i int) *graph.Node {
			return graph.Reshape(graph.SliceAxis(pairs, 4, graph.AxisRange(i, i+1)), d[0], d[1], d[2], n/2)
		}
		a, b = side(0), side(1)
	}
	re := graph.Sub(graph.Mul(a, cos), graph.Mul(b, sin))
	im := graph.Add(graph.Mul(a, sin), graph.Mul(b, cos))
	var y *graph.Node
	if interleaved {
		y = graph.Reshape(graph.Concatenate([]*graph.Node{graph.InsertAxes(re, -1), graph.InsertAxes(im, -1)}, 4), d[0], d[1], d[2], n)
	} else {
		y = graph.Concatenate([]*graph.Node{re, im}, 3)
	}
	if n < d[3] {
		y = graph.Concatenate([]*graph.Node{y, part(n, d[3])}, 3)
	}
	return y
}
