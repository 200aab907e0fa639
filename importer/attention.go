package importer

import (
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// attentionOps is the scaled dot-product attention that newer exporters emit as
// one operator.
func attentionOps() []operator {
	const attrs = "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision"
	return []operator{
		// Attention-23; 24 adds the number of keys that are no padding and masks
		// shorter than the keys.
		{key: onnx("Attention", 23), attrs: attrs, minIn: 3, maxIn: 6, maxOut: 4, check: checkAttention, lower: lowerAttention},
		{key: onnx("Attention", 24), attrs: attrs, minIn: 3, maxIn: 7, maxOut: 4, check: checkAttention, lower: lowerAttention},
	}
}

// checkAttention knows the float types as precisions, and the four stages that
// the fourth output may show.
func checkAttention(n *graphsurgery.Node) string {
	if p := graphsurgery.DType(n.Int("softmax_precision", int64(graphsurgery.Float))); !isFloat(p) {
		return "softmax_precision of Attention other than a float type is not supported"
	}
	if mode := n.Int("qk_matmul_output_mode", 0); mode < 0 || mode > 3 {
		return "qk_matmul_output_mode of Attention outside 0 to 3 is not supported"
	}
	return ""
}

// lowerAttention is Attention-23 and -24. Inputs are [batch, heads, length,
// width], or [batch, length, heads·width] with the heads as attributes; the
// output has the form of the input.
func lowerAttention(c *call) []*wire {
	rank := c.rank(0)
	if rank != 3 && rank != 4 {
		c.fail("Attention of rank %d, want 3 or 4", rank)
	}
	a := attention{tracer: c.tracer, q: c.headsOf(0, "q_num_heads"), softcap: float64(c.n.Float("softcap", 0)),
		causal: c.attrInt("is_causal", 0) != 0, masked: math.Inf(-1)}
	a.k, a.past = c.withPast(c.headsOf(1, "kv_num_heads"), 4)
	a.v, _ = c.withPast(c.headsOf(2, "kv_num_heads"), 5)
	c.checkHeads(a)
	width := a.q.Shape().Dimensions[3]
	a.scale = float64(c.n.Float("scale", float32(1/math.Sqrt(float64(width)))))
	if !c.n.HasAttr("scale") {
		a.scale = 1 / math.Sqrt(float64(width))
	}
	if p := graphsurgery.DType(c.n.Int("softmax_precision", 0)); p != graphsurgery.Undefined {
		a.precision, _ = computeDType(p)
	}
	a = c.withNonPad(c.withMask(a, 3), 6)
	y := attend(a)
	if rank == 3 {
		y = mergeHeads(y)
	}
	out := []*wire{c.wire(y), c.wire(a.k), c.wire(a.v)}
	if shown := c.n.Output(3); shown != nil {
		out = append(out, c.wire(graph.ConvertDType(a.stage(c.attrInt("qk_matmul_output_mode", 0)), a.q.DType())))
	}
	return out
}

// stage is what qk_matmul_output shows.
func (a attention) stage(mode int) *graph.Node {
	switch mode {
	case 1:
		return a.capped()
	case 2:
		return a.biased()
	case 3:
		return a.probabilities()
	}
	return a.scores()
}

// checkHeads compares what must fit between q, k and v.
func (c *call) checkHeads(a attention) {
	q, k, v := a.q.Shape().Dimensions, a.k.Shape().Dimensions, a.v.Shape().Dimensions
	if q[0] != k[0] || k[0] != v[0] || q[3] != k[3] || k[1] != v[1] || k[2] != v[2] {
		c.fail("query %v, key %v and value %v do not fit", q, k, v)
	}
	if k[1] == 0 || q[1]%k[1] != 0 {
		c.fail("%d query heads cannot share %d key heads", q[1], k[1])
	}
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
	return splitHeads(c.anyOf(c.in[i]), d[0], d[1], heads)
}

// withPast puts the cache of optional input i before new keys or values, and
// gives the cache's length.
func (c *call) withPast(x *graph.Node, i int) (*graph.Node, int) {
	if !c.has(i) {
		return x, 0
	}
	if c.rank(i) != 4 {
		c.fail("input %d of shape %v, want [batch, heads, past, width]", i, c.dims(i))
	}
	if c.dims(i)[2] == 0 {
		return x, 0
	}
	return graph.Concatenate([]*graph.Node{c.arg(i), x}, 2), c.dims(i)[2]
}

// withMask reads the mask of optional input i: booleans say what may be looked
// at, floats are added. A mask shorter than the keys forbids the rest.
func (c *call) withMask(a attention, i int) attention {
	if !c.has(i) {
		return a
	}
	mask := graph.ExpandLeftToRank(c.arg(i), 4)
	keys := a.k.Shape().Dimensions[2]
	last := mask.Shape().Dimensions[3]
	if missing := keys - last; missing > 0 && last != 1 {
		fill := graph.Scalar(c.graph, mask.DType(), math.Inf(-1))
		if mask.DType() == dtypes.Bool {
			fill = graph.Const(c.graph, false)
		}
		mask = padRight(mask, fill, missing)
	}
	switch {
	case mask.DType() == dtypes.Bool:
		a.keep = mask
	case mask.DType().IsFloat():
		a.bias = graph.ConvertDType(mask, a.q.DType())
	default:
		c.refuse("a mask of type %s is not supported", c.in[i].dtype)
	}
	return a
}

// padRight lengthens the last axis of a node of rank 4. Booleans, which GoMLX
// does not pad on every backend, are concatenated.
func padRight(x, fill *graph.Node, n int) *graph.Node {
	if x.DType() == dtypes.Bool {
		dims := append([]int{}, x.Shape().Dimensions...)
		dims[3] = n
		return graph.Concatenate([]*graph.Node{x, graph.BroadcastToDims(fill, dims...)}, 3)
	}
	return graph.Pad(x, fill, compute.PadAxis{}, compute.PadAxis{}, compute.PadAxis{}, compute.PadAxis{End: n})
}

// withNonPad reads nonpad_kv_seqlen of Attention-24: how many keys of each
// example are no padding.
func (c *call) withNonPad(a attention, i int) attention {
	if !c.has(i) {
		return a
	}
	batch, keys := a.k.Shape().Dimensions[0], a.k.Shape().Dimensions[2]
	lengths := c.arg(i)
	at := graph.Iota(c.graph, shapes.Make(lengths.DType(), batch, 1, 1, keys), 3)
	return a.withKeep(graph.LessThan(at, graph.BroadcastToDims(graph.Reshape(lengths, batch, 1, 1, 1), batch, 1, 1, keys)))
}
