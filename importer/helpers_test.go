package importer_test

import (
	"context"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// TestMain lets the children in that try an XLA plugin before it is used, and that
// measure the memory of an import.
func TestMain(m *testing.M) {
	pjrt.MaybeRunProbe()
	if importAsChild() {
		return
	}
	os.Exit(m.Run())
}

// backendCache opens each backend once: a PJRT client is costly.
var backendCache = struct {
	sync.Mutex
	open map[string]compute.Backend
}{open: make(map[string]compute.Backend)}

// backend opens a GoMLX backend, and fails the test if that is not possible.
func backend(t testing.TB, config string) compute.Backend {
	t.Helper()
	backendCache.Lock()
	defer backendCache.Unlock()
	if b := backendCache.open[config]; b != nil {
		return b
	}
	b, _, err := pjrt.Open(context.Background(), config, pjrt.OpenOptions{})
	if err != nil {
		t.Fatalf("open backend %q of AAT_ONNX_TEST_BACKENDS: %v", config, err)
	}
	backendCache.open[config] = b
	return b
}

// testBackends lists the backends of AAT_ONNX_TEST_BACKENDS, a comma list in
// package pjrt's spelling, "go" by default.
func testBackends() []string {
	list := os.Getenv("AAT_ONNX_TEST_BACKENDS")
	if list == "" {
		list = "go"
	}
	return strings.Split(list, ",")
}

// testBackend tells whether a backend is among them.
func testBackend(config string) bool { return slices.Contains(testBackends(), config) }

// eachBackend runs a test on every backend of testBackends.
func eachBackend(t *testing.T, f func(t *testing.T, b compute.Backend)) {
	for _, config := range testBackends() {
		name, _, _ := strings.Cut(config, ":")
		t.Run(name, func(t *testing.T) { f(t, backend(t, config)) })
	}
}

// npz reads a fixture.
func npz(t testing.TB, path string) map[string]testutil.Array {
	t.Helper()
	arrays, err := testutil.ReadNPZ(path)
	if err != nil {
		t.Fatal(err)
	}
	return arrays
}

// tensor makes a GoMLX tensor of a numpy array.
func tensor(t testing.TB, a testutil.Array) *tensors.Tensor {
	t.Helper()
	switch a.DType {
	case "<f4":
		return tensors.FromFlatDataAndDimensions(a.Float32s(), a.Shape...)
	case "<f8":
		return tensors.FromFlatDataAndDimensions(a.Float64s(), a.Shape...)
	case "<i8":
		return tensors.FromFlatDataAndDimensions(a.Int64s(), a.Shape...)
	case "<i4":
		out := make([]int32, a.Len())
		for i, v := range a.Int64s() {
			out[i] = int32(v)
		}
		return tensors.FromFlatDataAndDimensions(out, a.Shape...)
	case "|b1":
		return tensors.FromFlatDataAndDimensions(a.Bools(), a.Shape...)
	}
	t.Fatalf("array of type %s", a.DType)
	return nil
}

// flat gives the elements of a tensor as float64.
func flat(t testing.TB, x *tensors.Tensor) []float64 {
	t.Helper()
	var out []float64
	x.MustConstFlatData(func(data any) {
		switch d := data.(type) {
		case []float32:
			out = widen(d)
		case []float64:
			out = append(out, d...)
		case []int64:
			out = widen(d)
		case []int32:
			out = widen(d)
		case []uint8:
			out = widen(d)
		case []uint16:
			out = widen(d)
		case []int16:
			out = widen(d)
		case []uint32:
			out = widen(d)
		case []uint64:
			out = widen(d)
		case []int8:
			out = widen(d)
		case []bool:
			for _, b := range d {
				v := 0.0
				if b {
					v = 1
				}
				out = append(out, v)
			}
		default:
			t.Fatalf("tensor of type %s", x.DType())
		}
	})
	return out
}

// widen converts numbers to float64.
func widen[T float32 | int64 | int32 | int16 | int8 | uint64 | uint32 | uint16 | uint8](in []T) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

// furthest gives the largest |got-want|/(1+|want|); equal infinities and pairs
// of NaN count as equal, any other NaN as infinitely far.
func furthest(got, want []float64) float64 {
	worst := 0.0
	for i := range want {
		if got[i] == want[i] || math.IsNaN(got[i]) && math.IsNaN(want[i]) {
			continue
		}
		d := math.Abs(got[i]-want[i]) / (1 + math.Abs(want[i]))
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

// newRunner makes a runner that the test closes.
func newRunner(t testing.TB, p *importer.Program, b compute.Backend) *importer.Runner {
	t.Helper()
	r, err := p.NewRunner(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
