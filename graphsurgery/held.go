package graphsurgery

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// holdFrom is the least length of raw bytes that stay in the model's file until
// they are asked for.
const holdFrom = 64 << 10

// heldFile is the file that a model was loaded from, kept open: a file that is put
// in its place does not matter. One that is changed in place is found by its size
// and time, and refused. It is closed when the last model that reads it is
// collected.
type heldFile struct {
	file *os.File
	path string
	info fs.FileInfo // when it was opened
}

// check refuses a file that was written to since it was opened.
func (h *heldFile) check() error {
	now, err := h.file.Stat()
	if err != nil {
		return err
	}
	if now.Size() != h.info.Size() || !now.ModTime().Equal(h.info.ModTime()) {
		return &FormatError{File: h.path, What: fmt.Sprintf("the file was changed after it was loaded: it had %d bytes of %s, and has %d of %s",
			h.info.Size(), h.info.ModTime(), now.Size(), now.ModTime())}
	}
	return nil
}

// fill reads len(b) bytes at an offset.
func (h *heldFile) fill(b []byte, at int64) error {
	_, err := h.file.ReadAt(b, at)
	if changed := h.check(); changed != nil {
		return changed
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", h.path, err)
	}
	return nil
}

// window is a part of a held file. It is a source.
type window struct {
	file  *heldFile
	at, n int64
}

func (w window) size() int64 { return w.n }

// copyTo writes the bytes, some at a time.
func (w window) copyTo(to io.Writer) error {
	b := make([]byte, min(w.n, 64<<10))
	for at := int64(0); at < w.n; {
		part := b[:min(int64(len(b)), w.n-at)]
		if err := w.file.fill(part, w.at+at); err != nil {
			return err
		}
		if _, err := to.Write(part); err != nil {
			return err
		}
		at += int64(len(part))
	}
	return nil
}

// read gives the bytes, which are the caller's.
func (w window) read() ([]byte, error) {
	b := make([]byte, w.n)
	return b, w.file.fill(b, w.at)
}

// A tensor whose raw bytes are in the model's file says so by its data location:
// raw_data then holds their place. No file can say so, because the protobuf
// library takes only the values of the schema.
const (
	heldUnsaid pb.TensorProto_DataLocation = -1 // data_location was not given
	heldInside pb.TensorProto_DataLocation = -2 // data_location was given as DEFAULT
)

func isHeld(t *pb.TensorProto) bool {
	return t.DataLocation != nil && (*t.DataLocation == heldUnsaid || *t.DataLocation == heldInside)
}

// hold makes the raw bytes of t those of a window.
func hold(t *pb.TensorProto, w window) {
	place := heldUnsaid
	if t.DataLocation != nil {
		place = heldInside
	}
	t.DataLocation = &place
	t.RawData = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(w.at)), uint64(w.n))
}

// release is the opposite of hold, with raw bytes that are held no longer.
func release(t *pb.TensorProto, raw []byte) {
	if *t.DataLocation == heldUnsaid {
		t.DataLocation = nil
	} else {
		t.DataLocation = pb.TensorProto_DEFAULT.Enum()
	}
	t.RawData = raw
}

// windowOf gives the place of the raw bytes of t, which are held in that file.
func windowOf(t *pb.TensorProto, file *heldFile) window {
	return window{file: file, at: int64(binary.LittleEndian.Uint64(t.RawData)), n: int64(binary.LittleEndian.Uint64(t.RawData[8:]))}
}

// rawSize is the number of raw bytes in the model.
func (t *Tensor) rawSize() int64 {
	if isHeld(t.pb) {
		return windowOf(t.pb, nil).n
	}
	return int64(len(t.pb.RawData))
}

// inline gives the raw bytes in the model, nil where there are none.
func (t *Tensor) inline() ([]byte, error) {
	if !isHeld(t.pb) {
		return t.pb.RawData, nil
	}
	return windowOf(t.pb, t.model.held).read()
}
