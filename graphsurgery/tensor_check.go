package graphsurgery

import (
	"encoding/binary"
	"fmt"
	"math"
)

// check tests the values' form and number against the shape, without reading
// external data.
func (t *Tensor) check() error {
	if err := t.checkForm(); err != nil {
		return err
	}
	return t.checkSize()
}

// checkForm tests that the values, or where they lie, are given once, in a form that
// the element type can have: what onnx's checker demands of a tensor.
func (t *Tensor) checkForm() error {
	n, ok := product(t.pb.Dims)
	if !ok {
		return t.broken("shape %v is not possible", t.pb.Dims)
	}
	if t.DType() == Undefined {
		return t.broken("it names no element type")
	}
	if t.isExternal() {
		_, err := t.location()
		return err
	}
	inline := t.rawSize() > 0
	if stray := t.storedLen() - t.typedLen(); stray > 0 || inline && t.storedLen() > 0 {
		return t.broken("its values are given in more than one form")
	}
	if t.DType() == String && t.pb.RawData != nil {
		return t.broken("strings cannot be given as raw bytes")
	}
	switch given := t.typedLen(); {
	case t.DType().Bits() == 0 && t.DType() != String: // a type we never read
	case n > 0 && !inline && given == 0:
		return t.broken("no values for shape %v", t.pb.Dims)
	case n == 0 && (inline || given > 0):
		return t.broken("values for shape %v, which holds none", t.pb.Dims)
	case given > 0 && t.DType().storedPerValue() > 1 && given < ceilDiv(n, t.DType().storedPerValue()):
		return t.broken("%d values for shape %v, want %d", given, t.pb.Dims, ceilDiv(n, t.DType().storedPerValue()))
	}
	return nil
}

func ceilDiv(n, per int64) int64 {
	if n%per > 0 {
		return n/per + 1
	}
	return n / per
}

// checkSize tests that there are as many values as the shape holds; their form is
// right.
func (t *Tensor) checkSize() error {
	if t.isExternal() {
		return t.checkExternal()
	}
	if t.DType().Bits() == 0 && t.DType() != String {
		return nil // a type we never read
	}
	if t.pb.RawData != nil {
		want, ok := t.byteLen()
		if !ok || t.rawSize() != want {
			return t.broken("%d bytes for shape %v of %s, want %d", t.rawSize(), t.pb.Dims, t.DType(), want)
		}
		return nil
	}
	return t.checkTyped(t.Len())
}

// checkTyped tests the number of values in the typed field for n elements.
func (t *Tensor) checkTyped(n int64) error {
	want := n
	switch {
	case t.DType() == Complex64 || t.DType() == Complex128: // real and imaginary parts
		if n > math.MaxInt64/2 {
			return t.broken("shape %v is not possible", t.pb.Dims)
		}
		want = 2 * n
	case t.DType().storedPerValue() > 1:
		want = ceilDiv(n, t.DType().storedPerValue())
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
// Elements of fewer than eight bits are packed as in TensorProto.raw_data. The
// bytes must not be changed: they may be part of the loaded file.
func (t *Tensor) Raw() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.DType().Bits() == 0 {
		return nil, &UnsupportedError{What: fmt.Sprintf("tensor %q: elements of type %s have no byte form", t.Name(), t.DType())}
	}
	if t.isExternal() {
		return t.external()
	}
	if t.pb.RawData != nil {
		return t.inline()
	}
	return t.typed(), nil
}

// ReadRaw writes what [Tensor.Raw] gives into memory of the caller's, which must be as
// long. Elements in a file come straight from it.
func (t *Tensor) ReadRaw(into []byte) error {
	if isHeld(t.pb) {
		if err := t.check(); err != nil {
			return err
		}
		w := windowOf(t.pb, t.model.held)
		if w.n != int64(len(into)) {
			return fmt.Errorf("tensor %q has %d bytes, read into %d", t.Name(), w.n, len(into))
		}
		return w.file.fill(into, w.at)
	}
	raw, err := t.Raw()
	if err != nil {
		return err
	}
	if len(raw) != len(into) {
		return fmt.Errorf("tensor %q has %d bytes, read into %d", t.Name(), len(raw), len(into))
	}
	copy(into, raw)
	return nil
}

// typed packs the message's typed fields into bytes; check has passed.
func (t *Tensor) typed() []byte {
	n, _ := t.byteLen()
	raw := make([]byte, 0, n)
	for _, x := range t.pb.FloatData {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	for _, x := range t.pb.DoubleData {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(x))
	}
	for _, x := range t.pb.Int64Data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	size := max(t.DType().Size(), 1)
	for _, x := range t.pb.Uint64Data {
		raw = appendInt(raw, x, size)
	}
	if t.DType().Bits() == 6 {
		return appendSixBits(raw, t.pb.Int32Data)
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

// appendSixBits packs elements of six bits, four into three bytes, the first in
// the lowest bits.
func appendSixBits(raw []byte, values []int32) []byte {
	var pool, have uint32
	for _, x := range values {
		pool |= (uint32(x) & 63) << have
		for have += 6; have >= 8; have -= 8 {
			raw = append(raw, byte(pool))
			pool >>= 8
		}
	}
	if have > 0 {
		raw = append(raw, byte(pool))
	}
	return raw
}
