package graphsurgery

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Delta gives a short description by which [ApplyDelta] makes the bytes of to from
// those of from. It is short where to shares nodes, tensors and other parts with
// from: these are named by their place, so that their numbers may change in
// between. What only to has is held as it is, compressed.
func Delta(from, to *Model) ([]byte, error) {
	a, err := from.parts()
	if err != nil {
		return nil, err
	}
	b, err := to.parts()
	if err != nil {
		return nil, err
	}
	d := &deltaWriter{parts: a}
	for _, part := range b {
		d.add(part)
	}
	return d.finish()
}

// ApplyDelta makes the model that a delta describes. The error is a *FormatError if
// the delta cannot be read or does not go with the model. That the result is the
// very one that the delta was made for is not checked: compare its [Model.Digest].
func ApplyDelta(from *Model, delta []byte) (*Model, error) {
	parts, err := from.parts()
	if err != nil {
		return nil, err
	}
	broken := func(why any) error {
		return &FormatError{File: from.path, What: fmt.Sprintf("the description of another model, made for this one, does not go with it: %v", why)}
	}
	data, err := applyDelta(parts, delta)
	if err != nil {
		return nil, broken(err)
	}
	m, err := Parse(data)
	if err != nil {
		return nil, broken(err)
	}
	m.path, m.root = from.path, from.root
	return m, nil
}

// parts are the bytes of a model in pieces: its fields, and in the graph's place
// the field's head and the graph's fields. Together they are all of it.
func (m *Model) parts() ([][]byte, error) {
	data, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	const graphField = 7 // ModelProto.graph
	var out [][]byte
	err = eachField(data, func(num protowire.Number, field, value []byte) error {
		if num != graphField || value == nil {
			out = append(out, field)
			return nil
		}
		out = append(out, field[:len(field)-len(value)])
		return eachField(value, func(_ protowire.Number, field, _ []byte) error {
			out = append(out, field)
			return nil
		})
	})
	return out, err
}

// eachField visits the fields of a message; value is that of a length-delimited
// one, else nil.
func eachField(data []byte, visit func(num protowire.Number, field, value []byte) error) error {
	for len(data) > 0 {
		num, _, n := protowire.ConsumeField(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		field := data[:n]
		_, typ, head := protowire.ConsumeTag(field)
		var value []byte
		if typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(field[head:])
		}
		if err := visit(num, field, value); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// The operations of a delta, each a byte and two numbers or one.
const (
	deltaCopy    = 0 // first part, count of parts
	deltaLiteral = 1 // length, then the bytes
)

// deltaWriter describes parts by those of another model.
type deltaWriter struct {
	parts  [][]byte
	places map[uint64][]int // by hash
	seed   maphash.Seed
	out    bytes.Buffer

	first, count int // copies not yet written
	literal      []byte
}

func (d *deltaWriter) add(part []byte) {
	at := d.find(part)
	if at < 0 {
		d.flushCopies()
		d.literal = append(d.literal, part...)
		return
	}
	d.flushLiteral()
	if d.count > 0 && at == d.first+d.count {
		d.count++
		return
	}
	d.flushCopies()
	d.first, d.count = at, 1
}

// find gives the place of an equal part, the next one if that is equal, or -1.
func (d *deltaWriter) find(part []byte) int {
	if next := d.first + d.count; next < len(d.parts) && bytes.Equal(d.parts[next], part) {
		return next
	}
	if d.places == nil {
		d.seed, d.places = maphash.MakeSeed(), map[uint64][]int{}
		for i, p := range d.parts {
			h := maphash.Bytes(d.seed, p)
			d.places[h] = append(d.places[h], i)
		}
	}
	for _, i := range d.places[maphash.Bytes(d.seed, part)] {
		if bytes.Equal(d.parts[i], part) {
			return i
		}
	}
	return -1
}

func (d *deltaWriter) number(n int) { d.out.Write(binary.AppendUvarint(nil, uint64(n))) }

func (d *deltaWriter) flushCopies() {
	if d.count > 0 {
		d.out.WriteByte(deltaCopy)
		d.number(d.first)
		d.number(d.count)
		d.first, d.count = d.first+d.count, 0
	}
}

func (d *deltaWriter) flushLiteral() {
	if len(d.literal) > 0 {
		d.out.WriteByte(deltaLiteral)
		d.number(len(d.literal))
		d.out.Write(d.literal)
		d.literal = nil
	}
}

func (d *deltaWriter) finish() ([]byte, error) {
	d.flushCopies()
	d.flushLiteral()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(d.out.Bytes()); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func applyDelta(parts [][]byte, delta []byte) ([]byte, error) {
	// A message is at most that long, so no more of the description is of use.
	ops, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(delta)), maxMessage))
	if err != nil {
		return nil, err
	}
	var out []byte
	r := bytes.NewReader(ops)
	for r.Len() > 0 {
		op, _ := r.ReadByte()
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return nil, err
		}
		switch op {
		case deltaCopy:
			count, err := binary.ReadUvarint(r)
			if err != nil {
				return nil, err
			}
			if n > uint64(len(parts)) || count > uint64(len(parts))-n {
				return nil, fmt.Errorf("it names parts %d and %d following, and there are %d", n, count, len(parts))
			}
			for _, p := range parts[n : n+count] {
				if len(out)+len(p) > maxMessage {
					return nil, errors.New("the model would be larger than 2 GiB")
				}
				out = append(out, p...)
			}
		case deltaLiteral:
			if n > uint64(r.Len()) {
				return nil, io.ErrUnexpectedEOF
			}
			at := len(ops) - r.Len()
			out = append(out, ops[at:at+int(n)]...)
			if _, err := r.Seek(int64(n), io.SeekCurrent); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("it has an operation %d", op)
		}
	}
	return out, nil
}
