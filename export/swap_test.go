package export

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

// TestSwap switches two adapters with heads for 2 and for 5 labels in one session of
// ONNX Runtime. Each gives, bit for bit, the logits of a session in which its tensors
// are fixed; without one, the model computes what it computes untrained.
func TestSwap(t *testing.T) {
	rt, ok := runtime(t)
	for _, c := range []struct{ exporter, method string }{{"ts17", "aat"}, {"dynamo", "aat"}, {"dynamo", "lora"}, {"ts17", "ssf"}} {
		base := tiny(t, c.exporter)
		first := trainedModel(t, base, c.method, []string{"bee", "fly"}, 1)
		second := trainedModel(t, base, c.method, []string{"a", "b", "c", "d", "e"}, 2)
		m, err := SwapModel(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(); err != nil {
			t.Fatal(err)
		}
		if offered := listed(m); offered != len(adapterinject.Trainable(first)) {
			t.Errorf("%v: %d tensors are optional inputs, want %d", c, offered, len(adapterinject.Trainable(first)))
		}
		back, err := adapterinject.Eject(m)
		if err != nil || back.Digest() != base.Digest() {
			t.Errorf("%v: the base does not come back: %v", c, err)
		}
		if !ok {
			continue
		}
		o, err := NewORT(m, rt, 128, 128)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		want := map[*graphsurgery.Model][][]float32{first: fixedLogits(t, rt, m, first), second: fixedLogits(t, rt, m, second)}
		for _, adapted := range []*graphsurgery.Model{first, second, first} {
			use(t, rt, o, adapted)
			got, err := o.Logits(t.Context(), spectrograms())
			if err != nil {
				t.Fatal(err)
			}
			if d := far(t, got, want[adapted]); d != 0 {
				t.Errorf("%v: with %d labels the logits are %g off", c, len(got[0]), d)
			}
			// The fused model's constants are folded and fused otherwise.
			if d := far(t, got, logits(t, rt, adapted)); !(d <= 1e-5) {
				t.Errorf("%v: with %d labels the logits are %g from the fused model's", c, len(got[0]), d)
			}
		}
		o.Use(nil)
		plain, err := o.Logits(t.Context(), spectrograms())
		if err != nil {
			t.Fatal(err)
		}
		if d := far(t, plain, logits(t, rt, untrained(t, base, c.method))); !(d <= 1e-5) {
			t.Errorf("%v: without an adapter the logits are %g from the untrained model's", c, d)
		}
	}
}

func untrained(t *testing.T, base *graphsurgery.Model, method string) *graphsurgery.Model {
	t.Helper()
	k, err := kinds.Named(method)
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := k.Recipe(kinds.Options{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := adapterinject.Plan(base, recipe, adapterinject.Head{Labels: []string{"bee", "fly"}, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	m, err := plan.Inject()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// listed counts the initialisers that are inputs too.
func listed(m *graphsurgery.Model) int {
	n := 0
	for _, x := range m.Graph.Initializers() {
		if m.Graph.Value(x.Name()).IsDefault() {
			n++
		}
	}
	return n
}

// use makes an injected model's adapter active.
func use(t *testing.T, rt *ort.Runtime, o *ORT, m *graphsurgery.Model) {
	t.Helper()
	data, err := SwapBytes(m)
	if err != nil {
		t.Fatal(err)
	}
	a, err := rt.NewAdapter(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	o.Use(a)
}

// fixedLogits runs an adapter alone, in a session of its own.
func fixedLogits(t *testing.T, rt *ort.Runtime, m, adapted *graphsurgery.Model) [][]float32 {
	t.Helper()
	o, err := NewORT(m, rt, 128, 128)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	use(t, rt, o, adapted)
	rows, err := o.Logits(t.Context(), spectrograms())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
