package importer

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// The com.microsoft operators are those that ONNX Runtime's optimizers write into
// encoders. They have no tests of onnx's own: ONNX Runtime is their oracle.

// microsoft makes the key of an operator of ONNX Runtime's own domain.
func microsoft(op string, since int64) opKey {
	return opKey{Domain: "com.microsoft", Op: op, Since: since}
}

// microsoftOps are fused activations, products and convolutions.
func microsoftOps() []operator {
	const conv = "activation activation_params auto_pad dilations group kernel_shape pads strides"
	const gemm = "activation activation_alpha activation_beta activation_gamma alpha beta transA transB"
	return []operator{
		{key: microsoft("Gelu", 1), minIn: 1, maxIn: 1, maxOut: 1, lower: func(c *call) []*wire { return c.mapped(geluErf) }},
		{key: microsoft("BiasGelu", 1), minIn: 2, maxIn: 2, maxOut: 1, lower: lowerBiasGelu(geluErf)},
		{key: microsoft("FastGelu", 1), minIn: 1, maxIn: 2, maxOut: 1, lower: lowerBiasGelu(geluTanh)},
		{key: microsoft("QuickGelu", 1), attrs: "alpha", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerQuickGelu},
		{key: microsoft("BiasSplitGelu", 1), minIn: 2, maxIn: 2, maxOut: 1, lower: lowerBiasSplitGelu},
		{key: microsoft("BiasAdd", 1), minIn: 3, maxIn: 3, maxOut: 1, lower: func(c *call) []*wire { return []*wire{c.sum(c.in...)} }},
		{key: microsoft("FusedMatMul", 1), attrs: "alpha transA transB transBatchA transBatchB", minIn: 2, maxIn: 2, maxOut: 1, lower: lowerFusedMatMul},
		{key: microsoft("TransposeMatMul", 1), attrs: "alpha transA transB", minIn: 2, maxIn: 2, maxOut: 1, lower: lowerFusedMatMul},
		{key: microsoft("FusedGemm", 1), attrs: gemm, minIn: 2, maxIn: 3, maxOut: 1, check: checkFused, lower: lowerFusedGemm},
		{key: microsoft("FusedConv", 1), attrs: conv, minIn: 2, maxIn: 4, maxOut: 1, check: checkFusedConv, lower: lowerFusedConv},
	}
}

// sum adds wires by numpy's broadcasting rule; absent ones count as zero.
func (c *call) sum(wires ...*wire) *wire {
	var present []*wire
	for _, w := range wires {
		if w != nil {
			present = append(present, w)
		}
	}
	n, dims, flat := c.broadcast(present...)
	out := n[0]
	for _, next := range n[1:] {
		out = graph.Add(out, next)
	}
	return c.same(out, dims, flat)[0]
}

// optional gives input i, nil if it is not there.
func (c *call) optional(i int) *wire {
	if !c.has(i) {
		return nil
	}
	return c.in[i]
}

// lowerBiasGelu is BiasGelu and FastGelu: an activation of x plus a bias.
func lowerBiasGelu(f func(*graph.Node) *graph.Node) func(c *call) []*wire {
	return func(c *call) []*wire { return c.on(c.sum(c.in[0], c.optional(1))).mapped(f) }
}

// lowerQuickGelu is x·sigmoid(alpha·x).
func lowerQuickGelu(c *call) []*wire {
	alpha := float64(c.n.Float("alpha", 1.702))
	return c.mapped(func(x *graph.Node) *graph.Node { return graph.Mul(x, graph.Sigmoid(scaled(x, alpha))) })
}

// lowerBiasSplitGelu adds a bias and multiplies the first half of the last axis
// by the GELU of the second.
func lowerBiasSplitGelu(c *call) []*wire {
	x := c.nodeOf(c.sum(c.in...))
	last := x.Rank() - 1
	width := x.Shape().Dimensions[last]
	if width%2 != 0 {
		c.fail("%d channels cannot be split in two", width)
	}
	half := func(from int) *graph.Node { return graph.SliceAxis(x, last, graph.AxisRange(from, from+width/2)) }
	return c.out(graph.Mul(half(0), geluErf(half(width/2))))
}

// lowerFusedMatMul is alpha·A·B where transBatch moves the first axis to the last
// but one, and trans exchanges the last two axes after that. The plain case keeps
// [rows, width] forms.
func lowerFusedMatMul(c *call) []*wire {
	a, b := c.transposed(0, "transA", "transBatchA"), c.transposed(1, "transB", "transBatchB")
	y := c.on(a, b)
	alpha := float64(c.n.Float("alpha", 1))
	return y.on(lowerMatMul(y)...).mapped(func(x *graph.Node) *graph.Node { return scaled(x, alpha) })
}

// transposed gives an operand of FusedMatMul as MatMul takes it.
func (c *call) transposed(i int, trans, batch string) *wire {
	rank := c.rank(i)
	perm := make([]int, rank)
	for k := range perm {
		perm[k] = k
	}
	if c.attrInt(batch, 0) != 0 && rank > 2 {
		perm = slices.Insert(slices.Clone(perm[1:rank-1]), rank-2, 0, rank-1)
	}
	if c.attrInt(trans, 0) != 0 && rank > 1 {
		perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
	}
	if slices.IsSorted(perm) {
		return c.in[i]
	}
	return c.wire(graph.TransposeAllAxes(c.arg(i), perm...))
}

// checkFused knows the activations that a product or convolution may end in.
func checkFused(n *graphsurgery.Node) string {
	name := n.Str("activation", "")
	if _, ok := activationOf(name, nil, nil); !ok && name != "" && name != "Clip" {
		return "activation " + name + " of " + n.Op() + " is not supported"
	}
	return ""
}

// checkFusedConv knows the padding rules too.
func checkFusedConv(n *graphsurgery.Node) string {
	if what := checkFused(n); what != "" {
		return what
	}
	return checkAutoPad(n)
}

// fused applies the attribute activation to the only input.
func (c *call) fused(params []float32) []*wire {
	switch name := c.n.Str("activation", ""); name {
	case "":
		return c.in
	case "Clip":
		low, high := float32(math.Inf(-1)), float32(math.Inf(1))
		if len(params) == 2 {
			low, high = params[0], params[1]
		}
		return c.mapped(func(x *graph.Node) *graph.Node {
			return atMost(atLeast(x, constantLike(x, float64(low))), constantLike(x, float64(high)))
		})
	default:
		alphas, betas := params, params[min(1, len(params)):]
		f, _ := activationOf(name, &alphas, &betas)
		return c.mapped(f)
	}
}

// lowerFusedGemm is Gemm and an activation.
func lowerFusedGemm(c *call) []*wire {
	params := []float32{}
	if c.n.HasAttr("activation_alpha") {
		params = append(params, c.n.Float("activation_alpha", 0))
	}
	if c.n.HasAttr("activation_beta") {
		if len(params) == 0 {
			c.refuse("activation_beta of FusedGemm without activation_alpha is not supported")
		}
		params = append(params, c.n.Float("activation_beta", 0))
	}
	return c.on(c.wire(lowerGemm(c))).fused(params)
}

// lowerFusedConv is Conv, plus an optional tensor, and an activation.
func lowerFusedConv(c *call) []*wire {
	y := c.wire(lowerConv(c.on(c.in[:min(3, len(c.in))]...)))
	return c.on(c.sum(y, c.optional(3))).fused(c.n.Floats("activation_params"))
}
