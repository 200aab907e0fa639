package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// msNormOps are com.microsoft's normalisations that take the residual sum, or the
// sum of embeddings, along.
func msNormOps() []operator {
	return []operator{
		{key: microsoft("SkipLayerNormalization", 1), attrs: "epsilon", minIn: 3, maxIn: 5, maxOut: 4,
			lower: func(c *call) []*wire { return c.skipNorm(3, 4, centredStatistics) }},
		{key: microsoft("SkipSimplifiedLayerNormalization", 1), attrs: "epsilon", minIn: 3, maxIn: 4, maxOut: 4,
			lower: func(c *call) []*wire { return c.skipNorm(-1, 3, uncentredStatistics) }},
		{key: microsoft("EmbedLayerNormalization", 1), attrs: "epsilon mask_index_type", minIn: 1, maxIn: 9, maxOut: 3,
			lower: lowerEmbedLayerNorm},
	}
}

// skipNorm normalises input + skip + bias over the last axis, with scale 2 and
// bias beta. Outputs are the result, mean, 1/deviation and the sum.
func (c *call) skipNorm(beta, bias int, f rowStatistics) []*wire {
	sum := c.sum(c.in[0], c.in[1], c.optional(bias))
	if !slices.Equal(sum.dims, c.dims(0)) {
		c.fail("a skip of shape %v for an input of shape %v", c.dims(1), c.dims(0))
	}
	y, stats := c.normalised(sum, len(sum.dims)-1, 2, beta, 1e-12, f)
	if len(stats) == 1 { // no mean
		stats = []*wire{nil, stats[0]}
	}
	return []*wire{y, stats[0], stats[1], sum}
}

// lowerEmbedLayerNorm normalises the sum of word, position and segment
// embeddings. Its second output counts the tokens that a mask keeps.
func lowerEmbedLayerNorm(c *call) []*wire {
	for _, i := range []int{2, 3, 5, 6} {
		if !c.has(i) {
			c.fail("input %d is missing", i)
		}
	}
	if c.rank(0) != 2 {
		c.fail("tokens of shape %v, want [batch, length]", c.dims(0))
	}
	batch, length := c.dims(0)[0], c.dims(0)[1]
	look := func(table, ids int) *wire {
		return c.wire(graph.Gather(c.arg(table), graph.InsertAxes(c.arg(ids), -1)))
	}
	var position *wire
	if c.has(8) {
		position = look(3, 8)
	} else {
		position = c.wire(graph.SliceAxis(c.arg(3), 0, graph.AxisRange(0, length)))
	}
	var segment *wire
	if c.has(1) && c.has(4) {
		segment = look(4, 1)
	}
	sum := c.sum(look(2, 0), position, segment)
	y, _ := c.normalised(sum, 2, 5, 6, 1e-12, centredStatistics)
	count := graph.Zeros(c.graph, shapes.Make(dtypes.Int32, batch))
	if c.has(7) {
		count = graph.ReduceSum(graph.ConvertDType(c.arg(7), dtypes.Int32), 1)
	}
	return []*wire{y, c.wire(count), sum}
}
