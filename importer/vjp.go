package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// withGradient builds forward(inputs) and replaces its gradient by vjp, which
// gets the inputs and the gradient by the output and returns the gradient by
// each input. All have one type.
//
// GoMLX lets only a node that keeps its shape have a gradient of its own. So
// inputs and output are laid end to end in one vector, that vector gets the
// gradient, and the output is cut out of it again; XLA removes both steps.
func withGradient(inputs []*graph.Node, forward func(in []*graph.Node) *graph.Node,
	vjp func(in []*graph.Node, v *graph.Node) []*graph.Node) *graph.Node {
	stopped := make([]*graph.Node, len(inputs))
	for i, x := range inputs {
		stopped[i] = graph.StopGradient(x)
	}
	y := graph.StopGradient(forward(stopped))
	members := append(slices.Clone(inputs), y)
	bundle := graph.IdentityWithCustomGradient(endToEnd(members), func(b, v *graph.Node) *graph.Node {
		in, dy := cutApart(b, members), cutApart(v, members)
		grads := vjp(in[:len(inputs)], dy[len(inputs)])
		return endToEnd(append(grads, graph.ZerosLike(y)))
	})
	return cutApart(bundle, members)[len(inputs)]
}

// endToEnd joins the elements of tensors in one vector.
func endToEnd(tensors []*graph.Node) *graph.Node {
	flat := make([]*graph.Node, len(tensors))
	for i, x := range tensors {
		flat[i] = graph.Reshape(x, x.Shape().Size())
	}
	return graph.Concatenate(flat, 0)
}

// cutApart undoes endToEnd for tensors of the shapes of like.
func cutApart(bundle *graph.Node, like []*graph.Node) []*graph.Node {
	parts := make([]*graph.Node, len(like))
	start := 0
	for i, x := range like {
		end := start + x.Shape().Size()
		parts[i] = graph.Reshape(sliceNode(bundle, 0, bounds{start: start, end: end, step: 1}), x.Shape().Dimensions...)
		start = end
	}
	return parts
}
