package graphsurgery

import (
	"bufio"
	"errors"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// SaveOptions say how a model is written. The zero value is that of [Model.Save].
type SaveOptions struct {
	Force    bool // replace existing files; never deletes others, see SaveWith
	External External

	limit int64 // bytes of the ONNX file; 0 is maxMessage. Tests lower it.
}

// Layout says where the values of tensors go.
type Layout int

// The layouts.
const (
	// AsIs leaves values where they are: in the ONNX file, or in files beside it.
	// Saved to another folder, the values of other files move into the ONNX file.
	// A model that would then take over 2 GiB is saved as by OneFile.
	AsIs Layout = iota
	// Inline moves all values into the ONNX file.
	Inline
	// OneFile moves the values of large tensors to one file beside the ONNX file.
	OneFile
	// Shards is OneFile with several files of up to ShardBytes.
	Shards
	// FilePerTensor is OneFile with a file for each tensor.
	FilePerTensor
)

// External says how values are stored outside the ONNX file.
type External struct {
	Layout     Layout
	Name       string // of the file, below the ONNX file's folder; "model.onnx.data" for model.onnx. Several files have a number added
	Threshold  int64  // tensors of fewer bytes stay in the ONNX file; 1024
	Align      int64  // each tensor begins at a multiple of this; 4096, as memory mapping needs
	ShardBytes int64  // largest file of Shards, unless one tensor is larger; 2 GiB
	Attributes bool   // tensors in attributes, too; not every runtime reads those
}

// Save writes the model to path, whole or not at all. An existing file is
// refused with *atomicfile.ExistsError; see [Model.SaveForce].
func (m *Model) Save(path string) error { return m.SaveWith(path, SaveOptions{}) }

// SaveForce is [Model.Save] that replaces an existing file.
func (m *Model) SaveForce(path string) error { return m.SaveWith(path, SaveOptions{Force: true}) }

// SaveWith is [Model.Save] with options. All files appear, or none does. Values
// are copied from where they are, so that little memory is needed; the model goes
// on to read them there.
//
// Files of values that the model no longer refers to are left: with Force, saving a
// model over itself in another [Layout] or under another [External] name leaves its
// old data file beside it. Other models may share such a file; delete it yourself if
// none does.
func (m *Model) SaveWith(path string, o SaveOptions) error {
	if o.limit == 0 {
		o.limit = maxMessage
	}
	w := &saving{model: m, path: path, o: o}
	if w.readsFrom(path) {
		return &UnsupportedError{File: path, What: "it holds values of this model, which would be lost", Hint: "choose another name for the model"}
	}
	plan := w.plan
	switch o.External.Layout {
	case AsIs:
		plan = w.planAsIs
	case Inline:
		plan = w.planInline
	}
	e, err := plan()
	if err != nil {
		return err
	}
	if e.size > o.limit {
		return tooLargeToWrite(path, e.size)
	}
	return w.write(e)
}

// saving is one call of SaveWith.
type saving struct {
	model  *Model
	path   string
	o      SaveOptions
	files  []*dataFile
	placed map[*pb.TensorProto]*dataFile // tensors whose values are to be written there
}

// planAsIs leaves values where they are if the place and the size allow.
func (w *saving) planAsIs() (*encoding, error) {
	m := w.model
	e, err := (*encoding)(nil), error(nil)
	if m.hasExternal() && (m.path == "" || !atomicfile.SameFile(filepath.Dir(w.path), filepath.Dir(m.path))) {
		e, err = w.planInline() // references to files beside the model would point nowhere
	} else {
		e, err = m.encoding()
	}
	if err != nil || e.size <= w.o.limit {
		return e, err
	}
	w.o.External = External{Layout: OneFile, Name: w.o.External.Name}
	if e, err = w.plan(); err != nil || e.size <= w.o.limit {
		return e, err
	}
	w.o.External.Attributes = true
	return w.plan()
}

// planInline moves all values into the ONNX file; those of other files are copied
// when it is written.
func (w *saving) planInline() (*encoding, error) {
	if !w.model.hasExternal() {
		return w.model.encoding()
	}
	p := cloneModel(w.model.pb)
	from, err := w.inline(p)
	if err != nil {
		return nil, err
	}
	return encodeModel(p, w.path, w.model.held, from)
}

// write writes the files of values and the ONNX file, and commits them together.
func (w *saving) write(e *encoding) error {
	var done []*atomicfile.File
	defer func() {
		for _, f := range done {
			_ = f.Close()
		}
	}()
	for _, d := range w.files {
		f, err := d.create(w.path, w.o.Force)
		if err != nil {
			return err
		}
		done = append(done, f)
		if err := d.copyTo(f); err != nil {
			return err
		}
	}
	f, err := atomicfile.Create(w.path, atomicfile.Options{Force: w.o.Force})
	if err != nil {
		return err
	}
	done = append(done, f)
	b := bufio.NewWriterSize(f, 64<<10) // there are small pieces between the large
	if err := errors.Join(e.copyTo(b), b.Flush()); err != nil {
		return err
	}
	return atomicfile.CommitAll(done...)
}
