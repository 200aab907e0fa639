package importer

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// fourierOps are Fourier transforms, and the windows and filters that go with them.
func fourierOps() []operator {
	return []operator{
		// DFT-17 has its axis as an attribute, 20 as an input.
		{key: onnx("DFT", 17), attrs: "axis inverse onesided", minIn: 1, maxIn: 2, maxOut: 1, lower: single(lowerDFT)},
		{key: onnx("DFT", 20), attrs: "inverse onesided", minIn: 1, maxIn: 3, maxOut: 1, lower: single(lowerDFT)},
		{key: onnx("STFT", 17), attrs: "onesided", minIn: 2, maxIn: 4, maxOut: 1, lower: single(lowerSTFT)},
		{key: onnx("HannWindow", 17), attrs: "output_datatype periodic", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerWindow(0.5, 0.5, 0)},
		{key: onnx("HammingWindow", 17), attrs: "output_datatype periodic", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerWindow(25.0/46, 21.0/46, 0)},
		{key: onnx("BlackmanWindow", 17), attrs: "output_datatype periodic", minIn: 1, maxIn: 1, maxOut: 1, lower: lowerWindow(0.42, 0.5, 0.08)},
		{key: onnx("MelWeightMatrix", 17), attrs: "output_datatype", minIn: 5, maxIn: 5, maxOut: 1, lower: lowerMelWeights},
	}
}

// transform is a discrete Fourier transform of length n of the in elements that
// there are: the rest is zero, or cut off.
type transform struct {
	in, n, out int
	complexIn  bool // elements are pairs
	realOut    bool // elements are single numbers
	inverse    bool // includes the factor 1/n
}

// lowerDFT is DFT-17 and -20 over x [..., axis, ..., 1 or 2].
func lowerDFT(c *call) *graph.Node {
	rank := c.rank(0)
	pair := 0
	if rank > 1 {
		pair = c.dims(0)[rank-1]
	}
	if pair != 1 && pair != 2 {
		c.fail("a tensor of shape %v, want one or two numbers along the last axis", c.dims(0))
	}
	axis := c.axis(c.dftAxis(), rank)
	if axis == rank-1 {
		c.fail("the transformed axis is that of real and imaginary parts")
	}
	t := transform{in: c.dims(0)[axis], complexIn: pair == 2, inverse: c.attrInt("inverse", 0) != 0}
	onesided := c.attrInt("onesided", 0) != 0
	t.realOut = t.inverse && onesided
	t.n = t.in
	if t.in == 0 {
		c.fail("a tensor of shape %v has nothing to transform", c.dims(0))
	}
	if t.realOut {
		t.n = 2 * (t.in - 1)
	}
	if c.has(1) {
		t.n = int(c.host(1).scalar())
	}
	if t.n < 1 {
		c.fail("dft_length %d, want a positive number", t.n)
	}
	t.out = t.n
	if onesided && !t.inverse {
		t.out = t.n/2 + 1
	}
	c.bounded([]int{product(c.dims(0)) / t.in, t.out, 2})
	perm := append(slices.Delete(allAxes(rank-1), axis, axis+1), axis, rank-1)
	y := t.apply(c, permute(c.arg(0), perm))
	return permute(y, inversePerm(perm))
}

// dftAxis reads the transformed axis.
func (c *call) dftAxis() int {
	switch {
	case c.has(2):
		return int(c.host(2).scalar())
	case c.opset >= 20:
		return -2
	}
	return c.attrInt("axis", 1)
}

// inversePerm undoes a permutation.
func inversePerm(perm []int) []int {
	back := make([]int, len(perm))
	for i, p := range perm {
		back[p] = i
	}
	return back
}

// maxDFTMatrix is up to which size of its matrix a transform is a matrix product.
// Larger constants take long to compile and gain nothing: 1000 windows of 1024 took
// 2.9 s and then 38 ms on XLA CPU, and 0.2 s and 4 ms by the fast transform.
const maxDFTMatrix = 1 << 12

// apply transforms x [..., in, 1 or 2] to [..., out, 1 or 2].
func (t transform) apply(c *call, x *graph.Node) *graph.Node {
	own := x.DType()
	x = stashed(x)
	dims := x.Shape().Dimensions
	batch := dims[:len(dims)-2]
	pairIn, pairOut := dims[len(dims)-1], 2
	if t.realOut {
		pairOut = 1
	}
	var y *graph.Node
	used := min(t.in, t.n)
	size := used * pairIn * t.out * pairOut
	onGo := x.Graph().Backend().String() == goBackend // which has no fast transform
	if onGo && size > maxDemanded {
		c.refuse("a transform of %d elements on the pure Go backend is not supported", t.n)
	}
	if onGo || size <= maxDFTMatrix {
		flat := graph.Reshape(x, product(batch), t.in*pairIn)
		flat = sliceNode(flat, 1, bounds{0, used * pairIn, 1})
		matrix := graph.Reshape(graph.ConstAs(x, t.matrix(used)), used*pairIn, t.out*pairOut)
		y = graph.DotGeneral(flat, []int{1}, nil, matrix, []int{0}, nil)
	} else {
		y = t.fast(graph.Reshape(x, product(batch), t.in, pairIn))
	}
	y = graph.Reshape(y, append(slices.Clone(batch), t.out, pairOut)...)
	return graph.ConvertDType(y, own)
}

// matrix gives the transform of the first used elements as a row-major matrix
// [used·pair, out·pair].
func (t transform) matrix(used int) []float64 {
	pairIn, pairOut := 1, 2
	if t.complexIn {
		pairIn = 2
	}
	if t.realOut {
		pairOut = 1
	}
	sign, scale := -1.0, 1.0
	if t.inverse {
		sign, scale = 1, 1/float64(t.n)
	}
	width := t.out * pairOut
	m := make([]float64, used*pairIn*width)
	for j := range used {
		weight := scale * t.fold(j)
		for k := range t.out {
			sin, cos := math.Sincos(2 * math.Pi * float64(j*k%t.n) / float64(t.n))
			re, im := weight*cos, weight*sign*sin // a real part's share of both parts
			m[j*pairIn*width+k*pairOut] = re
			if pairOut == 2 {
				m[j*pairIn*width+k*pairOut+1] = im
			}
			if pairIn == 2 { // times i
				m[(j*pairIn+1)*width+k*pairOut] = -im
				if pairOut == 2 {
					m[(j*pairIn+1)*width+k*pairOut+1] = re
				}
			}
		}
	}
	return m
}

// fold tells how often element j counts: with a real result, the half of the
// spectrum that is not there is the mirror of the other.
func (t transform) fold(j int) float64 {
	switch {
	case !t.realOut:
		return 1
	case j > t.n/2:
		return 0
	case j == 0 || 2*j == t.n:
		return 1
	}
	return 2
}

// fast is the transform of x [rows, in, pair] by XLA's fast one. The gradient of a
// complex matrix product is that with the conjugate transposed matrix, so that of
// a forward transform is n times the inverse one.
func (t transform) fast(x *graph.Node) *graph.Node {
	rows, pairIn := x.Shape().Dimensions[0], x.Shape().Dimensions[2]
	forward := func(in []*graph.Node) *graph.Node {
		z := sizedAxis(in[0], 1, min(t.in, t.n))
		if !t.inverse && pairIn == 1 && t.out == t.n/2+1 {
			half := graph.RealFFT(graph.Reshape(sizedAxis(z, 1, t.n), rows, t.n))
			return graph.Stack([]*graph.Node{graph.Real(half), graph.Imag(half)}, 2)
		}
		z = sizedAxis(t.folded(z), 1, t.n)
		return cutPairs(t.spin(z, t.inverse), t.out, t.realOut)
	}
	return withGradient([]*graph.Node{x}, forward, func(in []*graph.Node, v *graph.Node) []*graph.Node {
		v = sizedAxis(v, 1, t.n)
		dx := t.folded(sizedAxis(t.spin(v, !t.inverse), 1, min(t.in, t.n)))
		scale := float64(t.n)
		if t.inverse {
			scale = 1 / scale
		}
		dx = graph.MulScalar(dx, scale)
		return []*graph.Node{graph.Reshape(sizedAxis(cutPairs(dx, dx.Shape().Dimensions[1], pairIn == 1), 1, t.in), rows, t.in, pairIn)}
	})
}

// spin is the complex transform of z [rows, n, pair] along axis 1; the inverse one
// has the factor 1/n.
func (t transform) spin(z *graph.Node, inverse bool) *graph.Node {
	rows := z.Shape().Dimensions[0]
	part := func(i int) *graph.Node {
		if i >= z.Shape().Dimensions[2] {
			return graph.ZerosLike(graph.Reshape(sliceNode(z, 2, bounds{0, 1, 1}), rows, t.n))
		}
		return graph.Reshape(sliceNode(z, 2, bounds{i, i + 1, 1}), rows, t.n)
	}
	values := graph.Complex(part(0), part(1))
	if inverse {
		values = graph.InverseFFT(values)
	} else {
		values = graph.FFT(values)
	}
	return graph.Stack([]*graph.Node{graph.Real(values), graph.Imag(values)}, 2)
}

// folded multiplies the elements along axis 1 by fold.
func (t transform) folded(z *graph.Node) *graph.Node {
	if !t.realOut {
		return z
	}
	weights := make([]float64, z.Shape().Dimensions[1])
	for j := range weights {
		weights[j] = t.fold(j)
	}
	return graph.Mul(z, graph.Reshape(graph.ConstAs(z, weights), 1, len(weights), 1))
}

// cutPairs keeps the first n elements along axis 1, and only the real parts if
// wanted.
func cutPairs(z *graph.Node, n int, realOnly bool) *graph.Node {
	z = sliceNode(z, 1, bounds{0, n, 1})
	if realOnly {
		z = sliceNode(z, 2, bounds{0, 1, 1})
	}
	return z
}

// sizedAxis cuts an axis at the end or adds zeros there.
func sizedAxis(x *graph.Node, axis, n int) *graph.Node {
	return padOrCut(x, axis, 0, n-x.Shape().Dimensions[axis])
}

// lowerSTFT is STFT-17 over a signal [batch, length, 1 or 2], or [batch, length].
func lowerSTFT(c *call) *graph.Node {
	x := c.arg(0)
	if c.rank(0) == 2 {
		x = graph.ExpandAxes(x, 2)
	}
	if x.Rank() != 3 || x.Shape().Dimensions[2] > 2 {
		c.fail("a signal of shape %v, want [batch,length,1 or 2]", c.dims(0))
	}
	step, length, size := int(c.host(1).scalar()), x.Shape().Dimensions[1], 0
	switch {
	case c.has(3):
		size = int(c.host(3).scalar())
	case c.has(2):
		size = product(c.dims(2))
	default:
		size = length
	}
	width := size // of what is cut out of the signal
	if c.has(2) {
		width = product(c.dims(2))
	}
	if step < 1 || size < 1 || width > size || size > length {
		c.fail("frames of %d with a window of %d, %d apart, do not fit a signal of %d", size, width, step, length)
	}
	frames := cutFrames(x, 1+(length-size)/step, width, step)
	if c.has(2) {
		frames = graph.Mul(frames, graph.Reshape(c.arg(2), 1, 1, width, 1))
	}
	t := transform{in: width, n: size, out: size, complexIn: x.Shape().Dimensions[2] == 2}
	if c.attrInt("onesided", 1) != 0 {
		t.out = size/2 + 1
	}
	return t.apply(c, frames)
}

// maxFrameParts bounds how many pieces cutFrames makes a frame of.
const maxFrameParts = 64

// cutFrames cuts n frames of width, step apart, out of axis 1 of x [batch, length,
// pair], to [batch, n, width, pair]. A frame is put together of pieces of step
// elements, that are slices; their gradient is faster than that of a gather.
func cutFrames(x *graph.Node, n, width, step int) *graph.Node {
	dims := x.Shape().Dimensions
	pieces := (width + step - 1) / step
	if pieces > maxFrameParts {
		at := make([]int, 0, n*width)
		for f := range n {
			for i := range width {
				at = append(at, f*step+i)
			}
		}
		return graph.Reshape(takeAxis(x, 1, at), dims[0], n, width, dims[2])
	}
	x = sizedAxis(x, 1, (n-1+pieces)*step)
	x = graph.Reshape(x, dims[0], n-1+pieces, step, dims[2])
	parts := make([]*graph.Node, pieces)
	for p := range parts {
		parts[p] = sliceNode(sliceNode(x, 1, bounds{p, p + n, 1}), 2, bounds{0, min(step, width-p*step), 1})
	}
	if pieces == 1 {
		return parts[0]
	}
	return graph.Concatenate(parts, 2)
}
