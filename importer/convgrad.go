package importer

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// A convolution is bilinear, and its two gradients are convolutions again. They
// are written out here because GoMLX v0.28.8 has them wrong for even kernels,
// not at all for strides with dilations, and one by one for groups (a depthwise
// convolution of 512 channels would become 1024 convolutions).

// convolve goes from the input side of the geometry to its output side:
// x [N, C, input...], kernel [M, C/group, kernel...], y [N, M, output...].
func (t *tracer) convolve(x, kernel *graph.Node, w *window) *graph.Node {
	x, w = convPadded(x, w)
	if isDepthwise(kernel, w) { // half types are summed in float32
		return graph.ConvertDType(depthwise(stashed(x), stashed(kernel), w), x.DType())
	}
	return t.bilinear(x, kernel, bilinear{
		forward: func(x, kernel *graph.Node) *graph.Node { return convForward(x, kernel, w) },
		byX:     func(v, kernel *graph.Node) *graph.Node { return convBackward(v, kernel, w) },
		byY:     func(x, v *graph.Node) *graph.Node { return convKernel(x, v, w) },
	})
}

// deconvolve goes from the output side to the input side, which is a transposed
// convolution: y [N, M, output...], the same kernel, x [N, C, input...].
func (t *tracer) deconvolve(y, kernel *graph.Node, w *window) *graph.Node {
	return t.bilinear(y, kernel, bilinear{
		forward: func(y, kernel *graph.Node) *graph.Node { return convBackward(y, kernel, w) },
		byX:     func(v, kernel *graph.Node) *graph.Node { return convForward(v, kernel, w) },
		byY:     func(y, v *graph.Node) *graph.Node { return convKernel(v, y, w) },
	})
}

// convForward is the convolution.
func convForward(x, kernel *graph.Node, w *window) *graph.Node {
	x, pads := w.reached(x)
	return graph.ConvGeneral(x, kernel, convAxes(len(w.kernel)), w.strides, pads, nil, w.dilations, w.group, 1)
}

// reached cuts off what the last strides do not reach, and gives the pads of
// exactly w.output windows.
func (w *window) reached(x *graph.Node) (*graph.Node, [][2]int) {
	pads := make([][2]int, len(w.kernel))
	for i := range pads {
		high := w.span(i) + (w.output[i]-1)*w.strides[i] - w.input[i] - w.pads[i][0]
		if high < 0 {
			x = sliceNode(x, 2+i, bounds{end: w.input[i] + high, step: 1})
		}
		pads[i] = [2]int{w.pads[i][0], max(0, high)}
	}
	return x, pads
}

// convBackward is the gradient by the input: the output's elements are set apart
// by the strides, and the kernel is reversed with its channels exchanged.
func convBackward(v, kernel *graph.Node, w *window) *graph.Node {
	n := len(w.kernel)
	axes := convAxes(n)
	axes.KernelInputChannels, axes.KernelOutputChannels = 0, 1
	if w.group > 1 {
		kernel = convRegroup(kernel, w.group)
		axes = convAxes(n)
	}
	pads := make([][2]int, n)
	for i := range n {
		low := w.span(i) - 1 - w.pads[i][0]
		pads[i] = [2]int{low, w.input[i] - 1 + w.pads[i][0] - (w.output[i]-1)*w.strides[i]}
	}
	kernel = graph.Reverse(kernel, axes.KernelSpatial...)
	return graph.ConvGeneral(v, kernel, axes, nil, pads, w.strides, w.dilations, w.group, 1)
}

// convRegroup turns a kernel [M, C/group, ...] into [C, M/group, ...].
func convRegroup(kernel *graph.Node, group int) *graph.Node {
	dims := kernel.Shape().Dimensions
	m, c := dims[0]/group, dims[1]
	kernel = graph.Reshape(kernel, append([]int{group, m, c}, dims[2:]...)...)
	kernel = graph.Transpose(kernel, 1, 2)
	return graph.Reshape(kernel, append([]int{group * c, m}, dims[2:]...)...)
}

// convKernel is the gradient by the kernel: the input is convolved with the
// output's gradient, whose elements lie apart by the strides; examples are summed
// like channels.
func convKernel(x, v *graph.Node, w *window) *graph.Node {
	if w.group > 1 && w.group <= maxSplitGroups {
		return convKernelSplit(x, v, w)
	}
	n := len(w.kernel)
	axes := convAxes(n)
	axes.InputBatch, axes.InputChannels = 1, 0
	axes.KernelInputChannels, axes.KernelOutputChannels = 0, 1
	axes.OutputBatch, axes.OutputChannels = 1, 0
	x, pads := w.reached(x)
	return graph.ConvGeneral(x, v, axes, w.dilations, pads, nil, w.strides, 1, w.group)
}

// maxSplitGroups is up to how many groups the gradient by the kernel is taken
// group by group: for 16 groups and 128 taps XLA CPU took several times as long
// with a batch-grouped convolution.
const maxSplitGroups = 64

// convKernelSplit is convKernel one group after the other.
func convKernelSplit(x, v *graph.Node, w *window) *graph.Node {
	one := *w
	one.group = 1
	parts := make([]*graph.Node, w.group)
	c, m := x.Shape().Dimensions[1]/w.group, v.Shape().Dimensions[1]/w.group
	for g := range parts {
		parts[g] = convKernel(sliceNode(x, 1, bounds{g * c, (g + 1) * c, 1}), sliceNode(v, 1, bounds{g * m, (g + 1) * m, 1}), &one)
	}
	return graph.Concatenate(parts, 0)
}

// lowerConvTranspose is ConvTranspose-1 to -22: x [N, C, spatial...],
// w [C, M/group, spatial...], and an optional bias [M].
func lowerConvTranspose(c *call) *graph.Node {
	group := c.convGroups(0)
	w := c.transposedWindow(group)
	whole, crop := *w, make([][2]int, len(w.kernel))
	whole.input, whole.pads = slices.Clone(w.input), slices.Clone(w.pads)
	for i := range w.kernel {
		// What lies beyond the kernel's reach is cut off or padded afterwards.
		reach, end := w.span(i)-1, (w.output[i]-1)*w.strides[i]
		low := min(max(w.pads[i][0], 0), reach)
		size := max(end+1-low, w.input[i]+w.pads[i][0]-low)
		whole.input[i], whole.pads[i] = size, [2]int{low, 0}
		crop[i] = [2]int{low - w.pads[i][0], w.input[i] + w.pads[i][0] - low - size}
	}
	y := c.deconvolve(c.arg(0), c.arg(1), &whole)
	for i, p := range crop {
		y = padOrCut(y, 2+i, p[0], p[1])
	}
	return c.withBias(2, y)
}

// transposedWindow reads the geometry of ConvTranspose; input is the side with
// the result.
func (c *call) transposedWindow(group int) *window {
	n := c.rank(0) - 2
	w := &window{output: c.dims(0)[2:], kernel: c.dims(1)[2:], group: group, input: make([]int, n),
		strides: c.perAxis("strides", n), dilations: c.perAxis("dilations", n), pads: make([][2]int, n)}
	extra, shape, pads := c.attrInts("output_padding"), c.attrInts("output_shape"), c.attrInts("pads")
	auto := c.n.Str("auto_pad", "NOTSET")
	if len(extra) > 0 && len(extra) != n || len(pads) > 0 && len(pads) != 2*n || len(shape) > 0 && len(shape) < n {
		c.fail("output_padding %v, output_shape %v and pads %v do not fit %d spatial axes", extra, shape, pads, n)
	}
	same := auto == "SAME_UPPER" || auto == "SAME_LOWER"
	for i := range n {
		full := (w.output[i]-1)*w.strides[i] + w.span(i)
		if len(extra) > 0 {
			full += extra[i]
		}
		switch {
		case len(shape) > 0 || same:
			w.input[i] = w.output[i] * w.strides[i]
			if len(shape) > 0 {
				w.input[i] = shape[len(shape)-n+i]
			}
			total := max(0, full-w.input[i])
			w.pads[i][0] = total - total/2
			if auto == "SAME_UPPER" {
				w.pads[i][0] = total / 2
			}
		default:
			w.input[i] = full
			if len(pads) > 0 && auto == "NOTSET" {
				w.pads[i] = [2]int{pads[i], pads[n+i]}
				w.input[i] -= pads[i] + pads[n+i]
			}
		}
		if w.input[i] < 1 {
			c.fail("axis %d of the result has %d elements", 2+i, w.input[i])
		}
	}
	c.bounded(append([]int{c.dims(0)[0], c.dims(1)[1] * group}, w.input...))
	return w
}

// padOrCut adds zeros at the ends of an axis, or cuts where the number is
// negative.
func padOrCut(x *graph.Node, axis, start, end int) *graph.Node {
	b := bounds{start: max(0, -start), end: x.Shape().Dimensions[axis] + min(0, end), step: 1}
	x = sliceNode(x, axis, b)
	if start <= 0 && end <= 0 {
		return x
	}
	config := make([]compute.PadAxis, x.Rank())
	config[axis] = compute.PadAxis{Start: max(0, start), End: max(0, end)}
	return graph.Pad(x, constantLike(x, 0), config...)
}

// convAxes is ONNX's order of axes: batch, channels, spatial; kernels have
// output channels, input channels, spatial.
func convAxes(n int) compute.ConvolveAxesConfig {
	spatial := make([]int, n)
	for i := range spatial {
		spatial[i] = 2 + i
	}
	return compute.ConvolveAxesConfig{
		InputBatch: 0, InputChannels: 1, InputSpatial: spatial,
		KernelOutputChannels: 0, KernelInputChannels: 1, KernelSpatial: spatial,
		OutputBatch: 0, OutputChannels: 1, OutputSpatial: spatial,
	}
}
