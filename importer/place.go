package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// placeOps put elements at places of a larger or smaller tensor.
func placeOps() []operator {
	return []operator{
		{key: onnx("MaxUnpool", 9), attrs: "kernel_shape pads strides", minIn: 2, maxIn: 3, maxOut: 1, lower: single(lowerMaxUnpool)},
		{key: onnx("Col2Im", 18), attrs: "dilations pads strides", minIn: 3, maxIn: 3, maxOut: 1, lower: single(lowerCol2Im)},
		{key: onnx("CenterCropPad", 18), attrs: "axes", minIn: 2, maxIn: 2, maxOut: 1, lower: single(lowerCenterCropPad)},
	}
}

// lowerMaxUnpool is MaxUnpool-9 to -22: the opposite of a MaxPool, given the
// positions of its maxima; all else is zero. Windows that overlap may name a
// position twice, with the same value.
func lowerMaxUnpool(c *call) *graph.Node {
	dims := c.unpooled()
	x, size := c.arg(0), product(c.dims(0))
	at := graph.Reshape(graph.ConvertDType(c.arg(1), dtypes.Int32), size, 1)
	y := withGradient([]*graph.Node{graph.Reshape(x, size)},
		func(in []*graph.Node) *graph.Node {
			shape := shapes.Make(x.DType(), product(dims))
			sum := graph.ScatterSum(graph.Zeros(x.Graph(), shape), at, in[0], false, false)
			times := graph.ScatterSum(graph.Zeros(x.Graph(), shape), at, graph.OnesLike(in[0]), false, false)
			return graph.Div(sum, graph.MaxScalar(times, 1))
		},
		func(in []*graph.Node, v *graph.Node) []*graph.Node { return []*graph.Node{graph.Gather(v, at)} })
	y = graph.Reshape(y, dims...)
	if c.has(2) { // a larger tensor, that holds the result at its start
		want := c.bounded(c.ints(2))
		if len(want) != len(dims) {
			c.fail("output_shape %v for a result of shape %v", want, dims)
		}
		for axis, d := range want {
			y = padOrCut(y, axis, 0, d-dims[axis])
		}
	}
	return y
}

// unpooled gives the dimensions that the positions of MaxUnpool count in.
func (c *call) unpooled() []int {
	spatial, kernel, pads := c.poolSpatial(), c.attrInts("kernel_shape"), c.attrInts("pads")
	n := len(spatial)
	if len(kernel) != n || len(pads) != 0 && len(pads) != 2*n || !slices.Equal(c.dims(0), c.dims(1)) {
		c.fail("kernel_shape %v, pads %v and positions of shape %v do not fit a tensor of shape %v", kernel, pads, c.dims(1), c.dims(0))
	}
	strides := c.perAxis("strides", n)
	dims := slices.Clone(c.dims(0))
	for i, d := range spatial {
		dims[2+i] = (d-1)*strides[i] + kernel[i]
		if len(pads) > 0 {
			dims[2+i] -= pads[i] + pads[n+i]
		}
	}
	return c.bounded(dims)
}

// lowerCol2Im is Col2Im-18: blocks [N, C·block, L] are added up at their places in
// images [N, C, image...].
func lowerCol2Im(c *call) *graph.Node {
	image, block := c.ints(1), c.ints(2)
	n := len(image)
	if len(block) != n || n == 0 || c.rank(0) != 3 || slices.Min(block) < 1 || c.dims(0)[1]%product(block) != 0 {
		c.fail("image %v and block %v do not fit a tensor of shape %v", image, block, c.dims(0))
	}
	w := c.window(image, block)
	dims := c.dims(0)
	split := append([]int{dims[0], dims[1] / product(block)}, block...)
	c.bounded(append([]int{split[0], split[1]}, image...))
	for i := range n {
		w.output[i] = (image[i]+w.pads[i][0]+w.pads[i][1]-w.span(i))/w.strides[i] + 1
	}
	if slices.Min(w.output) < 1 || product(w.output) != dims[2] {
		c.fail("%d blocks, want %v", dims[2], w.output)
	}
	x := graph.Reshape(c.arg(0), append(split, w.output...)...)
	for i := range n { // axis 2 is that of the block, n+1 afterwards that of its places
		a := poolAxis{axis: n + 1, size: image[i], out: w.output[i], kernel: block[i],
			stride: w.strides[i], dilation: w.dilations[i], low: w.pads[i][0]}
		x = a.addUp(x)
	}
	return x
}

// addUp puts the taps on axis 2 of x at their places and adds them up.
func (a poolAxis) addUp(x *graph.Node) *graph.Node {
	dims := slices.Delete(slices.Clone(x.Shape().Dimensions), 2, 3)
	var y *graph.Node
	for k := range a.kernel {
		part := a.untap(graph.Reshape(sliceNode(x, 2, bounds{k, k + 1, 1}), dims...), k)
		if y == nil {
			y = part
		} else {
			y = graph.Add(y, part)
		}
	}
	return y
}

// lowerCenterCropPad is CenterCropPad-18: each axis is cut or padded to a size,
// as evenly at both ends as possible.
func lowerCenterCropPad(c *call) *graph.Node {
	axes, sizes := allAxes(c.rank(0)), c.ints(1)
	if c.n.HasAttr("axes") {
		axes = c.axes(c.attrInts("axes"), c.rank(0))
	}
	if len(sizes) != len(axes) {
		c.fail("%d sizes for %d axes, want one each", len(sizes), len(axes))
	}
	dims := slices.Clone(c.dims(0))
	for i, a := range axes {
		dims[a] = sizes[i]
	}
	c.bounded(dims)
	x := c.arg(0)
	for i, a := range axes {
		more := sizes[i] - c.dims(0)[a]
		if more < 0 {
			x = padOrCut(x, a, -(-more / 2), -(-more - -more/2))
		} else {
			x = padOrCut(x, a, more/2, more-more/2)
		}
	}
	return x
}
