package graphsurgery

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
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

// TestExternalDataStaysInside tries the ways out of the model's folder, and
// ranges outside the file.
func TestExternalDataStaysInside(t *testing.T) {
	dir := folder(t)
	for _, c := range [][4]string{
		{"../secret", "0", "16", "leads upwards"},
		{"sub/../../secret", "0", "16", "leads upwards"},
		{filepath.Join(filepath.Dir(dir), "secret"), "0", "16", "absolute"},
		{`C:\secret`, "0", "16", "backslash"},
		{`..\secret`, "0", "16", "backslash"},
		{"link", "0", "16", "symbolic link"},
		{"inner-link", "8", "16", "symbolic link"},
		{"up/secret", "0", "16", "symbolic link"},
		{"hard", "0", "16", "hard links"},
		{"sub", "0", "16", "regular"},
		{"fifo", "0", "16", "regular"},
		{"", "0", "16", "empty"},
		{"none.bin", "0", "16", "no such file"},
		{"w.bin", "-8", "16", "asked for"},
		{"w.bin", "9", "16", "asked for"},
		{"w.bin", "9223372036854775807", "16", "asked for"},
		{"w.bin", "0", "4096", "want 16"},
		{"w.bin", "x", "16", "want a number"},
	} {
		_, err := externalModel(t, dir, c[0], c[1], c[2]).Graph.Initializer("w").Raw()
		if err == nil || !strings.Contains(err.Error(), c[3]) {
			t.Errorf("%v: got %v, want an error with %q", c[:3], err, c[3])
		}
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
