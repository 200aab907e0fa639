package testutil

import (
	"os"
	"path/filepath"
	"testing"
)

// NodeTests lists the folders of onnx's backend tests (model.onnx and data sets)
// below the folder named by AAT_ONNX_TEST_NODES, sorted; kind is node, simple,
// light, pytorch-converted or pytorch-operator. Without the variable, as in a plain
// go test, ok is false; with it, missing data fails the test. See
// testdata/nodetests.sh.
func NodeTests(t testing.TB, kind string) (dirs []string, ok bool) {
	t.Helper()
	root := os.Getenv("AAT_ONNX_TEST_NODES")
	if root == "" {
		return nil, false
	}
	found, err := filepath.Glob(filepath.Join(root, kind, "test_*", "model.onnx"))
	if err != nil || len(found) == 0 {
		t.Fatalf("AAT_ONNX_TEST_NODES=%s holds no %s tests (%v); run testdata/nodetests.sh", root, kind, err)
	}
	for _, f := range found {
		dirs = append(dirs, filepath.Dir(f))
	}
	return dirs, true
}
