package adapterinject_test

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	"github.com/aat-onnx/aat-onnx/adapterinject/lora"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestFoldSharedWeight: of a weight that query and key share, a change to the query's
// leaves the key's as it was.
func TestFoldSharedWeight(t *testing.T) {
	base := nets.Classifier(t, 17, 8, 1, 3, true, nets.Spelling{})
	product := func(m *gs.Model, name string) *gs.Node { return m.Graph.Value(name).Producer().Input(1).Producer() }
	p := base.NewPatch("share")
	p.SetInput(product(base, "b0.k"), 1, p.Tap(product(base, "b0.q").Input(1)))
	p.Prune()
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	shared := product(base, "b0.k").Input(1).Name()
	if got := product(base, "b0.q").Input(1).Name(); got != shared {
		t.Fatalf("the query's weight is %q, want the key's %q", got, shared)
	}
	plan, err := adapterinject.Plan(base, lora.Recipe{Rank: 2, Layers: []adapterinject.LayerName{adapterinject.LayerQ}}, adapterinject.Head{})
	if err != nil {
		t.Fatal(err)
	}
	adapted, err := plan.Inject()
	if err != nil {
		t.Fatal(err)
	}
	if err := adapted.SetInitializer("aat/block0/q/lora_B", gs.NewTensor([]int64{2, 8}, make16(0.5))); err != nil {
		t.Fatal(err)
	}
	folded, rounded, err := plan.FoldRounded(adapted)
	if err != nil {
		t.Fatal(err)
	}
	const ulp = 1.0 / (1 << 24) // half of float32's spacing below 1
	if len(rounded) != 1 || rounded[0].Error > ulp || rounded[0].Largest == 0 || rounded[0].Adapter != "block0/q" {
		t.Errorf("rounded %+v, want the weight of block0/q within %v", rounded, ulp)
	}
	if got := product(folded, "b0.k").Input(1).Name(); got != shared {
		t.Errorf("the key reads %q, want %q", got, shared)
	}
	before, _ := base.Graph.Initializer(shared).Digest()
	after, _ := folded.Graph.Initializer(shared).Digest()
	if before != after {
		t.Errorf("%q was changed, which the key reads too", shared)
	}
	own := product(folded, "b0.q").Input(1)
	if own.Name() == shared || own.Initializer() == nil {
		t.Fatalf("the query reads %q, want an initialiser of its own", own.Name())
	}
	a, errA := adapted.Graph.Initializer("aat/block0/q/lora_A").Float64s()
	w, errW := base.Graph.Initializer(shared).Float64s()
	got, errG := own.Initializer().Float64s()
	if errA != nil || errW != nil || errG != nil {
		t.Fatal(errA, errW, errG)
	}
	for i, x := range got {
		want := w[i] + 0.5*(a[i/8*2]+a[i/8*2+1]) // W + A·B, s = 1 and B all one half
		const rounding = 1e-7                    // of a float32 below 1
		if d := x - want; d > rounding || d < -rounding {
			t.Fatalf("number %d of the query's weight is %v, want %v", i, x, want)
		}
	}
}

func make16(x float32) []float32 {
	out := make([]float32, 16)
	for i := range out {
		out[i] = x
	}
	return out
}
