package importer

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// No backend computes with floats of eight bits and fewer on every device. Tensors
// of these types hold their codes as uint8, see storedDType; what converts to and
// from other types decodes and encodes them.

// smallFloat describes a type of eight bits or fewer (the standard's "Float stored
// in 8 bits" and "4 bits", OCP MX 1.0). Codes below finite, and these with the sign
// bit, are finite numbers.
type smallFloat struct {
	fraction int // bits
	bias     int
	finite   int // how many codes without sign are finite
	sign     int // the sign bit, 0 without signs
	nan      int // code of NaN, -1 without
	inf      int // code of infinity, -1 without
}

// smallFloatOf gives the description of a type, if it is a small float.
func smallFloatOf(d graphsurgery.DType) (smallFloat, bool) {
	switch d {
	case graphsurgery.Float8E4M3FN:
		return smallFloat{fraction: 3, bias: 7, finite: 0x7f, sign: 0x80, nan: 0x7f, inf: -1}, true
	case graphsurgery.Float8E4M3FNUZ:
		return smallFloat{fraction: 3, bias: 8, finite: 0x80, sign: 0x80, nan: 0x80, inf: -1}, true
	case graphsurgery.Float8E5M2:
		return smallFloat{fraction: 2, bias: 15, finite: 0x7c, sign: 0x80, nan: 0x7e, inf: 0x7c}, true
	case graphsurgery.Float8E5M2FNUZ:
		return smallFloat{fraction: 2, bias: 16, finite: 0x80, sign: 0x80, nan: 0x80, inf: -1}, true
	case graphsurgery.Float4E2M1:
		return smallFloat{fraction: 1, bias: 1, finite: 8, sign: 8, nan: -1, inf: -1}, true
	case graphsurgery.Float8E8M0:
		return smallFloat{bias: 127, finite: 0xff, nan: 0xff, inf: -1}, true
	}
	return smallFloat{}, false
}

// signedZero tells whether the type has a -0: those whose sign bit alone is NaN have
// none.
func (f smallFloat) signedZero() bool { return f.nan != f.sign }

// value decodes a finite code without sign.
func (f smallFloat) value(code int) float64 {
	if f.sign == 0 {
		return math.Ldexp(1, code-f.bias) // a power of two, with neither zero nor subnormals
	}
	exponent, fraction := code>>f.fraction, code&(1<<f.fraction-1)
	if exponent == 0 {
		return math.Ldexp(float64(fraction), 1-f.bias-f.fraction)
	}
	return math.Ldexp(float64(fraction+1<<f.fraction), exponent-f.bias-f.fraction)
}

// values are the numbers of all codes.
func (f smallFloat) values() []float32 {
	codes := f.finite
	if f.sign != 0 || f.nan >= 0 {
		codes = max(2*f.sign, f.nan+1)
	}
	out := make([]float32, codes)
	for code := range out {
		magnitude := code
		if f.sign != 0 {
			magnitude &= f.sign - 1
		}
		switch {
		case code == f.nan, magnitude >= f.finite && magnitude != f.inf:
			out[code] = float32(math.NaN())
		case magnitude == f.inf:
			out[code] = float32(math.Inf(1))
		default:
			out[code] = float32(f.value(magnitude))
		}
		if code&f.sign != 0 {
			out[code] = -out[code]
		}
	}
	return out
}

// How a number between two codes is rounded.
const (
	toEven    = "even" // to the nearer, ties to the even code
	upwards   = "up"
	downwards = "down"
	tiesUp    = "nearest" // to the nearer, ties up
)

// thresholds are, for each step from one finite code to the next and to the end of
// the range, the largest float32 that stays below the step: a number above as many
// of them has that code.
func (f smallFloat) thresholds(mode string) []float32 {
	out := make([]float32, f.finite)
	for code := range out {
		low, high := f.value(code), f.value(code+1)
		if code == f.finite-1 && f.sign != 0 { // what the next number would be
			high = low + (low - f.value(code-1))
		}
		at, closed := (low+high)/2, code%2 == 1 || mode == tiesUp
		switch mode {
		case upwards:
			at, closed = low, false
		case downwards:
			at, closed = high, true
		}
		out[code] = float32(at)
		if closed { // the step itself is taken
			out[code] = math.Nextafter32(out[code], 0)
		}
	}
	return out
}

// decode gives the numbers of codes, as float32.
func (f smallFloat) decode(codes *graph.Node) *graph.Node {
	g := codes.Graph()
	index := graph.InsertAxes(graph.ConvertDType(codes, dtypes.Int32), -1)
	return graph.StopGradient(graph.Gather(graph.Const(g, f.values()), graph.StopGradient(index)))
}

// encode gives the codes of float32 numbers, after Cast-25's tables: saturate says
// that what is out of range becomes the largest number.
func (f smallFloat) encode(x *graph.Node, saturate bool, mode string) *graph.Node {
	x = graph.StopGradient(x)
	g := x.Graph()
	steps := graph.Const(g, f.thresholds(mode))
	above := graph.GreaterThan(graph.InsertAxes(graph.Abs(x), -1), graph.ExpandLeftToRank(steps, x.Rank()+1))
	code := graph.ReduceSum(graph.ConvertDType(above, dtypes.Int32), -1)
	num := func(n int) *graph.Node { return graph.Scalar(g, dtypes.Int32, n) }

	beyond := num(f.finite - 1)
	if !saturate {
		beyond = num(max(f.inf, f.nan))
		if f.inf >= 0 {
			beyond = num(f.inf)
		}
	}
	// Numbers past the last step, and infinities.
	over := graph.GreaterOrEqual(code, num(f.finite))
	if f.sign == 0 && !saturate { // E8M0 has no zero: what is below its range is no number
		over = graph.Or(over, graph.LessThan(x, graph.Scalar(g, dtypes.Float32, f.value(0))))
	}
	code = graph.Where(over, beyond, code)
	if f.sign != 0 {
		negative := f.negative(x, code)
		code = graph.Where(negative, graph.Add(code, num(f.sign)), code)
	}
	if !f.signedZero() && !saturate { // NaN has no sign
		code = graph.Where(over, num(f.nan), code)
	}
	nan := f.nan
	if nan < 0 { // E2M1 has none; onnx takes -0
		nan = f.sign
	}
	code = graph.Where(graph.NotEqual(x, x), num(nan), code)
	return graph.ConvertDType(code, dtypes.Uint8)
}

// negative tells which numbers get a sign: those below zero, and -0 where the type
// has one.
func (f smallFloat) negative(x, code *graph.Node) *graph.Node {
	zero := graph.ScalarZero(x.Graph(), x.DType())
	below := graph.LessThan(x, zero)
	if !f.signedZero() {
		return graph.And(below, graph.NotEqual(code, graph.ScalarZero(x.Graph(), code.DType())))
	}
	// 1/-0 is -Inf.
	minus := graph.LessThan(graph.Div(graph.ScalarOne(x.Graph(), x.DType()), x), zero)
	return graph.Or(below, graph.And(graph.Equal(x, zero), minus))
}
