package importer

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// linearAttentionOps carry a state from position to position.
func linearAttentionOps() []operator {
	return []operator{
		{key: onnx("LinearAttention", 27), attrs: "chunk_size kv_num_heads q_num_heads scale update_rule",
			minIn: 3, maxIn: 6, maxOut: 2, check: checkUpdateRule, lower: lowerLinearAttention},
	}
}

// checkUpdateRule knows the four recurrences.
func checkUpdateRule(n *graphsurgery.Node) string {
	switch r := n.Str("update_rule", "gated_delta"); r {
	case "linear", "gated", "delta", "gated_delta":
		return ""
	default:
		return "update_rule=" + r + " of LinearAttention is not supported"
	}
}

// lowerLinearAttention is LinearAttention-27, step by step in float32 (float64 for
// doubles): S' = decay·S + β·k⊗(v - (decay·S)ᵀk), or + k⊗v without the delta rule;
// out = scale·qᵀS'. Inputs are q, k, v, past state, log decay and β.
func lowerLinearAttention(c *call) []*wire {
	heads, shared := c.attrInt("q_num_heads", 0), c.attrInt("kv_num_heads", 0)
	if heads < 1 || shared < 1 || heads%shared != 0 {
		c.fail("q_num_heads=%d and kv_num_heads=%d", heads, shared)
	}
	q, k, v := c.stepHeads(0, heads), c.stepHeads(1, shared), c.stepHeads(2, shared)
	d := k[0].Shape().Dimensions // [batch, heads, width]
	state := graph.Zeros(c.graph, shapes.Make(k[0].DType(), d[0], shared, d[2], v[0].Shape().Dimensions[2]))
	own := c.in[0]
	if c.has(3) {
		own = c.in[3]
		state = graph.ConvertDType(c.arg(3), k[0].DType())
	}
	decay, beta := c.gates(4, "gated", "gated_delta", shared), c.gates(5, "delta", "gated_delta", shared)
	scale := float64(c.n.Float("scale", 0))
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(d[2]))
	}
	outs := make([]*graph.Node, len(q))
	for t := range q {
		if decay != nil {
			state = graph.Mul(state, graph.InsertAxes(graph.Exp(decay[t]), -1))
		}
		value := v[t]
		if beta != nil {
			seen := graph.DotGeneral(k[t], []int{2}, []int{0, 1}, state, []int{2}, []int{0, 1})
			value = graph.Mul(graph.Sub(value, seen), beta[t])
		}
		state = graph.Add(state, graph.Mul(graph.InsertAxes(k[t], -1), graph.InsertAxes(value, 2)))
		grouped := graph.Reshape(scaled(q[t], scale), d[0], shared, heads/shared, d[2])
		y := graph.DotGeneral(grouped, []int{3}, []int{0, 1}, state, []int{2}, []int{0, 1})
		outs[t] = graph.Reshape(y, d[0], 1, y.Shape().Size()/d[0])
	}
	out := graph.ConvertDType(graph.Concatenate(outs, 1), computeType(c.in[0]))
	return []*wire{c.wire(out), c.wire(graph.ConvertDType(state, computeType(own)))}
}

// stepHeads gives input i, [batch, length, heads·width], as one [batch, heads,
// width] a position.
func (c *call) stepHeads(i, heads int) []*graph.Node {
	d := c.dims(i)
	if len(d) != 3 || d[2]%heads != 0 || d[1] == 0 {
		c.fail("input %d of shape %v cannot be cut into %d heads", i, d, heads)
	}
	x := graph.TransposeAllAxes(graph.Reshape(c.anyOf(c.in[i]), d[0], d[1], heads, d[2]/heads), 1, 0, 2, 3)
	if x.DType().IsHalfPrecision() {
		x = graph.ConvertDType(x, dtypes.Float32)
	}
	return unstack(x)
}

// gates gives the gate of input i a position, [batch, heads or 1, width or 1], if
// the update rule is among the two that use it.
func (c *call) gates(i int, rule, both string, heads int) []*graph.Node {
	used := slices.Contains([]string{rule, both}, c.n.Str("update_rule", both))
	if used != c.has(i) {
		c.fail("update_rule and input %d do not fit", i)
	}
	if !used {
		return nil
	}
	if c.rank(i) == 3 && c.dims(i)[2] == 1 {
		heads = 1
	}
	return c.stepHeads(i, heads)
}
