package importer

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// depthOps move elements between the channels and the plane of an image.
func depthOps() []operator {
	return []operator{
		// DepthToSpace-11 adds the mode; before, it is DCR.
		{key: onnx("DepthToSpace", 1), attrs: "blocksize", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerDepthToSpace)},
		{key: onnx("DepthToSpace", 11), attrs: "blocksize mode", minIn: 1, maxIn: 1, maxOut: 1, check: checkDepthToSpace,
			lower: single(lowerDepthToSpace)},
		{key: onnx("SpaceToDepth", 1), attrs: "blocksize", minIn: 1, maxIn: 1, maxOut: 1, lower: single(lowerSpaceToDepth)},
	}
}

// checkDepthToSpace knows the two orders of channels.
func checkDepthToSpace(n *graphsurgery.Node) string {
	switch mode := n.Str("mode", "DCR"); mode {
	case "DCR", "CRD":
		return ""
	default:
		return "mode=" + mode + " of DepthToSpace is not supported"
	}
}

// blockSize reads the attribute and checks that a tensor is [batch, channels,
// height, width].
func (c *call) blockSize() int {
	b := c.attrInt("blocksize", 0)
	if b < 1 || c.rank(0) != 4 || b > 1<<15 {
		c.fail("blocksize %d of a tensor of shape %v", b, c.dims(0))
	}
	return b
}

// lowerDepthToSpace is DepthToSpace-1 and -11: blocks of b·b channels become b·b
// pixels. With DCR the block's place comes first among the channels, with CRD
// last.
func lowerDepthToSpace(c *call) *graph.Node {
	b, d := c.blockSize(), c.dims(0)
	n, h, w := d[0], d[2], d[3]
	if d[1]%(b*b) != 0 {
		c.fail("%d channels do not divide into blocks of %d", d[1], b*b)
	}
	rest := d[1] / (b * b)
	out := []int{n, rest, h * b, w * b}
	if c.n.Str("mode", "DCR") == "CRD" {
		x := graph.Reshape(c.arg(0), n, rest, b, b, h, w)
		return graph.Reshape(graph.TransposeAllAxes(x, 0, 1, 4, 2, 5, 3), out...)
	}
	x := graph.Reshape(c.arg(0), n, b, b, rest, h, w)
	return graph.Reshape(graph.TransposeAllAxes(x, 0, 3, 4, 1, 5, 2), out...)
}

// lowerSpaceToDepth is SpaceToDepth-1, the inverse of DCR.
func lowerSpaceToDepth(c *call) *graph.Node {
	b, d := c.blockSize(), c.dims(0)
	n, h, w := d[0], d[2], d[3]
	if h%b != 0 || w%b != 0 {
		c.fail("%d by %d pixels do not divide into blocks of %d by %d", h, w, b, b)
	}
	x := graph.Reshape(c.arg(0), n, d[1], h/b, b, w/b, b)
	return graph.Reshape(graph.TransposeAllAxes(x, 0, 3, 5, 1, 2, 4), n, b*b*d[1], h/b, w/b)
}
