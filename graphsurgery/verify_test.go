package graphsurgery

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// thenBranch is the then_branch of withIf's If node.
func thenBranch(m *pb.ModelProto) *pb.GraphProto {
	return m.Graph.Node[len(m.Graph.Node)-1].Attribute[0].G
}

// double is a model-local function y = a + a, written rightly.
func double() *pb.FunctionProto {
	return &pb.FunctionProto{
		Name: proto.String("Double"), Domain: proto.String("local"),
		Input: []string{"a"}, Output: []string{"b"},
		Node:        []*pb.NodeProto{node("Add", []string{"a", "a"}, "b")},
		OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}},
	}
}

// TestVerifyScopes holds subgraphs and functions to the rules of graphs.
// onnx.checker 1.23.2 gives the same verdicts (once the outputs of the fixture have
// shapes and local is imported, which it demands too), but for the function that
// does not compute its output: that it lets pass.
func TestVerifyScopes(t *testing.T) {
	for _, c := range []struct {
		name, want string // want "" is a valid model
		change     func(m *pb.ModelProto)
	}{
		{"valid", "", func(*pb.ModelProto) {}},
		{"valid function", "", func(m *pb.ModelProto) { m.Functions = append(m.Functions, double()) }},
		{"both branches use one name", "", func(m *pb.ModelProto) {
			other := m.Graph.Node[len(m.Graph.Node)-1].Attribute[1].G
			other.Node[0].Output[0], other.Output[0].Name = "Abs_out", proto.String("Abs_out")
		}},
		{"branch reads a later value", "before it is computed", func(m *pb.ModelProto) {
			last := len(m.Graph.Node) - 1
			m.Graph.Node = append([]*pb.NodeProto{m.Graph.Node[last]}, m.Graph.Node[:last]...)
		}},
		{"branch reads nothing", "which nothing computes", func(m *pb.ModelProto) {
			thenBranch(m).Node[0].Input[0] = "nowhere"
		}},
		{"branch computes an outer name", "defined already", func(m *pb.ModelProto) {
			g := thenBranch(m)
			g.Node[0].Output[0], g.Output[0].Name = "neg", proto.String("neg")
		}},
		{"branch calls an unknown domain", "is not imported", func(m *pb.ModelProto) {
			thenBranch(m).Node[0].Domain = proto.String("com.example")
		}},
		{"function reads an outer name", "which nothing computes", func(m *pb.ModelProto) {
			f := double()
			f.Node[0].Input[1] = "mid"
			m.Functions = append(m.Functions, f)
		}},
		{"function without its output", "is computed by nothing", func(m *pb.ModelProto) {
			f := double()
			f.Output[0] = "c"
			m.Functions = append(m.Functions, f)
		}},
		{"function with one input twice", "two inputs named", func(m *pb.ModelProto) {
			f := double()
			f.Input = []string{"a", "a"}
			m.Functions = append(m.Functions, f)
		}},
		{"function without import", "is not imported", func(m *pb.ModelProto) {
			f := double()
			f.OpsetImport = nil
			m.Functions = append(m.Functions, f)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := withIf()
			c.change(p)
			wantVerdict(t, load(t, p).Verify(), c.want)
		})
	}
}

// wantVerdict demands a FormatError with the text, or none if it is empty.
func wantVerdict(t *testing.T, err error, want string) {
	t.Helper()
	var format *FormatError
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want no error", err)
	case want != "" && (!errors.As(err, &format) || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want a FormatError with %q", err, want)
	}
}

// TestVerifyTensors judges storage forms, of initialisers and of attributes.
func TestVerifyTensors(t *testing.T) {
	external := pb.TensorProto_EXTERNAL
	for _, c := range []struct {
		name, want string
		dtype      DType
		tensor     *pb.TensorProto
	}{
		{"one form", "", Float, &pb.TensorProto{Dims: []int64{1}, FloatData: []float32{1}}},
		{"strings", "", String, &pb.TensorProto{Dims: []int64{1}, StringData: [][]byte{[]byte("a")}}},
		{"no elements", "", Float, &pb.TensorProto{Dims: []int64{0, 3}}},
		{"complex", "", Complex64, &pb.TensorProto{Dims: []int64{1}, FloatData: []float32{1, 2}}},
		{"half a complex", "1 values for shape [1], want 2", Complex64, &pb.TensorProto{Dims: []int64{1}, FloatData: []float32{1}}},
		{"two typed forms", "more than one form", Float, &pb.TensorProto{Dims: []int64{1}, FloatData: []float32{1}, Int32Data: []int32{1}}},
		{"raw and typed", "more than one form", Float, &pb.TensorProto{Dims: []int64{1}, RawData: make([]byte, 4), FloatData: []float32{1}}},
		{"the wrong form", "more than one form", Int64, &pb.TensorProto{Dims: []int64{1}, Int32Data: []int32{1}}},
		{"strings as bytes", "strings cannot", String, &pb.TensorProto{Dims: []int64{1}, RawData: []byte("a")}},
		{"strings too few", "1 values for shape [2], want 2", String, &pb.TensorProto{Dims: []int64{2}, StringData: [][]byte{nil}}},
		{"no type", "names no element type", Undefined, &pb.TensorProto{Dims: []int64{1}, FloatData: []float32{1}}},
		{"here and elsewhere", "both in the model and in another file", Float, &pb.TensorProto{Dims: []int64{1}, FloatData: []float32{1}, DataLocation: &external}},
	} {
		c.tensor.DataType = proto.Int32(int32(c.dtype))
		t.Run(c.name, func(t *testing.T) {
			p := chain()
			k := proto.CloneOf(c.tensor)
			k.Name = proto.String("k")
			p.Graph.Initializer = append(p.Graph.Initializer, k)
			wantVerdict(t, load(t, p).Verify(), c.want)

			p = chain()
			constant, kind := node("Constant", nil, "k"), pb.AttributeProto_TENSOR
			constant.Attribute = []*pb.AttributeProto{{Name: proto.String("value"), Type: &kind, T: c.tensor}}
			p.Graph.Node = append(p.Graph.Node, constant)
			wantVerdict(t, load(t, p).Verify(), c.want)
		})
	}
}
