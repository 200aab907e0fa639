package graphsurgery

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aat-onnx/aat-onnx/internal/testutil"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// textual is a copy of a model without what the text syntax has no words for, as
// the comment of Model.Text lists it, and with tensors in one storage form.
func textual(m *pb.ModelProto) *pb.ModelProto {
	m = proto.CloneOf(m)
	strip(m.ProtoReflect())
	return m
}

func strip(m protoreflect.Message) {
	m.SetUnknown(nil)
	switch x := m.Interface().(type) {
	case *pb.AttributeProto:
		k := attributeKind(x)
		x.Type = &k
	case *pb.TensorProto:
		settle(x)
	case *pb.ValueInfoProto:
		if x.Type.GetValue() == nil {
			x.Type = nil
		}
	case *pb.TypeProto_Sequence:
		if x.ElemType.GetValue() == nil {
			x.ElemType = nil
		}
	case *pb.TypeProto_Optional:
		if x.ElemType.GetValue() == nil {
			x.ElemType = nil
		}
	case *pb.TypeProto_Map:
		if x.ValueType.GetValue() == nil {
			x.ValueType = nil
		}
	}
	keeps := m.Descriptor().Name() == "ModelProto" || m.Descriptor().Name() == "FunctionProto"
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch f.Name() {
		case "doc_string", "metadata_props":
			if !keeps {
				m.Clear(f)
				return true
			}
		case "denotation", "quantization_annotation", "training_info", "configuration", "device_configurations", "segment":
			m.Clear(f)
			return true
		}
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				strip(v.List().Get(i).Message())
			}
		case f.IsList():
		case f.Message() != nil:
			strip(v.Message())
		case f.ContainingOneof() == nil && v.Equal(f.Default()):
			m.Clear(f)
		}
		return true
	})
}

// settle puts a tensor's values into raw bytes, by itself: not by what the text
// form is written with.
func settle(t *pb.TensorProto) {
	if t.GetDataLocation() == pb.TensorProto_EXTERNAL || t.GetDataType() == int32(String) {
		return
	}
	raw, width := t.RawData, 1
	if raw == nil {
		switch DType(t.GetDataType()) {
		case Uint16, Int16, Float16, BFloat16:
			width = 2
		case Int32, Uint32:
			width = 4
		case Uint64:
			width = 8
		}
		for _, x := range t.Int32Data {
			raw = appendInt(raw, uint64(x), width)
		}
		for _, x := range t.Uint64Data {
			raw = appendInt(raw, x, width)
		}
		for _, x := range t.Int64Data {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
		}
		for _, x := range t.FloatData {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		for _, x := range t.DoubleData {
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(x))
		}
	}
	raw = append([]byte{}, raw...)
	for i := 0; DType(t.GetDataType()) == Float && i+4 <= len(raw); i += 4 {
		if b := binary.LittleEndian.Uint32(raw[i:]); b&0x7fffffff > 0x7f800000 {
			binary.LittleEndian.PutUint32(raw[i:], b&0x80000000|0x7fc00000)
		}
	}
	t.FloatData, t.Int32Data, t.Int64Data, t.DoubleData, t.Uint64Data = nil, nil, nil, nil, nil
	t.RawData = raw
}

// sameText demands that a model's text reads back to the model.
func sameText(t *testing.T, m *Model) {
	t.Helper()
	text := m.Text()
	back, err := ParseText(text)
	if err != nil {
		t.Errorf("the text is refused: %v", err)
		return
	}
	if want, got := textual(wholeMessage(t, m)), textual(back.pb); !proto.Equal(want, got) {
		t.Errorf("the text reads back to another model:\n%s", clipText(text, 2000))
	}
	if again := back.Text(); again != text {
		t.Errorf("the text of what was read differs: got\n%s\nwant\n%s", clipText(again, 1000), clipText(text, 1000))
	}
}

func TestTextRoundTrip(t *testing.T) {
	files := shipped(t)
	for _, kind := range []string{"node", "simple", "pytorch-converted", "pytorch-operator"} {
		dirs, _ := testutil.NodeTests(t, kind)
		for _, dir := range dirs {
			files = append(files, filepath.Join(dir, "model.onnx"))
		}
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			m, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			sameText(t, m)
		})
	}
	t.Logf("%d models", len(files))
}

// everything is a text with each form the syntax has, in the form we write.
const everything = `<
   ir_version: 10,
   opset_import: ["" : 21, "my-domain" : 1],
   producer_name: "a \"quoted\" name with \\ and
a line end",
   producer_version: "1",
   domain: "d",
   model_version: -3,
   doc_string: "",
   metadata_props: ["key": "value", "": ""]
>
"main graph" (float[batch,3,?,"2*n",""] x, float s, int64[] "float", seq(map(int64, optional(string[2]))) q, sparse_tensor(double[3]) z, opaque("d", "n") o, undefined[2] u, "only a name") => (float[0] "1st", seq() e)
   <float[2,2] w = {1, -2.5, 3e-09, inf},
    float16[1] h = {15360},
    int4[3] i = {18, 3},
    complex64 c = {1, nan},
    string[2] names = {"a", "\"\\"},
    uint64 big = {18446744073709551615},
    int64[0] empty = {},
    float[1048576] far = ["location": "weights.bin", "offset": "0"],
    v = sparse(float[1] {1}, int64[1,1] {0}, [3]),
    bfloat16[n] inner>
{
   [first] y, "" = my.domain.Op:over <axis = -1, alpha = 1.0, text = "s", list = [1, -2], floats = [1.5, -inf], strings = ["a", ""]> (x, "", "x.1")
   a = "my-domain"."an op":"an overload" <none: ints = [], no: strings = [], "odd name" = 0, value = float[1] {0}, named = int8[1] n {-128}, quoted: tensor = int8 "n n" {1}, t: type_proto = float[n], ts: type_protos = [int64, seq(float[])], tensors: tensors = [float {1}, float {2}], s: sparse_tensor = sparse(float[1] {1}, int64[1] {2}, [3])> (y)
    = Nothing ()
   b = If (a) <then_branch = then () => (float r) {
      r = Relu (y)
   }, else: graph = "else-branch" () => (float r)
      <float r = {1}>
   {
   }, more: graphs = [g1 () => () {
   }, g2 () => () {
   }]>
}

<
   domain: "my-domain",
   overload: "an overload",
   opset_import: ["" : 21],
   doc_string: "what it does",
   metadata_props: ["k": "v"]
>
"an op" <first, alpha = 1.0> (p) => (r)
   <float[n] r>
{
   r = Elu <alpha: float = @alpha> (p)
}
`

func TestTextForms(t *testing.T) {
	m, err := ParseText(everything)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Text(); got != everything {
		t.Errorf("got\n%s", got)
	}
	again, err := Parse(encode(t, m.pb))
	if err != nil {
		t.Fatal(err)
	}
	sameText(t, again)
}

// TestTextSpellings reads what onnx also allows and we do not write.
func TestTextSpellings(t *testing.T) {
	m, err := ParseText(`<ir_version: 8, opset_import: ["":17]> # a comment
g (float[2] x = {1,2}, y) => (float z)
{ z = Op <a: float = 2, b: floats = [1, 2.0], c = NaN, t = float[1] = {3}> (x, , y,) [] z2 = Op(x)<d=1> }`)
	if err != nil {
		t.Fatal(err)
	}
	want := `<
   ir_version: 8,
   opset_import: ["" : 17]
>
g (float[2] x, y) => (float z)
   <float[2] x = {1, 2}>
{
   z = Op <a = 2.0, b = [1.0, 2.0], c = nan, t = float[1] {3}> (x, "", y)
   z2 = Op <d = 1> (x)
}
`
	if got := m.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTextErrors(t *testing.T) {
	const head = "<ir_version: 8, opset_import: [\"\" : 17]>\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "line 1, column 1: want the name of a graph, got the end of the text"},
		{"no header", "g () => () {}", "names no ir_version"},
		{"no opset", "<ir_version: 8> g () => () {}", "no opset_import"},
		{"unknown key", "<ir: 8> g () => () {}", "column 2: there is no key ir here"},
		{"open string", head + `g () => () { "a = `, "line 2, column 14: the string that begins here has no end"},
		{"strange character", head + "g () => () { ä = B () }", "column 14: the character 'ä' has no meaning here"},
		{"no comma", head + "g () => () { a = B (c d) }", `column 23: want ")" or "," in the node's inputs, got d`},
		{"no operator", head + "g () => () { a = (c) }", "column 18: want an operator, got ("},
		{"unclosed", head + "g () => () { a = B ()", `want a node or "}", got the end of the text`},
		{"elided", head + "g () => () <float[9] w = {1, ... 9 values}> {}", "left out when the text was made"},
		{"too few values", head + "g () => () <float[3] w = {1, 2}> {}", "column 26: 2 values for a tensor of shape [3]"},
		{"symbolic tensor", head + "g () => () <float[n] w = {1, 2}> {}", "the sizes of a tensor are numbers"},
		{"unknown rank", head + "g () => () <float[] w = {1, 2}> {}", "a tensor needs an element type and its sizes"},
		{"value out of range", head + "g () => () <int8[1] w = {3000000000}> {}", "3000000000 does not fit the 32 bits that values of int8 have"},
		{"integer out of range", head + "g () => () { a = B <i = 9223372036854775808> () }", "is no 64-bit integer"},
		{"float out of range", head + "g () => () { a = B <f = 1e39> () }", "is no 32-bit float"},
		{"negative unsigned", head + "g () => () <uint32[1] w = {-1}> {}", "-1 is no unsigned 64-bit integer"},
		{"empty list", head + "g () => () { a = B <l = []> () }", "column 25: an empty list needs its type"},
		{"mixed list", head + "g () => () { a = B <l = [1, \"a\"]> () }", "want an integer, got the string"},
		{"list for a single", head + "g () => () { a = B <l: int = [1]> () }", "want a single int, got a list"},
		{"single for a list", head + "g () => () { a = B <l: ints = 1> () }", "want a list for ints, got 1"},
		{"unknown attribute type", head + "g () => () { a = B <l: integer = 1> () }", "want an attribute type such as ints, got integer"},
		{"unknown type", head + "g (seq(x) a) => () {}", "want an element type such as float, got x"},
		{"bad number", head + "g () => () { a = B <f = -x> () }", "want a number, got -x"},
		{"bad exponent", head + "g () => () { a = B <f = 1e> () }", "the exponent of 1e has no digits"},
		{"rest", head + "g () => () {} 7", "want the name of a function, got 7"},
		{"deep type", head + "g (" + strings.Repeat("seq(", 99) + "float" + strings.Repeat(")", 99) + " x) => () {}", "nested more than 32 deep"},
		{"deep graph", head + strings.Repeat("g () => () { a = B () <b = ", 99), "nested more than 32 deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseText(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			var place *TextError
			var form *FormatError
			if !errors.As(err, &place) && !errors.As(err, &form) {
				t.Errorf("%T, want a typed error", err)
			}
		})
	}
}

func TestTextExcerpt(t *testing.T) {
	_, err := ParseText("<ir_version: 8>\ngraph (\tfloat[3,] x) => () {}\n")
	want := "text line 2, column 17: want a dimension (a size, a name or ?), got ]\n" +
		"    graph ( float[3,] x) => () {}\n" +
		"                    ^"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = ParseText("<ir_version: 8> g () => () <float[200] w = {" + strings.Repeat("1,", 100) + "x" + strings.Repeat(",1", 99) + "}> {}")
	want = "    … " + strings.Repeat("1,", 18) + "x" + strings.Repeat(",1", 17) + ", …\n" + strings.Repeat(" ", 4+2+36) + "^"
	if e := (*TextError)(nil); !errors.As(err, &e) || e.Excerpt != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestTextOptions(t *testing.T) {
	m := load(t, chain())
	types, err := m.Infer()
	if err != nil {
		t.Fatal(err)
	}
	got := m.Graph.Text(Elide(2), WithTypes(types))
	for _, want := range []string{"<float[2,2] w = {1, 2, ... 4 values}>", "y = Add (product, neg)  # float[batch,2]\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if _, err := ParseText(m.Text(WithTypes(types))); err != nil {
		t.Errorf("comments are refused: %v", err)
	}
	if got, want := m.Graph.Nodes()[2].Text(), "product = MatMul (mid, w)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzParseText: whatever is accepted is written to a text that reads back to the
// very same message.
func FuzzParseText(f *testing.F) {
	f.Add(everything)
	f.Add(load(f, withIf()).Text())
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseText(text)
		if err != nil {
			return
		}
		again := m.Text()
		back, err := ParseText(again)
		if err != nil {
			t.Fatalf("%v\nin\n%s", err, again)
		}
		if !proto.Equal(textual(wholeMessage(t, m)), textual(back.pb)) {
			t.Fatalf("another model from\n%s", again)
		}
		if third := back.Text(); third != again {
			t.Fatalf("got\n%s\nwant\n%s", third, again)
		}
	})
}

// TestTextGolden holds our text form to onnx 1.22's. The cases are models of
// onnx's backend tests; testdata/text/agree.py made them, checked that onnx's
// parser reads our text to the model, and compared all 1,905 test models once.
func TestTextGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/text/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Text string
		Model      []byte
		OnnxText   string `json:"onnx_text"`
		OnnxModel  []byte `json:"onnx_model"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 20 {
		t.Fatalf("%d cases, want at least 20", len(cases))
	}
	for _, c := range cases {
		m, err := Parse(c.Model)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Text(); got != c.Text {
			t.Errorf("%s: we write\n%s\nwant\n%s", c.Name, got, c.Text)
		}
		want, err := Parse(c.OnnxModel)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseText(c.OnnxText)
		if err != nil {
			t.Errorf("%s: onnx's text is refused: %v", c.Name, err)
		} else if !proto.Equal(textual(got.pb), textual(want.pb)) {
			t.Errorf("%s: onnx's parser reads another model from\n%s", c.Name, c.OnnxText)
		}
	}
}
