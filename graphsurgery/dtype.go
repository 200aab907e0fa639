package graphsurgery

import "fmt"

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
)

var dtypeNames = [...]string{"undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16"}

var dtypeSizes = [...]int{0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2}

// String gives the usual name, such as float32.
func (d DType) String() string {
	if d >= 0 && int(d) < len(dtypeNames) {
		return dtypeNames[d]
	}
	return fmt.Sprintf("dtype(%d)", int32(d))
}

// Size is the bytes of one element, 0 for strings and types without a fixed
// whole number of bytes.
func (d DType) Size() int {
	if d >= 0 && int(d) < len(dtypeSizes) {
		return dtypeSizes[d]
	}
	return 0
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
