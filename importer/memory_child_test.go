package importer_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

// envMemory names a backend and a model that a child of TestMemoryOfImport loads.
const envMemory = "AAT_ONNX_TEST_IMPORT_MEMORY"

// importAsChild is the child, if this process is one.
func importAsChild() bool {
	what := os.Getenv(envMemory)
	if what == "" {
		return false
	}
	if err := importInChild(what); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return true
}

// importInChild loads, and tells what that took.
func importInChild(what string) error {
	name, file, _ := strings.Cut(what, ",")
	b, _, err := pjrt.Open(context.Background(), name, pjrt.OpenOptions{})
	if err != nil {
		return err
	}
	defer b.Finalize()
	before, err := peakMemory()
	if err != nil {
		return err
	}
	m, err := graphsurgery.Load(file)
	if err != nil {
		return err
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		return err
	}
	store := model.NewStore()
	defer store.Finalize()
	if err := p.InstallOn(store, b); err != nil {
		return err
	}
	after, err := peakMemory()
	fmt.Printf("taken %d\n", after-before)
	return err
}

// peakMemory is the largest resident set of this process so far, in bytes.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	var kib int64
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(after, &kib)
	return kib << 10, err
}
