// Package tort writes the adapter files of ONNX Runtime, .onnx_adapter: tensors that
// take the place of a model's optional inputs while the file is active in a run.
//
// The file is a FlatBuffer with the identifier TORT. A FlatBuffer's table begins with
// the distance back to its vtable, which lists where in the table each field is;
// strings, vectors and tables are reached by distances from where they are named.
// Everything is little-endian and at a multiple of its size.
package tort

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Identifier is what stands at byte 4 of a file.
const Identifier = "TORT"

// Tensor is one float32 tensor, named as the model's input.
type Tensor struct {
	Name string
	Dims []int64
	Data []byte // little-endian, row-major
}

// The numbers of ONNX Runtime's schema.
const (
	formatVersion = 1
	typeFloat     = 1
)

// Bytes is the file with these tensors. Runtimes do not look at the model's version;
// it may tell people which model the adapter is for. The error is of tensors that are
// not of their shape, and of more than 2 GiB, which a FlatBuffer cannot hold.
func Bytes(model int32, tensors []Tensor) ([]byte, error) {
	total := 0
	for _, t := range tensors {
		n := int64(4)
		for _, d := range t.Dims {
			n *= d
		}
		if n != int64(len(t.Data)) {
			return nil, fmt.Errorf("tensor %q of shape %v has %d bytes, want %d", t.Name, t.Dims, len(t.Data), n)
		}
		total += len(t.Data) + len(t.Name) + 8*len(t.Dims) + 128 // tables, lengths and gaps
	}
	if total > math.MaxInt32-128 {
		return nil, fmt.Errorf("the adapter has about %d bytes; a file of this format holds less than 2 GiB", total)
	}
	b := &buffer{data: make([]byte, 0, total+128)}
	b.int32(0) // where the root is
	b.data = append(b.data, Identifier...)
	root := b.table(4)
	b.patch(0, root)
	b.set(root, 0, formatVersion)
	b.set(root, 1, 1) // version of the adapter
	b.set(root, 2, model)
	list := b.vector(len(tensors), 4)
	b.point(root, 3, list)
	for range tensors {
		b.int32(0)
	}
	for i, t := range tensors {
		at := list + 4 + 4*i
		b.patch(at, b.tensor(t))
	}
	return b.data, nil
}

// buffer is a FlatBuffer that is written from its beginning on.
type buffer struct{ data []byte }

func (b *buffer) int32(x int32) { b.data = binary.LittleEndian.AppendUint32(b.data, uint32(x)) }

// align fills up so that what follows behind skip bytes is at a multiple of size.
func (b *buffer) align(size, skip int) {
	for (len(b.data)+skip)%size != 0 {
		b.data = append(b.data, 0)
	}
}

// patch writes at a place the distance from there to a target behind it.
func (b *buffer) patch(at, target int) {
	binary.LittleEndian.PutUint32(b.data[at:], uint32(target-at))
}

// table adds a vtable and a table of fields of 4 bytes each, and says where the table
// is.
func (b *buffer) table(fields int) int {
	b.align(4, 0)
	vtable := len(b.data)
	size := 4 + 4*fields
	for _, x := range []int{4 + 2*fields, size} {
		b.data = binary.LittleEndian.AppendUint16(b.data, uint16(x))
	}
	for i := range fields {
		b.data = binary.LittleEndian.AppendUint16(b.data, uint16(4+4*i))
	}
	b.align(4, 0)
	at := len(b.data)
	b.int32(int32(at - vtable))
	b.data = append(b.data, make([]byte, 4*fields)...)
	return at
}

func (b *buffer) set(table, field int, x int32) {
	binary.LittleEndian.PutUint32(b.data[table+4+4*field:], uint32(x))
}

func (b *buffer) point(table, field, target int) { b.patch(table+4+4*field, target) }

// vector adds the length of a vector, whose elements follow at a multiple of size.
func (b *buffer) vector(n, size int) int {
	b.align(size, 4)
	at := len(b.data)
	b.int32(int32(n))
	return at
}

// tensor adds a parameter: name, dims, type, and bytes at a multiple of 8.
func (b *buffer) tensor(t Tensor) int {
	at := b.table(4)
	b.point(at, 0, b.vector(len(t.Name), 4))
	b.data = append(append(b.data, t.Name...), 0)
	b.point(at, 1, b.vector(len(t.Dims), 8))
	for _, d := range t.Dims {
		b.data = binary.LittleEndian.AppendUint64(b.data, uint64(d))
	}
	b.set(at, 2, typeFloat)
	b.point(at, 3, b.vector(len(t.Data), 8))
	b.data = append(b.data, t.Data...)
	return at
}
