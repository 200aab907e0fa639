package graphsurgery

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

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

// product multiplies sizes; ok is false if one is negative or the product does
// not fit.
func product(dims []int64) (n int64, ok bool) {
	n = 1
	for _, d := range dims {
		if d < 0 || d != 0 && n > math.MaxInt64/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

func (t *Tensor) broken(format string, args ...any) error {
	e := &FormatError{What: fmt.Sprintf("tensor %q: ", t.Name()) + fmt.Sprintf(format, args...)}
	if t.model != nil {
		e.File = t.model.path
	}
	return e
}

// check tests the payload against the shape without reading external data.
func (t *Tensor) check() error {
	n, ok := product(t.pb.Dims)
	if !ok {
		return t.broken("shape %v is not possible", t.pb.Dims)
	}
	if t.DType() == Undefined {
		return t.broken("it names no element type")
	}
	inline := len(t.pb.RawData) > 0
	if t.pb.GetDataLocation() == pb.TensorProto_EXTERNAL {
		if inline || t.storedLen() > 0 {
			return t.broken("its values are given both in the model and in another file")
		}
		return nil
	}
	if stray := t.storedLen() - t.typedLen(); stray > 0 || inline && t.storedLen() > 0 {
		return t.broken("its values are given in more than one form")
	}
	if t.DType() == String && t.pb.RawData != nil {
		return t.broken("strings cannot be given as raw bytes")
	}
	size := int64(t.DType().Size())
	if size == 0 && t.DType() != String {
		return nil // a type we never read
	}
	if t.pb.RawData != nil {
		if n > math.MaxInt64/size || int64(len(t.pb.RawData)) != n*size {
			return t.broken("%d bytes for shape %v of %s, want %d", len(t.pb.RawData), t.pb.Dims, t.DType(), n*size)
		}
		return nil
	}
	want := n
	if t.DType() == Complex64 || t.DType() == Complex128 { // real and imaginary parts
		if n > math.MaxInt64/2 {
			return t.broken("shape %v is not possible", t.pb.Dims)
		}
		want = 2 * n
	}
	if got := t.typedLen(); got != want {
		return t.broken("%d values for shape %v, want %d", got, t.pb.Dims, want)
	}
	return nil
}

// storedLen is the number of values in all typed fields of the message.
func (t *Tensor) storedLen() int64 {
	p := t.pb
	return int64(len(p.FloatData) + len(p.Int32Data) + len(p.StringData) + len(p.Int64Data) + len(p.DoubleData) + len(p.Uint64Data))
}

// typedLen is the number of values in the field that the element type calls for;
// a complex element takes two.
func (t *Tensor) typedLen() int64 {
	switch t.DType() {
	case String:
		return int64(len(t.pb.StringData))
	case Float, Complex64:
		return int64(len(t.pb.FloatData))
	case Double, Complex128:
		return int64(len(t.pb.DoubleData))
	case Int64:
		return int64(len(t.pb.Int64Data))
	case Uint32, Uint64:
		return int64(len(t.pb.Uint64Data))
	}
	return int64(len(t.pb.Int32Data))
}

// Raw gives the elements as dense little-endian bytes, however they are stored.
// The bytes must not be changed.
func (t *Tensor) Raw() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	size := t.DType().Size()
	if size == 0 {
		return nil, &UnsupportedError{What: fmt.Sprintf("tensor %q: elements of type %s have no byte form", t.Name(), t.DType())}
	}
	if t.pb.GetDataLocation() == pb.TensorProto_EXTERNAL {
		return t.external()
	}
	if t.pb.RawData != nil {
		return t.pb.RawData, nil
	}
	return t.typed(size), nil
}

// typed packs the message's typed fields into bytes.
func (t *Tensor) typed(size int) []byte {
	raw := make([]byte, 0, t.Len()*int64(size))
	for _, x := range t.pb.FloatData {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	for _, x := range t.pb.DoubleData {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(x))
	}
	for _, x := range t.pb.Int64Data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	for _, x := range t.pb.Uint64Data {
		raw = appendInt(raw, x, size)
	}
	for _, x := range t.pb.Int32Data {
		raw = appendInt(raw, uint64(uint32(x)), size)
	}
	return raw
}

func appendInt(raw []byte, x uint64, size int) []byte {
	for range size {
		raw = append(raw, byte(x))
		x >>= 8
	}
	return raw
}

// external reads the tensor's bytes from the file beside the model.
func (t *Tensor) external() ([]byte, error) {
	if t.model == nil || t.model.root == nil {
		return nil, t.broken("its data is in another file, and the model was not loaded from a folder")
	}
	var name string
	var offset, length int64
	n, ok := product(t.pb.Dims)
	if !ok || n > math.MaxInt64/int64(t.DType().Size()) {
		return nil, t.broken("shape %v is not possible", t.pb.Dims)
	}
	want := n * int64(t.DType().Size())
	length = want
	for _, e := range t.pb.ExternalData {
		var err error
		switch e.GetKey() {
		case "location":
			name = e.GetValue()
		case "offset":
			offset, err = strconv.ParseInt(e.GetValue(), 10, 64)
		case "length":
			length, err = strconv.ParseInt(e.GetValue(), 10, 64)
		}
		if err != nil {
			return nil, t.broken("external data has %s %q, want a number", e.GetKey(), e.GetValue())
		}
	}
	if length != want {
		return nil, t.broken("%d bytes of external data for shape %v of %s, want %d", length, t.pb.Dims, t.DType(), want)
	}
	raw, err := t.model.root.ReadRange(name, offset, length)
	if err != nil {
		return nil, t.broken("external data: %v", err)
	}
	return raw, nil
}

// Float32s gives a floating-point tensor's elements as float32: exact for
// float32, float16 and bfloat16, rounded for float64.
func (t *Tensor) Float32s() ([]float32, error) {
	if !t.DType().IsFloat() {
		return nil, t.broken("elements are %s, want a floating-point type", t.DType())
	}
	raw, err := t.Raw()
	if err != nil {
		return nil, err
	}
	out := make([]float32, t.Len())
	size := t.DType().Size()
	for i := range out {
		b := raw[i*size:]
		switch t.DType() {
		case Float:
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		case Double:
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		case BFloat16:
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
		case Float16:
			out[i] = halfToFloat(binary.LittleEndian.Uint16(b))
		}
	}
	return out, nil
}

// halfToFloat converts IEEE 754 binary16.
func halfToFloat(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exp {
	case 0:
		x := float32(frac) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(x))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// Int64s gives an integer or bool tensor's elements as int64.
func (t *Tensor) Int64s() ([]int64, error) {
	switch t.DType() {
	case Uint8, Int8, Uint16, Int16, Int32, Int64, Bool, Uint32, Uint64:
	default:
		return nil, t.broken("elements are %s, want an integer type", t.DType())
	}
	raw, err := t.Raw()
	if err != nil {
		return nil, err
	}
	out := make([]int64, t.Len())
	size := t.DType().Size()
	for i := range out {
		var x uint64
		for k := size - 1; k >= 0; k-- {
			x = x<<8 | uint64(raw[i*size+k])
		}
		switch t.DType() {
		case Int8, Int16, Int32:
			shift := 64 - 8*size
			out[i] = int64(x<<shift) >> shift
		default:
			out[i] = int64(x)
		}
	}
	return out, nil
}

// Digest is the SHA-256 of type, shape and elements: equal for equal values,
// however they are stored.
func (t *Tensor) Digest() (string, error) {
	raw, err := t.Raw()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %v\n", t.DType(), t.pb.Dims)
	h.Write(raw)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// SetInitializer replaces the values of an initialiser. Name, element type and
// shape must be those it has; its place and storage form in the file stay, but
// for the values, which become raw bytes.
func (m *Model) SetInitializer(name string, t *Tensor) error {
	old := m.Graph.tensors[name]
	if old == nil {
		return fmt.Errorf("no initialiser %q in the model", name)
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
	p.RawData = append([]byte{}, raw...)
	m.original = nil
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
