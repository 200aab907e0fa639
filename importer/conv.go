package importer

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// convOps are the convolutions.
func convOps() []operator {
	return []operator{
		// Conv-1; 11 and 22 clarify and add types.
		{key: onnx("Conv", 1), attrs: "auto_pad dilations group kernel_shape pads strides",
			minIn: 2, maxIn: 3, maxOut: 1, check: checkConv, lower: single(lowerConv)},
	}
}

// checkConv knows the padding rules.
func checkConv(n *graphsurgery.Node) string {
	switch pad := n.Str("auto_pad", "NOTSET"); pad {
	case "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER":
		return ""
	default:
		return "auto_pad=" + pad + " of Conv is not supported"
	}
}

// window is the geometry of a convolution, one entry per spatial axis.
type window struct {
	kernel, strides, dilations []int
	pads                       [][2]int
}

// lowerConv is Conv-1: x [N, C, spatial...], w [M, C/group, spatial...], and an
// optional bias [M].
func lowerConv(c *call) *graph.Node {
	rank := c.rank(0)
	if rank < 3 || c.rank(1) != rank {
		c.fail("Conv of shapes %v and %v, want [N,C,spatial...] and [M,C/group,spatial...]", c.dims(0), c.dims(1))
	}
	group := c.attrInt("group", 1)
	if group < 1 || c.dims(0)[1] != group*c.dims(1)[1] || c.dims(1)[0]%group != 0 {
		c.fail("%d channels in %d groups do not fit a kernel of shape %v", c.dims(0)[1], group, c.dims(1))
	}
	w := c.window(c.dims(0)[2:], c.dims(1)[2:])
	y := convolve(c.arg(0), c.arg(1), w, group)
	if c.has(2) {
		shape := slices.Repeat([]int{1}, rank)
		shape[1] = c.dims(1)[0]
		y = graph.Add(y, graph.Reshape(c.arg(2), shape...))
	}
	return y
}

// window reads strides, dilations and pads.
func (c *call) window(input, kernel []int) window {
	n := len(input)
	w := window{kernel: kernel, strides: c.perAxis("strides", n), dilations: c.perAxis("dilations", n), pads: make([][2]int, n)}
	pads := c.attrInts("pads")
	auto := c.n.Str("auto_pad", "NOTSET")
	if len(pads) != 0 && len(pads) != 2*n {
		c.fail("%d pads for %d spatial axes, want two each", len(pads), n)
	}
	for i := range n {
		switch {
		case auto == "SAME_UPPER" || auto == "SAME_LOWER":
			w.pads[i] = samePad(input[i], (kernel[i]-1)*w.dilations[i]+1, w.strides[i], auto == "SAME_LOWER")
		case auto == "NOTSET" && len(pads) > 0:
			w.pads[i] = [2]int{pads[i], pads[n+i]}
		}
		if w.pads[i][0] < 0 || w.pads[i][1] < 0 {
			c.refuse("negative pads of Conv are not supported")
		}
	}
	return w
}

// perAxis reads an attribute with one positive number per spatial axis, 1 by default.
func (c *call) perAxis(name string, n int) []int {
	if !c.n.HasAttr(name) {
		return slices.Repeat([]int{1}, n)
	}
	v := c.attrInts(name)
	if len(v) != n || slices.Min(v) < 1 {
		c.fail("%s %v for %d spatial axes, want one positive number each", name, v, n)
	}
	return v
}

// samePad is auto_pad=SAME_*: the output has ceil(input/stride) elements.
func samePad(input, kernel, stride int, lower bool) [2]int {
	out := (input + stride - 1) / stride
	total := max(0, (out-1)*stride+kernel-input)
	if lower {
		return [2]int{(total + 1) / 2, total / 2}
	}
	return [2]int{total / 2, (total + 1) / 2}
}

// convolve works around GoMLX v0.28.8, whose gradient of a convolution with
// respect to its input is shifted by one for even kernels: such a kernel gets one
// zero tap more, and the input one pad more on the right. The values are the same.
func convolve(x, kernel *graph.Node, w window, group int) *graph.Node {
	grow := make([]compute.PadAxis, kernel.Rank())
	pads := slices.Clone(w.pads)
	even := false
	for i, k := range w.kernel {
		if k%2 == 0 {
			even = true
			grow[2+i].End = 1
			pads[i][1] += w.dilations[i]
		}
	}
	if even {
		kernel = graph.Pad(kernel, constantLike(kernel, 0), grow...)
	}
	return graph.ConvGeneral(x, kernel, convAxes(len(w.kernel)), w.strides, pads, nil, w.dilations, group, 1)
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
