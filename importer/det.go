package importer

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// detOps is Det-11; 22 adds types.
func detOps() []operator {
	return []operator{
		{key: onnx("Det", 11), minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerDet)},
	}
}

// maxDet bounds the matrices whose elimination is written out step by step.
const maxDet = 64

// lowerDet is Det-11 of [..., n, n]: matrices up to 3×3 by expansion, which has
// the right gradient at singular matrices too, larger ones by elimination.
func lowerDet(c *call) *graph.Node {
	d := c.dims(0)
	r := len(d)
	if r < 2 || d[r-1] != d[r-2] || d[r-1] == 0 {
		c.fail("Det of shape %v, want [..., n, n]", d)
	}
	n := d[r-1]
	if n > maxDet {
		c.refuse("Det of %d×%d matrices, more than %d, is not supported", n, n, maxDet)
	}
	x := graph.Reshape(c.arg(0), product(d[:r-2]), n, n)
	if n <= 3 {
		return graph.Reshape(expandDet(x), d[:r-2]...)
	}
	return graph.Reshape(eliminate(x), d[:r-2]...)
}

// expandDet expands the determinant of [batch, n, n] along the first row.
func expandDet(x *graph.Node) *graph.Node {
	b, n := x.Shape().Dimensions[0], x.Shape().Dimensions[1]
	if n == 1 {
		return graph.Reshape(x, b)
	}
	var sum *graph.Node
	for j := range n {
		rest := graph.SliceAxis(x, 1, graph.AxisRangeToEnd(1))
		minor := []*graph.Node{}
		if j > 0 {
			minor = append(minor, graph.SliceAxis(rest, 2, graph.AxisRange(0, j)))
		}
		if j < n-1 {
			minor = append(minor, graph.SliceAxis(rest, 2, graph.AxisRange(j+1, n)))
		}
		head := graph.Reshape(graph.Slice(x, graph.AxisRange(), graph.AxisElem(0), graph.AxisElem(j)), b)
		part := graph.Mul(head, expandDet(graph.Concatenate(minor, 2)))
		switch {
		case sum == nil:
			sum = part
		case j%2 == 1:
			sum = graph.Sub(sum, part)
		default:
			sum = graph.Add(sum, part)
		}
	}
	return sum
}

// eliminate takes the largest element of the first column as pivot, removes its
// row and column and goes on with what is left (the Schur complement).
func eliminate(x *graph.Node) *graph.Node {
	b := x.Shape().Dimensions[0]
	var det *graph.Node
	for n := x.Shape().Dimensions[1]; n > 0; n-- {
		column := graph.SliceAxis(x, 2, graph.AxisElem(0)) // [b, n, 1]
		choice := graph.ArgMax(graph.StopGradient(graph.Abs(column)), 1)
		hot := graph.Reshape(graph.OneHot(choice, n, x.DType()), b, n, 1)
		row := graph.ReduceAndKeep(graph.Mul(hot, x), graph.ReduceSum, 1) // [b, 1, n]
		pivot := graph.SliceAxis(row, 2, graph.AxisElem(0))               // [b, 1, 1]
		// The first row takes the pivot's place, which changes the sign.
		sign := graph.AddScalar(graph.MulScalar(graph.SliceAxis(hot, 1, graph.AxisElem(0)), 2), -1)
		factor := graph.Mul(sign, pivot)
		if det == nil {
			det = factor
		} else {
			det = graph.Mul(det, factor)
		}
		if n == 1 {
			break
		}
		first := graph.SliceAxis(x, 1, graph.AxisElem(0))
		x = graph.Add(x, graph.Mul(hot, graph.Sub(first, row)))
		divisor := graph.Where(graph.Equal(pivot, graph.ZerosLike(pivot)), graph.OnesLike(pivot), pivot)
		lead := graph.Div(graph.Slice(x, graph.AxisRange(), graph.AxisRangeToEnd(1), graph.AxisElem(0)), divisor)
		rest := graph.Slice(x, graph.AxisRange(), graph.AxisRangeToEnd(1), graph.AxisRangeToEnd(1))
		x = graph.Sub(rest, graph.Mul(lead, graph.SliceAxis(row, 2, graph.AxisRangeToEnd(1))))
	}
	return graph.Reshape(det, slices.Clone(x.Shape().Dimensions[:1])...)
}
