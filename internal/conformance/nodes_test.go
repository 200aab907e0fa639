package conformance_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/internal/conformance"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// TestMain lets the child in that tries an XLA plugin before it is used, and the
// children of the tests of Pool.
func TestMain(m *testing.M) {
	pjrt.MaybeRunProbe()
	if os.Getenv(childEnv) != "" {
		os.Exit(fakeChild())
	}
	os.Exit(m.Run())
}

// TestNodeConformance runs onnx's own tests, each as a subtest with the name of
// its folder, on xla:cpu if AAT_ONNX_TEST_BACKENDS names it, else on the Go
// backend. A wrong result or a failure is an error, and so is a refusal without a
// reason in the table of reasons.go. To run those of one operator:
//
//	AAT_ONNX_TEST_NODES=…/onnx/backend/test/data AAT_ONNX_TEST_BACKENDS=xla:cpu \
//		go test ./internal/conformance -run 'TestNodeConformance/test_softmax.*'
func TestNodeConformance(t *testing.T) {
	spec := "go"
	if strings.Contains(os.Getenv("AAT_ONNX_TEST_BACKENDS"), "xla:cpu") {
		spec = "xla:cpu"
	}
	judgeNodes(t, spec)
}

// TestNodeConformanceOnGo does the same on the Go backend, always: what that one
// cannot run must be refused by name.
func TestNodeConformanceOnGo(t *testing.T) { judgeNodes(t, "go") }

// judgeNodes runs all tests on a backend.
func judgeNodes(t *testing.T, spec string) {
	b, _, err := pjrt.Open(context.Background(), spec, pjrt.OpenOptions{})
	if err != nil {
		t.Fatalf("open backend %q of AAT_ONNX_TEST_BACKENDS: %v", spec, err)
	}
	t.Cleanup(b.Finalize)
	for _, kind := range []string{"node", "simple", "pytorch-converted", "pytorch-operator"} {
		dirs, ok := testutil.NodeTests(t, kind)
		if !ok {
			t.Log("AAT_ONNX_TEST_NODES is not set: run `make test` for this one")
			return
		}
		for _, dir := range dirs {
			t.Run(filepath.Base(dir), func(t *testing.T) { judge(t, dir, b) })
		}
	}
}

// judge runs one folder.
func judge(t *testing.T, dir string, b compute.Backend) {
	r := conformance.Run(dir, b)
	switch {
	case r.Outcome == conformance.Passed:
	case r.Outcome == conformance.Refused:
		if conformance.Reason(r) == "" {
			t.Errorf("%s: refused without a reason in reasons.go: %s", r.Op, r.Error)
		}
	default:
		t.Errorf("%s: %s: %s", r.Op, r.Outcome, r.Error)
	}
}
