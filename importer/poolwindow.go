package importer

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// poolAxis is the geometry of a pooling along one axis: window i reads the
// elements i·stride + tap·dilation - low.
type poolAxis struct {
	axis, size, out                       int
	kernel, stride, dilation, low, padded int // padded counts the pads that were asked for
}

// poolAxes reads the geometry of a pooling of input 0, one entry per spatial axis.
func (c *call) poolAxes() []poolAxis {
	kernel, spatial := c.attrInts("kernel_shape"), c.poolSpatial()
	if len(kernel) != len(spatial) || slices.Min(kernel) < 1 {
		c.fail("kernel_shape %v for %d spatial axes, want one positive number each", kernel, len(spatial))
	}
	if slices.Max(kernel) > maxPoolKernel {
		c.refuse("windows of %v elements are not supported, at most %d along an axis", kernel, maxPoolKernel)
	}
	w := c.window(spatial, kernel)
	c.boundedWindow(w)
	auto, ceil := c.n.Str("auto_pad", "NOTSET"), c.attrInt("ceil_mode", 0) != 0
	axes := make([]poolAxis, len(kernel))
	for i, n := range spatial {
		total := n + w.pads[i][0] + w.pads[i][1]
		a := poolAxis{axis: 2 + i, size: n, kernel: kernel[i], stride: w.strides[i],
			dilation: w.dilations[i], low: w.pads[i][0], padded: total}
		switch room := total - w.span(i); {
		case auto == "SAME_UPPER" || auto == "SAME_LOWER":
			a.out = (n + a.stride - 1) / a.stride
		case room < 0:
			c.fail("a window of %d elements does not fit axis %d of size %d with pads %v", w.span(i), 2+i, n, w.pads[i])
		case ceil:
			a.out = (room+a.stride-1)/a.stride + 1
			if (a.out-1)*a.stride >= n+a.low { // no window starts in the end's padding
				a.out--
			}
		default:
			a.out = room/a.stride + 1
		}
		axes[i] = a
	}
	return axes
}

// poolSpatial gives the sizes of the spatial axes of input 0.
func (c *call) poolSpatial() []int {
	if c.rank(0) < 3 {
		c.fail("%s of a tensor of shape %v, want [N,C,spatial...]", c.n.Op(), c.dims(0))
	}
	if slices.ContainsFunc(c.attrInts("pads"), func(p int) bool { return p < 0 }) {
		c.refuse("negative pads of %s are not supported", c.n.Op())
	}
	return c.dims(0)[2:]
}

// reach is how many elements all windows cover together.
func (a poolAxis) reach() int { return (a.out-1)*a.stride + (a.kernel-1)*a.dilation + 1 }

// taps gives, for each element of a window, that element of all windows. Outside
// of x there is fill.
func (a poolAxis) taps(x *graph.Node, fill float64) []*graph.Node {
	config := make([]compute.PadAxis, x.Rank())
	config[a.axis] = compute.PadAxis{Start: a.low, End: max(0, a.reach()-a.low-a.size)}
	if config[a.axis] != (compute.PadAxis{}) {
		x = graph.Pad(x, graph.Scalar(x.Graph(), x.DType(), fill), config...)
	}
	taps := make([]*graph.Node, a.kernel)
	for k := range taps {
		start := k * a.dilation
		taps[k] = sliceNode(x, a.axis, bounds{start, start + (a.out-1)*a.stride + 1, a.stride})
	}
	return taps
}

// untap puts tap k of all windows back where it was read; the rest is zero.
func (a poolAxis) untap(v *graph.Node, k int) *graph.Node {
	start, length := k*a.dilation, max(a.reach(), a.low+a.size)
	config := make([]compute.PadAxis, v.Rank())
	config[a.axis] = compute.PadAxis{Start: start, Interior: a.stride - 1, End: length - start - (a.out-1)*a.stride - 1}
	v = graph.Pad(v, constantLike(v, 0), config...)
	return sliceNode(v, a.axis, bounds{a.low, a.low + a.size, 1})
}

// counts gives how many elements of each window lie in [from, to) of the padded
// axis.
func (a poolAxis) counts(from, to int) []float64 {
	counts := make([]float64, a.out)
	for i := range counts {
		for k := range a.kernel {
			if at := i*a.stride + k*a.dilation; at >= from && at < to {
				counts[i]++
			}
		}
	}
	return counts
}

// sum adds up the elements of each window.
func (a poolAxis) sum(x *graph.Node) *graph.Node {
	if a.kernel == 1 && a.stride == 1 && a.low == 0 && a.out == a.size {
		return x
	}
	if a.kernel > maxPoolTaps && a.size*a.out <= maxPoolMatrix {
		return mixAxis(x, a.axis, a.membership(x))
	}
	taps := a.taps(stashed(x), 0)
	y := taps[0]
	for _, t := range taps[1:] {
		y = graph.Add(y, t)
	}
	return graph.ConvertDType(y, x.DType())
}

// Windows have at most maxPoolKernel elements along an axis. Beyond maxPoolTaps a
// window is summed by a product with a matrix, if that has at most maxPoolMatrix
// elements.
const (
	maxPoolKernel = 1 << 12
	maxPoolTaps   = 32
	maxPoolMatrix = 1 << 22
)

// perWindow makes a factor per window that broadcasts against the result.
func (a poolAxis) perWindow(like *graph.Node, factors []float64) *graph.Node {
	shape := slices.Repeat([]int{1}, like.Rank())
	shape[a.axis] = a.out
	return graph.Reshape(graph.ConstAs(like, factors), shape...)
}
