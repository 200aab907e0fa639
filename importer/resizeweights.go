package importer

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// positions gives where in the input each element of the output lies.
func (m resizeMode) positions(a resizeAxis) []float64 {
	in, wide := float64(a.in), a.scale*float64(a.in)
	at := make([]float64, a.out)
	for i := range at {
		x := float64(i)
		switch m.coordinates {
		case "asymmetric":
			at[i] = x / a.scale
		case "align_corners":
			if wide != 1 {
				at[i] = x * (in - 1) / (wide - 1)
			}
		case "tf_half_pixel_for_nn":
			at[i] = (x + 0.5) / a.scale
		case "tf_crop_and_resize":
			if wide == 1 {
				at[i] = (a.end - a.start) * (in - 1) / 2
			} else {
				at[i] = x * (a.end - a.start) * (in - 1) / (wide - 1)
			}
			at[i] += a.start * (in - 1)
		case "half_pixel_symmetric":
			at[i] = in/2*(1-float64(a.out)/wide) + (x+0.5)/a.scale - 0.5
		case "pytorch_half_pixel":
			at[i] = (x+0.5)/a.scale - 0.5
			if wide == 1 {
				at[i] = -0.5
			}
		default: // half_pixel
			at[i] = (x+0.5)/a.scale - 0.5
		}
	}
	return at
}

// nearestOf rounds positions to elements: float32 ones, as ONNX Runtime computes them.
func (m resizeMode) nearestOf(positions []float64, a resizeAxis) []int {
	rule := m.nearest
	if rule == "old" {
		rule = "old floor"
		if a.scale < 1 {
			rule = "old ceil"
		}
	}
	at := make([]int, len(positions))
	for i, x := range positions {
		x = float64(float32(x))
		switch rule {
		case "old floor":
			x = math.Floor(x)
		case "old ceil":
			x = math.Ceil(x)
		case "round_prefer_floor":
			x = math.Ceil(x - 0.5)
		case "round_prefer_ceil":
			x = math.Floor(x + 0.5)
		case "ceil":
			x = math.Ceil(x)
		default: // floor
			x = math.Floor(x)
		}
		at[i] = min(max(int(x), 0), a.in-1)
	}
	return at
}

// axisTaps is a sparse linear map of one axis: output i is the sum over k of
// input at[i][k] times weight[i][k], and all rows are of one length.
type axisTaps struct {
	in     int
	at     [][]int
	weight [][]float64
}

// taps gives the weights of linear and cubic interpolation.
func (m resizeMode) taps(positions []float64, a resizeAxis) axisTaps {
	t := axisTaps{in: a.in, at: make([][]int, a.out), weight: make([][]float64, a.out)}
	shrink := 1.0
	if m.antialias {
		shrink = min(a.scale, 1)
	}
	kernel, radius := linearKernel, 1.0
	if m.kind == "cubic" {
		kernel, radius = func(x float64) float64 { return cubicKernel(x, m.cubic) }, 2
	}
	reach := int(math.Ceil(radius / shrink))
	for i, x := range positions {
		first := int(math.Ceil(x)) - reach // the element on the left of a whole x belongs to it
		sum := 0.0
		for k := range 2 * reach {
			w := kernel((float64(first+k) - x) * shrink)
			if m.exclude && (first+k < 0 || first+k >= a.in) {
				w = 0
			}
			t.at[i] = append(t.at[i], min(max(first+k, 0), a.in-1))
			t.weight[i] = append(t.weight[i], w)
			sum += w
		}
		if sum != 0 && (m.exclude || m.antialias) {
			for k := range t.weight[i] {
				t.weight[i][k] /= sum
			}
		}
	}
	return t
}

// linearKernel is the triangle on [-1, 1].
func linearKernel(x float64) float64 { return max(0, 1-math.Abs(x)) }

// cubicKernel is Keys' cubic convolution on [-2, 2].
func cubicKernel(x, a float64) float64 {
	switch x = math.Abs(x); {
	case x <= 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}

// maxMixMatrix and maxMixTaps bound the matrix that mixTaps makes.
const (
	maxMixMatrix = 1 << 22
	maxMixTaps   = 64
)

// mixTaps applies a sparse map to an axis: as a matrix product while the matrix is
// small, else tap by tap.
func mixTaps(x *graph.Node, axis int, t axisTaps) *graph.Node {
	out := len(t.at)
	if t.in*out <= maxMixMatrix && len(t.at[0]) <= maxMixTaps {
		return mixAxis(x, axis, t.matrix(x))
	}
	shape := slices.Repeat([]int{1}, x.Rank())
	shape[axis] = out
	var y *graph.Node
	for k := range t.at[0] {
		at := make([]int, out)
		for i := range out {
			at[i] = t.at[i][k]
		}
		_, weight := t.tap(x, k)
		part := graph.Mul(takeAxis(x, axis, at), graph.Reshape(weight, shape...))
		if y == nil {
			y = part
		} else {
			y = graph.Add(y, part)
		}
	}
	return y
}

// takeAxis takes elements of an axis by number. Each element n times in a row
// becomes a broadcast, whose gradient is a sum; the rest is a gather.
func takeAxis(x *graph.Node, axis int, at []int) *graph.Node {
	dims := x.Shape().Dimensions
	if n := len(at) / dims[axis]; n*dims[axis] == len(at) && isRepeat(at, n) {
		return repeatAxis(x, axis, n)
	}
	perm := allAxes(len(dims))
	perm = append([]int{axis}, slices.Delete(perm, axis, axis+1)...)
	index := make([]int32, len(at))
	for i, j := range at {
		index[i] = int32(j)
	}
	y := graph.Gather(permute(x, perm), graph.Reshape(graph.Const(x.Graph(), index), len(at), 1))
	back := make([]int, len(perm))
	for i, p := range perm {
		back[p] = i
	}
	return permute(y, back)
}

// isRepeat tells whether at is 0 n times, 1 n times and so on.
func isRepeat(at []int, n int) bool {
	for i, j := range at {
		if j != i/n {
			return false
		}
	}
	return true
}

// repeatAxis repeats each element of an axis n times in place.
func repeatAxis(x *graph.Node, axis, n int) *graph.Node {
	dims := x.Shape().Dimensions
	split := slices.Insert(slices.Clone(dims), axis+1, 1)
	wide := slices.Clone(split)
	wide[axis+1] = n
	out := slices.Clone(dims)
	out[axis] *= n
	return graph.Reshape(graph.BroadcastToDims(graph.Reshape(x, split...), wide...), out...)
}

// resizeFill puts a value where a position is outside of the axis.
func resizeFill(x *graph.Node, axis int, positions []float64, in int, fill float64) *graph.Node {
	inside := make([]bool, len(positions))
	for i, p := range positions {
		inside[i] = p >= 0 && p <= float64(in-1)
	}
	if !slices.Contains(inside, false) {
		return x
	}
	shape := slices.Repeat([]int{1}, x.Rank())
	shape[axis] = len(inside)
	mask := graph.Reshape(graph.Const(x.Graph(), inside), shape...)
	dims := x.Shape().Dimensions
	value := graph.BroadcastToDims(constantLike(x, fill), dims...)
	return graph.Where(graph.BroadcastToDims(mask, dims...), x, value)
}

// floatOf converts integers to float32, to be interpolated.
func floatOf(x *graph.Node) *graph.Node {
	if x.DType().IsFloat() {
		return x
	}
	return graph.ConvertDType(x, dtypes.Float32)
}

// roundTo converts an interpolated value back to integers, cut off and to the
// bounds of the type.
func roundTo(x *graph.Node, to dtypes.DType) *graph.Node {
	if x.DType() == to {
		return x
	}
	switch to {
	case dtypes.Uint8:
		x = graph.MinScalar(graph.MaxScalar(x, 0), math.MaxUint8)
	case dtypes.Int8:
		x = graph.MinScalar(graph.MaxScalar(x, math.MinInt8), math.MaxInt8)
	}
	return graph.ConvertDType(x, to)
}
