package importer

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// padOps add elements around a tensor.
func padOps() []operator {
	return []operator{
		// Pad: bounds are attributes until 10, inputs since 11; 18 adds axes, 19 the
		// mode wrap.
		{key: onnx("Pad", 1), attrs: "mode paddings value", minIn: 1, maxIn: 1, maxOut: 1,
			check: checkPad("constant", "reflect", "edge"), lower: single(lowerPad)},
		{key: onnx("Pad", 2), attrs: "mode pads value", minIn: 1, maxIn: 1, maxOut: 1,
			check: checkPad("constant", "reflect", "edge"), lower: single(lowerPad)},
		{key: onnx("Pad", 11), attrs: "mode", minIn: 2, maxIn: 3, maxOut: 1,
			check: checkPad("constant", "reflect", "edge"), lower: single(lowerPad)},
		{key: onnx("Pad", 18), attrs: "mode", minIn: 2, maxIn: 4, maxOut: 1,
			check: checkPad("constant", "reflect", "edge"), lower: single(lowerPad)},
		{key: onnx("Pad", 19), attrs: "mode", minIn: 2, maxIn: 4, maxOut: 1,
			check: checkPad("constant", "reflect", "edge", "wrap"), lower: single(lowerPad)},
	}
}

// checkPad knows the modes of a version.
func checkPad(modes ...string) func(n *graphsurgery.Node) string {
	return func(n *graphsurgery.Node) string {
		if mode := n.Str("mode", "constant"); !slices.Contains(modes, mode) {
			return "mode=" + mode + " of Pad is not supported"
		}
		return ""
	}
}

// lowerPad is Pad-1 to -19. Negative pads cut, before anything is added: they are
// slices, because GoMLX's Go backend is wrong on them.
func lowerPad(c *call) *graph.Node {
	x := c.arg(0)
	before, after := c.padBounds()
	dims := slices.Clone(c.dims(0))
	for axis, d := range dims {
		b := bounds{start: max(0, -before[axis]), end: d - max(0, -after[axis]), step: 1}
		if b.end < b.start {
			c.fail("pads remove more than axis %d of size %d has", axis, d)
		}
		if b.end-b.start != d {
			x = sliceNode(x, axis, b)
		}
		before[axis], after[axis] = max(0, before[axis]), max(0, after[axis])
		d = min(b.end-b.start+min(before[axis], maxElements)+min(after[axis], maxElements), maxElements+1)
		dims[axis] = d
	}
	c.bounded(dims)
	mode := c.n.Str("mode", "constant")
	if mode == "constant" {
		return c.padConstant(x, before, after)
	}
	for axis := range dims {
		if n := x.Shape().Dimensions[axis]; before[axis]+after[axis] > 0 {
			if n == 0 {
				c.fail("mode=%s on the empty axis %d", mode, axis)
			}
			x = takeAlong(x, axis, padSources(mode, n, before[axis], after[axis]))
		}
	}
	return x
}

// padBounds reads the pads of every axis.
func (c *call) padBounds() (before, after []int) {
	rank := c.rank(0)
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	if c.has(3) {
		axes = c.axes(c.ints(3), rank)
	}
	var pads []int
	switch {
	case c.n.HasAttr("pads"):
		pads = c.attrInts("pads")
	case c.n.HasAttr("paddings"):
		pads = c.attrInts("paddings")
	case c.has(1):
		pads = c.ints(1)
	}
	if len(pads) != 2*len(axes) {
		c.fail("%d pads for %d axes, want two each", len(pads), len(axes))
	}
	before, after = make([]int, rank), make([]int, rank)
	for i, axis := range axes {
		before[axis], after[axis] = pads[i], pads[len(axes)+i]
	}
	return before, after
}

// padConstant fills with one value. GoMLX's Pad gives no gradient to it, so a
// value that is computed is chosen by a mask instead.
func (c *call) padConstant(x *graph.Node, before, after []int) *graph.Node {
	config := make([]compute.PadAxis, len(before))
	for i := range config {
		config[i] = compute.PadAxis{Start: before[i], End: after[i]}
	}
	switch {
	case len(config) == 0:
		return x
	case x.DType() == dtypes.Bool:
		return graph.ConvertDType(graph.Pad(graph.ConvertDType(x, dtypes.Uint8), c.padValue(dtypes.Uint8), config...), dtypes.Bool)
	case !c.has(2) || c.in[2].host != nil || !x.DType().IsFloat():
		return graph.Pad(x, c.padValue(x.DType()), config...)
	}
	zero := constantLike(x, 0)
	inside := graph.Pad(graph.OnesLike(x), zero, config...)
	return choose(graph.GreaterThan(inside, zero), graph.Pad(x, zero, config...), graph.Reshape(c.arg(2)))
}

// padValue reads what is filled in, zero if nothing is said.
func (c *call) padValue(dtype dtypes.DType) *graph.Node {
	if c.has(2) {
		return graph.ConvertDType(graph.Reshape(c.arg(2)), dtype)
	}
	return graph.Scalar(c.graph, dtype, float64(c.n.Float("value", 0)))
}

// padSources says for each place of a padded axis which element it repeats:
// mirrored without the edge itself, the edge, or from the other end.
func padSources(mode string, n, before, after int) []int {
	sources := make([]int, 0, before+n+after)
	for at := -before; at < n+after; at++ {
		switch {
		case mode == "edge":
			sources = append(sources, min(max(at, 0), n-1))
		case mode == "wrap":
			sources = append(sources, ((at%n)+n)%n)
		case n == 1:
			sources = append(sources, 0)
		default:
			period := 2 * (n - 1)
			place := ((at % period) + period) % period
			sources = append(sources, min(place, period-place))
		}
	}
	return sources
}

// maxRuns is how many pieces takeAlong makes before it gathers instead.
const maxRuns = 16

// takeAlong picks elements of one axis by indices known while the graph is built.
// Runs of neighbours, rising, falling or repeated, become slices, whose gradient
// is cheaper than that of a gather.
func takeAlong(x *graph.Node, axis int, at []int) *graph.Node {
	runs := indexRuns(at)
	if len(runs) > maxRuns {
		perm := frontPerm(x.Rank(), axis)
		back := make([]int, len(perm))
		for i, p := range perm {
			back[p] = i
		}
		column := make([][]int64, len(at))
		for i, v := range at {
			column[i] = []int64{int64(v)}
		}
		return permute(graph.Gather(permute(x, perm), graph.Const(x.Graph(), column)), back)
	}
	var parts []*graph.Node
	for _, r := range runs {
		first := at[r[0]]
		n := r[1] - r[0]
		switch {
		case n > 1 && at[r[0]+1] == first:
			dims := slices.Clone(x.Shape().Dimensions)
			dims[axis] = n
			parts = append(parts, graph.BroadcastToDims(sliceNode(x, axis, bounds{first, first + 1, 1}), dims...))
		case n > 1 && at[r[0]+1] < first:
			parts = append(parts, sliceNode(x, axis, bounds{first, first - n, -1}))
		default:
			parts = append(parts, sliceNode(x, axis, bounds{first, first + n, 1}))
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return graph.Concatenate(parts, axis)
}

// indexRuns cuts a list into [start, end) of equal steps of -1, 0 or 1. A run of
// a single index is joined to none.
func indexRuns(at []int) [][2]int {
	var runs [][2]int
	for i := 0; i < len(at); {
		j := i + 1
		if j < len(at) && at[j]-at[i] >= -1 && at[j]-at[i] <= 1 {
			step := at[j] - at[i]
			for j < len(at) && at[j]-at[j-1] == step {
				j++
			}
		}
		runs = append(runs, [2]int{i, j})
		i = j
	}
	return runs
}
