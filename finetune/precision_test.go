package finetune

import (
	"errors"
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestHalfPrecisionStep: with products in half precision logits and adapters' gradients
// stay near PyTorch's float32; weights of products are held in half precision, and the
// adapters with their moments in float32.
func TestHalfPrecisionStep(t *testing.T) {
	golden := parityFixture(t)
	for _, name := range backendNames() {
		if name == "go" {
			continue // refuses, see TestHalfPrecisionRefused
		}
		for _, test := range []struct {
			precision      string
			held           dtypes.DType
			logits, degree float64
		}{
			// Relative Euclidean distances. Rounding is 2^-9 and 2^-12 of each operand at most;
			// six blocks of six products each carry it along the residual stream.
			{"bf16", dtypes.BFloat16, 0.015, 0.03},
			{"f16", dtypes.Float16, 0.002, 0.004},
		} {
			e, batch := parityEngineOf(t, exports()[0], named(t, name), golden, test.precision)
			logits, err := e.logits(batch)
			if err != nil {
				t.Fatal(err)
			}
			d := relativeTo(logits, golden["logits"].Float32s())
			t.Logf("%s: logits %.2g", test.precision, d)
			if d > test.logits || d < 1e-6 {
				t.Errorf("%s: logits differ by %.2g, want from 1e-6 to %.2g", test.precision, d, test.logits)
			}
			if _, err := e.train(batch, 1, e.recipe.LearningRate); err != nil {
				t.Fatal(err)
			}
			moments, err := e.download("", func(p param) *model.Variable { return p.m })
			if err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for _, m := range moments {
				want := golden["grad/"+m.Name].Float32s()
				for i := range m.Data {
					m.Data[i] /= float32(1 - e.recipe.Beta1)
				}
				worst = max(worst, relativeTo(m.Data, want))
			}
			t.Logf("%s: gradients %.2g", test.precision, worst)
			if worst > test.degree {
				t.Errorf("%s: a gradient differs by %.2g, want at most %.2g", test.precision, worst, test.degree)
			}
			held := 0
			for v := range e.store.IterVariables() {
				if v.DType() == test.held {
					held++
				}
			}
			if held != 37 { // six in each of six blocks, and the patch embedding
				t.Errorf("%s: %d variables are held in half precision, want 37", test.precision, held)
			}
			for _, p := range e.params {
				for _, v := range []*model.Variable{p.value, p.m, p.v} {
					if v.DType() != dtypes.Float32 {
						t.Errorf("%s: %s is %s, want float32", test.precision, v.Path(), v.DType())
					}
				}
			}
			e.close()
		}
	}
}

// relativeTo is the Euclidean distance relative to the norm of want.
func relativeTo(got, want []float32) float64 {
	var d, n float64
	for i := range want {
		e := float64(got[i]) - float64(want[i])
		d, n = d+e*e, n+float64(want[i])*float64(want[i])
	}
	return math.Sqrt(d / n)
}

// TestHalfPrecisionRefused: the Go backend refuses before the first step, by name; a type that is
// none is a configuration error; and a run keeps its precision.
func TestHalfPrecisionRefused(t *testing.T) {
	golden := parityFixture(t)
	e, batch := parityEngineOf(t, exports()[0], named(t, "go"), golden, "bf16")
	defer e.close()
	_, err := e.logits(batch)
	var refused *graphsurgery.UnsupportedError
	if !errors.As(err, &refused) {
		t.Errorf("got error %v, want bf16 to be refused", err)
	}
	cfg := Config{Backend: named(t, "go"), Precision: "f8"}.withDefaults()
	var bad *ConfigError
	if err := cfg.validate(); !errors.As(err, &bad) || bad.Field != "Precision" {
		t.Errorf("got error %v, want one of the precision", err)
	}
	begun := Config{Precision: "bf16"}.recipe()
	if err := begun.apply(&Config{Precision: "f32"}); err == nil {
		t.Error("a run in bf16 was continued in f32")
	}
	if err := (Recipe{}).apply(&Config{Precision: "f32"}); err != nil {
		t.Errorf("a run that names no precision was not continued in f32: %v", err)
	}
}
