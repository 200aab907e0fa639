package importer

import (
	"github.com/gomlx/gomlx/core/graph"
)

// rnnCell is RNN: h' = f(x·Wᵀ + Wb + h·Rᵀ + Rb).
func rnnCell() *cellKind {
	return &cellKind{op: "RNN", inputs: 6, gates: 1, states: 1, defaults: []string{"Tanh"},
		versions: []cellVersion{{1, "output_sequence"}, {7, ""}, {14, "layout"}},
		step: func(c *cell, x *graph.Node, state []*graph.Node) []*graph.Node {
			return []*graph.Node{c.apply(0, graph.Add(x, c.recurrent(state[0], 0, 1)))}
		}}
}

// gruCell is GRU, gates z, r, h: h' = (1-z)·ĥ + z·h with the candidate ĥ made of
// the state after (or, with linear_before_reset, before) it is gated by r.
func gruCell() *cellKind {
	return &cellKind{op: "GRU", inputs: 6, gates: 3, states: 1, defaults: []string{"Sigmoid", "Tanh"},
		versions: []cellVersion{{1, "output_sequence"}, {3, "linear_before_reset output_sequence"},
			{7, "linear_before_reset"}, {14, "layout linear_before_reset"}},
		step: func(c *cell, x *graph.Node, state []*graph.Node) []*graph.Node {
			h := state[0]
			zr := c.apply(0, graph.Add(c.part(x, 0, 2), c.recurrent(h, 0, 2)))
			z, r := c.part(zr, 0, 1), c.part(zr, 1, 2)
			var inner *graph.Node
			if c.attrInt("linear_before_reset", 0) != 0 {
				inner = graph.Mul(r, c.recurrent(h, 2, 3))
			} else {
				inner = c.recurrent(graph.Mul(r, h), 2, 3)
			}
			candidate := c.apply(1, graph.Add(c.part(x, 2, 3), inner))
			return []*graph.Node{graph.Add(candidate, graph.Mul(z, graph.Sub(h, candidate)))}
		}}
}

// lstmCell is LSTM, gates i, o, f, c with peepholes in the order i, o, f:
// c' = f·c + i·g(…), h' = o·h(c'). input_forget couples f = 1-i.
func lstmCell() *cellKind {
	return &cellKind{op: "LSTM", inputs: 8, gates: 4, states: 2, defaults: []string{"Sigmoid", "Tanh", "Tanh"},
		versions: []cellVersion{{1, "input_forget output_sequence"}, {7, "input_forget"}, {14, "input_forget layout"}},
		step: func(c *cell, x *graph.Node, state []*graph.Node) []*graph.Node {
			h, old := state[0], state[1]
			all := graph.Add(x, c.recurrent(h, 0, 4))
			in := c.apply(0, c.peephole(c.part(all, 0, 1), old, 0))
			var forget *graph.Node
			if c.attrInt("input_forget", 0) != 0 {
				forget = graph.OneMinus(in)
			} else {
				forget = c.apply(0, c.peephole(c.part(all, 2, 3), old, 2))
			}
			candidate := c.apply(1, c.part(all, 3, 4))
			now := graph.Add(graph.Mul(forget, old), graph.Mul(in, candidate))
			out := c.apply(0, c.peephole(c.part(all, 1, 2), now, 1))
			return []*graph.Node{graph.Mul(out, c.act[2](now)), now}
		}}
}

// part cuts gates from..to out of the last axis.
func (c *cell) part(x *graph.Node, from, to int) *graph.Node {
	if x.Shape().Dimensions[1] == (to-from)*c.hidden {
		return x
	}
	return graph.SliceAxis(x, 1, graph.AxisRange(from*c.hidden, to*c.hidden))
}

// recurrent is h·Rᵀ + Rb for gates from..to.
func (c *cell) recurrent(h *graph.Node, from, to int) *graph.Node {
	r := c.r
	if rows := (to - from) * c.hidden; r.Shape().Dimensions[0] != rows {
		r = graph.SliceAxis(r, 0, graph.AxisRange(from*c.hidden, to*c.hidden))
	}
	y := graph.DotGeneral(h, []int{1}, nil, r, []int{1}, nil)
	if c.rb != nil {
		y = graph.Add(y, c.part(c.rb, from, to))
	}
	return y
}

// peephole adds the weighted cell state to a gate's input.
func (c *cell) peephole(x, state *graph.Node, i int) *graph.Node {
	if c.peep == nil {
		return x
	}
	return graph.Add(x, graph.Mul(c.part(c.peep, i, i+1), state))
}

// apply bounds the input of an activation by clip, and applies it.
func (c *cell) apply(i int, x *graph.Node) *graph.Node {
	if c.clip > 0 {
		x = atMost(atLeast(x, constantLike(x, -c.clip)), constantLike(x, c.clip))
	}
	return c.act[i](x)
}

// activations reads a direction's activation functions; those that have an alpha
// or beta take the next number of activation_alpha or activation_beta.
func (c *call) activations(kind *cellKind, direction, directions int) []func(*graph.Node) *graph.Node {
	names := c.n.Strs("activations")
	per := len(kind.defaults)
	if len(names) == 0 {
		for range directions {
			names = append(names, kind.defaults...)
		}
	}
	if len(names) != per*directions {
		c.fail("%d activations for %d directions of %s, want %d each", len(names), directions, kind.op, per)
	}
	alphas, betas := c.n.Floats("activation_alpha"), c.n.Floats("activation_beta")
	var all []func(*graph.Node) *graph.Node
	for _, name := range names {
		f, _ := activationOf(name, &alphas, &betas)
		all = append(all, f)
	}
	return all[direction*per : (direction+1)*per]
}

// activationOf finds an activation of recurrent operators and takes its
// parameters from the lists. The second result is false for an unknown name.
func activationOf(name string, alphas, betas *[]float32) (func(*graph.Node) *graph.Node, bool) {
	take := func(from *[]float32, def float64) float64 {
		if from == nil || len(*from) == 0 {
			return def
		}
		v := (*from)[0]
		*from = (*from)[1:]
		return float64(v)
	}
	switch name {
	case "Relu":
		return relu, true
	case "Tanh":
		return graph.Tanh, true
	case "Sigmoid":
		return graph.Sigmoid, true
	case "Softsign":
		return func(x *graph.Node) *graph.Node { return graph.Div(x, graph.OnePlus(graph.Abs(x))) }, true
	case "Softplus":
		return softplus, true
	}
	switch name {
	case "Affine":
		return activationAffine(take(alphas, 1), take(betas, 0)), true
	case "ScaledTanh":
		alpha, beta := take(alphas, 1), take(betas, 1)
		return func(x *graph.Node) *graph.Node {
			return graph.MulScalar(graph.Tanh(graph.MulScalar(x, beta)), alpha)
		}, true
	case "HardSigmoid":
		line := activationAffine(take(alphas, 0.2), take(betas, 0.5))
		return func(x *graph.Node) *graph.Node {
			return atMost(atLeast(line(x), constantLike(x, 0)), constantLike(x, 1))
		}, true
	case "LeakyRelu":
		alpha := take(alphas, 0.01)
		return func(x *graph.Node) *graph.Node {
			return graph.Add(relu(x), graph.MulScalar(graph.Min(x, constantLike(x, 0)), alpha))
		}, true
	case "ThresholdedRelu":
		alpha := take(alphas, 1)
		return func(x *graph.Node) *graph.Node {
			return graph.Where(graph.GreaterThan(x, constantLike(x, alpha)), x, graph.ZerosLike(x))
		}, true
	case "Elu":
		alpha := take(alphas, 1)
		return func(x *graph.Node) *graph.Node {
			below := graph.MulScalar(graph.AddScalar(graph.Exp(graph.Min(x, constantLike(x, 0))), -1), alpha)
			return graph.Add(relu(x), below)
		}, true
	}
	return nil, false
}

// activationAffine is alpha·x + beta.
func activationAffine(alpha, beta float64) func(*graph.Node) *graph.Node {
	return func(x *graph.Node) *graph.Node { return graph.AddScalar(graph.MulScalar(x, alpha), beta) }
}
