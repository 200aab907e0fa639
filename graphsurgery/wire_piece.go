package graphsurgery

import (
	"encoding/binary"
	"io"
	"unsafe"
)

// source gives the raw bytes of a tensor when they are written, and their number
// before.
type source interface {
	size() int64
	copyTo(w io.Writer) error
}

// piece is part of an output: bytes in memory, or a source.
type piece struct {
	bytes []byte
	from  source
}

func (p piece) size() int64 {
	if p.from != nil {
		return p.from.size()
	}
	return int64(len(p.bytes))
}

func (p piece) copyTo(w io.Writer) error {
	if p.from != nil {
		return p.from.copyTo(w)
	}
	_, err := w.Write(p.bytes)
	return err
}

// same reports whether p is b itself.
func (p piece) same(b []byte) bool {
	return p.from == nil && len(p.bytes) == len(b) && unsafe.SliceData(p.bytes) == unsafe.SliceData(b)
}

// assemble writes data with the cuts made, in order.
func assemble(w io.Writer, data []byte, cuts []cut) error {
	at := 0
	for _, c := range cuts {
		if _, err := w.Write(data[at:c.from]); err != nil {
			return err
		}
		if err := c.put.copyTo(w); err != nil {
			return err
		}
		at = c.to
	}
	_, err := w.Write(data[at:])
	return err
}

// Raw bytes of keepBelow bytes and more are never copied: in the message that the
// protobuf library sees, a token of tokenLen bytes stands for them. Raw bytes that
// have just that length are replaced, too, so that a token is known by its length.
const (
	keepBelow = 1024
	tokenLen  = 9
)

// payloads are the raw bytes that tokens stand for.
type payloads struct{ list []piece }

// token gives a token for p.
func (ps *payloads) token(p piece) []byte {
	t := make([]byte, tokenLen)
	binary.LittleEndian.PutUint64(t, uint64(len(ps.list)))
	ps.list = append(ps.list, p)
	return t
}

// cut gives a token in place of large raw bytes, wherever they lie.
func (ps *payloads) cut(_ int, raw []byte) piece {
	if len(raw) < keepBelow && len(raw) != tokenLen {
		return piece{bytes: raw}
	}
	return piece{bytes: ps.token(piece{bytes: raw})}
}

// of gives what a token stands for; raw itself if it is none.
func (ps *payloads) of(raw []byte) piece {
	if len(raw) != tokenLen {
		return piece{bytes: raw}
	}
	i := binary.LittleEndian.Uint64(raw)
	if i >= uint64(len(ps.list)) {
		return piece{bytes: raw} // never: every value of that length was replaced by a token
	}
	return ps.list[i]
}
