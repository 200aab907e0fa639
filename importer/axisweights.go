package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// mixAxis applies a linear map [out, in] to an axis of x by a matrix product, whose
// gradient is the transposed map.
//
// The matrix is made in the graph of a few numbers per row: a large constant would
// take long to compile.
func mixAxis(x *graph.Node, axis int, matrix *graph.Node) *graph.Node {
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

// matrix gives the map as a matrix of the type of like.
func (t axisTaps) matrix(like *graph.Node) *graph.Node {
	g, out := like.Graph(), len(t.at)
	column := graph.Iota(g, shapes.Make(dtypes.Int32, out, t.in), 1)
	zero := graph.Zeros(g, shapes.Make(like.DType(), out, t.in))
	sum := zero
	for k := range t.at[0] {
		at, weight := t.tap(like, k)
		here := graph.Equal(column, graph.BroadcastToDims(graph.Reshape(at, out, 1), out, t.in))
		sum = graph.Add(sum, graph.Where(here, graph.BroadcastToDims(graph.Reshape(weight, out, 1), out, t.in), zero))
	}
	return sum
}

// tap gives tap k of all rows: which element, and its weight.
func (t axisTaps) tap(like *graph.Node, k int) (at, weight *graph.Node) {
	index, weights := make([]int32, len(t.at)), make([]float64, len(t.at))
	for i := range t.at {
		index[i], weights[i] = int32(t.at[i][k]), t.weight[i][k]
	}
	return graph.Const(like.Graph(), index), graph.ConstAs(like, weights)
}

// membership tells, per window of a pooling, which elements of the axis it reads.
func (a poolAxis) membership(like *graph.Node) *graph.Node {
	g := like.Graph()
	shape := shapes.Make(dtypes.Int32, a.out, a.size)
	from := graph.Sub(graph.AddScalar(graph.Iota(g, shape, 1), a.low), graph.MulScalar(graph.Iota(g, shape, 0), a.stride))
	span := (a.kernel-1)*a.dilation + 1
	in := graph.LogicalAnd(graph.GreaterOrEqual(from, constantLike(from, 0)), graph.LessThan(from, constantLike(from, float64(span))))
	if d := float64(a.dilation); d > 1 {
		rest := graph.Sub(from, graph.MulScalar(graph.DivScalar(from, d), d))
		in = graph.LogicalAnd(in, graph.Equal(rest, constantLike(rest, 0)))
	}
	return graph.ConvertDType(in, like.DType())
}
