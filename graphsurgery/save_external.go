package graphsurgery

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/safefile"
)

// dataFile is a file of values to be written.
type dataFile struct {
	name string
	list []placedValues
	size int64
}

// placedValues are one tensor's values in a file.
type placedValues struct {
	at   int64
	from source
}

// defaults fills in what is not given.
func (x External) defaults(path string) External {
	if x.Name == "" {
		x.Name = filepath.Base(path) + ".data"
	}
	orDefault64(&x.Threshold, 1024)
	orDefault64(&x.Align, 4096)
	orDefault64(&x.ShardBytes, maxMessage)
	return x
}

// plan places the values of large tensors in files. Nothing is read or written yet.
func (w *saving) plan() (*encoding, error) {
	x := w.o.External.defaults(w.path)
	if x.Align < 1 || x.ShardBytes < 1 || x.Threshold < 1 {
		return nil, fmt.Errorf("external data with alignment %d, shards of %d bytes and threshold %d; want positive numbers", x.Align, x.ShardBytes, x.Threshold)
	}
	w.files, w.placed = nil, map[*pb.TensorProto]*dataFile{}
	p := cloneModel(w.model.pb)
	var err error
	eachTensor(p, func(t *pb.TensorProto, initializer bool) {
		if err == nil && (initializer || x.Attributes) {
			err = w.place(t, x)
		}
	})
	if err != nil {
		return nil, err
	}
	from, err := w.inline(p)
	if err != nil {
		return nil, err
	}
	if err := w.nameFiles(x); err != nil {
		return nil, err
	}
	return encodeModel(p, w.path, w.model.held, from)
}

// reading is the tensor as one of the model that is saved, whose files it reads.
func (w *saving) reading(t *pb.TensorProto) *Tensor { return &Tensor{pb: t, model: w.model} }

// inline finds the tensors of p that are still in files of the model's, and makes
// them tensors of the message.
func (w *saving) inline(p *pb.ModelProto) (valuesOf, error) {
	sources := map[*pb.TensorProto]source{}
	var err error
	eachTensor(p, func(t *pb.TensorProto, _ bool) {
		if err != nil || !w.reading(t).isExternal() || w.placed[t] != nil {
			return
		}
		var r *fileRange
		// The reference is read now: the message is about to forget it.
		if r, err = w.reading(t).fileRange(); err == nil {
			sources[t] = r
			t.ExternalData, t.DataLocation = nil, nil
		}
	})
	return func(t *pb.TensorProto) source { return sources[t] }, err
}

// place moves a tensor's values to a file, if they are large.
func (w *saving) place(t *pb.TensorProto, x External) error {
	tensor := w.reading(t)
	n, ok := tensor.byteLen()
	if !ok {
		return tensor.broken("shape %v is not possible", t.Dims)
	}
	if n < x.Threshold {
		return nil
	}
	src, err := (&Tensor{pb: cloneTensor(t), model: w.model}).source() // t changes below
	if err != nil {
		return err
	}
	d := w.room(n, x)
	at := (d.size + x.Align - 1) / x.Align * x.Align
	d.list = append(d.list, placedValues{at, src})
	d.size = at + n
	where := pb.TensorProto_EXTERNAL
	t.RawData, t.FloatData, t.Int32Data, t.Int64Data, t.DoubleData, t.Uint64Data = nil, nil, nil, nil, nil, nil
	t.DataLocation = &where
	t.ExternalData = nil
	t.ExternalData = []*pb.StringStringEntryProto{
		{Key: proto.String("location")}, // named by nameFiles
		{Key: proto.String("offset"), Value: proto.String(strconv.FormatInt(at, 10))},
		{Key: proto.String("length"), Value: proto.String(strconv.FormatInt(n, 10))},
	}
	w.placed[t] = d
	return nil
}

// room gives the file for the next n bytes.
func (w *saving) room(n int64, x External) *dataFile {
	last := len(w.files) - 1
	full := last < 0 || x.Layout == FilePerTensor
	if !full && x.Layout == Shards {
		at := (w.files[last].size + x.Align - 1) / x.Align * x.Align
		full = n > x.ShardBytes-at
	}
	if full {
		w.files = append(w.files, &dataFile{})
		last++
	}
	return w.files[last]
}

// nameFiles names the files, now that their number is known, and completes the
// references to them.
func (w *saving) nameFiles(x External) error {
	if err := safefile.CheckName(x.Name); err != nil {
		return fmt.Errorf("external data: %w", err)
	}
	name := x.Name
	for i := 1; w.readsFromAny(name, x.Layout); i++ {
		if w.o.External.Name != "" {
			return &UnsupportedError{File: w.path, What: fmt.Sprintf("the values would go to %q, which this model reads them from", name), Hint: "choose another name for the external data"}
		}
		name = x.Name + "-" + strconv.Itoa(i)
	}
	for i, d := range w.files {
		d.name = fileName(name, i, x.Layout)
		if filepath.Clean(d.name) == filepath.Base(w.path) {
			return fmt.Errorf("external data %q has the name of the model", d.name)
		}
	}
	for t, d := range w.placed {
		t.ExternalData[0].Value = proto.String(d.name)
	}
	return nil
}

func fileName(name string, i int, l Layout) string {
	if l == OneFile {
		return name
	}
	return fmt.Sprintf("%s-%05d", name, i+1)
}

// readsFromAny reports whether one of the files to be written is one that the
// model reads values from.
func (w *saving) readsFromAny(name string, l Layout) bool {
	for i := range w.files {
		if w.readsFrom(filepath.Join(filepath.Dir(w.path), filepath.FromSlash(fileName(name, i, l)))) {
			return true
		}
	}
	return false
}

// readsFrom reports whether the model reads values from the file at path.
func (w *saving) readsFrom(path string) bool {
	if w.model.root == nil || !w.o.Force {
		return false // an existing file is refused anyway
	}
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	found := false
	seen := map[string]bool{}
	w.model.eachTensor(func(t *Tensor, _ bool) {
		if found || !t.isExternal() {
			return
		}
		r, err := t.fileRange()
		if err != nil || seen[r.name] {
			return
		}
		seen[r.name] = true
		own, err := os.Lstat(filepath.Join(filepath.Dir(w.model.path), filepath.FromSlash(r.name)))
		found = err == nil && os.SameFile(info, own)
	})
	return found
}

// create begins the file below the folder of the ONNX file.
func (d *dataFile) create(path string, force bool) (*atomicfile.File, error) {
	root, err := safefile.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	f, err := root.Create(d.name, force)
	if err != nil {
		return nil, fmt.Errorf("writing external data: %w", err)
	}
	return f, nil
}

// copyTo writes the values one after the other, with zeros between.
func (d *dataFile) copyTo(w io.Writer) error {
	at := int64(0)
	zeros := make([]byte, 4096)
	for _, p := range d.list {
		for at < p.at {
			n, err := w.Write(zeros[:min(p.at-at, int64(len(zeros)))])
			if err != nil {
				return err
			}
			at += int64(n)
		}
		if err := p.from.copyTo(w); err != nil {
			return err
		}
		at += p.from.size()
	}
	return nil
}
