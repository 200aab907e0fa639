package finetune

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/finetune/data"
)

// TestShortBatch: a step on three recordings that are padded to eight has the loss,
// gradients and gradient norm of one that was compiled for three. Other batch sizes
// sum in another order: 1e-6 is some roundings of float32, relative to the largest.
func TestShortBatch(t *testing.T) {
	const tolerance = 1e-6
	items := toySet(9).Items[:3]
	onEach(t, func(t *testing.T, b compute.Backend) {
		step := func(size int) (stepResult, []namedTensor) {
			cfg := Config{BatchSize: size, Backend: b}.withDefaults()
			p, err := connect(mlp(t), size, 4, 3, nil)
			if err != nil {
				t.Fatal(err)
			}
			e, err := newEngine(mlp(t), p, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer e.close()
			r, err := e.train(data.NewSequence(items, size).Batch(0, 0), 1, cfg.LearningRate)
			if err != nil {
				t.Fatal(err)
			}
			moments, err := e.download("", func(p param) *model.Variable { return p.m })
			if err != nil {
				t.Fatal(err)
			}
			return r, moments
		}
		want, wantMoments := step(3)
		got, moments := step(8)
		if math.Abs(got.loss-want.loss) > tolerance*want.loss || math.Abs(got.gradNorm-want.gradNorm) > tolerance*want.gradNorm {
			t.Errorf("padded: loss %v and norm %v, want %v and %v", got.loss, got.gradNorm, want.loss, want.gradNorm)
		}
		for i, m := range moments {
			top := 0.0
			for _, v := range wantMoments[i].Data {
				top = max(top, math.Abs(float64(v)))
			}
			for k, v := range m.Data {
				if d := math.Abs(float64(v - wantMoments[i].Data[k])); d > tolerance*top {
					t.Errorf("padded: moment %d of %s is %v, want %v", k, m.Name, v, wantMoments[i].Data[k])
					break
				}
			}
		}
	})
}
