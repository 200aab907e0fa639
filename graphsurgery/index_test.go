package graphsurgery

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// ladder is a model of n nodes: x → Add → Add → …, every second one with a
// constant.
func ladder(n int) *pb.ModelProto {
	m := chain()
	m.Graph.Node, m.Graph.Initializer = nil, nil
	last := "x"
	for i := range n {
		next, with := fmt.Sprintf("v%d", i), last
		if i%2 == 1 {
			with = fmt.Sprintf("w%d", i)
			m.Graph.Initializer = append(m.Graph.Initializer, initializer(with, NewTensor([]int64{2}, []float32{1, 2})))
		}
		add := node("Add", []string{last, with}, next)
		add.Name = proto.String("node_" + next)
		m.Graph.Node = append(m.Graph.Node, add)
		last = next
	}
	m.Graph.Output = []*pb.ValueInfoProto{port(last, Float)}
	return m
}

func BenchmarkIndex100k(b *testing.B) {
	m := unread(b, ladder(100_000))
	for b.Loop() {
		if err := m.reindex(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndexAnew100k(b *testing.B) {
	p := ladder(100_000)
	for b.Loop() {
		unread(b, p)
	}
}

// unread is a model that did not go through a file.
func unread(t testing.TB, p *pb.ModelProto) *Model {
	t.Helper()
	m, err := newModel(p, &Model{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Benchmark200Patches is the time of 200 patches on a model of 2,000 nodes.
func Benchmark200Patches(b *testing.B) {
	for b.Loop() {
		m := load(b, ladder(2000))
		start := time.Now()
		for i := range 200 {
			v := m.Graph.Value(fmt.Sprintf("v%d", 10*i))
			p := m.NewPatch("bench")
			p.InsertAfter(v, p.Add("Tanh", p.Tap(v)))
			apply(b, p)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/200")
	}
}
