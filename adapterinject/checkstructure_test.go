package adapterinject

import (
	"path/filepath"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// structureBases are models of several shapes that take adapters.
func structureBases(t *testing.T) map[string]*gs.Model {
	bases := map[string]*gs.Model{
		"pre-norm":      classifier(t, 17, 8, 2, 3, true, spelling{}),
		"post-norm":     classifier(t, 17, 8, 2, 3, false, spelling{post: true}),
		"Gemm":          classifier(t, 17, 8, 2, 3, true, spelling{linear: "gemm"}),
		"LayerScale":    classifier(t, 20, 8, 2, 3, true, spelling{scale: true, act: "op"}),
		"spelled norms": classifier(t, 14, 8, 2, 3, true, spelling{norm: "keras", act: "tanh"}),
		"waveform":      load(t, "../testdata/small/waveform.onnx"),
	}
	files, _ := filepath.Glob("../testdata/tinyast/*.onnx")
	for _, f := range files {
		bases[f] = load(t, f)
	}
	return bases
}

// TestCheckStructure: whatever inject makes, trained too, has nothing that does not fit.
func TestCheckStructure(t *testing.T) {
	for name, base := range structureBases(t) {
		for _, r := range []Recipe{AAT{}, AAT{Scale: 0.1, Rank: 2}, AAT{MLPOnly: true}, HeadOnly{}} {
			for _, h := range []Head{{}, {Labels: labels(5)}} {
				if r.Method() == "head" && len(h.Labels) == 0 {
					continue
				}
				adapted := inject(t, base, r, h)
				for _, n := range Trainable(adapted) {
					old := adapted.Graph.Initializer(n)
					xs, err := old.Float32s()
					if err != nil {
						t.Fatal(err)
					}
					xs[0] += 0.5
					if err := adapted.SetInitializer(n, gs.NewTensor(old.Shape(), xs)); err != nil {
						t.Fatal(err)
					}
				}
				misfits, err := CheckStructure(base, adapted)
				if err != nil || len(misfits) > 0 {
					t.Errorf("%s, %+v, %d labels: %v, %v", name, r, len(h.Labels), misfits, err)
				}
			}
		}
	}
}

// TestCheckStructureFinds: what passes itself off as an adapter is told.
func TestCheckStructureFinds(t *testing.T) {
	base := classifier(t, 17, 8, 2, 3, true, spelling{})
	v := func(m *gs.Model, name string) *gs.Value { return m.Graph.Value(name) }
	evil := gs.Named(Prefix + "evil")
	tests := []struct {
		name   string
		change func(m *gs.Model, p *gs.Patch)
		want   []string
	}{
		{"square of the input", func(m *gs.Model, p *gs.Patch) {
			in := m.Graph.Inputs()[0]
			p.InsertAfter(in, p.Add("Mul", p.Tap(in), p.Tap(in), evil))
		}, []string{`is not the sum`, `node "aat/evil": it is part of no adapter`}},
		{"sum of the stream with itself", func(m *gs.Model, p *gs.Patch) {
			p.InsertAfter(v(m, "b0.norm"), p.Add("Add", p.Tap(v(m, "b0.norm")), p.Tap(v(m, "b0.norm")), evil))
		}, []string{`is not the sum`, `node "aat/evil"`}},
		{"node that nothing reads", func(m *gs.Model, p *gs.Patch) {
			p.AddOutput("more", p.Add("Neg", p.Tap(v(m, "b0.norm")), evil), gs.Type{DType: gs.Float, Shape: v(m, "b0.norm").Shape()})
		}, []string{`node "aat/evil"`}},
		{"adapter's result alone", func(m *gs.Model, p *gs.Patch) {
			sum := v(m, "b0.sum2").Producer()
			p.ShuntUse(gs.Use{Node: sum, Input: 1}, p.Tap(v(m, "aat/block0/attn/up_add_output_0")))
		}, []string{`"aat/block0/attn/up_add_output_0" is not the sum`}},
		{"sum of another place", func(m *gs.Model, p *gs.Patch) {
			sum := v(m, "b0.sum2").Producer()
			p.ShuntUse(gs.Use{Node: sum, Input: 1}, p.Tap(v(m, "aat/block0/attn/residual_output_0")))
		}, []string{`which the base does not read here`}},
		{"adapter where none goes", func(m *gs.Model, p *gs.Patch) {
			norm := v(m, "b0.norm")
			p.InsertAfter(norm, p.Add("Add", p.Tap(norm), p.Tap(v(m, "aat/block0/attn/up_add_output_0")), evil))
		}, []string{"evil"}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			adapted := inject(t, base, AAT{}, Head{})
			p := adapted.NewPatch("change")
			c.change(adapted, p)
			if err := p.Apply(); err != nil {
				t.Fatal(err)
			}
			misfits, err := CheckStructure(base, adapted)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range misfits {
				got = append(got, m.String())
			}
			for _, want := range c.want {
				if !strings.Contains(strings.Join(got, "\n"), want) {
					t.Errorf("misfits %q, want one that says %q", got, want)
				}
			}
		})
	}
}

// TestCheckStructureNil: a model that is not there is an error.
func TestCheckStructureNil(t *testing.T) {
	m := classifier(t, 17, 8, 1, 3, true, spelling{})
	for _, pair := range [][2]*gs.Model{{m, nil}, {nil, m}} {
		if _, err := CheckStructure(pair[0], pair[1]); err == nil {
			t.Error("a nil model was taken")
		}
	}
}
