package graphsurgery

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// TestSchemaIsComplete walks the .proto from ModelProto: every field must be in
// our table, in the right form, and must cost at least the Go struct it becomes.
func TestSchemaIsComplete(t *testing.T) {
	kinds := map[protoreflect.FullName]wireKind{"aat.onnx.v1.ModelProto": modelMsg}
	queue := []protoreflect.MessageDescriptor{(&pb.ModelProto{}).ProtoReflect().Descriptor()}
	for len(queue) > 0 {
		msg := queue[0]
		queue = queue[1:]
		known := kinds[msg.FullName()]
		for i := range msg.Fields().Len() {
			fd := msg.Fields().Get(i)
			f := known.lookup(fd.Number())
			if got, want := f.kind, formOf(fd); fd.Message() == nil && got != want && (got != formName || want != formBytes) {
				t.Errorf("%s has kind %d, want %d", fd.FullName(), got, want)
			}
			if f.cost == 0 {
				t.Errorf("%s costs nothing", fd.FullName())
			}
			if fd.Kind() == protoreflect.FloatKind && fd.Parent().Name() != "AttributeProto" && f.tally != tallyElements {
				t.Errorf("%s is a float that cloneFloats does not copy", fd.FullName())
			}
			if fd.Message() == nil {
				continue
			}
			if size := int(goType(fd.Message()).Size()); !f.kind.isMessage() || int(f.cost) < size+8 {
				t.Errorf("%s: kind %d, cost %d, want a message that costs at least its %d bytes and a pointer", fd.FullName(), f.kind, f.cost, size)
			}
			if before, seen := kinds[fd.Message().FullName()]; !seen {
				kinds[fd.Message().FullName()] = f.kind
				queue = append(queue, fd.Message())
			} else if before != f.kind && !(fd.FullName() == "aat.onnx.v1.TypeProto.sparse_tensor_type") {
				t.Errorf("%s has kind %d, but %s has %d elsewhere", fd.FullName(), f.kind, fd.Message().FullName(), before)
			}
		}
		for num := range schema[known] {
			if schema[known][num].kind != formOther && msg.Fields().ByNumber(protowire.Number(num)) == nil {
				t.Errorf("%s has no field %d", msg.FullName(), num)
			}
		}
	}
	if len(kinds) < 20 {
		t.Errorf("only %d messages were visited", len(kinds))
	}
}

func goType(d protoreflect.MessageDescriptor) reflect.Type {
	m, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(err)
	}
	return reflect.TypeOf(m.Zero().Interface()).Elem()
}

// formOf is the plain form of a field.
func formOf(fd protoreflect.FieldDescriptor) wireKind {
	switch {
	case fd.FullName() == "aat.onnx.v1.TensorProto.raw_data":
		return formRaw
	case fd.Kind() == protoreflect.StringKind || fd.Kind() == protoreflect.BytesKind:
		return formBytes // or text
	case fd.Kind() == protoreflect.FloatKind:
		return formFixed4
	case fd.Kind() == protoreflect.DoubleKind:
		return formFixed8
	}
	return formVarints
}

// randomModel has values of every size around the limits, in every place that a
// tensor can be.
func randomModel(seed uint64) *pb.ModelProto {
	r := rand.New(rand.NewPCG(seed, 1))
	tensor := func(name string) *pb.TensorProto {
		n := []int{0, 1, 8, tokenLen, 10, 127, 128, keepBelow - 1, keepBelow, keepBelow + 1, 20000}[r.IntN(11)]
		raw := make([]byte, n)
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		kind := int32(Uint8)
		return &pb.TensorProto{Name: &name, Dims: []int64{int64(n)}, DataType: &kind, RawData: raw}
	}
	m := withIf()
	sparse := func() *pb.SparseTensorProto {
		return &pb.SparseTensorProto{Values: tensor("sv"), Indices: tensor("si"), Dims: []int64{5}}
	}
	attrs := func() []*pb.AttributeProto {
		return []*pb.AttributeProto{{Name: proto.String("t"), T: tensor("")}, {Name: proto.String("ts"), Tensors: []*pb.TensorProto{tensor("a"), tensor("b")}}, {Name: proto.String("s"), SparseTensor: sparse(), SparseTensors: []*pb.SparseTensorProto{sparse()}}}
	}
	for i := range 5 {
		m.Graph.Initializer = append(m.Graph.Initializer, tensor(strings.Repeat("i", i+1)))
	}
	m.Graph.SparseInitializer = append(m.Graph.SparseInitializer, sparse(), sparse())
	m.Graph.Node[0].Attribute = attrs()
	branch := m.Graph.Node[4].Attribute[0].G
	branch.Initializer = append(branch.Initializer, tensor("inner"))
	branch.Node[0].Attribute = attrs()
	m.Functions = []*pb.FunctionProto{{Name: proto.String("f"), Domain: proto.String("d"), Node: []*pb.NodeProto{{OpType: proto.String("Constant"), Output: []string{"c"}, Attribute: attrs()}}, AttributeProto: attrs()}}
	m.TrainingInfo = []*pb.TrainingInfoProto{{Algorithm: &pb.GraphProto{Initializer: []*pb.TensorProto{tensor("train")}}}}
	return m
}

// TestCutAndPutBack demands what the protobuf library alone would give: the same
// message after loading, the same bytes after writing.
func TestCutAndPutBack(t *testing.T) {
	for seed := range uint64(200) {
		want := randomModel(seed)
		data := encode(t, want)
		m, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(m.pb, want) {
			t.Fatalf("seed %d: the message decoded is another one", seed)
		}
		for _, model := range []*Model{m, m.Clone()} {
			model.original = nil
			got, err := model.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, data) {
				t.Fatalf("seed %d: written are %d bytes, want %d", seed, len(got), len(data))
			}
			if !proto.Equal(model.pb, want) {
				t.Fatalf("seed %d: writing changed the model", seed)
			}
		}
	}
}

// TestFieldsInAnyOrder: fields out of order, given twice, in pieces; a decoder
// joins and replaces as the protobuf rules say, and so must we.
func TestFieldsInAnyOrder(t *testing.T) {
	large := func(b byte) []byte { return bytes.Repeat([]byte{b}, 2*keepBelow) }
	raw := func(b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 9, protowire.BytesType), b)
	}
	sub := func(num protowire.Number, b ...[]byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), bytes.Join(b, nil))
	}
	shape := sub(1, []byte{128 + 0, 16}) // 2048
	kind := []byte{2 << 3, byte(Uint8)}
	head := []byte{1 << 3, 8, 8<<3 | 2, 2, 2 << 3, 17}
	for name, data := range map[string][]byte{
		"raw before shape":       bytes.Join([][]byte{sub(7, sub(5, raw(large(1)), kind, shape)), head}, nil),
		"raw twice, large last":  bytes.Join([][]byte{head, sub(7, sub(5, shape, kind, raw([]byte{1}), raw(large(2))))}, nil),
		"raw twice, small last":  bytes.Join([][]byte{head, sub(7, sub(5, shape, kind, raw(large(2)), raw([]byte{1})))}, nil),
		"raw twice, token last":  bytes.Join([][]byte{head, sub(7, sub(5, shape, kind, raw(large(2)), raw(make([]byte, tokenLen))))}, nil),
		"graph in two pieces":    bytes.Join([][]byte{sub(7, sub(5, shape, kind, raw(large(3)))), head, sub(7, sub(5, shape, kind, raw(large(4))))}, nil),
		"attribute in pieces":    bytes.Join([][]byte{head, sub(7, sub(1, sub(5, sub(5, shape, raw(large(3))), sub(5, kind, raw(large(4))))))}, nil),
		"length in more bytes":   bytes.Join([][]byte{head, sub(7, sub(5, shape, kind, []byte{9<<3 | 2, 0x80, 0x90, 0x80, 0x00}, large(5)))}, nil),
		"raw_data as an integer": bytes.Join([][]byte{head, sub(7, sub(5, shape, kind, []byte{9 << 3, 5}, raw(large(5))))}, nil),
	} {
		want := &pb.ModelProto{}
		if err := proto.Unmarshal(data, want); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m, err := Parse(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !proto.Equal(m.pb, want) {
			t.Errorf("%s: decoded %v, want %v", name, m.pb, want)
		}
		m.original = nil
		got, err := m.Bytes()
		if err != nil || !bytes.Equal(got, encode(t, want)) {
			t.Errorf("%s: written %d bytes (%v), want what the library writes", name, len(got), err)
		}
	}
}

// nodeTestModels are onnx's own test models where they are fetched, and ours.
func nodeTestModels(t *testing.T) []string {
	files := shipped(t)
	for _, kind := range []string{"node", "simple", "pytorch-converted", "pytorch-operator"} {
		dirs, ok := testutil.NodeTests(t, kind)
		if !ok {
			return files
		}
		for _, d := range dirs {
			files = append(files, filepath.Join(d, "model.onnx"))
		}
	}
	light, err := filepath.Glob(filepath.Join(os.Getenv("AAT_ONNX_TEST_NODES"), "light", "*.onnx"))
	if err != nil || len(light) == 0 {
		t.Fatalf("no light models (%v)", err)
	}
	return append(files, light...)
}

// TestNoOpRoundTrip: a model loaded and saved is the same file; one that was
// changed and changed back decodes to the same; with the message written anew,
// everything but the change has its bytes.
func TestNoOpRoundTrip(t *testing.T) {
	files := nodeTestModels(t)
	out := filepath.Join(t.TempDir(), "m.onnx")
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Load(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got, err := m.Bytes()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the bytes are others (%v)", file, err)
		}
		editAndBack(t, file, m, want)
	}
	m, err := Load(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SaveForce(out); err != nil {
		t.Fatal(err)
	}
	if a, b := readAll(t, files[0]), readAll(t, out); !bytes.Equal(a, b) {
		t.Errorf("%s: the saved file has %d bytes, the loaded one %d, and they differ", files[0], len(b), len(a))
	}
	if _, fetched := testutil.NodeTests(t, "node"); fetched && len(files) < 1765 {
		t.Errorf("only %d models, want onnx's 1,765 node tests among them", len(files))
	}
	t.Logf("%d models", len(files))
}

// editAndBack sets a metadata key and removes it again.
func editAndBack(t *testing.T, file string, m *Model, want []byte) {
	t.Helper()
	reference := &pb.ModelProto{}
	if err := proto.Unmarshal(want, reference); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(wholeMessage(t, m), reference) {
		t.Errorf("%s: decoded otherwise than by the protobuf library", file)
	}
	if !bytes.Equal(encode(t, reference), want) {
		t.Errorf("%s: the file is not as the protobuf library writes it; an edit would rewrite more than it changes", file)
	}
	m.SetMetadata("io_test", "x")
	edited, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	entry := []byte("r\x0c\x0a\x07io_test\x12\x01x") // field 14, 12 bytes: key, value
	if n := bytes.Count(edited, entry); n != 1 || !bytes.Equal(bytes.Replace(edited, entry, nil, 1), encode(t, reference)) {
		t.Errorf("%s: the edit changed more than its entry", file)
	}
	m.SetMetadata("io_test", "")
	back, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back, encode(t, reference)) {
		t.Errorf("%s: edited and changed back, it is another model", file)
	}
}

func readAll(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// weighty is a model of about mb megabytes of weights.
func weighty(mb int) *pb.ModelProto {
	m := chain()
	for i := range mb {
		name := "w" + strings.Repeat("x", i)
		m.Graph.Initializer = append(m.Graph.Initializer, initializer(name, &Tensor{pb: &pb.TensorProto{DataType: proto.Int32(int32(Float)), Dims: []int64{1 << 18}, RawData: make([]byte, 1<<20)}}))
	}
	return m
}

// allocated is the bytes f allocates, live or not.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestMemoryOfLoadAndSave bounds all that is allocated, not only what stays: the
// file once, and for an edited model little more.
func TestMemoryOfLoadAndSave(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "m.onnx")
	if err := os.WriteFile(file, encode(t, weighty(64)), 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	size := info.Size()
	var m *Model
	if got := allocated(func() { m, err = Load(file) }); err != nil || got > size*12/10 {
		t.Errorf("loading %d bytes allocated %d (%v), want at most 1.2 times the file", size, got, err)
	}
	m.SetMetadata("a", "b")
	if got := allocated(func() { err = m.Save(filepath.Join(dir, "out.onnx")) }); err != nil || got > size/10 {
		t.Errorf("saving %d bytes allocated %d (%v), want at most a tenth", size, got, err)
	}
	if got := allocated(func() { _ = m.Clone().Digest() }); got > size/10 {
		t.Errorf("copying and hashing %d bytes allocated %d, want at most a tenth", size, got)
	}
	if got, want := readAll(t, filepath.Join(dir, "out.onnx")), encode(t, wholeMessage(t, m)); !bytes.Equal(got, want) {
		t.Error("what was saved is not what the protobuf library writes")
	}
}

// TestSignallingNaNsSurvive: reflection passes float32 values through float64, which
// quiets signalling NaNs. Found by TestMutations.
func TestSignallingNaNsSurvive(t *testing.T) {
	p := chain()
	p.Graph.Node[0].Attribute = []*pb.AttributeProto{
		{Name: proto.String("f"), F: proto.Float32(0)}, {Name: proto.String("fs"), Floats: []float32{1, 0}},
	}
	data := encode(t, p)
	signalling := []byte{1, 0, 0xa0, 0x7f}
	for _, zero := range [][]byte{{2<<3 | 5, 0, 0, 0, 0}, {0, 0, 0x80, 0x3f, 7<<3 | 5, 0, 0, 0, 0}} {
		at := bytes.Index(data, zero)
		if at < 0 {
			t.Fatalf("%v is not in the encoded model", zero)
		}
		copy(data[at+len(zero)-4:], signalling)
	}
	m, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []*Model{m, m.Clone()} {
		model.original = nil
		got, err := model.Bytes()
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("written are %v (%v), want %v", got, err, data)
		}
	}
}
