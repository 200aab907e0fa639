package graphsurgery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/safefile"
)

// maxMessage is the largest protobuf message other ONNX tools can read.
const maxMessage = 1<<31 - 1

// maxRecursion bounds nested messages: three a graph level, and some for types.
const maxRecursion = 4*maxNesting + 32

// Load reads the ONNX file at path, within the default [Limits]. External data is
// read later, when a tensor is asked for its values, and only from regular files
// below the model's folder. The error is a [FormatError] when the file is not a
// valid ONNX file, an [UnsupportedError] when it is too large.
func Load(path string) (*Model, error) { return Limits{}.Load(path) }

// Parse reads an ONNX model from its bytes, which it keeps and which must not
// change any more. Such a model cannot have external data.
func Parse(data []byte) (*Model, error) { return Limits{}.Parse(data) }

// Read reads an ONNX model from r until its end. It takes no more memory than
// the bytes that come, whatever is announced.
func Read(r io.Reader) (*Model, error) { return Limits{}.Read(r) }

// Load is [Load] within other limits.
func (l Limits) Load(path string) (*Model, error) {
	m, err := l.loadFile(path)
	if err != nil {
		return nil, err
	}
	if m.root, err = safefile.OpenRoot(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return m, nil
}

// Parse is [Parse] within other limits.
func (l Limits) Parse(data []byte) (*Model, error) { return l.parse(data, "", nil) }

// Read is [Read] within other limits.
func (l Limits) Read(r io.Reader) (*Model, error) {
	limit := l.filled().FileBytes
	data, err := io.ReadAll(io.LimitReader(r, limit+1)) // grows in chunks
	if err != nil {
		return nil, fmt.Errorf("reading a model: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge("", int64(len(data)), limit)
	}
	return l.parse(data, "", nil)
}

func tooLarge(file string, got, limit int64) error {
	if limit == maxMessage {
		return &FormatError{File: file, What: fmt.Sprintf("%d bytes or more, more than the 2 GiB a protobuf message can have; large weights belong in external data", got)}
	}
	return beyondLimit(file, "bytes of the file", got, limit)
}

// openFile opens a regular file of up to limit bytes.
func openFile(path string, limit int64) (*heldFile, error) {
	info, err := os.Stat(path) // before opening: opening a pipe would wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "load", Path: path, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil && info.Size() > limit {
		err = tooLarge(path, info.Size(), limit)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &heldFile{f, path, info}, nil
}

// loadFile parses a file. Its large initialisers stay in it until they are asked
// for, where the system lets an open file be replaced.
func (l Limits) loadFile(path string) (*Model, error) {
	h, err := openFile(path, l.filled().FileBytes)
	if err != nil {
		return nil, err
	}
	size := h.info.Size()
	if !holds || size < holdFrom {
		defer h.file.Close()
		data := make([]byte, size)
		if err := h.fill(data, 0); err != nil {
			return nil, err
		}
		return l.parse(data, path, nil)
	}
	data, free, err := scratch(int(size))
	if err != nil {
		return nil, fmt.Errorf("memory for %s: %w", path, err)
	}
	defer free()
	s, err := readSparse(h, data)
	if err != nil {
		h.file.Close()
		return nil, err
	}
	m, err := l.parse(data, path, s)
	if err != nil {
		h.file.Close()
	}
	return m, err
}

// parse decodes data in three steps: a scan that tests the limits and cuts out
// the weights, the protobuf library on what is left, and the weights put back as
// parts of data, or as places in its file where data is s's; nothing of data is kept
// then.
func (l Limits) parse(data []byte, path string, s *sparseFile) (*Model, error) {
	l = l.filled()
	broken := func(what string, err error) error {
		return &FormatError{File: path, What: what, Err: err}
	}
	switch {
	case len(data) == 0:
		return nil, broken("the file is empty, not an ONNX file", nil)
	case int64(len(data)) > l.FileBytes:
		return nil, tooLarge(path, int64(len(data)), l.FileBytes)
	}
	m := &Model{pb: &pb.ModelProto{}, original: piece{bytes: data}, path: path}
	if s != nil {
		m.original, m.held = window{s.file, 0, int64(len(data))}, s.file
	}
	if err := m.decode(data, &l, s); err != nil {
		return nil, err
	}
	switch {
	case m.pb.Graph == nil:
		return nil, broken("not an ONNX file: it holds no graph", nil)
	case m.pb.IrVersion == nil:
		return nil, broken("not an ONNX file: it names no IR version", nil)
	case m.pb.GetIrVersion() >= 3 && len(m.pb.OpsetImport) == 0:
		return nil, broken("not an ONNX file, or cut short: it imports no operator set", nil)
	}
	if err := l.checkTensors(m); err != nil {
		return nil, err
	}
	if err := l.checkCalls(m); err != nil {
		return nil, err
	}
	m.Graph = &Graph{model: m, pb: m.pb.Graph}
	if err := m.reindex(); err != nil {
		return nil, err
	}
	return m, nil
}

// decode fills m.pb. Large raw bytes are parts of data, not copies, or stay in the
// file.
func (m *Model) decode(data []byte, l *Limits, file *sparseFile) error {
	var kept payloads
	s := &scanner{data: data, file: m.path, limits: l, swap: kept.cut}
	if file != nil {
		s.swap = file.swap(&kept)
	}
	grown, err := s.scan()
	if err != nil {
		return err
	}
	small := data
	if len(s.cuts) > 0 {
		b := bytes.NewBuffer(make([]byte, 0, int64(len(data))+grown))
		if err := assemble(b, data, s.cuts); err != nil {
			return err
		}
		small = b.Bytes()
	}
	if err := (proto.UnmarshalOptions{RecursionLimit: maxRecursion}).Unmarshal(small, m.pb); err != nil {
		return &FormatError{File: m.path, What: "not an ONNX file, or cut short", Err: err}
	}
	eachTensor(m.pb, func(t *pb.TensorProto, _ bool) {
		if t.RawData == nil || err != nil {
			return
		}
		p := kept.of(t.RawData)
		w, inFile := p.from.(window)
		switch {
		case !inFile:
			t.RawData = p.bytes
		case t.GetDataLocation() == pb.TensorProto_DEFAULT:
			hold(t, w)
		default: // a broken tensor, to be refused as one
			t.RawData, err = w.read()
		}
	})
	return err
}
