package graphsurgery

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/safefile"
)

// reference is what TensorProto.external_data says.
type reference struct {
	name           string
	offset, length int64 // length is -1 where it is not given
}

func (t *Tensor) isExternal() bool { return t.pb.GetDataLocation() == pb.TensorProto_EXTERNAL }

// checkExternal tests all of a reference that needs no look at the file.
func (t *Tensor) checkExternal() error {
	_, err := t.reference()
	return err
}

// location is the name of the file that the values are in.
func (t *Tensor) location() (string, error) {
	if len(t.pb.RawData) > 0 || t.storedLen() > 0 {
		return "", t.broken("its values are given both in the model and in another file")
	}
	if t.DType() == String {
		return "", t.broken("strings cannot be in another file")
	}
	name := ""
	for _, e := range t.pb.ExternalData {
		if e.GetKey() == "location" {
			name = e.GetValue()
			break // reference refuses a second one
		}
	}
	if err := safefile.CheckName(name); err != nil {
		return "", t.broken("external data: %v", err)
	}
	return name, nil
}

// reference reads the entries of external_data. Only the keys of the standard are
// known: to other tools, others have meant anything from an attribute of an
// object to an address in memory.
func (t *Tensor) reference() (*reference, error) {
	if _, err := t.location(); err != nil {
		return nil, err
	}
	r := &reference{length: -1}
	seen := map[string]bool{}
	for _, e := range t.pb.ExternalData {
		key := e.GetKey()
		if seen[key] {
			return nil, t.broken("external data has two entries %q", key)
		}
		seen[key] = true
		var err error
		switch key {
		case "location":
			r.name = e.GetValue()
		case "offset":
			r.offset, err = strconv.ParseInt(e.GetValue(), 10, 64)
		case "length":
			r.length, err = strconv.ParseInt(e.GetValue(), 10, 64)
		case "checksum": // of the whole file; many tools write a wrong one
		default:
			return nil, t.broken("external data has an entry %q, which the standard does not know", key)
		}
		if err != nil {
			return nil, t.broken("external data has %s %q, want a number", key, e.GetValue())
		}
	}
	return r, t.checkReference(r, seen)
}

func (t *Tensor) checkReference(r *reference, seen map[string]bool) error {
	if r.offset < 0 || seen["length"] && r.length < 0 {
		return t.broken("external data of %d bytes at offset %d asked for", r.length, r.offset)
	}
	want, ok := t.byteLen()
	if !ok {
		return t.broken("shape %v is not possible", t.pb.Dims)
	}
	if t.DType().Bits() == 0 {
		return nil // a type we never read
	}
	if r.length < 0 {
		r.length = want
	}
	if r.length != want {
		return t.broken("%d bytes of external data for shape %v of %s, want %d", r.length, t.pb.Dims, t.DType(), want)
	}
	return nil
}

// fileRange is the part of a file that holds a tensor's values.
type fileRange struct {
	reference
	root   *safefile.Root
	tensor *Tensor
}

func (r *fileRange) size() int64 { return r.length }

// fileSize is the length of the file that holds the range.
func (r *fileRange) fileSize() (int64, error) {
	f, err := r.root.Open(r.name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// fits tests that a file of that size holds the range.
func (r *fileRange) fits(size int64) error {
	if r.offset > size || r.length > size-r.offset {
		return fmt.Errorf("%d bytes at offset %d of %s, the file has %d", r.length, r.offset, r.name, size)
	}
	return nil
}

func (r *fileRange) copyTo(w io.Writer) error {
	out := &failingWriter{w: w}
	if err := r.root.CopyRange(out, r.name, r.offset, r.length); err != nil && out.err == nil {
		return r.tensor.unread(err)
	}
	return out.err
}

// failingWriter keeps a writer's error, to tell it from a reader's.
type failingWriter struct {
	w   io.Writer
	err error
}

func (f *failingWriter) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		f.err = err
	}
	return n, err
}

// unread says why a tensor's external data could not be read.
func (t *Tensor) unread(err error) error {
	return &FormatError{File: t.model.path, What: fmt.Sprintf("tensor %q: external data", t.Name()), Err: err}
}

// fileRange finds the tensor's external data.
func (t *Tensor) fileRange() (*fileRange, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.DType().Bits() == 0 {
		return nil, &UnsupportedError{What: fmt.Sprintf("tensor %q: external data of type %s", t.Name(), t.DType())}
	}
	if t.model == nil || t.model.root == nil {
		return nil, t.broken("its data is in another file, and the model was not loaded from a folder")
	}
	r, err := t.reference()
	if err != nil {
		return nil, err
	}
	return &fileRange{*r, t.model.root, t}, nil
}

// external reads the tensor's bytes from the file beside the model.
func (t *Tensor) external() ([]byte, error) {
	r, err := t.fileRange()
	if err != nil {
		return nil, err
	}
	raw, err := r.root.ReadRange(r.name, r.offset, r.length)
	if err != nil {
		return nil, t.unread(err)
	}
	return raw, nil
}

// source gives the tensor's bytes without reading or making them yet.
func (t *Tensor) source() (source, error) {
	if t.isExternal() {
		r, err := t.fileRange()
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	if isHeld(t.pb) {
		return windowOf(t.pb, t.model.held), nil
	}
	if t.pb.RawData != nil {
		return piece{bytes: t.pb.RawData}, nil
	}
	if t.DType().Bits() == 0 {
		return nil, &UnsupportedError{What: fmt.Sprintf("tensor %q: elements of type %s have no byte form", t.Name(), t.DType())}
	}
	return typedValues{t}, nil
}

// typedValues are bytes made of a message's typed fields when they are written.
type typedValues struct{ t *Tensor }

func (v typedValues) size() int64 {
	n, _ := v.t.byteLen()
	return n
}

func (v typedValues) copyTo(w io.Writer) error {
	_, err := w.Write(v.t.typed())
	return err
}

// InlineExternal moves the values of tensors in other files into the model. A
// model without such tensors stays as it is. The error is an [UnsupportedError]
// where all would not fit in the 2 GiB that an ONNX file can have, else what
// reading a tensor gave; the model is then unchanged. Saving needs no such move:
// [Model.Save] takes the values along.
func (m *Model) InlineExternal() error {
	var outside []*Tensor
	total := int64(0)
	m.eachTensor(func(t *Tensor, _ bool) {
		if t.isExternal() {
			outside = append(outside, t)
			n, _ := t.byteLen()
			total = clampedSum(total, n)
		}
	})
	if len(outside) == 0 {
		return nil
	}
	if total > maxMessage {
		return &UnsupportedError{File: m.path, What: fmt.Sprintf("its external data takes %d bytes, more than the 2 GiB one ONNX file can have", total), Hint: "save it with external data"}
	}
	raws := make([][]byte, len(outside))
	for i, t := range outside {
		raw, err := t.Raw()
		if err != nil {
			return err
		}
		raws[i] = raw
	}
	for i, t := range outside {
		t.pb.RawData, t.pb.ExternalData, t.pb.DataLocation = raws[i], nil, nil
	}
	m.original = nil
	return nil
}

// CheckExternal tests that the values of every tensor in another file can be had:
// the file is there, is a plain file in or below the model's folder, and is as long
// as what is asked of it. The values are not read. The error, a [FormatError], names
// the first tensor of which this is not so.
func (m *Model) CheckExternal() error {
	var first error
	m.eachTensor(func(t *Tensor, _ bool) {
		if first != nil || !t.isExternal() {
			return
		}
		r, err := t.fileRange()
		if err != nil {
			first = err
			return
		}
		size, err := r.fileSize()
		if err == nil {
			err = r.fits(size)
		}
		if err != nil {
			first = t.unread(err)
		}
	})
	return first
}

// ExternalFiles names the files beside the model that hold tensors' values, as the
// model does: relative to its folder, each once, in order of their names. Names that
// lead out of the folder are left out; such files are never read.
func (m *Model) ExternalFiles() []string {
	var names []string
	m.eachTensor(func(t *Tensor, _ bool) {
		if !t.isExternal() {
			return
		}
		if name, err := t.location(); err == nil {
			names = append(names, name)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// hasExternal reports whether a tensor's values are in another file.
func (m *Model) hasExternal() bool {
	found := false
	m.eachTensor(func(t *Tensor, _ bool) { found = found || t.isExternal() })
	return found
}

// eachTensor visits every tensor; see the function of that name.
func (m *Model) eachTensor(visit func(t *Tensor, initializer bool)) {
	eachTensor(m.pb, func(p *pb.TensorProto, initializer bool) { visit(&Tensor{pb: p, model: m}, initializer) })
}
