package finetune_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/gomlx/compute/gobackend"

	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// A model that inject wrote, a set of recordings, a backend and a folder: the
// rest has defaults.
func ExampleTrain() {
	model, err := graphsurgery.Load("testdata/mlp.onnx")
	if err != nil {
		log.Fatal(err)
	}
	backend, err := gobackend.New("")
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	run, err := finetune.Train(context.Background(), model, recordings(), finetune.Config{
		Epochs: 5, BatchSize: 8, LearningRate: 0.02, Out: dir, Force: true, Backend: backend,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("test accuracy %.0f %% on %d recordings\n", 100*run.Test.Accuracy, run.Test.N)
	fmt.Printf("trained %d of %d parameters\n", run.Result.Parameters.Trainable, run.Result.Parameters.Total)

	trained, err := run.Model() // ready to be saved or exported
	if err != nil {
		log.Fatal(err)
	}
	m, err := finetune.Evaluate(context.Background(), trained, recordings(), recordings().Split(data.Val), backend)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("val accuracy %.0f %%\n", 100*m.Accuracy)
	// Output:
	// test accuracy 100 % on 12 recordings
	// trained 199 of 407 parameters
	// val accuracy 100 %
}

// recordings stands for data.Open: three labels, each loud in a frame of its own.
func recordings() *data.Set {
	set := &data.Set{Source: "example", Labels: []string{"low", "middle", "high"}, Frames: 4, MelBins: 3}
	for i := range 60 {
		it := data.Item{File: fmt.Sprintf("%02d.wav", i), Label: i % 3, Features: make([]float32, 12)}
		for j := range it.Features {
			it.Features[j] = float32((i*7+j*5)%11)/11 - 0.5
		}
		for j := range 3 {
			it.Features[3*it.Label+j] += 2
		}
		it.Split = []data.Split{data.Train, data.Train, data.Train, data.Val, data.Test}[i/3%5]
		set.Items = append(set.Items, it)
	}
	return set
}
