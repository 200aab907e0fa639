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
			minIn: 2, maxIn: 3, maxOut: 1, check: checkAutoPad, lower: single(lowerConv)},
		// ConvTranspose-1; 11 and 22 clarify and add types.
		{key: onnx("ConvTranspose", 1), attrs: "auto_pad dilations group kernel_shape output_padding output_shape pads strides",
			minIn: 2, maxIn: 3, maxOut: 1, check: checkAutoPad, lower: single(lowerConvTranspose)},
		{key: onnx("CausalConvWithState", 27), attrs: "activation", minIn: 2, maxIn: 4, maxOut: 2, check: checkCausalConv, lower: lowerCausalConv},
	}
}

// checkAutoPad knows the padding rules of convolutions and poolings.
func checkAutoPad(n *graphsurgery.Node) string {
	switch pad := n.Str("auto_pad", "NOTSET"); pad {
	case "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER":
		return ""
	default:
		return "auto_pad=" + pad + " of " + n.Op() + " is not supported"
	}
}

// window is the geometry of a convolution, one entry per spatial axis. input and
// output are the sizes on either side: a transposed convolution goes from output
// to input.
type window struct {
	input, output, kernel, strides, dilations []int
	pads                                      [][2]int
	group                                     int
}

// span is how many elements of an axis the kernel covers.
func (w *window) span(axis int) int { return (w.kernel[axis]-1)*w.dilations[axis] + 1 }

// lowerConv is Conv-1 to -22: x [N, C, spatial...], w [M, C/group, spatial...],
// and an optional bias [M].
func lowerConv(c *call) *graph.Node {
	group := c.convGroups(1)
	x := c.cropped(c.arg(0))
	w := c.window(x.Shape().Dimensions[2:], c.dims(1)[2:])
	w.group = group
	for i, n := range w.input {
		total := n + w.pads[i][0] + w.pads[i][1] - w.span(i)
		if total < 0 {
			c.fail("a kernel that covers %d elements does not fit axis %d of size %d with pads %v", w.span(i), 2+i, n, w.pads[i])
		}
		w.output[i] = total/w.strides[i] + 1
	}
	c.boundedWindow(w)
	return c.withBias(2, c.convolve(x, c.arg(1), w))
}

// convGroups reads the number of groups and checks the ranks and the channels:
// side 1 says that they go from input to output, side 0 (transposed) back.
func (c *call) convGroups(side int) int {
	rank, x, w := c.rank(0), c.dims(0), c.dims(1)
	if rank < 3 || len(w) != rank {
		c.fail("%s of shapes %v and %v, want three axes or more, as many in both", c.n.Op(), x, w)
	}
	group := c.attrInt("group", 1)
	ok := group >= 1 && w[0]%group == 0
	if side == 1 {
		ok = ok && x[1] == group*w[1]
	} else {
		ok = ok && x[1] == w[0]
	}
	if !ok {
		c.fail("%d channels in %d groups do not fit a kernel of shape %v", x[1], group, w)
	}
	if kernel := c.attrInts("kernel_shape"); len(kernel) > 0 && !slices.Equal(kernel, w[2:]) {
		c.fail("kernel_shape %v differs from the kernel of shape %v", kernel, w)
	}
	return group
}

// withBias adds input i if it is there, one number per channel.
func (c *call) withBias(i int, y *graph.Node) *graph.Node {
	if !c.has(i) {
		return y
	}
	shape := slices.Repeat([]int{1}, y.Rank())
	shape[1] = y.Shape().Dimensions[1]
	if product(c.dims(i)) != shape[1] {
		c.fail("a bias of shape %v for %d channels", c.dims(i), shape[1])
	}
	return graph.Add(y, graph.Reshape(c.arg(i), shape...))
}

// cropped cuts off what negative pads remove.
func (c *call) cropped(x *graph.Node) *graph.Node {
	n := x.Rank() - 2
	if pads := c.attrInts("pads"); len(pads) == 2*n && c.n.Str("auto_pad", "NOTSET") == "NOTSET" {
		for i := range n {
			b := bounds{start: max(0, -pads[i]), end: x.Shape().Dimensions[2+i] - max(0, -pads[n+i]), step: 1}
			if b.end <= b.start {
				c.fail("pads remove all of axis %d", 2+i)
			}
			x = sliceNode(x, 2+i, b)
		}
	}
	return x
}

// window reads strides, dilations and pads; negative pads count as none.
func (c *call) window(input, kernel []int) *window {
	n := len(input)
	w := &window{input: input, output: make([]int, n), kernel: kernel, group: 1,
		strides: c.perAxis("strides", n), dilations: c.perAxis("dilations", n), pads: make([][2]int, n)}
	pads := c.attrInts("pads")
	auto := c.n.Str("auto_pad", "NOTSET")
	if len(pads) != 0 && len(pads) != 2*n {
		c.fail("%d pads for %d spatial axes, want two each", len(pads), n)
	}
	for i := range n {
		switch {
		case auto == "SAME_UPPER" || auto == "SAME_LOWER":
			w.pads[i] = samePad(input[i], w.span(i), w.strides[i], auto == "SAME_LOWER")
		case auto == "NOTSET" && len(pads) > 0:
			w.pads[i] = [2]int{max(0, pads[i]), max(0, pads[n+i])}
		}
	}
	return w
}

// boundedWindow refuses pads that make a tensor too large.
func (c *call) boundedWindow(w *window) {
	dims := slices.Clone(c.dims(0)[:2])
	for i, n := range w.input {
		dims = append(dims, min(n+min(w.pads[i][0], maxElements)+min(w.pads[i][1], maxElements), maxElements+1))
	}
	c.bounded(dims)
}

// perAxis reads an attribute with one positive number per spatial axis, 1 by default.
func (c *call) perAxis(name string, n int) []int {
	v := c.attrInts(name)
	if len(v) == 0 {
		return slices.Repeat([]int{1}, n)
	}
	if len(v) != n || slices.Min(v) < 1 {
		c.fail("%s %v for %d spatial axes, want one positive number each", name, v, n)
	}
	return v
}

// samePad is auto_pad=SAME_*: the output has ceil(input/stride) elements.
func samePad(input, span, stride int, lower bool) [2]int {
	out := (input + stride - 1) / stride
	total := max(0, (out-1)*stride+span-input)
	if lower {
		return [2]int{(total + 1) / 2, total / 2}
	}
	return [2]int{total / 2, (total + 1) / 2}
}

// convPadded moves pads that are wider than the kernel's reach out of the
// geometry: the gradients count on the rest.
func convPadded(x *graph.Node, w *window) (*graph.Node, *window) {
	moved := *w
	moved.pads, moved.input = slices.Clone(w.pads), slices.Clone(w.input)
	config := make([]compute.PadAxis, x.Rank())
	wide := false
	for i, p := range w.pads {
		reach := w.span(i) - 1
		config[2+i] = compute.PadAxis{Start: max(0, p[0]-reach), End: max(0, p[1]-reach)}
		moved.pads[i] = [2]int{min(p[0], reach), min(p[1], reach)}
		moved.input[i] += config[2+i].Start + config[2+i].End
		wide = wide || p[0] > reach || p[1] > reach
	}
	if wide {
		x = graph.Pad(x, constantLike(x, 0), config...)
	}
	return x, &moved
}
