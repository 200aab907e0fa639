package graphsurgery

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/safefile"
)

// externalModel writes a model whose tensor w lies in another file.
func externalModel(t *testing.T, dir, location, offset, length string) *Model {
	t.Helper()
	p := chain()
	w := p.Graph.Initializer[0]
	where := pb.TensorProto_EXTERNAL
	w.RawData, w.DataLocation = nil, &where
	for _, kv := range [][2]string{{"location", location}, {"offset", offset}, {"length", length}} {
		if kv[1] != "" {
			w.ExternalData = append(w.ExternalData, &pb.StringStringEntryProto{Key: proto.String(kv[0]), Value: proto.String(kv[1])})
		}
	}
	file := filepath.Join(dir, "m.onnx")
	if err := os.WriteFile(file, encode(t, p), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// folder holds the model's folder, and a secret outside it.
func folder(t *testing.T) string {
	t.Helper()
	outer := t.TempDir()
	dir := filepath.Join(outer, "model")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	raw, err := NewTensor([]int64{2, 2}, []float32{1, 2, 3, 4}).Raw()
	must(err)
	must(os.WriteFile(filepath.Join(outer, "secret"), raw, 0o644))
	must(os.WriteFile(filepath.Join(dir, "w.bin"), append(make([]byte, 8), raw...), 0o644))
	must(os.WriteFile(filepath.Join(dir, "sub", "w.bin"), raw, 0o644))
	must(os.Symlink("../secret", filepath.Join(dir, "link")))
	must(os.Symlink("w.bin", filepath.Join(dir, "inner-link")))
	must(os.Symlink("..", filepath.Join(dir, "up")))
	must(os.Link(filepath.Join(outer, "secret"), filepath.Join(dir, "hard")))
	must(os.Symlink("sub", filepath.Join(dir, "sub-link")))
	must(os.Symlink("/dev/zero", filepath.Join(dir, "zero")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	return dir
}

func TestExternalDataIsRead(t *testing.T) {
	dir := folder(t)
	for _, c := range [][3]string{{"w.bin", "8", "16"}, {"sub/w.bin", "", ""}, {"./sub/w.bin", "0", "16"}} {
		got, err := externalModel(t, dir, c[0], c[1], c[2]).Graph.Initializer("w").Float32s()
		if err != nil || got[3] != 4 {
			t.Errorf("%v: got %v, %v", c, got, err)
		}
	}
}

// attack is a name of external data that must not be followed.
type attack struct{ kind, location, want string }

// attacks are the ways out of the model's folder, and names that are no plain file
// in it; folder makes what they name.
func attacks(dir string) []attack {
	return []attack{
		{"upwards", "../secret", "leads upwards"},
		{"inner upwards", "sub/../../secret", "leads upwards"},
		{"upwards and back", "../model/w.bin", "leads upwards"},
		{"absolute", filepath.Join(filepath.Dir(dir), "secret"), "absolute"},
		{"drive letter", "C:secret", "absolute"},
		{"drive letter and slash", "C:/secret", "absolute"},
		{"backslash", `..\secret`, "backslash"},
		{"network name", `\\server\secret`, "backslash"},
		{"symbolic link", "link", "symbolic link"},
		{"symbolic link inside", "inner-link", "symbolic link"},
		{"link as the folder", "up/secret", "symbolic link"},
		{"link inside as the folder", "sub-link/w.bin", "symbolic link"},
		{"hard link", "hard", "hard links"},
		{"folder", "sub", "regular"},
		{"this folder", ".", "is a folder"},
		{"named pipe", "fifo", "regular"},
		{"device by link", "zero", "symbolic link"},
		{"device by name", "NUL", "device"},
		{"device with an ending", "sub/com1.bin", "device"},
		{"zero byte", "w.bin\x00.png", "zero byte"},
		{"empty", "", "empty"},
		{"very long", strings.Repeat("a/", 5000), "bytes"},
		{"address in memory", "*/_ORT_MEM_ADDR_/*", "address in memory"},
	}
}

// TestExternalDataStaysInside tries every attack on the reading side: the values
// are refused, and a copy of the model is not written, so that it cannot carry the
// secret.
func TestExternalDataStaysInside(t *testing.T) {
	dir := folder(t)
	for _, a := range attacks(dir) {
		m := externalModel(t, dir, a.location, "0", "16")
		raw, err := m.Graph.Initializer("w").Raw()
		var broken *FormatError
		if !errors.As(err, &broken) || !strings.Contains(err.Error(), a.want) || raw != nil {
			t.Errorf("%s: got %v, %v, want a FormatError with %q", a.kind, raw, err, a.want)
		}
		elsewhere := t.TempDir()
		for _, layout := range []Layout{AsIs, Inline, OneFile, FilePerTensor} {
			if err := m.SaveWith(filepath.Join(elsewhere, "m.onnx"), SaveOptions{External: External{Layout: layout, Threshold: 1}}); err == nil {
				t.Errorf("%s: a copy was saved (layout %d)", a.kind, layout)
			}
		}
		if got := listing(t, elsewhere); got != "" {
			t.Errorf("%s: the copy left %s", a.kind, got)
		}
	}
}

// TestExternalDataIsWrittenInside tries every attack on the writing side, even with
// leave to replace files.
func TestExternalDataIsWrittenInside(t *testing.T) {
	for _, a := range attacks("") {
		dir := folder(t)
		if a.kind == "absolute" {
			a.location = filepath.Join(filepath.Dir(dir), "secret")
		}
		if a.location == "" { // asks for the usual name
			continue
		}
		before, secret := listing(t, dir), listing(t, filepath.Dir(dir))
		for _, layout := range []Layout{OneFile, FilePerTensor, Shards} {
			name := a.location
			if layout != OneFile && !strings.Contains(a.location, "/") {
				if a.want == "symbolic link" || a.want == "hard links" || a.want == "regular" {
					continue // a number is added: it is another name
				}
			}
			err := load(t, chain()).SaveWith(filepath.Join(dir, "m.onnx"), SaveOptions{Force: true, External: External{Layout: layout, Name: name, Threshold: 1}})
			var refused *safefile.Error
			if !errors.As(err, &refused) {
				t.Errorf("%s, layout %d: got %v, want a *safefile.Error", a.kind, layout, err)
			}
		}
		if after := listing(t, dir); after != before {
			t.Errorf("%s: the folder holds %s, want %s", a.kind, after, before)
		}
		if after := listing(t, filepath.Dir(dir)); after != secret {
			t.Errorf("%s: the folder above holds %s, want %s", a.kind, after, secret)
		}
		if got := readAll(t, filepath.Join(filepath.Dir(dir), "secret")); len(got) != 16 || got[2] != 0x80 {
			t.Errorf("%s: the secret was overwritten: %v", a.kind, got)
		}
	}
}

// TestExternalDataRanges tries ranges that are not in the file, and entries that
// the standard does not know.
func TestExternalDataRanges(t *testing.T) {
	dir := folder(t)
	for _, c := range [][4]string{
		{"none.bin", "0", "16", "no such file"},
		{"w.bin", "-8", "16", "asked for"},
		{"w.bin", "0", "-16", "asked for"},
		{"w.bin", "9", "16", "asked for"},
		{"w.bin", "24", "16", "asked for"},
		{"w.bin", "9223372036854775807", "16", "asked for"},
		{"w.bin", "9223372036854775808", "16", "want a number"},
		{"w.bin", "0", "9223372036854775807", "want 16"},
		{"w.bin", "0", "4096", "want 16"},
		{"w.bin", "0", "8", "want 16"},
		{"w.bin", "x", "16", "want a number"},
		{"w.bin", "0x8", "16", "want a number"},
	} {
		_, err := externalModel(t, dir, c[0], c[1], c[2]).Graph.Initializer("w").Raw()
		var broken *FormatError
		if !errors.As(err, &broken) || !strings.Contains(err.Error(), c[3]) {
			t.Errorf("%v: got %v, want a FormatError with %q", c[:3], err, c[3])
		}
	}
	for _, c := range [][3]string{
		{"__class__", "x", `an entry "__class__"`},
		{"basepath", "/", `an entry "basepath"`},
		{"location", "../secret", `two entries "location"`},
		{"offset", "0", `two entries "offset"`},
	} {
		m := externalModel(t, dir, "w.bin", "8", "16")
		p := m.Graph.Initializer("w").pb
		p.ExternalData = append(p.ExternalData, &pb.StringStringEntryProto{Key: proto.String(c[0]), Value: proto.String(c[1])})
		_, err := m.Graph.Initializer("w").Raw()
		if err == nil || !strings.Contains(err.Error(), c[2]) || m.Verify() == nil {
			t.Errorf("%v: got %v (Verify %v), want an error with %q", c[:2], err, m.Verify(), c[2])
		}
	}
	// 4 TiB in a file of 24 bytes is refused before anything is allocated.
	m := externalModel(t, dir, "w.bin", "0", fmt.Sprint(16<<30))
	m.Graph.Initializer("w").pb.Dims = []int64{4 << 30}
	if got := allocated(func() { _, _ = m.Graph.Initializer("w").Raw() }); got > 1<<20 {
		t.Errorf("reading 16 GiB from 24 bytes allocated %d bytes", got)
	}
}

func TestExternalDataIsNotLeftBehind(t *testing.T) {
	dir := folder(t)
	m := externalModel(t, dir, "w.bin", "8", "16")
	m.SetMetadata("a", "b")
	moved := filepath.Join(t.TempDir(), "moved.onnx")
	if err := m.Save(moved); err != nil {
		t.Fatal(err)
	}
	again, err := Load(moved)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Graph.Initializer("w").Float32s(); err != nil || got[3] != 4 {
		t.Errorf("the moved model holds %v, %v; want the external values inside", got, err)
	}
	if err := m.Save(filepath.Join(dir, "beside.onnx")); err != nil {
		t.Error(err)
	}
}

func TestParsedModelHasNoExternalData(t *testing.T) {
	m := externalModel(t, folder(t), "w.bin", "8", "16")
	b, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.Graph.Initializer("w").Raw(); err == nil {
		t.Error("external data was read without a folder")
	}
}

// FuzzReference tries any entries of external data: what is read is the named part
// of a file in the folder, never anything else.
func FuzzReference(f *testing.F) {
	for _, a := range attacks("/model") {
		f.Add(a.location, "0", "16")
	}
	f.Add("w.bin", "8", "16")
	f.Add("./sub//w.bin", "00", "+16")
	outer := f.TempDir()
	dir := filepath.Join(outer, "model")
	raw, err := NewTensor([]int64{2, 2}, []float32{1, 2, 3, 4}).Raw()
	for _, err := range []error{
		err, os.MkdirAll(filepath.Join(dir, "sub"), 0o755), os.WriteFile(filepath.Join(outer, "secret"), make([]byte, 64), 0o644),
		os.WriteFile(filepath.Join(dir, "w.bin"), append(make([]byte, 8), raw...), 0o644), os.WriteFile(filepath.Join(dir, "sub", "w.bin"), raw, 0o644),
		os.Symlink("../secret", filepath.Join(dir, "link")),
	} {
		if err != nil {
			f.Fatal(err)
		}
	}
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, location, offset, length string) {
		m := &Model{path: "m.onnx", root: root}
		p := NewTensor([]int64{2, 2}, make([]float32, 4)).pb
		p.RawData, p.DataLocation = nil, pb.TensorProto_EXTERNAL.Enum()
		for _, kv := range [][2]string{{"location", location}, {"offset", offset}, {"length", length}} {
			p.ExternalData = append(p.ExternalData, &pb.StringStringEntryProto{Key: &kv[0], Value: &kv[1]})
		}
		got, err := (&Tensor{pb: p, model: m}).Raw()
		if err != nil {
			return
		}
		from := "w.bin"
		if strings.Contains(location, "sub") {
			from = "sub/w.bin"
		}
		if !bytes.Contains(readAll(t, filepath.Join(dir, from)), got) || len(got) != 16 {
			t.Fatalf("%q, %q, %q read %v", location, offset, length, got)
		}
	})
}
