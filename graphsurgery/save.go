package graphsurgery

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// encoding is a model ready to be written: its message with tokens in place of
// large values, and what stands in the tokens' places. Together they are the bytes
// that the protobuf library makes of the whole message.
type encoding struct {
	small []byte
	cuts  []cut
	size  int64  // of the whole
	whole source // in place of all that
}

// valuesOf says where the raw bytes of a tensor come from: nil for the tensor's own.
type valuesOf func(*pb.TensorProto) source

// encodeModel prepares p, a message that nobody else has, in which raw bytes may be
// held in a file: its raw bytes become tokens.
func encodeModel(p *pb.ModelProto, path string, held *heldFile, from valuesOf) (*encoding, error) {
	var kept payloads
	eachTensor(p, func(t *pb.TensorProto, _ bool) {
		if src := from(t); src != nil {
			t.RawData = kept.token(piece{from: src})
		} else if isHeld(t) {
			release(t, kept.token(piece{from: windowOf(t, held)}))
		} else if cut := kept.cut(0, t.RawData); !cut.same(t.RawData) {
			t.RawData = cut.bytes
		}
	})
	if n := proto.Size(p); n > maxMessage {
		return nil, tooLargeToWrite(path, int64(n))
	}
	small, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("writing a model: %w", err)
	}
	s := &scanner{data: small, file: path, swap: func(_ int, raw []byte) piece { return kept.of(raw) }}
	grown, err := s.scan()
	if err != nil {
		return nil, err
	}
	return &encoding{small: small, cuts: s.cuts, size: int64(len(small)) + grown}, nil
}

func ownValues(*pb.TensorProto) source { return nil }

// encoding is the model as it is.
func (m *Model) encoding() (*encoding, error) {
	if m.original != nil {
		return &encoding{whole: m.original, size: m.original.size()}, nil
	}
	return encodeModel(cloneModel(m.pb), m.path, m.held, ownValues)
}

func (e *encoding) copyTo(w io.Writer) error {
	if e.whole != nil {
		return e.whole.copyTo(w)
	}
	return assemble(w, e.small, e.cuts)
}

func tooLargeToWrite(path string, n int64) error {
	return &UnsupportedError{File: path, What: fmt.Sprintf("the model takes %d bytes, more than the 2 GiB a protobuf message can have", n), Hint: "save it with external data"}
}

// Bytes is the model as an ONNX file: the very bytes that were loaded if nothing
// changed since. They must not be changed. Tensors in other files stay there. See
// [Model.WriteTo] for a model that is large.
func (m *Model) Bytes() ([]byte, error) {
	if p, ok := m.original.(piece); ok {
		return p.bytes, nil
	}
	e, err := m.encoding()
	if err != nil {
		return nil, err
	}
	if e.size > maxMessage {
		return nil, tooLargeToWrite(m.path, e.size)
	}
	b := bytes.NewBuffer(make([]byte, 0, e.size))
	if err := e.copyTo(b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// WriteTo writes what [Model.Bytes] gives, without holding all of it in memory a
// second time.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	e, err := m.encoding()
	if err != nil {
		return 0, err
	}
	if e.size > maxMessage {
		return 0, tooLargeToWrite(m.path, e.size)
	}
	n := &countingWriter{w: w}
	err = e.copyTo(n)
	return n.n, err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Digest is "sha256:" and the digest of Bytes. That of a model as it was loaded is
// computed once. A model that is too large for one file has a digest, too. One that
// cannot be written at all, its message being too large even without the values, has a
// digest of its own, so that no two such are taken for the same.
func (m *Model) Digest() string {
	loaded := m.original != nil
	if d := m.digest.Load(); loaded && d != nil {
		return *d
	}
	h := sha256.New()
	e, err := m.encoding()
	if err == nil {
		err = e.copyTo(h)
	}
	if err != nil {
		return fmt.Sprintf("unwritable:%p", m)
	}
	d := "sha256:" + hex.EncodeToString(h.Sum(nil))
	if loaded {
		m.digest.Store(&d)
	}
	return d
}

// Clone gives an independent copy. The two share the values of tensors, which
// nobody changes in place, so that a copy takes little memory.
func (m *Model) Clone() *Model {
	c := &Model{pb: cloneModel(m.pb), original: m.original, path: m.path, root: m.root, held: m.held}
	c.digest.Store(m.digest.Load())
	c.Graph = &Graph{model: c, pb: c.pb.Graph}
	if err := c.reindex(); err != nil {
		panic("graphsurgery: the copy of an indexed model does not index: " + err.Error())
	}
	return c
}
