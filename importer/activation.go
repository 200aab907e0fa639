package importer

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// activationOps are the nonlinearities of neural networks. Those of version 6 have
// a version 1 of the same meaning; later versions add types.
func activationOps() []operator {
	return append(sinceOne([]operator{
		curve(onnx("Tanh", 6), graph.Tanh),
		curve(onnx("Sigmoid", 6), graph.Sigmoid),
		curve(onnx("Relu", 6), relu),
		activation(onnx("LeakyRelu", 6), "alpha", leakyRelu),
		activation(onnx("Elu", 6), "alpha", elu),
		activation(onnx("HardSigmoid", 6), "alpha beta", hardSigmoid),
		activation(onnx("Selu", 6), "alpha gamma", selu(1.67326319217681884765625, 1.05070102214813232421875)),
	}), []operator{
		// Selu-1 has shorter defaults.
		activation(onnx("Selu", 1), "alpha gamma consumed_inputs", selu(1.6732, 1.0507)),
		curve(onnx("Softplus", 1), softplus),
		curve(onnx("Softsign", 1), softsign),
		activation(onnx("ThresholdedRelu", 10), "alpha", thresholdedRelu),
		activation(onnx("Shrink", 9), "bias lambd", shrink),
		activation(onnx("Celu", 12), "alpha", celu),
		activation(onnx("HardSwish", 14), "", hardSwish),
		curve(onnx("Mish", 18), func(x *graph.Node) *graph.Node { return graph.Mul(x, graph.Tanh(softplus(x))) }),
		activation(onnx("Swish", 24), "alpha", swish),
		{key: onnx("Gelu", 20), attrs: "approximate", minIn: 1, maxIn: 1, maxOut: 1, check: checkGelu,
			lower: func(c *call) []*wire {
				if c.n.Str("approximate", "none") == "tanh" {
					return c.mapped(geluTanh)
				}
				return c.mapped(gelu)
			}},
		// PRelu: slopes are one or per channel until 6, numpy's broadcasting since 7.
		{key: onnx("PRelu", 1), attrs: "consumed_inputs", minIn: 2, maxIn: 2, maxOut: 1, lower: lowerPRelu},
		{key: onnx("PRelu", 7), minIn: 2, maxIn: 2, maxOut: 1, lower: lowerPRelu},
	}...)
}

// activation is an operator of one float tensor.
func activation(key opKey, attrs string, f func(c *call, x *graph.Node) *graph.Node) operator {
	return operator{key: key, attrs: attrs, minIn: 1, maxIn: 1, maxOut: 1, lower: func(c *call) []*wire {
		return c.mapped(func(x *graph.Node) *graph.Node { return f(c, x) })
	}}
}

// sinceOne adds version 1 of operators of a version 6 with the same meaning. Its
// attribute consumed_inputs spoke of memory that may be overwritten.
func sinceOne(ops []operator) []operator {
	for _, op := range ops {
		if op.key.Since == 6 && op.key.Op != "Selu" {
			op.key.Since, op.attrs = 1, op.attrs+" consumed_inputs"
			ops = append(ops, op)
		}
	}
	return ops
}

// relu has the gradient 0 at 0, as in PyTorch. It is no maximum: XLA's drops a NaN
// of its second operand.
func relu(x *graph.Node) *graph.Node {
	return graph.Where(graph.LessOrEqual(x, constantLike(x, 0)), graph.ZerosLike(x), x)
}

// above chooses between two functions of x by x > bound. The branches must be
// finite where they are not chosen.
func above(x *graph.Node, bound float64, yes, no *graph.Node) *graph.Node {
	return graph.Where(graph.GreaterThan(x, constantLike(x, bound)), yes, no)
}

// belowZero is min(x, 0) with the gradient to x at 0: the bounded argument of an
// exponential that is chosen for x ≤ 0.
func belowZero(x *graph.Node) *graph.Node { return above(x, 0, graph.ZerosLike(x), x) }

// leakyRelu is LeakyRelu-6: alpha·x below zero.
func leakyRelu(c *call, x *graph.Node) *graph.Node {
	return above(x, 0, x, graph.MulScalar(x, float64(c.n.Float("alpha", 0.01))))
}

// lowerPRelu is PRelu-1 and -7: slope·x below zero. Before 7 a vector of slopes
// lies along axis 1.
func lowerPRelu(c *call) []*wire {
	slope := c.in[1]
	if rank := c.rank(0); c.opset < 7 && product(slope.dims) > 1 && rank > 1 {
		dims := slices.Repeat([]int{1}, rank)
		dims[1] = product(slope.dims)
		slope = c.wire(graph.Reshape(c.nodeOf(slope), dims...))
	}
	n, dims, flat := c.broadcast(c.in[0], slope)
	x := n[0]
	positive := graph.GreaterThan(x, constantLike(x, 0))
	return c.same(choose(positive, x, graph.Mul(x, n[1])), dims, flat)
}

// elu is Elu-6: alpha·(exp(x)-1) below zero.
func elu(c *call, x *graph.Node) *graph.Node {
	return above(x, 0, x, graph.MulScalar(expm1(belowZero(x)), float64(c.n.Float("alpha", 1))))
}

// celu is Celu-12: alpha·(exp(x/alpha)-1) below zero.
func celu(c *call, x *graph.Node) *graph.Node {
	alpha := float64(c.n.Float("alpha", 1))
	return above(x, 0, x, graph.MulScalar(expm1(graph.MulScalar(belowZero(x), 1/alpha)), alpha))
}

// selu is Selu-1 and -6, which differ in their defaults.
func selu(alpha, gamma float32) func(c *call, x *graph.Node) *graph.Node {
	return func(c *call, x *graph.Node) *graph.Node {
		below := graph.MulScalar(expm1(belowZero(x)), float64(c.n.Float("alpha", alpha)))
		return graph.MulScalar(above(x, 0, x, below), float64(c.n.Float("gamma", gamma)))
	}
}

// softplus is Softplus-1, log(1+exp(x)), without overflow. The maximum has x
// first: its gradient 1 at 0 and that of the other half, -1/2, make 1/2.
func softplus(x *graph.Node) *graph.Node {
	return graph.Add(graph.Max(x, constantLike(x, 0)), graph.Log1p(graph.Exp(graph.Neg(graph.Abs(x)))))
}

// softsign is Softsign-1, x/(1+|x|).
func softsign(x *graph.Node) *graph.Node { return graph.Div(x, graph.OnePlus(graph.Abs(x))) }

// thresholdedRelu is ThresholdedRelu-10: x above alpha, else 0.
func thresholdedRelu(c *call, x *graph.Node) *graph.Node {
	return above(x, float64(c.n.Float("alpha", 1)), x, graph.ZerosLike(x))
}

// shrink is Shrink-9: x moved by bias towards zero outside [-lambd, lambd], else 0.
func shrink(c *call, x *graph.Node) *graph.Node {
	lambd, bias := float64(c.n.Float("lambd", 0.5)), constantLike(x, float64(c.n.Float("bias", 0)))
	low := graph.Where(graph.LessThan(x, constantLike(x, -lambd)), graph.Add(x, bias), graph.ZerosLike(x))
	return above(x, lambd, graph.Sub(x, bias), low)
}

// swish is Swish-24: x·sigmoid(alpha·x).
func swish(c *call, x *graph.Node) *graph.Node {
	return graph.Mul(x, graph.Sigmoid(graph.MulScalar(x, float64(c.n.Float("alpha", 1)))))
}

// hardSigmoid is HardSigmoid-6: alpha·x + beta cut to [0, 1], with gradient 0 at
// the ends, as in PyTorch.
func hardSigmoid(c *call, x *graph.Node) *graph.Node {
	y := graph.AddScalar(graph.MulScalar(x, float64(c.n.Float("alpha", 0.2))), float64(c.n.Float("beta", 0.5)))
	y = graph.Where(graph.GreaterOrEqual(y, constantLike(y, 1)), graph.OnesLike(y), y)
	return graph.Where(graph.LessOrEqual(y, constantLike(y, 0)), graph.ZerosLike(y), y)
}

// hardSwish is HardSwish-14: x·hardSigmoid(x) with alpha 1/6 and beta 1/2. Unlike
// that of hardSigmoid, its gradient at the ends is that of the inside.
func hardSwish(_ *call, x *graph.Node) *graph.Node {
	y := graph.AddScalar(graph.MulScalar(x, 1.0/6), 0.5)
	return graph.Mul(x, atMost(atLeast(y, constantLike(x, 0)), constantLike(x, 1)))
}

// checkGelu knows the two forms of Gelu-20.
func checkGelu(n *graphsurgery.Node) string {
	switch a := n.Str("approximate", "none"); a {
	case "none", "tanh":
		return ""
	default:
		return "approximate=" + a + " of Gelu is not supported"
	}
}

// geluErf is Gelu-20 with approximate="none": x/2·(1+erf(x/√2)).
func geluErf(x *graph.Node) *graph.Node {
	return graph.Mul(graph.MulScalar(x, 0.5), graph.OnePlus(graph.Erf(graph.MulScalar(x, math.Sqrt2/2))))
}

// geluTanh is Gelu-20 with approximate="tanh":
// x/2·(1+tanh(√(2/π)·(x+0.044715·x³))).
func geluTanh(x *graph.Node) *graph.Node {
	cube := graph.Mul(graph.Mul(x, x), x)
	inner := graph.MulScalar(graph.Add(x, graph.MulScalar(cube, 0.044715)), math.Sqrt(2/math.Pi))
	return graph.Mul(graph.MulScalar(x, 0.5), graph.OnePlus(graph.Tanh(inner)))
}
