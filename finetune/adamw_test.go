package finetune

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// adamW against torch.optim.AdamW, eight steps of two tensors, from
// testdata/gen_adamw.py. Each step starts from PyTorch's state, so errors do not
// add up. Tolerance: the step is a dozen float32 operations whose order XLA may
// change and contract, each good to 2^-24 of the largest term; 4 units in the
// last place of the value or of the step, whichever is larger, covers that.
func TestAdamWEqualsPyTorch(t *testing.T) {
	golden, err := testutil.ReadNPZ("testdata/adamw.npz")
	if err != nil {
		t.Fatal(err)
	}
	rates := golden["rates"].Float64s()
	r := Config{WeightDecay: 0.05}.withDefaults().recipe()
	onEach(t, func(t *testing.T, b compute.Backend) {
		exec, err := graph.NewExec(b, func(in []*graph.Node) []*graph.Node {
			p, m, v := adamW(r, in[0], in[1], in[2], in[3], in[4], in[5], in[6])
			return []*graph.Node{p, m, v}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		for i := range 2 {
			for step := 1; step <= len(rates); step++ {
				get := func(kind string, at int) []float32 { return golden[fmt.Sprintf("%s%d/%d", kind, i, at)].Float32s() }
				p, g := get("p", step-1), get("grad", step)
				m, v := make([]float32, len(p)), make([]float32, len(p))
				if step > 1 {
					m, v = get("m", step-1), get("v", step-1)
				}
				s := r.scalars(step, rates[step-1])
				out, err := exec.Exec(p, g, m, v, s.keep, s.size, s.rootBC)
				if err != nil {
					t.Fatal(err)
				}
				for k, term := range []float64{1e-3, 0.1, 0} {
					kind := string("pmv"[k])
					compareUnits(t, fmt.Sprintf("%s%d after step %d", kind, i, step), tensors.MustCopyFlatData[float32](out[k]), get(kind, step), term)
				}
			}
		}
	})
}

// compareUnits fails where got is further than 4 units in the last place, of the
// larger of want and term, from want.
func compareUnits(t *testing.T, what string, got, want []float32, term float64) {
	t.Helper()
	for i := range want {
		unit := math.Max(math.Abs(float64(want[i])), term) * math.Pow(2, -23)
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= 4*unit) {
			t.Errorf("%s: element %d is %v, PyTorch has %v", what, i, got[i], want[i])
		}
	}
}

func TestScheduleIsThatOfAST(t *testing.T) {
	c := Config{LearningRate: 1e-4}.withDefaults()
	for epoch, want := range []float64{1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 0.85e-4, 0.7225e-4} {
		if got := c.learningRate(epoch); math.Abs(got-want) > 1e-19 {
			t.Errorf("epoch %d has rate %v, want %v", epoch, got, want)
		}
	}
}
