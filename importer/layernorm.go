package importer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// layerNormOps normalise each example by its own statistics.
func layerNormOps() []operator {
	layer := operator{attrs: "axis epsilon stash_type", minIn: 2, maxIn: 3, maxOut: 3, check: checkStash, lower: lowerLayerNorm}
	rms := operator{attrs: "axis epsilon stash_type", minIn: 2, maxIn: 2, maxOut: 2, check: checkStash, lower: lowerRMSNorm}
	var ops []operator
	for _, key := range []opKey{
		onnx("LayerNormalization", 17),
		// ONNX Runtime's optimizer writes its own LayerNormalization into the default
		// domain of models below opset 17, and SimplifiedLayerNormalization at any opset.
		onnx("LayerNormalization", 1),
	} {
		layer.key = key
		ops = append(ops, layer)
	}
	rms.key = onnx("SimplifiedLayerNormalization", 1)
	ops = append(ops, rms)
	rms.key, rms.maxOut = onnx("RMSNormalization", 23), 1
	return append(ops, rms)
}

// checkStash knows the types that statistics may be kept in.
func checkStash(n *graphsurgery.Node) string {
	if s := graphsurgery.DType(n.Int("stash_type", 1)); !isFloat(s) {
		return "stash_type of " + n.Op() + " other than a float type is not supported"
	}
	return ""
}

// lowerLayerNorm is LayerNormalization-17: over all axes from axis on, with the
// biased variance.
func lowerLayerNorm(c *call) []*wire {
	axis := c.axis(c.attrInt("axis", -1), c.rank(0))
	out, stats := c.normalised(c.in[0], axis, 1, 2, 1e-5, centredStatistics)
	return append([]*wire{out}, stats...)
}

// lowerRMSNorm is RMSNormalization-23 and SimplifiedLayerNormalization, which
// also gives 1/rms.
func lowerRMSNorm(c *call) []*wire {
	axis := c.axis(c.attrInt("axis", -1), c.rank(0))
	out, stats := c.normalised(c.in[0], axis, 1, -1, 1e-5, uncentredStatistics)
	return append([]*wire{out}, stats...)
}

// rowStatistics normalises the rows of x and gives the statistics it used.
type rowStatistics func(x *graph.Node, eps float64) (y *graph.Node, stats []*graph.Node)

// centredStatistics are LayerNormalization's: mean and 1/deviation.
func centredStatistics(x *graph.Node, eps float64) (*graph.Node, []*graph.Node) {
	y, mean, inv := standardise(x, eps)
	return y, []*graph.Node{mean, inv}
}

// uncentredStatistics are RMSNormalization's: 1/rms.
func uncentredStatistics(x *graph.Node, eps float64) (*graph.Node, []*graph.Node) {
	y, inv := rootMeanSquare(x, eps)
	return y, []*graph.Node{inv}
}

// normalised applies f to x as [rows, width], where width covers the axes from
// axis on, then scale (input scale) and bias (input bias, if it is there).
// Statistics are computed in float32 for half types, and returned in stash_type.
// Over the last axis, the common case, all of it stays flat. eps is the default
// of the attribute epsilon.
func (c *call) normalised(x *wire, axis, scale, bias int, eps float32, f rowStatistics) (*wire, []*wire) {
	dims := x.dims
	rows, width := product(dims[:axis]), product(dims[axis:])
	stat := append(slices.Clone(dims[:axis]), slices.Repeat([]int{1}, len(dims)-axis)...)
	stash, _ := computeDType(graphsurgery.DType(c.n.Int("stash_type", 1)))
	if rows*width == 0 {
		zero := c.wire(graph.Zeros(c.graph, shapes.Make(stash, stat...)))
		return x, []*wire{zero, zero}
	}
	var in *graph.Node
	if axis == len(dims)-1 && axis > 0 {
		in = c.flatOf(x)
	} else {
		in = graph.Reshape(c.anyOf(x), rows, width)
	}
	own := in.DType()
	if own.IsHalfPrecision() {
		in = graph.ConvertDType(in, dtypes.Float32)
	}
	y, stats := f(in, float64(c.n.Float("epsilon", eps)))
	y = graph.ConvertDType(y, own)
	out := c.affine(y, dims, axis, scale, bias)
	shown := make([]*wire, len(stats))
	for i, s := range stats {
		shown[i] = c.wire(graph.ConvertDType(graph.Reshape(s, stat...), stash))
	}
	return out, shown
}

// affine multiplies y, [rows, width] of a tensor of shape dims, by the scale and
// adds the bias. Both usually have the shape of the normalised axes, but may have
// any shape that broadcasts to dims.
func (c *call) affine(y *graph.Node, dims []int, axis, scale, bias int) *wire {
	part := func(i int) *graph.Node {
		if product(c.dims(i)) == product(dims[axis:]) && c.rank(i) <= len(dims)-axis || product(c.dims(i)) == 1 {
			return c.row(i, dims[axis:])
		}
		return graph.Reshape(c.broadcastTo(c.in[i], dims), y.Shape().Dimensions...)
	}
	y = graph.Mul(y, graph.ConvertDType(part(scale), y.DType()))
	if bias >= 0 && c.has(bias) {
		y = graph.Add(y, graph.ConvertDType(part(bias), y.DType()))
	}
	if len(dims) >= 3 && axis == len(dims)-1 {
		return c.flatWire(y, dims)
	}
	return c.wire(graph.Reshape(y, dims...))
}

// row gives scale or bias, which broadcast to the normalised axes, as [1, width].
func (c *call) row(i int, dims []int) *graph.Node {
	if product(c.dims(i)) == 1 {
		return graph.Reshape(c.anyOf(c.in[i]), 1, 1)
	}
	return graph.Reshape(c.broadcastTo(c.in[i], dims), 1, product(dims))
}

// standardise gives (x-mean)/√(var+eps) along the rows of x, the mean and
// 1/√(var+eps). GoMLX's Rsqrt has no gradient.
func standardise(x *graph.Node, eps float64) (y, mean, inv *graph.Node) {
	rows, width := x.Shape().Dimensions[0], float64(x.Shape().Dimensions[1])
	mean = graph.Reshape(graph.DivScalar(graph.ReduceSum(x, 1), width), rows, 1)
	centred := graph.Sub(x, mean)
	y, inv = rootMeanSquare(centred, eps)
	return y, mean, inv
}

// rootMeanSquare gives x/√(mean(x²)+eps) along the rows of x, and 1/√….
func rootMeanSquare(x *graph.Node, eps float64) (y, inv *graph.Node) {
	rows, width := x.Shape().Dimensions[0], float64(x.Shape().Dimensions[1])
	square := graph.Reshape(graph.DivScalar(graph.ReduceSum(graph.Mul(x, x), 1), width), rows, 1)
	inv = graph.Reciprocal(graph.Sqrt(graph.AddScalar(square, eps)))
	return graph.Mul(x, inv), inv
}
