package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

// change is how far an exported file is from the run's model, both in ONNX Runtime.
type change struct {
	export.Report
	On       string   `json:"on"`                        // what was run
	Accuracy *float64 `json:"accuracy,omitempty"`        // of the file
	Before   *float64 `json:"accuracy_before,omitempty"` // of the run's model
}

func (c *change) text() string {
	s := fmt.Sprintf("largest difference of an output from the trained model's %.2g on %s (outputs up to %.2g in size)\n", c.MaxAbsDiff, c.On, c.MaxAbs)
	if c.Accuracy != nil {
		s += fmt.Sprintf("accuracy %s, before %s\n", percent(*c.Accuracy), percent(*c.Before))
	}
	return s
}

// measureChange runs the run's model and the exported file on the validation split of
// the recordings at path, by default those of the training, or on random numbers where
// these are gone. Where ONNX Runtime is
// not installed it gives nil and says so.
func (a *app) measureChange(ctx context.Context, run *finetune.Run, out, path string) (*change, error) {
	before, err := run.Model()
	if err != nil {
		return nil, err
	}
	after, err := loadModel(out)
	if err != nil {
		return nil, err
	}
	lib, err := ort.Locate(ctx, "")
	var missing *ort.NotFoundError
	if errors.As(err, &missing) {
		fmt.Fprintln(a.stderr, "note: the difference is not measured: ONNX Runtime is not installed ('aat-onnx backend install onnxruntime')")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	runtime, err := ort.Open(lib)
	if err != nil {
		return nil, err
	}
	asked := path != ""
	if !asked {
		path = run.Settings.Data.Source
	}
	set, items, err := a.openSplit(ctx, path, "val", source{run.Dir, before}, modelSetup{})
	if err != nil && !asked { // the recordings of the training may be elsewhere by now
		return measureNoise(ctx, runtime, before, after)
	}
	if err != nil {
		return nil, err
	}
	return measureItems(ctx, runtime, before, after, set, items)
}

// measureNoise runs both models on four examples of random numbers.
func measureNoise(ctx context.Context, rt *ort.Runtime, before, after *graphsurgery.Model) (*change, error) {
	var shape []int
	size := 1
	for _, d := range before.Graph.Inputs()[0].Shape()[1:] {
		if d.Value <= 0 || d.Value > 1<<20 {
			return nil, usage("the model's input has no fixed size, so the difference cannot be measured on random numbers", "add --data")
		}
		shape = append(shape, int(d.Value))
		size *= int(d.Value)
	}
	random := rand.New(rand.NewPCG(1, 2)) // fixed, so that the same export prints the same
	xs := make([][]float32, 4)
	for i := range xs {
		xs[i] = make([]float32, size)
		for j := range xs[i] {
			xs[i][j] = float32(random.NormFloat64()) * 0.5 // as spectrograms are scaled
		}
	}
	c := &change{On: plural(len(xs), "input") + " of random numbers"}
	return c, c.run(ctx, rt, before, after, shape, xs, nil)
}

func measureItems(ctx context.Context, rt *ort.Runtime, before, after *graphsurgery.Model, set *data.Set, items []data.Item) (*change, error) {
	c := &change{On: plural(len(items), "clip") + " of the validation split"}
	xs, labels := make([][]float32, len(items)), make([]int, len(items))
	for i, it := range items {
		xs[i], labels[i] = it.Features, it.Label
	}
	return c, c.run(ctx, rt, before, after, []int{set.Frames, set.MelBins}, xs, labels)
}

// run fills in the report.
func (c *change) run(ctx context.Context, rt *ort.Runtime, before, after *graphsurgery.Model, shape []int, xs [][]float32, labels []int) error {
	var sides [2]tallied
	for i, m := range []*graphsurgery.Model{after, before} {
		o, err := export.NewORT(m, rt, shape...)
		if err != nil {
			return err
		}
		defer o.Close()
		sides[i] = tallied{model: o, labels: labels, right: new(int), seen: new(int)}
	}
	var err error
	if c.Report, err = export.Verify(ctx, sides[0], sides[1], xs); err != nil || labels == nil {
		return err
	}
	share := func(s tallied) *float64 {
		x := float64(*s.right) / float64(len(labels))
		return &x
	}
	c.Accuracy, c.Before = share(sides[0]), share(sides[1])
	return nil
}

// tallied computes a model's outputs and counts how many answers are right.
type tallied struct {
	model       export.Logits
	labels      []int
	right, seen *int
}

// Logits is that of [export.Logits], for the examples in their order.
func (c tallied) Logits(ctx context.Context, xs [][]float32) ([][]float32, error) {
	rows, err := c.model.Logits(ctx, xs)
	for _, row := range rows {
		best := 0
		for j, x := range row {
			if x > row[best] {
				best = j
			}
		}
		if *c.seen < len(c.labels) && c.labels[*c.seen] == best {
			*c.right++
		}
		*c.seen++
	}
	return rows, err
}
