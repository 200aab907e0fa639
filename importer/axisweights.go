package importer

import (
	"github.com/gomlx/gomlx/core/graph"
)

// axisWeights is a linear map of one axis, [out, in], known while the graph is
// built.
type axisWeights struct {
	in, out int
	weights []float64 // row-major
}

// mixAxis applies the map to an axis of x by a matrix product, whose gradient is
// the transposed map.
func mixAxis(x *graph.Node, axis int, w axisWeights) *graph.Node {
	matrix := graph.Reshape(graph.ConstAs(x, w.weights), w.out, w.in)
	y := graph.DotGeneral(x, []int{axis}, nil, matrix, []int{1}, nil)
	// The product leaves the new axis last.
	last := x.Rank() - 1
	perm := make([]int, 0, last+1)
	for i := range last {
		if i == axis {
			perm = append(perm, last)
		}
		perm = append(perm, i)
	}
	if axis == last {
		perm = append(perm, last)
	}
	return permute(y, perm)
}
