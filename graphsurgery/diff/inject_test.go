package diff_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/diff"
)

func inject(t *testing.T, file string, labels ...string) (base, adapted *graphsurgery.Model, plan *adapterinject.InjectionPlan) {
	t.Helper()
	base, err := graphsurgery.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	plan, err = adapterinject.Plan(base, aat.Recipe{Rank: 0.25}, adapterinject.Head{Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	adapted, err = plan.Inject()
	if err != nil {
		t.Fatal(err)
	}
	return base, adapted, plan
}

// TestInjectedModel: an injected model differs from its base in the adapters, the
// edges that read them and its own metadata, and in nothing else.
func TestInjectedModel(t *testing.T) {
	files, err := filepath.Glob("../../testdata/tinyast/*.onnx")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d models, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			base, adapted, plan := inject(t, file)
			only := diff.Only{Prefix: adapterinject.Prefix, Metadata: "aat.", Rewired: len(plan.Adapters())}
			d := compare(t, base, adapted)
			if err := only.Check(base, adapted, d); err != nil {
				t.Fatal(err)
			}
			if got, want := d.Parameters(), plan.AdapterParameters(); got != want {
				t.Errorf("%d parameters added, want %d", got, want)
			}
			if err := diff.Assert(adapted, base, only); err == nil {
				t.Error("taking the adapters out passes for adding them")
			}
			base, adapted, _ = inject(t, file, "dog", "cat")
			only.Outputs = []string{base.Graph.Outputs()[0].Name()}
			if err := diff.Assert(base, adapted, only); err != nil {
				t.Error(err)
			}
			only.Outputs = nil
			if err := diff.Assert(base, adapted, only); err == nil {
				t.Error("a new head passes where none is allowed")
			}
		})
	}
}

// TestTamperedModel changes one thing of the base in an injected model: the
// assertion names it.
func TestTamperedModel(t *testing.T) {
	base, adapted, plan := inject(t, "../../testdata/tinyast/tinyast-ts17.onnx")
	only := diff.Only{Prefix: adapterinject.Prefix, Metadata: "aat.", Rewired: len(plan.Adapters())}
	text := adapted.Text()
	for _, c := range []struct{ name, old, new, want string }{
		{"an epsilon", "transB = 1", "transB = 0", "attribute transB: 1 → 0"},
		{"an axis", "axis = -1", "axis = 1", "attribute axis: -1 → 1"},
		{"an opset", "[\"\" : 17]", "[\"\" : 18]", `opset "": 17 → 18`},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := strings.Index(text, c.old)
			if i < 0 {
				t.Fatalf("no %q in the model", c.old)
			}
			bad := parse(t, text[:i]+c.new+text[i+len(c.old):])
			err := diff.Assert(base, bad, only)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if n := strings.Count(err.Error(), "\n"); n != 1 {
				t.Errorf("got %d complaints, want 1:\n%v", n, err)
			}
		})
	}
	t.Run("a weight", func(t *testing.T) {
		for i, w := range base.Graph.Initializers() {
			if w.DType() != graphsurgery.Float || i%4 != 0 { // each takes a copy of the model
				continue
			}
			bad := adapted.Clone()
			values, err := w.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			values[len(values)/2] += 1e-6
			if err := bad.SetInitializer(w.Name(), graphsurgery.NewTensor(w.Shape(), values)); err != nil {
				t.Fatal(err)
			}
			err = diff.Assert(base, bad, only)
			if err == nil || !strings.Contains(err.Error(), `"`+w.Name()+`"`) {
				t.Fatalf("a changed %s: got %v", w.Name(), err)
			}
		}
	})
}
