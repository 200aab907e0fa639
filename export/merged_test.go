package export

import (
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

// trainedModel injects a kind into a tiny AST and gives every trainable tensor other
// numbers, as training would.
func trainedModel(t *testing.T, base *graphsurgery.Model, method string, labels []string, seed int) *graphsurgery.Model {
	t.Helper()
	k, err := kinds.Named(method)
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := k.Recipe(kinds.Options{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := adapterinject.Plan(base, recipe, adapterinject.Head{Labels: labels, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	m, err := plan.Inject()
	if err != nil {
		t.Fatal(err)
	}
	shake(t, m, seed)
	return m
}

// shake adds small numbers, other ones for another seed, to all that is trained.
func shake(t *testing.T, m *graphsurgery.Model, seed int) {
	t.Helper()
	for i, name := range adapterinject.Trainable(m) {
		old := m.Graph.Initializer(name)
		xs, err := old.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		for k := range xs {
			xs[k] += 0.02 * float32(math.Sin(float64(seed+31*i+7*k)))
		}
		if err := m.SetInitializer(name, graphsurgery.NewTensor(old.Shape(), xs)); err != nil {
			t.Fatal(err)
		}
	}
}

// tiny loads a tiny AST.
func tiny(t *testing.T, exporter string) *graphsurgery.Model {
	t.Helper()
	m, err := graphsurgery.Load("../testdata/tinyast/tinyast-" + exporter + ".onnx")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// runtime opens ONNX Runtime where `make test` promises it; false elsewhere.
func runtime(t *testing.T) (*ort.Runtime, bool) {
	t.Helper()
	if os.Getenv("AAT_ONNX_TEST_ORT") != "1" {
		t.Log("AAT_ONNX_TEST_ORT is not set: run `make test` for this one")
		return nil, false
	}
	lib, err := ort.Locate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	rt, err := ort.Open(lib)
	if err != nil {
		t.Fatal(err)
	}
	return rt, true
}

// spectrograms are two inputs for a tiny AST.
func spectrograms() [][]float32 {
	out := make([][]float32, 2)
	for i := range out {
		out[i] = make([]float32, 128*128)
		for j := range out[i] {
			out[i][j] = float32(math.Sin(float64(j*(i+3))*0.37) + math.Cos(float64(j/128)*0.1))
		}
	}
	return out
}

// logits runs a model.
func logits(t *testing.T, rt *ort.Runtime, m *graphsurgery.Model) [][]float32 {
	t.Helper()
	o, err := NewORT(m, rt, 128, 128)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	rows, err := o.Logits(t.Context(), spectrograms())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// far is the largest difference.
func far(t *testing.T, a, b [][]float32) float64 {
	t.Helper()
	var r Report
	for i := range a {
		if len(a[i]) != len(b[i]) {
			t.Fatalf("row %d has %d and %d values", i, len(a[i]), len(b[i]))
		}
		r.compare(a[i], b[i])
	}
	return r.MaxAbsDiff
}

// TestMerged merges every kind, and runs what comes out: it computes what the model
// with its adapters as nodes computes. The difference of the logits is below 1e-4, the
// bound that the forms promise.
func TestMerged(t *testing.T) {
	rt, ok := runtime(t)
	for _, exporter := range []string{"ts17", "dynamo"} {
		base := tiny(t, exporter)
		for _, k := range kinds.All() {
			if exporter == "dynamo" && !slices.Contains([]string{"aat", "lora", "bitfit"}, k.Method) {
				continue // one of each way to fold: the spelling is what differs
			}
			t.Run(exporter+"/"+k.Method, func(t *testing.T) {
				var labels []string // the base's head, whose logits are of size 1 to 10
				if exporter == "dynamo" || k.Method == "head" {
					labels = []string{"bee", "fly", "wasp"}
				}
				m := trainedModel(t, base, k.Method, labels, 1)
				merged, err := MergeModel(m)
				if !folds(t, base, m) {
					var refused *graphsurgery.UnsupportedError
					if !errors.As(err, &refused) || refused.Hint == "" {
						t.Errorf("error %v, want a refusal with advice: no adapter of the kind can be folded", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := merged.Model.Verify(); err != nil {
					t.Fatal(err)
				}
				t.Logf("folded %d, kept %v", len(merged.Folded), merged.Kept)
				if ok {
					d := far(t, logits(t, rt, m), logits(t, rt, merged.Model))
					t.Logf("difference %.3g", d)
					if !(d <= 1e-4) {
						t.Errorf("the merged model's logits are %.3g off", d)
					}
					if untouched := far(t, logits(t, rt, m), logits(t, rt, trainedModel(t, base, k.Method, labels, 2))); untouched < 1e-2 {
						t.Errorf("other adapters change the logits by %.3g only: the test shows nothing", untouched)
					}
				}
			})
		}
	}
}

// folds tells whether some adapter of a model's plan has an exact form in the weights.
func folds(t *testing.T, base, m *graphsurgery.Model) bool {
	t.Helper()
	p, err := kinds.Replan(base, m)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(p.Adapters(), func(a adapterinject.Adapter) bool { return a.Fold != nil })
}

// TestMergedTopology: MLP adapters leave the base's graph as it was, node by node and
// name by name; its hidden values are wider by the rank.
func TestMergedTopology(t *testing.T) {
	for _, exporter := range []string{"ts17", "dynamo"} {
		base := tiny(t, exporter)
		merged, err := MergeModel(trainedModel(t, base, "aat-m", nil, 1))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, n := range merged.Model.Graph.Nodes() {
			got[n.Label()] = n.String()
		}
		for _, n := range base.Graph.Nodes() {
			if want := n.String(); n.Op() != "Transpose" && got[n.Label()] != want {
				t.Errorf("%s: node %q is %s, want %s", exporter, n.Label(), got[n.Label()], want)
			}
		}
		if n := len(merged.Model.Graph.Nodes()); n != len(base.Graph.Nodes()) {
			t.Errorf("%s: %d nodes, the base has %d", exporter, n, len(base.Graph.Nodes()))
		}
		blocks, _ := adapterinject.Find(merged.Model)
		for _, b := range blocks {
			fc1, _ := b.Layer(adapterinject.LayerFC1)
			fc2, _ := b.Layer(adapterinject.LayerFC2)
			if fc1.OutDim != 544 || fc2.InDim != 544 { // 4·128 and a rank of 128/4
				t.Errorf("%s: block %d has %d and %d hidden units, want 544", exporter, b.Index, fc1.OutDim, fc2.InDim)
			}
		}
		if len(blocks) != 6 {
			t.Errorf("%s: %d blocks, want 6", exporter, len(blocks))
		}
	}
}
