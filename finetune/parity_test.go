package finetune

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// parityFixture is one AAT step of PyTorch on the pretrained tiny AST; see
// testdata/gen/step_fixture.py. Gradients are of float64, the step of float32.
func parityFixture(t testing.TB) map[string]testutil.Array {
	t.Helper()
	golden, err := testutil.ReadNPZ(filepath.Join("..", "testdata", "parity", "step.npz"))
	if err != nil {
		t.Fatal(err)
	}
	return golden
}

// exports are both ONNX files of that model.
func exports() []string { return []string{"tinyast-ts17.onnx", "tinyast-dynamo.onnx"} }

// parityEngine is the injected model on a backend, with the fixture's adapters.
func parityEngine(t testing.TB, file string, b compute.Backend, golden map[string]testutil.Array) (*engine, data.Batch) {
	return parityEngineOf(t, file, b, golden, "f32")
}

func parityEngineOf(t testing.TB, file string, b compute.Backend, golden map[string]testutil.Array, precision string) (*engine, data.Batch) {
	t.Helper()
	m, err := graphsurgery.Load(filepath.Join("..", "testdata", "tinyast", file))
	if err != nil {
		t.Fatal(err)
	}
	labels := strings.Split("a b c d e f g h i j k", " ")
	plan, err := adapterinject.Plan(m, aat.Recipe{Rank: 0.25}, adapterinject.Head{Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	if m, err = plan.Inject(); err != nil {
		t.Fatal(err)
	}
	shape := golden["input"].Shape
	cfg := Config{BatchSize: int(shape[0]), LearningRate: 1e-3, Backend: b, Precision: precision}.withDefaults()
	p, err := connect(m, cfg.BatchSize, int(shape[1]), int(shape[2]), labels)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEngine(m, p, cfg)
	if err != nil {
		t.Fatal(err)
	}
	find := func(name string) *namedTensor {
		a, ok := golden["param/"+name]
		if !ok {
			t.Errorf("the fixture has no %s", name)
			return nil
		}
		n := &namedTensor{Name: name, Data: a.Float32s()}
		for _, d := range a.Shape {
			n.Shape = append(n.Shape, int(d))
		}
		return n
	}
	if err := e.upload(find, func(p param) *model.Variable { return p.value }); err != nil {
		t.Fatal(err)
	}
	batch := data.Batch{Features: golden["input"].Float32s()}
	for i, label := range golden["labels"].Int64s() {
		batch.Items = append(batch.Items, i)
		batch.Labels = append(batch.Labels, int32(label))
		batch.Mask = append(batch.Mask, 1)
	}
	return e, batch
}

// One training step of the tiny AST with adapters in all blocks equals PyTorch's,
// for both exporters: logits, loss, each gradient, and the values after AdamW.
func TestStepEqualsPyTorch(t *testing.T) {
	golden := parityFixture(t)
	for _, file := range exports() {
		t.Run(file, func(t *testing.T) {
			onEach(t, func(t *testing.T, b compute.Backend) {
				e, batch := parityEngine(t, file, b, golden)
				defer e.close()
				logits, err := e.logits(batch)
				if err != nil {
					t.Fatal(err)
				}
				// float32 over 6 blocks of width 128 against float64: measured
				// differences of PyTorch's own float32 are of this order.
				compareTo(t, "logits", logits, golden["logits"].Float32s(), 1e-4)
				r, err := e.train(batch, 1, e.recipe.LearningRate)
				if err != nil {
					t.Fatal(err)
				}
				if want := golden["loss"].Float64s()[0]; math.Abs(r.loss-want) > 1e-5 {
					t.Errorf("loss %v, PyTorch has %v", r.loss, want)
				}
				compareStep(t, e, golden)
			})
		})
	}
}

// compareStep compares gradients and new values. The first moment after one step
// is (1 − β1)·gradient, which gives the gradient to 2^-23 of itself.
func compareStep(t *testing.T, e *engine, golden map[string]testutil.Array) {
	t.Helper()
	moments, err := e.download("", func(p param) *model.Variable { return p.m })
	if err != nil {
		t.Fatal(err)
	}
	values, err := e.values()
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range moments {
		want := golden["grad/"+m.Name].Float32s()
		got := make([]float32, len(m.Data))
		for j, x := range m.Data {
			got[j] = float32(float64(x) / (1 - e.recipe.Beta1))
		}
		// 1e-4 of the tensor's largest gradient: float32 sums over 8 × 100 tokens.
		compareTo(t, "gradient of "+m.Name, got, want, 1e-4)
		// AdamW's first step is lr·g/(|g| + ε′): where g is near zero its sign is
		// noise, so only gradients above a hundredth of the largest are compared;
		// 1e-6 is 1e-3 of the step and 8 units in the last place of a value of 1.
		after := golden["after/"+m.Name].Float32s()
		floor := 0.01 * largest(want)
		for j := range after {
			if math.Abs(float64(want[j])) < floor {
				continue
			}
			if d := math.Abs(float64(values[i].Data[j]) - float64(after[j])); !(d <= 1e-6) {
				t.Errorf("%s after the step: element %d is %v, PyTorch has %v", m.Name, j, values[i].Data[j], after[j])
				break
			}
		}
	}
}

// compareTo fails where got is further than share of the largest element from want.
func compareTo(t *testing.T, what string, got, want []float32, share float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	top, worst := largest(want), 0.0
	for i := range want {
		worst = math.Max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	if !(worst <= share*top) {
		t.Errorf("%s: largest difference %.2e with values up to %.2e, want at most %.0e of them", what, worst, top, share)
	}
}

func largest(x []float32) float64 {
	top := 0.0
	for _, v := range x {
		top = math.Max(top, math.Abs(float64(v)))
	}
	return top
}

// BenchmarkStep is the training step of the tiny AST, batch 8.
func BenchmarkStep(b *testing.B) {
	golden := parityFixture(b)
	for _, file := range exports() {
		for _, name := range backendNames() {
			b.Run(file+"/"+name, func(b *testing.B) {
				e, batch := parityEngine(b, file, named(b, name), golden)
				defer e.close()
				if _, err := e.train(batch, 1, e.recipe.LearningRate); err != nil { // compiles
					b.Fatal(err)
				}
				for t := 2; b.Loop(); t++ {
					if _, err := e.train(batch, t, e.recipe.LearningRate); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
			})
		}
	}
}
