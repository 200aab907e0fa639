package importer

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// msAttentionOps are com.microsoft's attentions of encoders.
func msAttentionOps() []operator {
	return []operator{
		{key: microsoft("Attention", 1), attrs: "do_rotary mask_filter_value num_heads past_present_share_buffer qkv_hidden_sizes rotary_embedding_dim scale unidirectional",
			minIn: 2, maxIn: 6, maxOut: 2, check: checkMSAttention, lower: lowerMSAttention},
		{key: microsoft("MultiHeadAttention", 1), attrs: "mask_filter_value num_heads scale unidirectional",
			minIn: 1, maxIn: 8, maxOut: 3, lower: lowerMultiHead},
	}
}

// checkMSAttention refuses what decoders use.
func checkMSAttention(n *graphsurgery.Node) string {
	for _, attr := range []string{"do_rotary", "past_present_share_buffer"} {
		if n.Int(attr, 0) != 0 {
			return attr + "=1 of com.microsoft's Attention is not supported"
		}
	}
	return ""
}

// lowerMSAttention is com.microsoft's Attention: q, k and v are one product of the
// input [batch, length, width] with packed weights, plus a packed bias. Inputs
// are input, weights, bias, mask_index, past, attention_bias.
func lowerMSAttention(c *call) []*wire {
	return c.packedAttention(c.sum(lowerMatMul(c.on(c.in[0], c.in[1]))[0], c.optional(2)), 3, 4, 5)
}

// packedAttention attends with q, k and v side by side in packed, [batch, length,
// columns]. The others are the inputs of the mask, of the cache and of numbers to
// be added to the scores.
func (c *call) packedAttention(packed *wire, mask, past, bias int) []*wire {
	if len(packed.dims) != 3 {
		c.fail("q, k and v of shape %v, want [batch, length, columns]", packed.dims)
	}
	batch, length, total := packed.dims[0], packed.dims[1], packed.dims[2]
	sizes := c.attrInts("qkv_hidden_sizes")
	if len(sizes) == 0 {
		sizes = slices.Repeat([]int{total / 3}, 3)
	}
	heads := c.heads()
	if len(sizes) != 3 || sizes[0]+sizes[1]+sizes[2] != total || sizes[0] != sizes[1] || sizes[0]%heads+sizes[2]%heads != 0 {
		c.fail("qkv_hidden_sizes %v of %d packed columns and %d heads", sizes, total, heads)
	}
	part := func(from, width int) *graph.Node {
		return splitHeads(graph.SliceAxis(c.flatOf(packed), 1, graph.AxisRange(from, from+width)), batch, length, heads)
	}
	a := c.msAttention(part(0, sizes[0]), part(sizes[0], sizes[1]), part(sizes[0]+sizes[1], sizes[2]))
	if c.has(past) && c.rank(past) == 5 && c.dims(past)[3] > 0 { // [2, batch, heads, past, width]
		old := func(i int) *graph.Node {
			return graph.Reshape(graph.SliceAxis(c.arg(past), 0, graph.AxisElem(i)), c.dims(past)[1:]...)
		}
		a.past = c.dims(past)[3]
		a.k, a.v = graph.Concatenate([]*graph.Node{old(0), a.k}, 2), graph.Concatenate([]*graph.Node{old(1), a.v}, 2)
	}
	a.bias = c.msBias(a, mask, bias)
	y := c.wire(mergeHeads(attend(a)))
	if c.n.Output(1) == nil {
		return []*wire{y}
	}
	return []*wire{y, c.wire(graph.Concatenate([]*graph.Node{graph.InsertAxes(a.k, 0), graph.InsertAxes(a.v, 0)}, 0))}
}

// heads reads num_heads.
func (c *call) heads() int {
	heads := c.attrInt("num_heads", 0)
	if heads < 1 {
		c.fail("num_heads=%d", heads)
	}
	return heads
}

// msAttention is what the attributes say of an attention. The causal rule forbids
// by the lowest number, not by infinity.
func (c *call) msAttention(q, k, v *graph.Node) attention {
	a := attention{tracer: c.tracer, q: q, k: k, v: v, causal: c.attrInt("unidirectional", 0) != 0, masked: -math.MaxFloat32}
	a.scale = float64(c.n.Float("scale", 0))
	if a.scale == 0 {
		a.scale = 1 / math.Sqrt(float64(q.Shape().Dimensions[3]))
	}
	if q.DType() == dtypes.Float16 {
		a.masked = -65504
	}
	return a
}

// msBias is what is added to the scores: mask_filter_value where mask input mask
// forbids, and the numbers of input bias.
func (c *call) msBias(a attention, mask, bias int) *graph.Node {
	var sum *graph.Node
	if c.has(mask) {
		keep := c.msMask(a, mask)
		filter := float64(c.n.Float("mask_filter_value", -10000))
		zero := graph.Zeros(c.graph, shapes.Make(a.q.DType(), keep.Shape().Dimensions...))
		sum = graph.Where(keep, zero, graph.AddScalar(zero, filter))
	}
	if !c.has(bias) {
		return sum
	}
	extra := graph.ExpandLeftToRank(c.arg(bias), 4)
	if sum == nil {
		return extra
	}
	return graph.Add(sum, extra)
}

// msMask gives the mask of input i as booleans of rank 4. It is [batch, keys] or
// [batch, queries, keys] with 1 for what may be looked at; [batch] with the number
// of keys from the left; or [2·batch] with ends and then starts.
func (c *call) msMask(a attention, i int) *graph.Node {
	mask, d := c.arg(i), c.dims(i)
	batch, queries, keys := a.q.Shape().Dimensions[0], a.q.Shape().Dimensions[2], a.k.Shape().Dimensions[2]
	switch {
	case slices.Equal(d, []int{batch, keys}):
		mask = graph.Reshape(mask, batch, 1, 1, keys)
	case slices.Equal(d, []int{batch, queries, keys}):
		mask = graph.Reshape(mask, batch, 1, queries, keys)
	case len(d) == 1 && (d[0] == batch || d[0] == 2*batch):
		at := graph.Iota(c.graph, shapes.Make(mask.DType(), batch, 1, 1, keys), 3)
		edge := func(from int) *graph.Node {
			return graph.BroadcastToDims(graph.Reshape(graph.SliceAxis(mask, 0, graph.AxisRange(from, from+batch)), batch, 1, 1, 1), batch, 1, 1, keys)
		}
		inside := graph.LessThan(at, edge(0))
		if d[0] == 2*batch {
			inside = graph.LogicalAnd(inside, graph.GreaterOrEqual(at, edge(batch)))
		}
		return inside
	default:
		c.refuse("a mask of shape %v is not supported", d)
	}
	return graph.GreaterThan(mask, graph.ZerosLike(mask))
}

// lowerMultiHead is com.microsoft's MultiHeadAttention after the projections.
// Inputs are query, key, value, bias, key_padding_mask, attention_bias, past_key
// and past_value.
func lowerMultiHead(c *call) []*wire {
	q, k, v := c.multiHeadInputs()
	a := c.msAttention(q, k, v)
	a.k, a.past = c.withPast(a.k, 6)
	a.v, _ = c.withPast(a.v, 7)
	c.checkHeads(a)
	a.bias = c.msBias(a, 4, 5)
	return []*wire{c.wire(mergeHeads(attend(a))), c.wire(a.k), c.wire(a.v)}
}

// multiHeadInputs gives q, k and v as [batch, heads, length, width] from the forms
// that MultiHeadAttention takes: [batch, length, heads·width] each; key and value
// split into heads already; key and value packed as [batch, length, heads, 2,
// width]; all packed as [batch, length, heads, 3, width].
func (c *call) multiHeadInputs() (q, k, v *graph.Node) {
	heads := c.heads()
	d := c.dims(0)
	if len(d) == 5 {
		return c.unpacked(0, 0), c.unpacked(0, 1), c.unpacked(0, 2)
	}
	if len(d) != 3 || d[2]%heads != 0 || !c.has(1) {
		c.fail("query of shape %v and %d heads", d, heads)
	}
	at := 0 // of the packed bias
	split := func(i int) *graph.Node {
		e := c.dims(i)
		if len(e) == 4 {
			return c.arg(i)
		}
		if len(e) != 3 || e[2]%heads != 0 {
			c.fail("input %d of shape %v and %d heads", i, e, heads)
		}
		x := c.in[i]
		if c.has(3) {
			if at+e[2] > product(c.dims(3)) {
				c.fail("a bias of shape %v for %d channels and more", c.dims(3), at+e[2])
			}
			x = c.sum(x, c.wire(graph.SliceAxis(c.arg(3), 0, graph.AxisRange(at, at+e[2]))))
			at += e[2]
		}
		return splitHeads(c.anyOf(x), e[0], e[1], heads)
	}
	q = split(0)
	if c.rank(1) == 5 {
		return q, c.unpacked(1, 0), c.unpacked(1, 1)
	}
	if !c.has(2) {
		c.fail("a key of shape %v without a value", c.dims(1))
	}
	return q, split(1), split(2)
}

// unpacked gives one of the tensors packed along axis 3 of input i.
func (c *call) unpacked(i, which int) *graph.Node {
	if c.has(3) {
		c.refuse("a bias of packed inputs is not supported")
	}
	d := c.dims(i)
	x := graph.Reshape(graph.SliceAxis(c.arg(i), 3, graph.AxisElem(which)), d[0], d[1], d[2], d[4])
	return graph.TransposeAllAxes(x, 0, 2, 1, 3)
}
