package adapterinject_test

import (
	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"github.com/aat-onnx/aat-onnx/adapterinject/headonly"
	"math"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

func TestCheckNoop(t *testing.T) {
	for name, base := range bases(t) {
		for _, r := range []adapterinject.Recipe{aat.Recipe{}, aat.Recipe{Scale: 0.1, Rank: 2}, aat.Recipe{MLPOnly: true}, headonly.Recipe{}} {
			for _, h := range []adapterinject.Head{{}, {Labels: labels(5)}} {
				if r.Method() == "head" && len(h.Labels) == 0 {
					continue
				}
				if err := adapterinject.CheckNoop(base, inject(t, base, r, h)); err != nil {
					t.Errorf("%s, %+v, %d labels: %v", name, r, len(h.Labels), err)
				}
			}
		}
	}
}

// TestCheckNoopFinds: each change beyond the adapters is named.
func TestCheckNoopFinds(t *testing.T) {
	base := nets.Classifier(t, 17, 8, 1, 3, true, nets.Spelling{})
	set := func(m *gs.Model, name string, at int) {
		old := m.Graph.Initializer(name)
		xs, err := old.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		xs[at] += 0.5
		if err := m.SetInitializer(name, gs.NewTensor(old.Shape(), xs)); err != nil {
			t.Fatal(err)
		}
	}
	patched := func(m *gs.Model, edit func(p *gs.Patch)) {
		p := m.NewPatch("change")
		edit(p)
		if err := p.Apply(); err != nil {
			t.Fatal(err)
		}
	}
	baseWeight := base.Graph.Value("b0.fc1").Producer().Input(0).Name()
	tests := []struct {
		name   string
		change func(m *gs.Model)
		want   string
	}{
		{"trained up-projection", func(m *gs.Model) { set(m, "aat/block0/attn/up_weight", 3) }, "up-projection"},
		{"trained up bias", func(m *gs.Model) { set(m, "aat/block0/mlp/up_bias", 7) }, "up-projection"},
		{"frozen weight", func(m *gs.Model) { set(m, baseWeight, 0) }, baseWeight},
		{"node more", func(m *gs.Model) {
			v := m.Graph.Value("b0.norm")
			patched(m, func(p *gs.Patch) { p.InsertAfter(v, p.Add("Neg", p.Tap(v))) })
		}, "Neg"},
		{"rewired", func(m *gs.Model) {
			sum := m.Graph.Value("b0.sum2").Producer()
			patched(m, func(p *gs.Patch) { p.ShuntUse(gs.Use{Node: sum, Input: 0}, p.Tap(m.Graph.Value("b0.norm"))) })
		}, `"b0.norm"`},
		{"adapter on another place", func(m *gs.Model) {
			sum := m.Graph.Value("b0.sum2").Producer()
			patched(m, func(p *gs.Patch) {
				p.ShuntUse(gs.Use{Node: sum, Input: 1}, p.Tap(m.Graph.Value("aat/block0/attn/residual_output_0")))
			})
		}, `"x", in the base "b0.fc2"`},
		{"attribute", func(m *gs.Model) {
			for _, n := range m.Graph.Nodes() {
				if n.Op() == "Softmax" {
					patched(m, func(p *gs.Patch) { p.SetAttr(n, "axis", int64(1)) })
					return
				}
			}
		}, "attribute axis is 1, in the base -1"},
		{"adapter's inside read", func(m *gs.Model) {
			sum := m.Graph.Value("b0.sum2").Producer()
			patched(m, func(p *gs.Patch) {
				p.ShuntUse(gs.Use{Node: sum, Input: 1}, p.Tap(m.Graph.Value("aat/block0/attn/up_matmul_output_0")))
			})
		}, "not proved equal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			adapted := inject(t, base, aat.Recipe{}, adapterinject.Head{})
			test.change(adapted)
			err := adapterinject.CheckNoop(base, adapted)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that names %s", err, test.want)
			}
		})
	}
	adapted := inject(t, base, aat.Recipe{}, adapterinject.Head{})
	if err := adapterinject.CheckNoop(adapted, adapted); err == nil {
		t.Error("an injected model passed as its own base")
	}
	other := nets.Classifier(t, 17, 8, 2, 3, true, nets.Spelling{})
	if err := adapterinject.CheckNoop(other, adapted); err == nil {
		t.Error("a model passed against another base")
	}
}

// TestCheckNoopDemandsFiniteWeights: 0·Inf and 0·NaN are NaN, so zeros behind prove
// nothing then.
func TestCheckNoopDemandsFiniteWeights(t *testing.T) {
	base := nets.Classifier(t, 17, 8, 1, 3, true, nets.Spelling{})
	adapted := inject(t, base, aat.Recipe{Scale: 0.5}, adapterinject.Head{})
	tried := 0
	for _, old := range adapted.Graph.Initializers() {
		if !strings.HasPrefix(old.Name(), adapterinject.Prefix) {
			continue
		}
		tried++
		for _, bad := range []float64{math.Inf(1), math.Inf(-1), math.NaN()} {
			m := adapted.Clone()
			xs, err := old.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			xs[len(xs)-1] = float32(bad)
			if err := m.SetInitializer(old.Name(), gs.NewTensor(old.Shape(), xs)); err != nil {
				t.Fatal(err)
			}
			if err := adapterinject.CheckNoop(base, m); err == nil || !strings.Contains(err.Error(), old.Name()) {
				t.Errorf("%v in %s: got %v, want an error that names it", bad, old.Name(), err)
			}
		}
	}
	if tried != 8 { // two adapters of down and up, weight and bias each
		t.Errorf("%d tensors were tried, want 8", tried)
	}
	p := adapted.NewPatch("scale")
	for _, n := range adapted.Graph.Nodes() {
		if strings.HasSuffix(n.Name(), "scale_factor") {
			p.SetAttr(n, "value", gs.NewTensor(nil, []float32{float32(math.NaN())}))
		}
	}
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	if err := adapterinject.CheckNoop(base, adapted); err == nil || !strings.Contains(err.Error(), "scale_factor") {
		t.Errorf("a scale of NaN: got %v, want an error that names it", err)
	}
}
