package importer

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// checkCausalConv knows the activations.
func checkCausalConv(n *graphsurgery.Node) string {
	if a := n.Str("activation", "none"); !slices.Contains([]string{"none", "silu", "swish"}, a) {
		return "activation=" + a + " of CausalConvWithState is not supported"
	}
	return ""
}

// lowerCausalConv is CausalConvWithState-27: a depthwise convolution of x
// [N, C, length] that looks back only, beyond the start into the state
// [N, C, kernel-1] or zeros. It also gives the state for what follows.
func lowerCausalConv(c *call) []*wire {
	if c.rank(0) != 3 || c.rank(1) != 3 || c.dims(1)[1] != 1 || c.dims(1)[0] != c.dims(0)[1] {
		c.fail("x of shape %v and weights of shape %v, want [N,C,length] and [C,1,kernel]", c.dims(0), c.dims(1))
	}
	x, back, length := c.arg(0), c.dims(1)[2]-1, c.dims(0)[2]
	switch {
	case back == 0:
	case c.has(3):
		if want := []int{c.dims(0)[0], c.dims(0)[1], back}; !slices.Equal(c.dims(3), want) {
			c.fail("a state of shape %v, want %v", c.dims(3), want)
		}
		x = graph.Concatenate([]*graph.Node{c.arg(3), x}, 2)
	default:
		x = graph.Pad(x, constantLike(x, 0), compute.PadAxis{}, compute.PadAxis{}, compute.PadAxis{Start: back})
	}
	w := &window{input: []int{length + back}, output: []int{length}, kernel: []int{back + 1},
		strides: []int{1}, dilations: []int{1}, pads: make([][2]int, 1), group: c.dims(0)[1]}
	y := c.withBias(2, c.convolve(x, c.arg(1), w))
	if c.n.Str("activation", "none") != "none" {
		z := stashed(y)
		y = graph.ConvertDType(graph.Mul(z, graph.Sigmoid(z)), y.DType())
	}
	state := sliceNode(x, 2, bounds{length, length + back, 1})
	return []*wire{c.wire(y), c.wire(state)}
}
