package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// reduceOps reduce axes to one element. Axes are an attribute until 17 (12 for
// ReduceSum), an input since then.
func reduceOps() []operator {
	var ops []operator
	for _, r := range []struct {
		op      string
		asInput int64
		f       func(x *graph.Node, axes []int) *graph.Node
	}{
		{"ReduceSum", 13, reduceSum},
		{"ReduceMean", 18, reduceMean},
		{"ReduceMax", 18, reduceExtreme(keepNaN(graph.ReduceMax), graph.ReduceLogicalOr)},
		{"ReduceMin", 18, reduceExtreme(keepNaN(graph.ReduceMin), graph.ReduceLogicalAnd)},
		{"ReduceProd", 18, reduceProd},
		{"ReduceL1", 18, func(x *graph.Node, axes []int) *graph.Node { return reduceSum(absolute(x), axes) }},
		{"ReduceL2", 18, reduceL2},
		{"ReduceLogSum", 18, reduceLogSum},
		{"ReduceLogSumExp", 18, reduceLogSumExp},
		{"ReduceSumSquare", 18, func(x *graph.Node, axes []int) *graph.Node { return reduceSum(graph.Mul(x, x), axes) }},
	} {
		old := operator{key: onnx(r.op, 1), attrs: "axes keepdims", minIn: 1, maxIn: 1, maxOut: 1,
			lower: func(c *call) []*wire { return c.reduce(r.f) }}
		current := old
		current.key, current.attrs, current.maxIn = onnx(r.op, r.asInput), "keepdims noop_with_empty_axes", 2
		ops = append(ops, old, current)
	}
	return ops
}

// reduceAxes gives the axes of a reduction; the second result is true for the
// "no axes, nothing to do" form.
func (c *call) reduceAxes() ([]int, bool) {
	axes, given := c.axesArg()
	axes = c.axes(axes, c.rank(0))
	if given && len(axes) > 0 {
		return axes, false
	}
	if c.attrInt("noop_with_empty_axes", 0) != 0 {
		return nil, true
	}
	for i := range c.rank(0) {
		axes = append(axes, i)
	}
	return axes, false
}

// reduce lowers a reduction and keeps or drops the reduced axes.
func (c *call) reduce(f func(x *graph.Node, axes []int) *graph.Node) []*wire {
	axes, none := c.reduceAxes()
	keep := c.attrInt("keepdims", 1) != 0
	if none {
		return c.out(f(c.arg(0), nil))
	}
	if len(axes) == 0 { // a scalar: reduce an axis of size one
		return c.out(graph.Reshape(f(graph.Reshape(c.arg(0), 1), []int{0})))
	}
	if w := c.in[0]; keep && w.flat != nil && len(w.dims) > 2 && len(axes) == 1 && axes[0] == len(w.dims)-1 {
		dims := append(slices.Clone(w.dims[:axes[0]]), 1)
		return []*wire{c.flatWire(graph.Reshape(f(w.flat, []int{1}), product(dims), 1), dims)}
	}
	y := f(c.arg(0), axes)
	if keep {
		dims := slices.Clone(c.dims(0))
		for _, a := range axes {
			dims[a] = 1
		}
		y = graph.Reshape(y, dims...)
	}
	return c.out(y)
}

// reduceWith makes f leave x as it is without axes, where GoMLX would reduce all.
func reduceWith(f func(*graph.Node, ...int) *graph.Node) func(*graph.Node, []int) *graph.Node {
	return func(x *graph.Node, axes []int) *graph.Node {
		if len(axes) == 0 {
			return x
		}
		return f(x, axes...)
	}
}

// reduceExtreme takes the maximum or minimum; of booleans (since 20) the logical
// one. Equal extremes share the gradient, as PyTorch's amax has it, where GoMLX
// gives the whole of it to each.
func reduceExtreme(f, logical reduction) func(*graph.Node, []int) *graph.Node {
	return func(x *graph.Node, axes []int) *graph.Node {
		switch {
		case len(axes) == 0:
			return x
		case x.DType() == dtypes.Bool:
			return logical(x, axes...)
		case !x.DType().IsFloat() || x.Shape().Size() == 0:
			return f(x, axes...)
		}
		shared := graph.IdentityWithCustomGradient(x, func(_, v *graph.Node) *graph.Node {
			at := graph.StopGradient(x)
			equal := graph.ConvertDType(graph.Equal(at, graph.ReduceAndKeep(at, f, axes...)), v.DType())
			return graph.Div(v, graph.ReduceAndKeep(equal, graph.ReduceSum, axes...))
		})
		return f(shared, axes...)
	}
}

// inFloat computes a reduction that needs fractions on integers too.
func inFloat(f func(*graph.Node, []int) *graph.Node, x *graph.Node, axes []int) *graph.Node {
	if x.DType().IsFloat() {
		return f(x, axes)
	}
	return graph.ConvertDType(f(graph.ConvertDType(x, dtypes.Float64), axes), x.DType())
}

// reduceL2 is the root of the sum of squares, with gradient 0 where all is zero,
// as in PyTorch.
func reduceL2(x *graph.Node, axes []int) *graph.Node {
	return inFloat(func(x *graph.Node, axes []int) *graph.Node {
		sum := reduceSum(graph.Mul(x, x), axes)
		none := graph.Equal(sum, constantLike(sum, 0))
		root := graph.Sqrt(graph.Where(none, graph.OnesLike(sum), sum))
		return graph.Where(none, graph.ZerosLike(sum), root)
	}, x, axes)
}

// reduceLogSum is the logarithm of the sum.
func reduceLogSum(x *graph.Node, axes []int) *graph.Node {
	return inFloat(func(x *graph.Node, axes []int) *graph.Node { return graph.Log(reduceSum(x, axes)) }, x, axes)
}

// reduceLogSumExp is log Σ exp, shifted by the maximum where that is finite.
func reduceLogSumExp(x *graph.Node, axes []int) *graph.Node {
	return inFloat(func(x *graph.Node, axes []int) *graph.Node {
		if len(axes) == 0 {
			return x
		}
		if x.Shape().Size() == 0 {
			return graph.Log(reduceSum(x, axes))
		}
		top := graph.ReduceAndKeep(graph.StopGradient(x), graph.ReduceMax, axes...)
		top = graph.StopGradient(graph.Where(graph.IsFinite(top), top, graph.ZerosLike(top)))
		sum := reduceSum(graph.Exp(graph.Sub(x, top)), axes)
		return graph.Add(graph.Log(sum), graph.Reshape(top, sum.Shape().Dimensions...))
	}, x, axes)
}

// reduceSum sums.
func reduceSum(x *graph.Node, axes []int) *graph.Node { return reduceWith(graph.ReduceSum)(x, axes) }

// reduceMean divides the sum, which keeps integers integers.
func reduceMean(x *graph.Node, axes []int) *graph.Node {
	n := 1
	for _, a := range axes {
		n *= x.Shape().Dimensions[a]
	}
	return graph.Div(reduceSum(x, axes), constantLike(x, float64(n)))
}

// reduceProd multiplies halves with each other until one element is left:
// GoMLX's product has no gradient, that of a multiplication is right even where
// a factor is zero.
func reduceProd(x *graph.Node, axes []int) *graph.Node {
	rank := x.Rank()
	var kept, last []int
	for i := range rank {
		if slices.Contains(axes, i) {
			last = append(last, i)
		} else {
			kept = append(kept, i)
		}
	}
	dims := make([]int, len(kept))
	for i, a := range kept {
		dims[i] = x.Shape().Dimensions[a]
	}
	n := 1
	for _, a := range last {
		n *= x.Shape().Dimensions[a]
	}
	if n == 0 {
		return graph.Ones(x.Graph(), shapes.Make(x.DType(), dims...))
	}
	y := graph.Reshape(permute(x, append(kept, last...)), append(slices.Clone(dims), n)...)
	axis := len(dims)
	for ; n > 1; n = (n + 1) / 2 {
		half := n / 2
		z := graph.Mul(sliceNode(y, axis, bounds{0, half, 1}), sliceNode(y, axis, bounds{half, 2 * half, 1}))
		if n%2 == 1 {
			z = graph.Concatenate([]*graph.Node{z, sliceNode(y, axis, bounds{n - 1, n, 1})}, axis)
		}
		y = z
	}
	return graph.Reshape(y, dims...)
}
