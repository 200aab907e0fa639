package graphsurgery

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/narrow"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Tensor is a constant: an initialiser or a tensor attribute.
type Tensor struct {
	pb    *pb.TensorProto
	model *Model // for external data; nil for a new tensor
}

// Element is a Go type that a new tensor can be made of.
type Element interface {
	float32 | float64 | int64 | int32 | int8 | uint8 | bool
}

// NewTensor makes a tensor of the given shape; data is row-major and copied. It
// panics if their sizes disagree, which is the caller's mistake.
func NewTensor[T Element](shape []int64, data []T) *Tensor {
	if n, ok := product(shape); !ok || n != int64(len(data)) {
		panic(fmt.Sprintf("graphsurgery: shape %v does not hold %d values", shape, len(data)))
	}
	t := &pb.TensorProto{Dims: append([]int64(nil), shape...)}
	var kind DType
	var raw []byte
	switch d := any(data).(type) {
	case []float32:
		kind, raw = Float, make([]byte, 0, 4*len(d))
		for _, x := range d {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	case []float64:
		kind, raw = Double, make([]byte, 0, 8*len(d))
		for _, x := range d {
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(x))
		}
	case []int64:
		kind, raw = Int64, make([]byte, 0, 8*len(d))
		for _, x := range d {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
		}
	case []int32:
		kind, raw = Int32, make([]byte, 0, 4*len(d))
		for _, x := range d {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(x))
		}
	case []int8:
		kind = Int8
		for _, x := range d {
			raw = append(raw, byte(x))
		}
	case []uint8:
		kind, raw = Uint8, append(raw, d...)
	case []bool:
		kind = Bool
		for _, x := range d {
			b := byte(0)
			if x {
				b = 1
			}
			raw = append(raw, b)
		}
	}
	if raw == nil {
		raw = []byte{}
	}
	elem := int32(kind)
	t.DataType, t.RawData = &elem, raw
	return &Tensor{pb: t}
}

// NewTensorRaw makes a tensor of any type with a byte form from the bytes of
// TensorProto.raw_data: little-endian, elements of fewer than eight bits packed.
// It keeps raw, which must not change any more.
func NewTensorRaw(d DType, shape []int64, raw []byte) (*Tensor, error) {
	elem := int32(d)
	t := &Tensor{pb: &pb.TensorProto{Dims: slices.Clone(shape), DataType: &elem, RawData: raw[:len(raw):len(raw)]}}
	if raw == nil {
		t.pb.RawData = []byte{}
	}
	if d.Bits() == 0 {
		return nil, &UnsupportedError{What: fmt.Sprintf("a tensor of %s from bytes", d)}
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// NewFloatTensor makes a tensor of a floating-point type of 16 to 64 bits, with
// data rounded to nearest, ties to even.
func NewFloatTensor(d DType, shape []int64, data []float32) (*Tensor, error) {
	raw := make([]byte, 0, len(data)*d.Size())
	for _, x := range data {
		switch d {
		case Float:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		case Double:
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(float64(x)))
		case Float16:
			raw = binary.LittleEndian.AppendUint16(raw, narrow.ToHalf(float64(x)))
		case BFloat16:
			raw = binary.LittleEndian.AppendUint16(raw, narrow.ToBFloat(float64(x)))
		default:
			return nil, &UnsupportedError{What: fmt.Sprintf("a tensor of %s from float32 values", d)}
		}
	}
	return NewTensorRaw(d, shape, raw)
}

// Name is the tensor's name; empty for a tensor attribute or a new tensor.
func (t *Tensor) Name() string { return t.pb.GetName() }

// DType is the element type.
func (t *Tensor) DType() DType { return DType(t.pb.GetDataType()) }

// Shape is the size of each dimension; a scalar has none.
func (t *Tensor) Shape() []int64 { return t.pb.Dims }

// Len is the number of elements, 0 if the shape is not a valid one.
func (t *Tensor) Len() int64 {
	n, _ := product(t.pb.Dims)
	return n
}

// product multiplies sizes; ok is false if one is negative or the product of
// those that are not 0 does not fit: no tool can make such a shape, empty or not.
func product(dims []int64) (n int64, ok bool) {
	n = 1
	empty := false
	for _, d := range dims {
		switch {
		case d < 0 || d > 0 && n > math.MaxInt64/d:
			return 0, false
		case d == 0:
			empty = true
		default:
			n *= d
		}
	}
	if empty {
		n = 0
	}
	return n, true
}

// byteLen is the bytes of the tensor's dense form; ok is false if the shape is not
// a possible one.
func (t *Tensor) byteLen() (n int64, ok bool) {
	if n, ok = product(t.pb.Dims); !ok {
		return 0, false
	}
	return t.DType().rawLen(n)
}

func (t *Tensor) broken(format string, args ...any) error {
	e := &FormatError{What: fmt.Sprintf("tensor %q: ", t.Name()) + fmt.Sprintf(format, args...)}
	if t.model != nil {
		e.File = t.model.path
	}
	return e
}

// Digest is the SHA-256 of type, shape and elements: equal for equal values,
// however they are stored.
func (t *Tensor) Digest() (string, error) {
	src, err := t.source()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %v\n", t.DType(), t.pb.Dims)
	if err := src.copyTo(h); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// SetInitializer replaces the values of an initialiser. Name, element type and
// shape must be those it has; its place and storage form in the file stay, but
// for the values, which become raw bytes; the two tensors share them.
func (m *Model) SetInitializer(name string, t *Tensor) error {
	old := m.Graph.tensors[name]
	if old == nil {
		return fmt.Errorf("no initialiser %q in the model", name)
	}
	if t == nil {
		return fmt.Errorf("initialiser %q: no tensor to set it to", name)
	}
	if old.DType() != t.DType() || fmt.Sprint(old.Shape()) != fmt.Sprint(t.Shape()) {
		return fmt.Errorf("initialiser %q is %s%v, got %s%v", name, old.DType(), old.Shape(), t.DType(), t.Shape())
	}
	raw, err := t.Raw()
	if err != nil {
		return err
	}
	p := old.pb
	p.FloatData, p.Int32Data, p.StringData, p.Int64Data, p.DoubleData, p.Uint64Data = nil, nil, nil, nil, nil, nil
	p.ExternalData, p.DataLocation = nil, nil
	p.RawData = raw[:len(raw):len(raw)]
	m.original, m.types = nil, nil
	return nil
}

// Parameters counts the numbers in the main graph's floating-point initialisers:
// those whose name keep chooses, all if it is nil.
func (m *Model) Parameters(keep func(name string) bool) int64 {
	var n int64
	for _, t := range m.Graph.Initializers() {
		if t.DType().IsFloat() && (keep == nil || keep(t.Name())) {
			n += t.Len()
		}
	}
	return n
}
