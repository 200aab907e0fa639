package importer

import "github.com/gomlx/gomlx/core/graph"

// withSlope gives value, which must depend on x elementwise, a gradient of its
// own: that of x times slope. It is for functions of GoMLX without a gradient.
// slope is only built where a gradient is asked for. Where x is infinite or not a
// number the gradient is zero.
func withSlope(value, x *graph.Node, slope func() *graph.Node) *graph.Node {
	// still is zero everywhere, but follows x.
	still := graph.Where(graph.IsFinite(x), graph.Sub(x, graph.StopGradient(x)), graph.ZerosLike(x))
	return graph.Add(graph.StopGradient(value), graph.IdentityWithCustomGradient(still, func(_, v *graph.Node) *graph.Node {
		return graph.Mul(v, graph.StopGradient(slope()))
	}))
}

// expm1 is exp(x)-1 without the cancellation near zero, and with a gradient,
// which GoMLX's has not: tanh(x/2)·(exp(x)+1).
func expm1(x *graph.Node) *graph.Node {
	return graph.Mul(graph.Tanh(graph.MulScalar(x, 0.5)), graph.OnePlus(graph.Exp(x)))
}

// choose is Where on operands of numpy-broadcastable shapes of one rank, or
// scalars, which GoMLX's Where does not take.
func choose(cond, yes, no *graph.Node) *graph.Node {
	full := cond
	for _, n := range []*graph.Node{yes, no} {
		if n.Rank() > full.Rank() {
			full = n
		}
	}
	dims := make([]int, full.Rank())
	for i := range dims {
		dims[i] = 1
		for _, n := range []*graph.Node{cond, yes, no} {
			if n.Rank() > 0 && n.Shape().Dimensions[i] != 1 {
				dims[i] = n.Shape().Dimensions[i]
			}
		}
	}
	spread := func(n *graph.Node) *graph.Node { return graph.BroadcastToDims(n, dims...) }
	return graph.Where(spread(cond), spread(yes), spread(no))
}
