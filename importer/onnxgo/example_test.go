package onnxgo_test

import (
	"fmt"
	"log"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/owulveryck/onnx-go"
	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer/onnxgo"
)

// line is a model file; other programs read theirs from the disk. It computes x·w + c.
func line() []byte {
	m, err := graphsurgery.ParseText(`<ir_version: 7, opset_import: ["" : 13]>
		line (float[N,1] x) => (float[N,1] y) <float[1,1] w = {2}, float[1] c = {1}> {
			p = MatMul(x, w)
			y = Add(p, c)
		}`)
	if err != nil {
		log.Fatal(err)
	}
	data, err := m.Bytes()
	if err != nil {
		log.Fatal(err)
	}
	return data
}

func Example() {
	backend := onnxgo.NewBackend(onnxgo.Options{}) // was: gorgonnx.NewGraph()
	defer backend.Close()                          //nolint:errcheck // the results are copies

	model := onnx.NewModel(backend)
	if err := model.UnmarshalBinary(line()); err != nil {
		log.Fatal(err)
	}
	x := tensor.New(tensor.WithShape(3, 1), tensor.WithBacking([]float32{1, 2, 3}))
	if err := model.SetInput(0, x); err != nil {
		log.Fatal(err)
	}
	if err := backend.Run(); err != nil {
		log.Fatal(err)
	}
	outputs, err := model.GetOutputTensors()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(outputs[0].Data())
	// Output: [3 5 7]
}

// A model that onnx-go decoded is trained by GoMLX, then written as ONNX again.
func ExampleBackend_Trainer() {
	backend := onnxgo.NewBackend(onnxgo.Options{
		Trainable: func(initializer string) bool { return true },
	})
	defer backend.Close() //nolint:errcheck // nothing is lost with it
	if err := onnx.NewModel(backend).UnmarshalBinary(line()); err != nil {
		log.Fatal(err)
	}

	trainer, err := backend.Trainer(loss.MeanSquaredError, optimizer.Adam().LearningRate(0.1).Done())
	if err != nil {
		log.Fatal(err)
	}
	for range 500 { // towards 3x - 4
		_, err := trainer.TrainStep(train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions([]float32{0, 1, 2, 3}, 4, 1)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions([]float32{-4, -1, 2, 5}, 4, 1)},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	trained, err := backend.Trained() // trained.Save("line.onnx") writes it
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"w", "c"} {
		values, err := trained.Graph.Initializer(name).Float32s()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s = %.1f\n", name, values)
	}
	// Output:
	// w = [3.0]
	// c = [-4.0]
}
