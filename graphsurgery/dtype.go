package graphsurgery

import (
	"fmt"
	"math"
)

// DType is an ONNX element type, numbered as TensorProto.DataType.
type DType int32

// The element types, with ONNX's numbers.
const (
	Undefined  DType = 0
	Float      DType = 1
	Uint8      DType = 2
	Int8       DType = 3
	Uint16     DType = 4
	Int16      DType = 5
	Int32      DType = 6
	Int64      DType = 7
	String     DType = 8
	Bool       DType = 9
	Float16    DType = 10
	Double     DType = 11
	Uint32     DType = 12
	Uint64     DType = 13
	Complex64  DType = 14
	Complex128 DType = 15
	BFloat16   DType = 16

	Float8E4M3FN   DType = 17
	Float8E4M3FNUZ DType = 18
	Float8E5M2     DType = 19
	Float8E5M2FNUZ DType = 20
	Uint4          DType = 21
	Int4           DType = 22
	Float4E2M1     DType = 23
	Float8E8M0     DType = 24
	Uint2          DType = 25
	Int2           DType = 26
	Float6E2M3     DType = 27
	Float6E3M2     DType = 28
)

var dtypeNames = [...]string{
	"undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool",
	"float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16",
	"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0",
	"uint2", "int2", "float6e2m3", "float6e3m2",
}

var dtypeBits = [...]int{
	0, 32, 8, 8, 16, 16, 32, 64, 0, 8,
	16, 64, 32, 64, 64, 128, 16,
	8, 8, 8, 8, 4, 4, 4, 8,
	2, 2, 6, 6,
}

// String gives the usual name, such as float32.
func (d DType) String() string {
	if d >= 0 && int(d) < len(dtypeNames) {
		return dtypeNames[d]
	}
	return fmt.Sprintf("dtype(%d)", int32(d))
}

// Bits is the bits of one element, 0 for strings and unknown types. Elements of
// fewer than eight bits are packed, the first in the lowest bits.
func (d DType) Bits() int {
	if d >= 0 && int(d) < len(dtypeBits) {
		return dtypeBits[d]
	}
	return 0
}

// Size is the bytes of one element, 0 for strings and types without a fixed
// whole number of bytes.
func (d DType) Size() int {
	if b := d.Bits(); b%8 == 0 {
		return b / 8
	}
	return 0
}

// rawLen is the bytes that n elements take; ok is false where that is too many to
// count. Strings and unknown types have no raw bytes.
func (d DType) rawLen(n int64) (bytes int64, ok bool) {
	bits := int64(d.Bits())
	if bits == 0 || n == 0 {
		return 0, true
	}
	if n > (math.MaxInt64-7)/bits {
		return 0, false
	}
	return (n*bits + 7) / 8, true
}

// storedPerValue is the elements that one value of int32_data holds: those of two
// and four bits are packed, those of six are not.
func (d DType) storedPerValue() int64 {
	if b := d.Bits(); b == 4 || b == 2 {
		return int64(8 / b)
	}
	return 1
}

// IsFloat reports whether d is a floating-point type of 16 to 64 bits.
func (d DType) IsFloat() bool { return d == Float || d == Double || d == Float16 || d == BFloat16 }

// Dim is one dimension of a shape. Value is below 0 where the size is not known;
// Param is then its name, if it has one.
type Dim struct {
	Value int64
	Param string
}

// Known gives dimensions of known size.
func Known(sizes ...int64) []Dim {
	dims := make([]Dim, len(sizes))
	for i, s := range sizes {
		dims[i].Value = s
	}
	return dims
}

// String gives the size, the name, or "?".
func (d Dim) String() string {
	switch {
	case d.Value >= 0:
		return fmt.Sprint(d.Value)
	case d.Param != "":
		return d.Param
	}
	return "?"
}
