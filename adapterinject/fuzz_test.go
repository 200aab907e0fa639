package adapterinject_test

import (
	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"os"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// FuzzFind: whatever parses is searched, planned and spliced without a panic,
// and what was spliced is proved to change nothing.
func FuzzFind(f *testing.F) {
	data, err := os.ReadFile("../testdata/small/waveform.onnx")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(nets.Seed(17, 4, "Softmax", ""))
	f.Add(nets.Seed(23, 4, "Attention", ""))
	f.Add(nets.Seed(17, 4, "Attention", "com.microsoft"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := gs.Parse(data)
		if err == nil {
			findPlanInject(t, m)
		}
	})
}

// FuzzRewire searches a valid classifier some of whose inputs read other values:
// three bytes an edit, for node, input and value. These graphs pass Verify, so
// more of them reach splicing than broken bytes do.
func FuzzRewire(f *testing.F) {
	f.Add([]byte{20, 0, 3, 40, 1, 7}, byte(0))
	f.Add([]byte{60, 0, 50}, byte(1))
	f.Add([]byte{12, 1, 2, 90, 0, 80}, byte(2))
	spellings := []nets.Spelling{{}, {Linear: "gemm", QKV: "gather", Act: "tanh"}, {Post: true, Norm: "keras"}, {QKV: "rotary", Core: "fed"}}
	f.Fuzz(func(t *testing.T, edits []byte, which byte) {
		m := nets.Classifier(t, 17, 8, 1, 3, true, spellings[int(which)%len(spellings)])
		p := m.NewPatch("rewire")
		nodes := m.Graph.Nodes()
		for ; len(edits) >= 3; edits = edits[3:] {
			at := int(edits[0]) % len(nodes)
			n := nodes[at]
			if at == 0 || len(n.Inputs()) == 0 {
				continue
			}
			v := nodes[int(edits[2])%at].Output(0)
			p.ShuntUse(gs.Use{Node: n, Input: int(edits[1]) % len(n.Inputs())}, p.Tap(v))
		}
		if p.Apply() == nil {
			findPlanInject(t, m)
		}
	})
}

func findPlanInject(t *testing.T, m *gs.Model) {
	t.Helper()
	blocks, report := adapterinject.Find(m)
	if len(blocks) > len(report.Candidates) || report.String() == "" {
		t.Errorf("%d blocks of %d candidates", len(blocks), len(report.Candidates))
	}
	for _, h := range []adapterinject.Head{{}, {Labels: []string{"a", "b"}}} {
		p, err := adapterinject.Plan(m, aat.Recipe{}, h)
		if err != nil || p.Parameters() > 1e6 || m.Verify() != nil {
			continue
		}
		adapted, err := p.Inject()
		if err != nil {
			continue
		}
		if err := adapterinject.CheckNoop(m, adapted); err != nil {
			t.Errorf("%d labels: %v", len(h.Labels), err)
		}
	}
}
