package eval

import (
	"encoding/binary"
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/narrow"
)

// array is a tensor being computed with: dense little-endian bytes, or strings.
// Arrays are not changed once made, so that they may share bytes.
type array struct {
	dtype gs.DType
	shape []int64
	raw   []byte
	strs  []string // for dtype String
}

func fromTensor(t *gs.Tensor) (*array, error) {
	a := &array{dtype: t.DType(), shape: slices.Clone(t.Shape())}
	var err error
	if a.dtype == gs.String {
		a.strs, err = t.Strings()
		return a, err
	}
	a.raw, err = t.Raw()
	if err == nil && len(a.raw) != a.len()*a.dtype.Size() {
		return nil, &gs.UnsupportedError{What: "elements of type " + a.dtype.String() + " are not computed with on the host"}
	}
	return a, err
}

func (a *array) tensor() (*gs.Tensor, error) {
	if a.dtype == gs.String {
		return gs.NewStringTensor(a.shape, a.strs)
	}
	return gs.NewTensorRaw(a.dtype, a.shape, a.raw)
}

func (a *array) rank() int { return len(a.shape) }

// len is the number of elements; the shape has been checked against the bytes.
func (a *array) len() int { return volume(a.shape) }

func volume(shape []int64) int {
	n := 1
	for _, d := range shape {
		n *= int(d)
	}
	return n
}

func isInt(d gs.DType) bool {
	switch d {
	case gs.Int8, gs.Int16, gs.Int32, gs.Int64, gs.Uint8, gs.Uint16, gs.Uint32, gs.Uint64:
		return true
	}
	return false
}

func isUnsigned(d gs.DType) bool {
	return d == gs.Uint8 || d == gs.Uint16 || d == gs.Uint32 || d == gs.Uint64 || d == gs.Bool
}

// floats decodes a floating-point array; every 16 to 64-bit value is exact.
func (a *array) floats() []float64 {
	out := make([]float64, a.len())
	switch a.dtype {
	case gs.Float:
		for i := range out {
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(a.raw[4*i:])))
		}
	case gs.Double:
		for i := range out {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(a.raw[8*i:]))
		}
	case gs.BFloat16:
		for i := range out {
			out[i] = float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(a.raw[2*i:])) << 16))
		}
	case gs.Float16:
		for i := range out {
			out[i] = narrow.FromHalf(binary.LittleEndian.Uint16(a.raw[2*i:]))
		}
	}
	return out
}

// ints decodes an integer or bool array; uint64 keeps its bits.
func (a *array) ints() []int64 {
	out := make([]int64, a.len())
	size := a.dtype.Size()
	if size == 0 || size > 8 {
		return out
	}
	shift := 64 - 8*size
	for i := range out {
		var x uint64
		for k := size - 1; k >= 0; k-- {
			x = x<<8 | uint64(a.raw[i*size+k])
		}
		if isUnsigned(a.dtype) {
			out[i] = int64(x)
		} else {
			out[i] = int64(x<<shift) >> shift
		}
	}
	return out
}

// numbers decodes any numeric or bool array as float64, rounding 64-bit integers.
func (a *array) numbers() []float64 {
	if a.dtype.IsFloat() {
		return a.floats()
	}
	out := make([]float64, a.len())
	for i, x := range a.ints() {
		out[i] = intToFloat(x, a.dtype)
	}
	return out
}

func intToFloat(x int64, d gs.DType) float64 {
	if d == gs.Uint64 {
		return float64(uint64(x))
	}
	return float64(x)
}

// newFloats encodes values, each rounded once to the nearest value of the type,
// ties to even.
func newFloats(d gs.DType, shape []int64, values []float64) *array {
	raw := make([]byte, 0, len(values)*d.Size())
	for _, x := range values {
		switch d {
		case gs.Float:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x)))
		case gs.Double:
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(x))
		case gs.Float16:
			raw = binary.LittleEndian.AppendUint16(raw, narrow.ToHalf(x))
		case gs.BFloat16:
			raw = binary.LittleEndian.AppendUint16(raw, narrow.ToBFloat(x))
		}
	}
	return &array{dtype: d, shape: shape, raw: raw}
}

// newInts encodes values, keeping their low bits (two's complement).
func newInts(d gs.DType, shape []int64, values []int64) *array {
	size := d.Size()
	raw := make([]byte, 0, len(values)*size)
	for _, x := range values {
		for range size {
			raw = append(raw, byte(x))
			x >>= 8
		}
	}
	return &array{dtype: d, shape: shape, raw: raw}
}

func newBools(shape []int64, values []bool) *array {
	raw := make([]byte, len(values))
	for i, x := range values {
		if x {
			raw[i] = 1
		}
	}
	return &array{dtype: gs.Bool, shape: shape, raw: raw}
}

// reshaped gives the same elements under another shape of the same volume.
func (a *array) reshaped(shape []int64) *array {
	return &array{dtype: a.dtype, shape: shape, raw: a.raw, strs: a.strs}
}

// pick gives a new array whose element i is a's element from[i]. An index below 0
// takes fill's only element, or zero if fill is nil. Every operator that only
// moves elements is this with its own list of indices.
func (a *array) pick(shape []int64, from []int, fill *array) *array {
	out := &array{dtype: a.dtype, shape: shape}
	if a.dtype == gs.String {
		out.strs = make([]string, len(from))
		for i, k := range from {
			if k >= 0 {
				out.strs[i] = a.strs[k]
			} else if fill != nil {
				out.strs[i] = fill.strs[0]
			}
		}
		return out
	}
	size := a.dtype.Size()
	out.raw = make([]byte, len(from)*size)
	for i, k := range from {
		switch {
		case k >= 0:
			copy(out.raw[i*size:(i+1)*size], a.raw[k*size:])
		case fill != nil:
			copy(out.raw[i*size:(i+1)*size], fill.raw)
		}
	}
	return out
}

// strides are the row-major strides of a shape.
func strides(shape []int64) []int {
	s := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = step
		step *= int(shape[i])
	}
	return s
}

// walk calls visit for every position of shape in row-major order, with its
// coordinates, which must not be kept.
func walk(shape []int64, visit func(i int, at []int)) {
	at := make([]int, len(shape))
	n := volume(shape)
	for i := range n {
		visit(i, at)
		for k := len(at) - 1; k >= 0; k-- {
			at[k]++
			if at[k] < int(shape[k]) {
				break
			}
			at[k] = 0
		}
	}
}
