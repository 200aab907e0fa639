package importer

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// maxDepthwiseTaps is up to how many taps a depthwise convolution is a sum of
// products. XLA CPU makes one loop of them: 8 ms for 512 channels and 31 taps over
// [4, 512, 400], where its grouped convolution took 130 ms, and 52 ms against
// 266 ms with the gradient by the input (two cores, the best of seven runs).
const maxDepthwiseTaps = 64

// isDepthwise tells whether each channel is convolved by itself, shortly enough.
func isDepthwise(kernel *graph.Node, w *window) bool {
	dims := kernel.Shape().Dimensions
	return w.group > 1 && w.group == dims[0] && dims[1] == 1 && product(w.kernel) <= maxDepthwiseTaps
}

// depthwise is convolve for one kernel [C, 1, kernel...] per channel.
func depthwise(x, kernel *graph.Node, w *window) *graph.Node {
	return withGradient([]*graph.Node{x, kernel},
		func(in []*graph.Node) *graph.Node {
			return depthTaps(w.depthPadded(in[0]), in[1], w.output, w.strides, w.dilations)
		},
		func(in []*graph.Node, v *graph.Node) []*graph.Node {
			return []*graph.Node{w.depthBackward(v, in[1]), w.depthKernel(w.depthPadded(in[0]), v)}
		})
}

// depthPadded pads x to what the windows reach.
func (w *window) depthPadded(x *graph.Node) *graph.Node {
	x, pads := w.reached(x)
	config := make([]compute.PadAxis, x.Rank())
	for i, p := range pads {
		config[2+i] = compute.PadAxis{Start: p[0], End: p[1]}
	}
	return graph.Pad(x, constantLike(x, 0), config...)
}

// depthTaps adds up the windows' elements, tap by tap, times the kernel.
func depthTaps(x, kernel *graph.Node, output, strides, dilations []int) *graph.Node {
	size := kernel.Shape().Dimensions[2:]
	flat := graph.Reshape(kernel, kernel.Shape().Dimensions[0], product(size))
	shape := append([]int{1, flat.Shape().Dimensions[0]}, slices.Repeat([]int{1}, len(size))...)
	var y *graph.Node
	for k := range product(size) {
		weight := graph.Reshape(sliceNode(flat, 1, bounds{k, k + 1, 1}), shape...)
		part := graph.Mul(depthTap(x, k, size, output, strides, dilations), weight)
		if y == nil {
			y = part
		} else {
			y = graph.Add(y, part)
		}
	}
	return y
}

// depthTap gives element k, in row-major order, of all windows of x.
func depthTap(x *graph.Node, k int, size, output, strides, dilations []int) *graph.Node {
	for i := len(size) - 1; i >= 0; i-- {
		start := k % size[i] * dilations[i]
		x = sliceNode(x, 2+i, bounds{start, start + (output[i]-1)*strides[i] + 1, strides[i]})
		k /= size[i]
	}
	return x
}

// depthBackward is the gradient by the input: v, set apart by the strides, goes
// through the reversed kernel.
func (w *window) depthBackward(v, kernel *graph.Node) *graph.Node {
	n := len(w.kernel)
	config, reversed := make([]compute.PadAxis, 2+n), make([]int, n)
	for i := range n {
		config[2+i] = compute.PadAxis{Start: w.span(i) - 1 - w.pads[i][0], Interior: w.strides[i] - 1,
			End: w.input[i] - 1 + w.pads[i][0] - (w.output[i]-1)*w.strides[i]}
		reversed[i] = 2 + i
	}
	v = graph.Pad(v, constantLike(v, 0), config...)
	return depthTaps(v, graph.Reverse(kernel, reversed...), w.input, slices.Repeat([]int{1}, n), w.dilations)
}

// depthKernel is the gradient by the kernel. The sum over positions comes first:
// XLA CPU is slow at sums over axes that are not the last ones.
func (w *window) depthKernel(padded, v *graph.Node) *graph.Node {
	dims := v.Shape().Dimensions
	parts := make([]*graph.Node, product(w.kernel))
	for k := range parts {
		tap := depthTap(padded, k, w.kernel, w.output, w.strides, w.dilations)
		parts[k] = graph.ReduceSum(graph.Reshape(graph.Mul(v, tap), dims[0], dims[1], product(dims[2:])), 2)
	}
	return graph.Reshape(graph.ReduceSum(graph.Stack(parts, 2), 0), append([]int{dims[1], 1}, w.kernel...)...)
}
