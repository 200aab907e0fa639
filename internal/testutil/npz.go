package testutil

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/aat-onnx/aat-onnx/internal/npy"
)

// maxEntry bounds one array of an archive, in bytes. Golden files are small; a
// larger one is a mistake worth an error.
const maxEntry = 1 << 28

// Array is one numpy array: row-major (C order), little-endian.
type Array struct {
	Shape []int  // empty for a scalar
	DType string // numpy's name: "<f4", "<f8", "<i8", "<i4" or "|b1"

	raw []byte
}

// ReadNPZ reads a numpy archive (np.savez or np.savez_compressed) and returns
// its arrays by key. It accepts float32, float64, int64, int32 and bool arrays,
// and refuses everything else by key and type.
func ReadNPZ(path string) (map[string]Array, error) {
	arrays, err := npy.ReadArchive(path, maxEntry)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Array, len(arrays))
	for key, a := range arrays {
		if out[key], err = narrow(a); err != nil {
			return nil, fmt.Errorf("%s: %s.npy: %w", path, key, err)
		}
	}
	return out, nil
}

// ParseNPY reads one array in numpy's .npy format, versions 1 to 3.
func ParseNPY(data []byte) (Array, error) {
	a, err := npy.Parse(data)
	if err != nil {
		return Array{}, err
	}
	return narrow(a)
}

// narrow refuses the types that golden files have no use for.
func narrow(a npy.Array) (Array, error) {
	out := Array{Shape: a.Shape, DType: "<" + a.Type, raw: a.Data}
	if a.Type == "b1" {
		out.DType = "|b1"
	}
	if !slices.Contains([]string{"<f4", "<f8", "<i8", "<i4", "|b1"}, out.DType) {
		return Array{}, fmt.Errorf("type %s, want <f4, <f8, <i8, <i4 or |b1", out.DType)
	}
	return out, nil
}

// itemSize is the bytes of one element, 0 for a type this reader does not know.
func (a Array) itemSize() int {
	switch a.DType {
	case "<f8", "<i8":
		return 8
	case "<f4", "<i4":
		return 4
	case "|b1":
		return 1
	}
	return 0
}

// Len is the number of elements.
func (a Array) Len() int {
	if a.itemSize() == 0 {
		return 0
	}
	return len(a.raw) / a.itemSize()
}

// Float64s returns the elements as float64; exact for every type but large int64.
func (a Array) Float64s() []float64 {
	return convert(a, func(v float64) float64 { return v }, func(v int64) float64 { return float64(v) })
}

// Float32s returns the elements as float32; float64 and integers are rounded.
func (a Array) Float32s() []float32 {
	return convert(a, func(v float64) float32 { return float32(v) }, func(v int64) float32 { return float32(v) })
}

// Int64s returns the elements as int64; floats are truncated towards zero.
func (a Array) Int64s() []int64 {
	return convert(a, func(v float64) int64 { return int64(v) }, func(v int64) int64 { return v })
}

// Ints returns the elements as int, for lengths and indices.
func (a Array) Ints() []int {
	return convert(a, func(v float64) int { return int(v) }, func(v int64) int { return int(v) })
}

// Bools returns the elements as bool: true where they are not zero.
func (a Array) Bools() []bool {
	return convert(a, func(v float64) bool { return v != 0 }, func(v int64) bool { return v != 0 })
}

// convert applies fromFloat or fromInt to each element, as its type asks.
func convert[T any](a Array, fromFloat func(float64) T, fromInt func(int64) T) []T {
	out := make([]T, a.Len())
	le := binary.LittleEndian
	for i := range out {
		switch a.DType {
		case "<f4":
			out[i] = fromFloat(float64(math.Float32frombits(le.Uint32(a.raw[4*i:]))))
		case "<f8":
			out[i] = fromFloat(math.Float64frombits(le.Uint64(a.raw[8*i:])))
		case "<i4":
			out[i] = fromInt(int64(int32(le.Uint32(a.raw[4*i:]))))
		case "<i8":
			out[i] = fromInt(int64(le.Uint64(a.raw[8*i:])))
		case "|b1":
			out[i] = fromInt(int64(a.raw[i]))
		}
	}
	return out
}
