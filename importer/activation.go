package importer

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// activationOps are the nonlinearities of neural networks.
func activationOps() []operator {
	return []operator{
		activation(onnx("Tanh", 6), "", func(_ *call, x *graph.Node) *graph.Node { return graph.Tanh(x) }),
		activation(onnx("Sigmoid", 6), "", func(_ *call, x *graph.Node) *graph.Node { return graph.Sigmoid(x) }),
		activation(onnx("Relu", 6), "", func(_ *call, x *graph.Node) *graph.Node { return relu(x) }),
		activation(onnx("LeakyRelu", 6), "alpha", leakyRelu),
		activation(onnx("Elu", 6), "alpha", elu),
		activation(onnx("Softplus", 1), "", func(_ *call, x *graph.Node) *graph.Node { return softplus(x) }),
		activation(onnx("HardSigmoid", 6), "alpha beta", hardSigmoid),
		activation(onnx("HardSwish", 14), "", hardSwish),
		{key: onnx("Gelu", 20), attrs: "approximate", minIn: 1, maxIn: 1, maxOut: 1, check: checkGelu,
			lower: func(c *call) []*wire {
				if c.n.Str("approximate", "none") == "tanh" {
					return c.mapped(geluTanh)
				}
				return c.mapped(geluErf)
			}},
	}
}

// activation is an operator of one float tensor.
func activation(key opKey, attrs string, f func(c *call, x *graph.Node) *graph.Node) operator {
	return operator{key: key, attrs: attrs, minIn: 1, maxIn: 1, maxOut: 1, lower: func(c *call) []*wire {
		return c.mapped(func(x *graph.Node) *graph.Node { return f(c, x) })
	}}
}

// relu has the zero first, so that the gradient at 0 is 0, as in PyTorch.
func relu(x *graph.Node) *graph.Node { return graph.Max(constantLike(x, 0), x) }

// leakyRelu is LeakyRelu-6: alpha·x below zero.
func leakyRelu(c *call, x *graph.Node) *graph.Node {
	alpha := float64(c.n.Float("alpha", 0.01))
	return graph.Add(relu(x), graph.MulScalar(graph.Min(x, constantLike(x, 0)), alpha))
}

// elu is Elu-6: alpha·(exp(x)-1) below zero. The exponent is bounded so that its
// gradient stays finite where it is not used.
func elu(c *call, x *graph.Node) *graph.Node {
	alpha := float64(c.n.Float("alpha", 1))
	below := graph.MulScalar(graph.AddScalar(graph.Exp(graph.Min(x, constantLike(x, 0))), -1), alpha)
	return graph.Add(relu(x), below)
}

// softplus is Softplus-1, log(1+exp(x)), without overflow.
func softplus(x *graph.Node) *graph.Node {
	return graph.Add(relu(x), graph.Log1p(graph.Exp(graph.Neg(graph.Abs(x)))))
}

// hardSigmoid is HardSigmoid-6: alpha·x + beta cut to [0, 1].
func hardSigmoid(c *call, x *graph.Node) *graph.Node {
	return cutUnit(graph.AddScalar(graph.MulScalar(x, float64(c.n.Float("alpha", 0.2))), float64(c.n.Float("beta", 0.5))))
}

// hardSwish is HardSwish-14: x·hardSigmoid(x) with alpha 1/6 and beta 1/2.
func hardSwish(_ *call, x *graph.Node) *graph.Node {
	return graph.Mul(x, cutUnit(graph.AddScalar(graph.MulScalar(x, 1.0/6), 0.5)))
}

// cutUnit bounds x by 0 and 1.
func cutUnit(x *graph.Node) *graph.Node {
	return graph.Min(constantLike(x, 1), graph.Max(x, constantLike(x, 0)))
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
