package importer

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// attentionOps is the scaled dot-product attention that newer exporters emit as
// one operator.
func attentionOps() []operator {
	return []operator{
		// Attention-23, without a cache of past keys and values.
		{key: onnx("Attention", 23), attrs: "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision",
			minIn: 3, maxIn: 4, maxOut: 1, check: checkAttention, lower: single(lowerAttention)},
	}
}

// checkAttention refuses capped scores, whose place relative to the mask changed
// after version 23.
func checkAttention(n *graphsurgery.Node) string {
	if n.Float("softcap", 0) != 0 {
		return "softcap of Attention is not supported"
	}
	if p := n.Int("softmax_precision", 1); p != int64(graphsurgery.Float) {
		return "softmax_precision of Attention other than float32 is not supported"
	}
	return ""
}

// lowerAttention is Attention-23: softmax(q·kᵀ·scale + mask)·v per head. Inputs
// are [batch, heads, length, width], or [batch, length, heads·width] with the
// heads as attributes; the output has the form of the input.
func lowerAttention(c *call) *graph.Node {
	rank := c.rank(0)
	if rank != 3 && rank != 4 {
		c.fail("Attention of rank %d, want 3 or 4", rank)
	}
	q := c.headsOf(0, "q_num_heads")
	heads := q.Shape().Dimensions[1]
	k, v := c.repeatHeads(c.headsOf(1, "kv_num_heads"), heads), c.repeatHeads(c.headsOf(2, "kv_num_heads"), heads)
	width := q.Shape().Dimensions[3]
	if k.Shape().Dimensions[3] != width || v.Shape().Dimensions[2] != k.Shape().Dimensions[2] {
		c.fail("query %v, key %v and value %v do not fit", c.dims(0), c.dims(1), c.dims(2))
	}
	scale := float64(c.n.Float("scale", float32(1/math.Sqrt(float64(width)))))
	batch := []int{0, 1}
	scores := graph.DotGeneral(graph.MulScalar(q, scale), []int{3}, batch, k, []int{3}, batch)
	y := graph.DotGeneral(softmax(c.masked(scores), 3), []int{3}, batch, v, []int{2}, batch)
	if rank == 4 {
		return y
	}
	d := y.Shape().Dimensions
	return graph.Reshape(graph.TransposeAllAxes(y, 0, 2, 1, 3), d[0], d[2], d[1]*d[3])
}

// headsOf gives input i as [batch, heads, length, width].
func (c *call) headsOf(i int, attr string) *graph.Node {
	d := c.dims(i)
	if len(d) == 4 {
		return c.arg(i)
	}
	heads := c.attrInt(attr, 0)
	if len(d) != 3 || heads < 1 || d[2]%heads != 0 {
		c.fail("input %d of shape %v cannot be cut into %s=%d heads", i, d, attr, heads)
	}
	return graph.TransposeAllAxes(graph.Reshape(c.anyOf(c.in[i]), d[0], d[1], heads, d[2]/heads), 0, 2, 1, 3)
}

// repeatHeads lets groups of query heads share a key head (grouped query attention).
func (c *call) repeatHeads(x *graph.Node, heads int) *graph.Node {
	d := x.Shape().Dimensions
	if d[1] == heads {
		return x
	}
	if d[1] == 0 || heads%d[1] != 0 {
		c.fail("%d query heads cannot share %d key heads", heads, d[1])
	}
	wide := graph.BroadcastToDims(graph.Reshape(x, d[0], d[1], 1, d[2], d[3]), d[0], d[1], heads/d[1], d[2], d[3])
	return graph.Reshape(wide, d[0], heads, d[2], d[3])
}

// masked adds the mask (booleans say what may be looked at) and the causal rule
// to scores [batch, heads, queries, keys].
func (c *call) masked(scores *graph.Node) *graph.Node {
	dims := scores.Shape().Dimensions
	if c.has(3) {
		mask := c.broadcastTo(c.in[3], dims)
		if mask.DType() == dtypes.Bool {
			scores = graph.Where(mask, scores, lowest(scores))
		} else {
			scores = graph.Add(scores, mask)
		}
	}
	if c.attrInt("is_causal", 0) != 0 {
		at := func(axis int) *graph.Node {
			return graph.Iota(c.graph, shapes.Make(dtypes.Int32, dims...), axis)
		}
		scores = graph.Where(graph.GreaterOrEqual(at(2), at(3)), scores, lowest(scores))
	}
	return scores
}

// lowest is minus infinity in the shape of scores.
func lowest(scores *graph.Node) *graph.Node {
	return graph.BroadcastToDims(constantLike(scores, math.Inf(-1)), scores.Shape().Dimensions...)
}
