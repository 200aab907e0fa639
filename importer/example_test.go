package importer_test

import (
	"fmt"
	"log"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend" // the backend "go"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// Run a model on GoMLX's pure Go backend, for two recordings at once.
func Example() {
	m, err := graphsurgery.Load("../testdata/small/mlp.onnx")
	if err != nil {
		log.Fatal(err)
	}
	program, err := importer.Load(m, importer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Finalize()
	runner, err := program.NewRunner(backend)
	if err != nil {
		log.Fatal(err)
	}
	defer runner.Close()

	in, out := program.Inputs()[0], program.Outputs()[0]
	x := tensors.FromShape(shapes.Make(dtypes.Float32, 2, 128, 128))
	results, err := runner.Run(map[string]*tensors.Tensor{in.Name: x})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(in.Name, in.DType, "→", results[out.Name].Shape().Rank(), "axes, batch", results[out.Name].Shape().Dimensions[0])
	// Output: input_values float32 → 2 axes, batch 2
}
