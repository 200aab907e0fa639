package graphsurgery

import (
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// node is a node of a test graph.
func node(op string, inputs []string, outputs ...string) *pb.NodeProto {
	return &pb.NodeProto{OpType: &op, Input: inputs, Output: outputs}
}

func port(name string, d DType, shape ...Dim) *pb.ValueInfoProto {
	return &pb.ValueInfoProto{Name: &name, Type: typeProto(d, shape)}
}

func initializer(name string, t *Tensor) *pb.TensorProto {
	t.pb.Name = &name
	return t.pb
}

// chain is x → Relu → mid → MatMul(w) → y, with mid read twice.
func chain() *pb.ModelProto {
	batch := Dim{Value: -1, Param: "batch"}
	return &pb.ModelProto{
		IrVersion:    proto.Int64(8),
		ProducerName: proto.String("test"),
		OpsetImport:  []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		Graph: &pb.GraphProto{
			Name: proto.String("g"),
			Node: []*pb.NodeProto{
				node("Relu", []string{"x"}, "mid"),
				node("Neg", []string{"mid"}, "neg"),
				node("MatMul", []string{"mid", "w"}, "product"),
				node("Add", []string{"product", "neg"}, "y"),
			},
			Input:       []*pb.ValueInfoProto{port("x", Float, batch, Dim{Value: 2})},
			Output:      []*pb.ValueInfoProto{port("y", Float, batch, Dim{Value: 2})},
			Initializer: []*pb.TensorProto{initializer("w", NewTensor([]int64{2, 2}, []float32{1, 2, 3, 4}))},
		},
	}
}

// withIf adds an If whose branches read the outer value mid.
func withIf() *pb.ModelProto {
	m := chain()
	branch := func(op string) *pb.GraphProto {
		out := op + "_out"
		return &pb.GraphProto{
			Name:   proto.String(op),
			Node:   []*pb.NodeProto{node(op, []string{"mid"}, out)},
			Output: []*pb.ValueInfoProto{port(out, Float)},
		}
	}
	cond := node("If", []string{"flag"}, "chosen")
	kind := pb.AttributeProto_GRAPH
	cond.Attribute = []*pb.AttributeProto{
		{Name: proto.String("then_branch"), Type: &kind, G: branch("Abs")},
		{Name: proto.String("else_branch"), Type: &kind, G: branch("Exp")},
	}
	m.Graph.Node = append(m.Graph.Node, cond)
	m.Graph.Initializer = append(m.Graph.Initializer, initializer("flag", NewTensor([]int64{}, []bool{true})))
	m.Graph.Output = append(m.Graph.Output, port("chosen", Float))
	return m
}

// withFunction calls the function Twice, which calls Half with an attribute.
func withFunction() *pb.ModelProto {
	m := chain()
	kind := pb.AttributeProto_FLOAT
	m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("local"), Version: proto.Int64(1)})
	leaky := node("LeakyRelu", []string{"a"}, "b")
	leaky.Attribute = []*pb.AttributeProto{{Name: proto.String("alpha"), RefAttrName: proto.String("slope"), Type: &kind}}
	half := local(node("Half", []string{"u"}, "v"))
	half.Attribute = []*pb.AttributeProto{{Name: proto.String("slope"), F: proto.Float32(0.5), Type: &kind}}
	m.Functions = []*pb.FunctionProto{
		{Name: proto.String("Half"), Domain: proto.String("local"), Input: []string{"a"}, Output: []string{"b"}, Node: []*pb.NodeProto{leaky}, OpsetImport: m.OpsetImport[:1], Attribute: []string{"slope"}},
		{Name: proto.String("Twice"), Domain: proto.String("local"), Input: []string{"u"}, Output: []string{"w"}, Node: []*pb.NodeProto{half, node("Add", []string{"v", "v"}, "w")}, OpsetImport: m.OpsetImport},
	}
	m.Graph.Node = append(m.Graph.Node, local(node("Twice", []string{"y"}, "z")))
	m.Graph.Output = append(m.Graph.Output, port("z", Float))
	return m
}

func local(n *pb.NodeProto) *pb.NodeProto {
	n.Domain = proto.String("local")
	return n
}

func encode(t testing.TB, m *pb.ModelProto) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func load(t testing.TB, m *pb.ModelProto) *Model {
	t.Helper()
	model, err := Parse(encode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func apply(t testing.TB, p *Patch) {
	t.Helper()
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
}

func encodeNode(t testing.TB, n *Node) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(n.pb)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
