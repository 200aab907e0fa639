package graphsurgery

import (
	"encoding/binary"
	"math"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/narrow"
)

// Float32s gives a floating-point tensor's elements as float32: exact for
// float32, float16 and bfloat16, rounded for float64.
func (t *Tensor) Float32s() ([]float32, error) {
	return floats(t, func(x float64) float32 { return float32(x) })
}

// Float64s gives a floating-point tensor's elements, exactly.
func (t *Tensor) Float64s() ([]float64, error) {
	return floats(t, func(x float64) float64 { return x })
}

func floats[F float32 | float64](t *Tensor, as func(float64) F) ([]F, error) {
	if !t.DType().IsFloat() {
		return nil, t.broken("elements are %s, want a floating-point type", t.DType())
	}
	raw, err := t.Raw()
	if err != nil {
		return nil, err
	}
	out := make([]F, t.Len())
	size := t.DType().Size()
	for i := range out {
		b := raw[i*size:]
		switch t.DType() {
		case Float:
			out[i] = F(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		case Double:
			out[i] = as(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		case BFloat16:
			out[i] = F(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
		case Float16:
			out[i] = F(narrow.FromHalf(binary.LittleEndian.Uint16(b)))
		}
	}
	return out, nil
}

// Int64s gives an integer or bool tensor's elements as int64.
func (t *Tensor) Int64s() ([]int64, error) {
	switch t.DType() {
	case Uint8, Int8, Uint16, Int16, Int32, Int64, Bool, Uint32, Uint64, Uint4, Int4, Uint2, Int2:
	default:
		return nil, t.broken("elements are %s, want an integer type", t.DType())
	}
	raw, err := t.Raw()
	if err != nil {
		return nil, err
	}
	out := make([]int64, t.Len())
	bits := t.DType().Bits()
	for i := range out {
		x := element(raw, i, bits)
		switch t.DType() {
		case Int8, Int16, Int32, Int4, Int2:
			shift := 64 - bits
			out[i] = int64(x<<shift) >> shift
		default:
			out[i] = int64(x)
		}
	}
	return out, nil
}

// element is the bits of element i; bits is 2, 4 or a multiple of 8.
func element(raw []byte, i, bits int) uint64 {
	if bits < 8 {
		per := 8 / bits
		return uint64(raw[i/per]>>(i%per*bits)) & (1<<bits - 1)
	}
	var x uint64
	size := bits / 8
	for k := size - 1; k >= 0; k-- {
		x = x<<8 | uint64(raw[i*size+k])
	}
	return x
}

// Strings gives a string tensor's elements.
func (t *Tensor) Strings() ([]string, error) {
	if t.DType() != String {
		return nil, t.broken("elements are %s, want strings", t.DType())
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.isExternal() {
		return nil, t.broken("strings cannot be in another file")
	}
	out := make([]string, len(t.pb.StringData))
	for i, s := range t.pb.StringData {
		out[i] = string(s)
	}
	return out, nil
}
