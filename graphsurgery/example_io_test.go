package graphsurgery_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Weights go to a file beside the model, each at a page's beginning, so that a
// runtime can map them into memory.
func ExampleModel_SaveWith() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	m, err := graphsurgery.Load("../testdata/small/mlp.onnx")
	if err != nil {
		log.Fatal(err)
	}
	err = m.SaveWith(filepath.Join(dir, "mlp.onnx"), graphsurgery.SaveOptions{
		External: graphsurgery.External{Layout: graphsurgery.OneFile, Name: "mlp.weights"},
	})
	if err != nil {
		log.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println(e.Name())
	}
	// Output:
	// mlp.onnx
	// mlp.weights
}

// A service that takes models from strangers sets limits of its own.
func ExampleLimits() {
	small := graphsurgery.Limits{FileBytes: 1 << 20, Nodes: 5}
	_, err := small.Load("../testdata/small/mlp.onnx")
	var tooBig *graphsurgery.UnsupportedError
	fmt.Println(errors.As(err, &tooBig))
	fmt.Println(tooBig.What)
	// Output:
	// true
	// nodes: 6, more than the limit of 5
}

// Models come from any reader, here a compressed or remote file.
func ExampleRead() {
	_, err := graphsurgery.Read(strings.NewReader("These are notes."))
	fmt.Println(err)
	// Output: not an ONNX file, or damaged: a field has no valid form
}

func ExampleTensor_ReadRaw() {
	t := graphsurgery.NewTensor([]int64{2}, []int32{1, 256})
	memory := make([]byte, 8) // such as a device's
	if err := t.ReadRaw(memory); err != nil {
		fmt.Println(err)
	}
	fmt.Println(memory)
	// Output: [1 0 0 0 0 1 0 0]
}
