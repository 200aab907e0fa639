package graphsurgery

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// wholeMessage is the model's message with all raw bytes in it.
func wholeMessage(t testing.TB, m *Model) *pb.ModelProto {
	t.Helper()
	p := cloneModel(m.pb)
	eachTensor(p, func(x *pb.TensorProto, _ bool) {
		if !isHeld(x) {
			return
		}
		raw, err := windowOf(x, m.held).read()
		if err != nil {
			t.Fatal(err)
		}
		release(x, raw)
	})
	return p
}

// heldModel writes a model of 3 MB in three initialisers, one with data_location
// given, and loads it.
func heldModel(t *testing.T) (m *Model, file string, message []byte) {
	t.Helper()
	p := weighty(3)
	for i, x := range p.Graph.Initializer[len(p.Graph.Initializer)-3:] {
		x.Name = proto.String(fmt.Sprint("large", i))
		for k := range x.RawData {
			x.RawData[k] = byte(k*31 + i)
		}
		if i == 1 {
			x.DataLocation = pb.TensorProto_DEFAULT.Enum()
		}
	}
	message = encode(t, p)
	file = filepath.Join(t.TempDir(), "held.onnx")
	if err := os.WriteFile(file, message, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if m.held == nil && holds {
		t.Fatal("the weights were read, want them held in the file")
	}
	return m, file, message
}

func TestHeldModelIsTheSame(t *testing.T) {
	m, _, message := heldModel(t)
	parsed, err := Parse(message)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(wholeMessage(t, m), parsed.pb) {
		t.Error("loaded and parsed models differ")
	}
	got, err := m.Bytes()
	if err != nil || !bytes.Equal(got, message) {
		t.Errorf("its bytes are not the file's (%v)", err)
	}
	if m.Digest() != parsed.Digest() {
		t.Error("its digest is not that of the file's bytes")
	}
	for _, want := range parsed.Graph.Initializers() {
		got := m.Graph.tensors[want.Name()]
		a, err := got.Raw()
		b, _ := want.Raw()
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("initialiser %q has other bytes (%v)", want.Name(), err)
		}
	}
	if m.Text() != parsed.Text() {
		t.Error("its text is another")
	}
}

// TestHeldModelEdited writes models of which the message changed, merged ones, too.
func TestHeldModelEdited(t *testing.T) {
	m, _, message := heldModel(t)
	other, _, _ := heldModel(t)
	parsed, err := Parse(message)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := Merge(m, other, MergeOptions{Prefix: "second_"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := Merge(parsed, parsed.Clone(), MergeOptions{Prefix: "second_"})
	if err != nil {
		t.Fatal(err)
	}
	sameBytes(t, "merged", joined, want)
	for _, x := range []*Model{m, parsed} {
		x.SetMetadata("a", "b")
	}
	sameBytes(t, "edited", m, parsed)
	dir := t.TempDir()
	if err := m.SaveWith(filepath.Join(dir, "m.onnx"), SaveOptions{External: External{Layout: OneFile}}); err != nil {
		t.Fatal(err)
	}
	outside, err := Load(filepath.Join(dir, "m.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := outside.InlineExternal(); err != nil {
		t.Fatal(err)
	}
	for _, x := range parsed.Graph.Initializers() {
		a, _ := x.Digest()
		if b, err := outside.Graph.tensors[x.Name()].Digest(); err != nil || a != b {
			t.Errorf("initialiser %q is another in a file of its own (%v)", x.Name(), err)
		}
	}
}

func sameBytes(t *testing.T, what string, got, want *Model) {
	t.Helper()
	a, err := got.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b, err := want.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s: the model held in a file is written otherwise than the one in memory", what)
	}
}

// TestHeldFileChanges: one that is replaced or removed is still there, and one
// that is written to or cut is an error, not a crash or other weights.
func TestHeldFileChanges(t *testing.T) {
	if !holds {
		t.Log("files are read whole on this system")
		return
	}
	replace := func(file string) error {
		return errors.Join(os.WriteFile(file+"2", []byte("x"), 0o644), os.Rename(file+"2", file))
	}
	for _, c := range []struct {
		name   string
		change func(file string) error
		broken bool
	}{
		{"replaced", replace, false},
		{"removed", os.Remove, false},
		{"cut", func(file string) error { return os.Truncate(file, 100) }, true},
		{"overwritten", func(file string) error { return os.WriteFile(file, make([]byte, 5<<20), 0o644) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, file, message := heldModel(t)
			if err := c.change(file); err != nil {
				t.Fatal(err)
			}
			got, err := m.Bytes()
			var format *FormatError
			switch {
			case !c.broken && (err != nil || !bytes.Equal(got, message)):
				t.Errorf("got %d bytes (%v), want those that were loaded", len(got), err)
			case c.broken && (!errors.As(err, &format) || !strings.Contains(err.Error(), "changed after it was loaded")):
				t.Errorf("got %v, want a FormatError saying that the file was changed", err)
			}
		})
	}
}

// TestLoadLeavesWeights: loading allocates little for large initialisers, and
// the error for a file that is cut short is that of the whole bytes.
func TestLoadLeavesWeights(t *testing.T) {
	if !holds {
		t.Log("files are read whole on this system")
		return
	}
	_, file, message := heldModel(t)
	var err error
	got := allocated(func() { _, err = Load(file) })
	if limit := int64(len(message) / 10); err != nil || got > limit {
		t.Errorf("loading %d bytes allocated %d (%v), want at most %d", len(message), got, err, limit)
	}
	for _, n := range []int{len(message) - 1, len(message) / 2, 1<<20 + 5000, 70 << 10} {
		if err := os.WriteFile(file, message[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		_, fromFile := Load(file)
		_, fromBytes := Parse(message[:n])
		if fromFile == nil || fromBytes == nil {
			t.Errorf("cut to %d bytes: %v and %v, want errors", n, fromFile, fromBytes)
			continue
		}
		if a, b := strings.TrimPrefix(fromFile.Error(), file+": "), fromBytes.Error(); a != b {
			t.Errorf("cut to %d bytes: from the file %q, from its bytes %q", n, a, b)
		}
	}
}

// TestReadRaw: elements that are held, inside the model, and in typed fields come as
// Raw gives them; memory of another length is refused.
func TestReadRaw(t *testing.T) {
	m, _, _ := heldModel(t)
	typed := NewTensor([]int64{3}, []float32{1, 2, 3})
	for _, x := range append(m.Graph.Initializers(), typed) {
		want, err := x.Raw()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if err := x.ReadRaw(got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: ReadRaw differs from Raw (%v)", x.Name(), err)
		}
		if err := x.ReadRaw(make([]byte, len(want)+1)); err == nil {
			t.Errorf("%q: a longer memory was not refused", x.Name())
		}
	}
}
