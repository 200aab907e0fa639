package graphsurgery

import (
	"errors"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// stressModels are the files that the sweeping tests run over: the committed
// models, and onnx's own backend tests where they are at hand.
func stressModels(t *testing.T) []string {
	t.Helper()
	files := []string{"../testdata/small/mlp.onnx", "../testdata/small/waveform.onnx", "../testdata/tinyast/tinyast-ts17.onnx"}
	for _, kind := range []string{"node", "simple", "pytorch-converted", "pytorch-operator"} {
		dirs, ok := testutil.NodeTests(t, kind)
		if !ok {
			return files
		}
		for _, d := range dirs {
			files = append(files, filepath.Join(d, "model.onnx"))
		}
	}
	return files
}

// eachStressModel runs f on every model that verifies.
func eachStressModel(t *testing.T, f func(t *testing.T, file string, m *Model)) {
	t.Helper()
	done := 0
	for _, file := range stressModels(t) {
		m, err := Load(file)
		if err != nil || m.Verify() != nil {
			continue // refused: the tests of Load and Verify say which and why
		}
		f(t, file, m)
		done++
	}
	t.Logf("%d models", done)
	if want := len(stressModels(t)) * 9 / 10; done < want {
		t.Errorf("%d models verify, want at least %d", done, want)
	}
}

// sample gives about n values of a graph, evenly spread.
func sample(values []*Value, n int) []*Value {
	var picked []*Value
	for i := 0; i < len(values); i += max(1, len(values)/n) {
		picked = append(picked, values[i])
	}
	return picked
}

// TestInsertThenBypassRestoresTheModel puts an Identity after values of every
// model, in subgraphs and functions too, and bypasses it again.
func TestInsertThenBypassRestoresTheModel(t *testing.T) {
	inserted, refused := 0, 0
	eachStressModel(t, func(t *testing.T, file string, m *Model) {
		if _, ok := m.Opset(""); !ok {
			return // no Identity to insert
		}
		before := proto.CloneOf(m.pb)
		for _, g := range m.Graphs() {
			for _, v := range sample(g.Values(), 8) {
				p := m.NewPatch("stress")
				w := p.In(g).Add("Identity", p.In(g).Tap(v))
				p.In(g).InsertAfter(v, w)
				if err := p.Apply(); err != nil {
					refused++
					var broken *TypeError // Identity takes sequences from opset 14 on
					if v.producer != nil && !errors.As(err, &broken) {
						t.Errorf("%s: inserting after %q: %v", file, v.name, err)
					}
				} else {
					inserted++
					p = m.NewPatch("back")
					p.Bypass(added(g, w))
					if err := p.Apply(); err != nil {
						t.Errorf("%s: bypassing after %q: %v", file, v.name, err)
					}
				}
				if !proto.Equal(before, m.pb) {
					t.Fatalf("%s: the model changed at %q", file, v.name)
				}
			}
		}
	})
	t.Logf("%d inserted and bypassed, %d refused", inserted, refused)
	if inserted < 20 || refused > inserted/50 {
		t.Errorf("%d insertions, %d refused, want more of the first", inserted, refused)
	}
}

// added finds the node a patch made.
func added(g *Graph, w Wire) *Node {
	for _, n := range g.Nodes() {
		if n.pb == w.node.pb {
			return n
		}
	}
	return nil
}

// TestExtractOfAllIsTheModel cuts every model at its own inputs and outputs: what
// is left verifies, and has every node that reaches an output.
func TestExtractOfAllIsTheModel(t *testing.T) {
	eachStressModel(t, func(t *testing.T, file string, m *Model) {
		x, err := Extract(m, valueNames(m.Graph.Inputs()), valueNames(m.Graph.Outputs()))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		live := m.liveness().nodes
		var want []*pb.NodeProto
		for _, n := range m.pb.Graph.Node {
			if live[n] {
				want = append(want, n)
			}
		}
		if len(want) != len(x.pb.Graph.Node) {
			t.Fatalf("%s: %d nodes, want %d", file, len(x.pb.Graph.Node), len(want))
		}
		for i := range want {
			if !proto.Equal(want[i], x.pb.Graph.Node[i]) {
				t.Errorf("%s: node %d is %v, want %v", file, i, x.pb.Graph.Node[i], want[i])
			}
		}
	})
}

func valueNames(values []*Value) []string {
	var names []string
	for _, v := range values {
		names = append(names, v.name)
	}
	return names
}

// TestSpliceOfEveryModelIntoANewOne splices each model into an empty one with its
// inputs, so that each operator, subgraph and function is copied once.
func TestSpliceOfEveryModelIntoANewOne(t *testing.T) {
	eachStressModel(t, func(t *testing.T, file string, m *Model) {
		empty := &pb.ModelProto{IrVersion: m.pb.IrVersion, OpsetImport: m.pb.OpsetImport, Graph: &pb.GraphProto{Name: new("empty")}}
		host := load(t, empty)
		merged, err := Merge(host, m, MergeOptions{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		if got, want := merged.Graph.String(), m.Graph.String(); got != want {
			t.Errorf("%s: merged into nothing it is\n%swant\n%s", file, got, want)
		}
		if !sameBut(wholeMessage(t, merged), wholeMessage(t, m)) {
			t.Errorf("%s: merged into nothing it is another model", file)
		}
	})
}

// sameBut compares two models but for what Merge does not take along: who made
// the second model, and its graph's name and notes.
func sameBut(a, b *pb.ModelProto) bool {
	a, b = proto.CloneOf(a), proto.CloneOf(b)
	for _, m := range []*pb.ModelProto{a, b} {
		m.ProducerName, m.ProducerVersion, m.Domain, m.ModelVersion, m.DocString = nil, nil, nil, nil, nil
		m.Graph.Name, m.Graph.DocString, m.Graph.ValueInfo, m.Graph.MetadataProps = nil, nil, nil, nil
		m.TrainingInfo = nil
	}
	return proto.Equal(a, b)
}
