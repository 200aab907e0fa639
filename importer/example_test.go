package importer_test

import (
	"fmt"
	"log"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend" // the backend "go"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

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

// small is a model with one weight: h = x·w, y = Relu(h).
const small = `<ir_version: 8, opset_import: ["": 17]>
	g (float[batch, 2] x) => (float[batch, 2] y) <float[2, 2] w = {1, 2, 3, 4}> {
		h = MatMul(x, w)
		y = Relu(h)
	}`

// smallProgram imports it, with the weight to be trained.
func smallProgram() *importer.Program {
	m, err := graphsurgery.ParseText(small)
	if err != nil {
		log.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{Trainable: func(name string) bool { return name == "w" }})
	if err != nil {
		log.Fatal(err)
	}
	return p
}

// Any value of the model can be had by its name, intermediate ones too.
func ExampleRunner_Run() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Finalize()
	runner, err := smallProgram().NewRunner(backend)
	if err != nil {
		log.Fatal(err)
	}
	defer runner.Close()

	x := tensors.FromValue([][]float32{{1, -1}, {0, 2}})
	results, err := runner.Run(map[string]*tensors.Tensor{"x": x}, "h", "y")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("h", results["h"].Value())
	fmt.Println("y", results["y"].Value())
	// Output:
	// h [[-2 -2] [6 8]]
	// y [[0 0] [6 8]]
}

// Call builds the model's graph inside a GoMLX executor, here to differentiate a
// loss by the weight.
func ExampleProgram_Call() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Finalize()
	program := smallProgram()
	store := model.NewStore()
	defer store.Finalize()
	if err := program.Install(store); err != nil {
		log.Fatal(err)
	}
	step, err := model.NewExec(backend, store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		y := program.Call(scope, map[string]*graph.Node{"x": in[0]})[0]
		loss := graph.ReduceAllSum(y)
		w := store.GetVariable(importer.VariablePath("w")).NodeValue(in[0].Graph())
		return append(graph.Gradient(loss, w), loss)
	})
	if err != nil {
		log.Fatal(err)
	}
	defer step.Finalize()
	out, err := step.Call([][]float32{{1, -1}, {0, 2}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("loss", out[1].Value(), "gradient", out[0].Value())
	// Output: loss 14 gradient [[0 0] [2 2]]
}
