package graphsurgery

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// limited is a model in which every limit counts something.
func limited() *pb.ModelProto {
	m := withIf()
	m.MetadataProps = []*pb.StringStringEntryProto{{Key: proto.String("a")}, {Key: proto.String("b")}}
	body := func(op, domain string) []*pb.NodeProto {
		return []*pb.NodeProto{{OpType: &op, Domain: &domain, Input: []string{"x"}, Output: []string{"y"}}}
	}
	f := func(name string, nodes []*pb.NodeProto) *pb.FunctionProto {
		return &pb.FunctionProto{Name: &name, Domain: proto.String("local"), Input: []string{"x"}, Output: []string{"y"}, Node: nodes, OpsetImport: m.OpsetImport}
	}
	m.Functions = []*pb.FunctionProto{f("f", body("g", "local")), f("g", body("Neg", ""))}
	m.Graph.Node[0].Attribute = []*pb.AttributeProto{{Name: proto.String("list"), Ints: []int64{1, 2, 3, 4, 5, 6, 7, 8}}}
	m.ProtoReflect().SetUnknown([]byte{0xa0, 0x38, 7})
	return m
}

// TestLimits sets each limit to what the model needs, then to less.
func TestLimits(t *testing.T) {
	data := encode(t, limited())
	for _, c := range []struct {
		name      string
		fits, not Limits
		want      string
	}{
		{"file", Limits{FileBytes: int64(len(data))}, Limits{FileBytes: int64(len(data)) - 1}, "bytes of the file"},
		{"tensor", Limits{TensorBytes: 16}, Limits{TensorBytes: 15}, `tensor "w" declares: 16, more than the limit of 15`},
		{"total", Limits{TotalBytes: 17}, Limits{TotalBytes: 16}, "all tensors declare: 17"},
		{"nodes", Limits{Nodes: 9}, Limits{Nodes: 8}, "nodes: 9"},
		{"initialisers", Limits{Initializers: 2}, Limits{Initializers: 1}, "initialisers: 2"},
		{"values", Limits{Values: 14}, Limits{Values: 13}, "values: 14"},
		{"functions", Limits{Functions: 2}, Limits{Functions: 1}, "functions: 2"},
		{"calls", Limits{CallDepth: 2}, Limits{CallDepth: 1}, "depth of function calls: 2"},
		{"nesting", Limits{Nesting: 1}, Limits{Nesting: -1}, "nested more than"},
		{"attribute", Limits{AttributeBytes: 84}, Limits{AttributeBytes: 83}, "bytes of one attribute: 84"},
		{"name", Limits{NameBytes: 11}, Limits{NameBytes: 10}, "bytes of one name: 11"},
		{"rank", Limits{Rank: 2}, Limits{Rank: 1}, "dimensions of one shape: 2"},
		{"metadata", Limits{Metadata: 2}, Limits{Metadata: 1}, "metadata entries: 2"},
		{"unknown", Limits{UnknownBytes: 3}, Limits{UnknownBytes: 2}, "not ONNX's: 3"},
	} {
		if _, err := c.fits.Parse(data); err != nil {
			t.Errorf("%s: %v, want it to fit", c.name, err)
		}
		_, err := c.not.Parse(data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
		if _, again := c.not.Read(bytes.NewReader(data)); again == nil || again.Error() != err.Error() && c.name != "file" {
			t.Errorf("%s: Read says %v, Parse %v", c.name, again, err)
		}
	}
	// The two limits that cannot be raised.
	big := Limits{FileBytes: 1 << 40, Nesting: 1000}.filled()
	if big.FileBytes != maxMessage || big.Nesting != maxNesting {
		t.Errorf("raised to %d bytes and %d graphs, want %d and %d", big.FileBytes, big.Nesting, maxMessage, maxNesting)
	}
}

// endless is a reader without an end.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.n += int64(len(p))
	return len(p), nil
}

func TestReadStopsAtTheLimit(t *testing.T) {
	r := &endless{}
	_, err := Limits{FileBytes: 1 << 20}.Read(r)
	var big *UnsupportedError
	if !errors.As(err, &big) {
		t.Errorf("got %v, want an UnsupportedError", err)
	}
	if r.n > 1<<20+1 {
		t.Errorf("%d bytes were read, want one more than the limit", r.n)
	}
}
