package graphsurgery

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// shipped are the repository's real models.
func shipped(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"../testdata/*/*.onnx"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 2 {
		t.Fatalf("found %d models under testdata, want the shipped ones", len(files))
	}
	return files
}

// TestRoundTripIsByteIdentical writes real exports anew from the decoded message.
func TestRoundTripIsByteIdentical(t *testing.T) {
	for _, file := range shipped(t) {
		m, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(); err != nil {
			t.Error(err)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, model := range []*Model{m, m.Clone()} {
			model.original = nil // marshal the message, not the kept bytes
			got, err := model.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes written, %d read, and they differ", file, len(got), len(want))
			}
		}
	}
}

func TestUnknownFieldsSurviveAnEdit(t *testing.T) {
	p := chain()
	// Field 900 is in no ONNX version: tag 900<<3|0, value 7.
	p.Graph.Node[0].ProtoReflect().SetUnknown([]byte{0xa0, 0x38, 7})
	m := load(t, p)
	m.SetMetadata("k", "v")
	b, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte{0xa0, 0x38, 7}) {
		t.Error("the unknown field is gone")
	}
}

func TestMetadata(t *testing.T) {
	m := load(t, chain())
	before := m.Digest()
	m.SetMetadata("a", "1")
	m.SetMetadata("b", "2")
	m.SetMetadata("a", "3")
	if v, _ := m.Metadata("a"); v != "3" {
		t.Errorf("a = %q, want 3", v)
	}
	if got := strings.Join(m.MetadataKeys(), " "); got != "a b" {
		t.Errorf("keys %q, want a b", got)
	}
	m.SetMetadata("a", "")
	m.SetMetadata("b", "")
	if m.Digest() != before {
		t.Error("adding and removing metadata changed the model")
	}
}

func TestBrokenFiles(t *testing.T) {
	noType := chain()
	noType.Graph.Output[0].Type = nil
	twice := chain()
	twice.Graph.Node[1].Output[0] = "mid"
	early := chain()
	early.Graph.Node[0], early.Graph.Node[3] = early.Graph.Node[3], early.Graph.Node[0]
	dangling := chain()
	dangling.Graph.Node[1].Input[0] = "nowhere"
	short := chain()
	short.Graph.Initializer[0].RawData = make([]byte, 15)
	huge := chain()
	huge.Graph.Initializer[0].Dims = []int64{1 << 40, 1 << 40}
	negative := chain()
	negative.Graph.Initializer[0].Dims = []int64{-1}
	nobody := chain()
	nobody.Graph.Output[0].Name = proto.String("nobody")
	deep := chain()
	for range maxNesting + 2 {
		body := deep.Graph
		kind := pb.AttributeProto_GRAPH
		outer := chain().Graph
		outer.Node[0].Attribute = []*pb.AttributeProto{{Name: proto.String("body"), Type: &kind, G: body}}
		deep.Graph = outer
	}
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "empty, not an ONNX file", nil},
		{"text", "not an ONNX file", []byte("These are notes, not a model.\n")},
		{"zeros", "not an ONNX file", make([]byte, 100)},
		{"no graph", "no graph", encode(t, &pb.ModelProto{IrVersion: proto.Int64(8)})},
		{"output without type", `output "y" has no type`, encode(t, noType)},
		{"two producers", "defined already", encode(t, twice)},
		{"wrong order", "before it is computed", encode(t, early)},
		{"dangling input", "which nothing computes", encode(t, dangling)},
		{"short tensor", "15 bytes for shape [2 2] of float32, want 16", encode(t, short)},
		{"overflowing shape", "is not possible", encode(t, huge)},
		{"negative shape", "is not possible", encode(t, negative)},
		{"output of nothing", `"nobody" is computed by nothing`, encode(t, nobody)},
		{"too deep", "", encode(t, deep)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse(c.data)
			if err == nil {
				err = m.Verify()
			}
			var format *FormatError
			if !errors.As(err, &format) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a FormatError with %q", err, c.want)
			}
		})
	}
}

// TestEveryPrefix cuts a model at every length: an error or a model that Verify
// judges, never a panic.
func TestEveryPrefix(t *testing.T) {
	data := encode(t, withIf())
	for n := range data {
		if m, err := Parse(data[:n]); err == nil {
			if err := m.Verify(); err == nil && n < len(data)-1 {
				// A cut between two fields can leave a smaller, valid model only if
				// it cuts trailing fields of the model message (opset_import).
				t.Errorf("prefix of %d of %d bytes passes for a whole model", n, len(data))
			}
		}
	}
}

func TestLoadErrors(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.onnx")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want a not-exist error", err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a folder was loaded")
	}
}

func TestSaveRefusesToReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.onnx")
	m := load(t, chain())
	if err := m.Save(file); err != nil {
		t.Fatal(err)
	}
	m.SetMetadata("a", "b")
	if err := m.Save(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want an exists error", err)
	}
	if err := m.SaveForce(file); err != nil {
		t.Fatal(err)
	}
	again, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != m.Digest() {
		t.Error("what was saved is not what is loaded")
	}
}

// TestStorageForms reads one tensor from every field the format can store it in.
func TestStorageForms(t *testing.T) {
	float := func(d DType, p *pb.TensorProto) *Tensor {
		kind := int32(d)
		p.DataType, p.Dims = &kind, []int64{2}
		return &Tensor{pb: p}
	}
	for name, c := range map[string]struct {
		tensor *Tensor
		want   []float32
	}{
		"raw float32": {NewTensor([]int64{2}, []float32{1.5, -2}), []float32{1.5, -2}},
		"float_data":  {float(Float, &pb.TensorProto{FloatData: []float32{1.5, -2}}), []float32{1.5, -2}},
		"double_data": {float(Double, &pb.TensorProto{DoubleData: []float64{1.5, -2}}), []float32{1.5, -2}},
		// 0x3e00 = 1.5, 0x0001 = 2^-24 (the smallest subnormal) in binary16.
		"float16 in int32_data":  {float(Float16, &pb.TensorProto{Int32Data: []int32{0x3e00, 1}}), []float32{1.5, 1.0 / (1 << 24)}},
		"float16 raw":            {float(Float16, &pb.TensorProto{RawData: []byte{0, 0x7c, 0, 0xc0}}), []float32{float32(math.Inf(1)), -2}},
		"bfloat16 in int32_data": {float(BFloat16, &pb.TensorProto{Int32Data: []int32{0x3fc0, 0xc000}}), []float32{1.5, -2}},
	} {
		got, err := c.tensor.Float32s()
		if err != nil || len(got) != 2 || got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("%s: got %v (%v), want %v", name, got, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		tensor *Tensor
		want   []int64
	}{
		"int64_data":           {float(Int64, &pb.TensorProto{Int64Data: []int64{-1, 7}}), []int64{-1, 7}},
		"int32_data":           {float(Int32, &pb.TensorProto{Int32Data: []int32{-1, 7}}), []int64{-1, 7}},
		"int8 in int32_data":   {float(Int8, &pb.TensorProto{Int32Data: []int32{-1, 7}}), []int64{-1, 7}},
		"uint8 in int32_data":  {float(Uint8, &pb.TensorProto{Int32Data: []int32{255, 7}}), []int64{255, 7}},
		"bool in int32_data":   {float(Bool, &pb.TensorProto{Int32Data: []int32{1, 0}}), []int64{1, 0}},
		"uint32 in uint64":     {float(Uint32, &pb.TensorProto{Uint64Data: []uint64{1 << 31, 7}}), []int64{1 << 31, 7}},
		"raw int16":            {float(Int16, &pb.TensorProto{RawData: []byte{0xff, 0xff, 7, 0}}), []int64{-1, 7}},
		"raw int64 NewTensor":  {NewTensor([]int64{2}, []int64{-1, 7}), []int64{-1, 7}},
		"raw bool NewTensor":   {NewTensor([]int64{2}, []bool{true, false}), []int64{1, 0}},
		"raw int32 NewTensor":  {NewTensor([]int64{2}, []int32{-1, 7}), []int64{-1, 7}},
		"raw uint16":           {float(Uint16, &pb.TensorProto{RawData: []byte{0xff, 0xff, 7, 0}}), []int64{65535, 7}},
		"raw int8 NewTensor":   {NewTensor([]int64{2}, []int8{-1, 7}), []int64{-1, 7}},
		"raw uint8 NewTensor":  {NewTensor([]int64{2}, []uint8{255, 7}), []int64{255, 7}},
		"uint64 in uint64data": {float(Uint64, &pb.TensorProto{Uint64Data: []uint64{5, 7}}), []int64{5, 7}},
	} {
		got, err := c.tensor.Int64s()
		if err != nil || len(got) != 2 || got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("%s: got %v (%v), want %v", name, got, err, c.want)
		}
	}
}

func TestDigestIgnoresTheStorageForm(t *testing.T) {
	kind := int32(Float)
	typed := &Tensor{pb: &pb.TensorProto{Dims: []int64{2}, DataType: &kind, FloatData: []float32{1, 2}}}
	a, errA := typed.Digest()
	b, errB := NewTensor([]int64{2}, []float32{1, 2}).Digest()
	c, errC := NewTensor([]int64{1, 2}, []float32{1, 2}).Digest()
	if errA != nil || errB != nil || errC != nil {
		t.Fatal(errA, errB, errC)
	}
	if a != b || a == c {
		t.Errorf("digests %s %s %s: want the first two equal, the third other", a, b, c)
	}
}

func TestSetInitializer(t *testing.T) {
	m := load(t, chain())
	if err := m.SetInitializer("w", NewTensor([]int64{4}, make([]float32, 4))); err == nil {
		t.Error("another shape was accepted")
	}
	if err := m.SetInitializer("v", NewTensor([]int64{4}, make([]float32, 4))); err == nil {
		t.Error("an unknown name was accepted")
	}
	if err := m.SetInitializer("w", NewTensor([]int64{2, 2}, []float32{9, 8, 7, 6})); err != nil {
		t.Fatal(err)
	}
	b, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := again.Graph.Initializer("w").Float32s(); got[0] != 9 || got[3] != 6 {
		t.Errorf("values %v, want 9 8 7 6", got)
	}
}
