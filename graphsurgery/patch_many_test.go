package graphsurgery

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// TestPatchesOfManyParts: the time of a patch grows with its parts, not with their
// square. Each takes well under a second; the bound leaves room for a busy machine,
// and a quadratic step would take minutes.
func TestPatchesOfManyParts(t *testing.T) {
	for _, c := range []struct {
		name  string
		model *pb.ModelProto
		build func(m *Model, p *Patch)
	}{
		{"bypass of a chain", longChain(100_000), func(m *Model, p *Patch) {
			for _, n := range m.Graph.Nodes()[1 : len(m.Graph.Nodes())-1] {
				p.Bypass(n)
			}
		}},
		{"4000 outputs", manyOutputs(4000), func(m *Model, p *Patch) {
			for _, v := range m.Graph.Outputs() {
				p.InsertAfter(v, p.Add("Neg", p.Tap(v)))
			}
		}},
		{"4000 Ifs", manyIfs(4000), func(m *Model, p *Patch) {
			for _, n := range m.Graph.Nodes() {
				p.InsertAfter(n.Output(0), p.Add("Neg", p.Tap(n.Output(0))))
			}
		}},
	} {
		m := load(t, c.model)
		start := time.Now()
		p := m.NewPatch("many")
		c.build(m, p)
		apply(t, p)
		d := time.Since(start)
		t.Logf("%s: %v", c.name, d)
		if d > 20*time.Second {
			t.Errorf("%s took %v", c.name, d)
		}
	}
}

func longChain(n int) *pb.ModelProto {
	m := chain()
	m.Graph.Initializer = nil
	m.Graph.Node = nil
	last := "x"
	for i := range n {
		next := fmt.Sprintf("v%d", i)
		if i == n-1 {
			next = "y"
		}
		m.Graph.Node = append(m.Graph.Node, node("Neg", []string{last}, next))
		last = next
	}
	return m
}

func manyOutputs(n int) *pb.ModelProto {
	m := chain()
	m.Graph.Initializer, m.Graph.Node, m.Graph.Output = nil, nil, nil
	for i := range n {
		name := fmt.Sprintf("y%d", i)
		m.Graph.Node = append(m.Graph.Node, node("Abs", []string{"x"}, name))
		m.Graph.Output = append(m.Graph.Output, port(name, Float, Dim{Value: -1, Param: "batch"}, Dim{Value: 2}))
	}
	return m
}

func manyIfs(n int) *pb.ModelProto {
	m := withIf()
	model := proto.CloneOf(m.Graph.Node[len(m.Graph.Node)-1])
	m.Graph.Output = m.Graph.Output[:1]
	m.Graph.Node = m.Graph.Node[:4]
	for i := range n {
		c := proto.CloneOf(model)
		c.Output[0] = fmt.Sprintf("chosen%d", i)
		for _, a := range c.Attribute {
			out := fmt.Sprintf("%s_%d", a.G.Node[0].Output[0], i)
			a.G.Node[0].Output[0] = out
			a.G.Output[0].Name = &out
		}
		m.Graph.Node = append(m.Graph.Node, c)
	}
	return m
}
