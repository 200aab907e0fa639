package graphsurgery

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// storable is a model with a tensor of every way to store values, large and small.
func storable(t *testing.T) *Model {
	t.Helper()
	p := chain()
	add := func(name string, x *pb.TensorProto) {
		x.Name = &name
		p.Graph.Initializer = append(p.Graph.Initializer, x)
	}
	raw := make([]byte, 12000)
	for i := range raw {
		raw[i] = byte(i * 7)
	}
	floats := make([]float32, 3000)
	ints := make([]int32, 1500)
	for i := range floats {
		floats[i] = float32(i) / 3
	}
	for i := range ints {
		ints[i] = int32(i % 256)
	}
	add("raw", &pb.TensorProto{DataType: proto.Int32(int32(Float)), Dims: []int64{3000}, RawData: raw})
	add("typed", &pb.TensorProto{DataType: proto.Int32(int32(Float)), Dims: []int64{30, 100}, FloatData: floats})
	add("int4", &pb.TensorProto{DataType: proto.Int32(int32(Int4)), Dims: []int64{2999}, Int32Data: ints})
	add("strings", &pb.TensorProto{DataType: proto.Int32(int32(String)), Dims: []int64{1}, StringData: [][]byte{make([]byte, 9000)}})
	add("empty", &pb.TensorProto{DataType: proto.Int32(int32(Float)), Dims: []int64{0, 5}})
	p.Graph.Node[4-3].Attribute = []*pb.AttributeProto{{Name: proto.String("k"), Type: pb.AttributeProto_TENSOR.Enum(), T: &pb.TensorProto{DataType: proto.Int32(int32(Float)), Dims: []int64{3000}, RawData: raw}}}
	inner := proto.CloneOf(p.Graph.Initializer[1])
	inner.Name = proto.String("inner")
	branch := &pb.GraphProto{Name: proto.String("b"), Initializer: []*pb.TensorProto{inner}, Node: []*pb.NodeProto{node("Abs", []string{"inner"}, "out")}, Output: []*pb.ValueInfoProto{port("out", Float)}}
	cond := node("If", []string{"x"}, "chosen")
	cond.Attribute = []*pb.AttributeProto{{Name: proto.String("then_branch"), Type: pb.AttributeProto_GRAPH.Enum(), G: branch}, {Name: proto.String("else_branch"), Type: pb.AttributeProto_GRAPH.Enum(), G: proto.CloneOf(branch)}}
	p.Graph.Node = append(p.Graph.Node, cond)
	return load(t, p)
}

// digests are those of all tensors, in order.
func digests(t *testing.T, m *Model) []string {
	t.Helper()
	var out []string
	m.eachTensor(func(x *Tensor, _ bool) {
		if x.DType() == String {
			s, err := x.Strings()
			out = append(out, fmt.Sprint(s, err))
			return
		}
		d, err := x.Digest()
		if err != nil {
			t.Error(err)
		}
		out = append(out, d)
	})
	return out
}

// listing is the folder's files with their sizes.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s:%d", e.Name(), info.Size()))
	}
	return strings.Join(out, " ")
}

func outside(m *Model) int {
	n := 0
	m.eachTensor(func(x *Tensor, _ bool) {
		if x.isExternal() {
			n++
		}
	})
	return n
}

func TestLayouts(t *testing.T) {
	base := storable(t)
	want := digests(t, base)
	for _, c := range []struct {
		name    string
		o       SaveOptions
		outside int
		files   string // beside m.onnx
	}{
		{"as is", SaveOptions{}, 0, ""},
		{"inline", SaveOptions{External: External{Layout: Inline}}, 0, ""},
		// Four of 12 000 bytes at multiples of 12 288, then 1 500 bytes of int4.
		{"one", SaveOptions{External: External{Layout: OneFile}}, 5, "m.onnx.data:50652"},
		{"one named", SaveOptions{External: External{Layout: OneFile, Name: "weights.bin", Align: 1}}, 5, "weights.bin:49500"},
		{"threshold", SaveOptions{External: External{Layout: OneFile, Threshold: 1501}}, 4, "m.onnx.data:48864"},
		{"attributes", SaveOptions{External: External{Layout: OneFile, Attributes: true}}, 6, "m.onnx.data:62940"},
		{"shards", SaveOptions{External: External{Layout: Shards, ShardBytes: 25000}}, 5, "m.onnx.data-00001:24288 m.onnx.data-00002:24288 m.onnx.data-00003:1500"},
		{"each", SaveOptions{External: External{Layout: FilePerTensor}}, 5, "m.onnx.data-00001:12000 m.onnx.data-00002:12000 m.onnx.data-00003:12000 m.onnx.data-00004:12000 m.onnx.data-00005:1500"},
		{"too large", SaveOptions{limit: 40000}, 5, "m.onnx.data:50652"},
		{"too large without attributes", SaveOptions{limit: 20000}, 6, "m.onnx.data:62940"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := base.SaveWith(filepath.Join(dir, "m.onnx"), c.o); err != nil {
				t.Fatal(err)
			}
			m, err := Load(filepath.Join(dir, "m.onnx"))
			if err != nil {
				t.Fatal(err)
			}
			if got := digests(t, m); !slices.Equal(got, want) {
				t.Errorf("the values are others: %q, want %q", got, want)
			}
			if err := m.Verify(); err != nil {
				t.Error(err)
			}
			if got := outside(m); got != c.outside {
				t.Errorf("%d tensors are outside, want %d", got, c.outside)
			}
			if err := os.Remove(filepath.Join(dir, "m.onnx")); err != nil {
				t.Fatal(err)
			}
			if got := listing(t, dir); got != c.files {
				t.Errorf("beside the model are %q, want %q", got, c.files)
			}
			checkAlignment(t, m, c.o.External.Align)
			comeBack(t, m, want)
		})
	}
}

func checkAlignment(t *testing.T, m *Model, align int64) {
	t.Helper()
	if align == 0 {
		align = 4096
	}
	m.eachTensor(func(x *Tensor, _ bool) {
		if !x.isExternal() {
			return
		}
		if r, err := x.reference(); err != nil || r.offset%align != 0 {
			t.Errorf("tensor %q at %v (%v), want a multiple of %d", x.Name(), r, err, align)
		}
	})
}

// comeBack saves the model elsewhere: everything inside one file again.
func comeBack(t *testing.T, m *Model, want []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "back.onnx")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := digests(t, back); !slices.Equal(got, want) || outside(back) != 0 {
		t.Errorf("saved elsewhere, %d tensors are outside, and the values are %q, want %q", outside(back), got, want)
	}
}

// TestLargeExternalModelMoves: what cannot be one file stays several, copied.
func TestLargeExternalModelMoves(t *testing.T) {
	base := storable(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	if err := base.SaveWith(path, SaveOptions{External: External{Layout: Shards, ShardBytes: 1}}); err != nil {
		t.Fatal(err)
	}
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	m.SetMetadata("a", "b")
	elsewhere := t.TempDir()
	if err := m.SaveWith(filepath.Join(elsewhere, "n.onnx"), SaveOptions{limit: 40000}); err != nil {
		t.Fatal(err)
	}
	n, err := Load(filepath.Join(elsewhere, "n.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := digests(t, n), digests(t, base); !slices.Equal(got, want) || outside(n) != 5 {
		t.Errorf("moved, %d tensors are outside, want 5; values %q, want %q", outside(n), got, want)
	}
	if err := m.SaveWith(filepath.Join(t.TempDir(), "i.onnx"), SaveOptions{limit: 40000, External: External{Layout: Inline}}); err == nil {
		t.Error("an ONNX file beyond the limit was written")
	}
}

// TestExternalSaveMemory moves 64 MB between files, either way, in little memory.
func TestExternalSaveMemory(t *testing.T) {
	m := load(t, weighty(64))
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	var err error
	if got := allocated(func() { err = m.SaveWith(path, SaveOptions{External: External{Layout: OneFile}}) }); err != nil || got > 6<<20 {
		t.Errorf("saving 64 MiB to external data allocated %d (%v), want at most a tenth", got, err)
	}
	if m, err = Load(path); err != nil {
		t.Fatal(err)
	}
	if got := allocated(func() {
		err = m.SaveWith(filepath.Join(dir, "n.onnx"), SaveOptions{External: External{Layout: Inline}})
	}); err != nil || got > 70<<20 {
		t.Errorf("moving 64 MiB back allocated %d (%v), want a buffer a tensor", got, err)
	}
	if got := allocated(func() {
		_, err = m.Graph.Initializer("w").Digest()
	}); err != nil || got > 2<<20 {
		t.Errorf("hashing a tensor allocated %d (%v)", got, err)
	}
}

// TestSavingBesideKeepsBytes: a model with external data, unchanged, saved beside
// itself is the same file, and its data is not touched.
func TestSavingBesideKeepsBytes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	if err := storable(t).SaveWith(path, SaveOptions{External: External{Layout: OneFile}}); err != nil {
		t.Fatal(err)
	}
	before := listing(t, dir)
	want := readAll(t, path)
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SaveForce(path); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, path); !bytes.Equal(got, want) || listing(t, dir) != before {
		t.Errorf("saved in place: %s, want %s and the same bytes", listing(t, dir), before)
	}
	if err := m.Save(filepath.Join(dir, "n.onnx")); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, filepath.Join(dir, "n.onnx")); !bytes.Equal(got, want) {
		t.Error("saved under another name, the bytes are others")
	}
}

// TestOwnDataIsNotOverwritten: the values are read while they are written, and
// later, so they cannot go to the files they come from.
func TestOwnDataIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	base := storable(t)
	if err := base.SaveWith(path, SaveOptions{External: External{Layout: OneFile}}); err != nil {
		t.Fatal(err)
	}
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var own *UnsupportedError
	if err := m.SaveWith(path, SaveOptions{Force: true, External: External{Layout: OneFile, Name: "m.onnx.data", Align: 1}}); !errors.As(err, &own) {
		t.Errorf("got %v, want an UnsupportedError", err)
	}
	if err := m.SaveForce(path + ".data"); !errors.As(err, &own) {
		t.Errorf("got %v, want an UnsupportedError", err)
	}
	if err := m.SaveWith(path, SaveOptions{Force: true, External: External{Layout: OneFile, Align: 1}}); err != nil {
		t.Fatal(err)
	}
	again, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Model{m, again} {
		if got, want := digests(t, x), digests(t, base); !slices.Equal(got, want) {
			t.Errorf("values %q, want %q", got, want)
		}
	}
	if got := listing(t, dir); !strings.Contains(got, "m.onnx.data-1:49500") {
		t.Errorf("the folder holds %s, want a second file of values", got)
	}
}

// TestFailedSaveLeavesNothing lets a save fail at each stage.
func TestFailedSaveLeavesNothing(t *testing.T) {
	base := storable(t)
	one := SaveOptions{External: External{Layout: FilePerTensor}}
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, dir string) *Model
		o       SaveOptions
		want    error
	}{
		{"a file of values exists", func(t *testing.T, dir string) *Model {
			write(t, filepath.Join(dir, "n.onnx.data-00003"), "theirs")
			return base
		}, one, fs.ErrExist},
		{"the model exists", func(t *testing.T, dir string) *Model {
			write(t, filepath.Join(dir, "n.onnx"), "theirs")
			return base
		}, one, fs.ErrExist},
		{"values are missing", func(t *testing.T, dir string) *Model {
			path := filepath.Join(dir, "m.onnx")
			if err := base.SaveWith(path, one); err != nil {
				t.Fatal(err)
			}
			m, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, "m.onnx.data-00004")); err != nil {
				t.Fatal(err)
			}
			return m
		}, one, fs.ErrNotExist},
		{"values are cut short, force", func(t *testing.T, dir string) *Model {
			path := filepath.Join(dir, "m.onnx")
			if err := base.SaveWith(path, one); err != nil {
				t.Fatal(err)
			}
			m, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "n.onnx"), "old model")
			write(t, filepath.Join(dir, "n.onnx.data-00001"), "old data")
			write(t, filepath.Join(dir, "m.onnx.data-00005"), "short")
			return m
		}, SaveOptions{Force: true, External: External{Layout: FilePerTensor}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			m := c.prepare(t, dir)
			before := listing(t, dir)
			err := m.SaveWith(filepath.Join(dir, "n.onnx"), c.o)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got := listing(t, dir); got != before {
				t.Errorf("the folder holds %s, want %s", got, before)
			}
		})
	}
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}
