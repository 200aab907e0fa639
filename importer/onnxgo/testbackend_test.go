package onnxgo_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/importer/onnxgo/internal/score"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func TestMain(m *testing.M) {
	pjrt.MaybeRunProbe()
	os.Exit(m.Run())
}

// testDevices lists the devices of AAT_ONNX_TEST_BACKENDS, go by default.
func testDevices() []string {
	list := os.Getenv("AAT_ONNX_TEST_BACKENDS")
	if list == "" {
		list = "go"
	}
	return strings.Split(list, ",")
}

func device(t testing.TB, spec string) compute.Backend {
	t.Helper()
	b, _, err := pjrt.Open(context.Background(), spec, pjrt.OpenOptions{})
	if err != nil {
		t.Fatalf("open device %q of AAT_ONNX_TEST_BACKENDS: %v", spec, err)
	}
	t.Cleanup(b.Finalize)
	return b
}

func TestOnnxGoTestBackend(t *testing.T) {
	known := score.Reasons()
	for _, spec := range testDevices() {
		t.Run(spec, func(t *testing.T) {
			results := score.Ours(device(t, spec))
			for _, r := range results {
				reason, listed := known[r.Title]
				switch {
				case r.Err != nil && !listed:
					t.Errorf("%s %s: %v", r.Op, r.Title, r.Err)
				case r.Err != nil && score.Rounding(reason):
					// A few units in the last place of float32, whatever the size.
					var d *score.DifferenceError
					if !errors.As(r.Err, &d) || !(d.Relative() <= 1e-6) {
						t.Errorf("%s %s: %v, which is more than rounding", r.Op, r.Title, r.Err)
					}
				case r.Err == nil && listed && !score.Rounding(reason):
					t.Errorf("%s %s passes: strike it off internal/score/notpassed.txt", r.Op, r.Title)
				}
			}
			passed := len(results) - score.Failed(results)
			t.Logf("%d of %d cases pass", passed, len(results))
			if len(results) != 348 || !slices.IsSortedFunc(results, score.ByTitle) {
				t.Errorf("got %d cases, want 348 in order", len(results))
			}
		})
	}
}

// BenchmarkTestBackend runs onnx-go's cases here and on its own back end, gorgonnx, in
// turn, and reports how many pass.
func BenchmarkTestBackend(b *testing.B) {
	run := func(name string, cases func() []score.Result) {
		b.Run(name, func(b *testing.B) {
			passed := 0
			for b.Loop() {
				results := cases()
				passed = len(results) - score.Failed(results)
			}
			b.ReportMetric(float64(passed), "passed")
		})
	}
	for _, spec := range testDevices() {
		d := device(b, spec)
		run(spec, func() []score.Result { return score.Ours(d) })
	}
	run("gorgonnx", score.Gorgonnx)
}
