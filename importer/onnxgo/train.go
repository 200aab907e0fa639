package onnxgo

import (
	"errors"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// Trainer gives a trainer of GoMLX for the weights of Options.Trainable. Its batches
// hold the model's inputs in their order; theLoss gets the labels and the model's
// outputs. Each step shows in the next Run and in Trained.
func (b *Backend) Trainer(theLoss loss.LossFn, o optimizer.Interface) (*train.Trainer, error) {
	if b.options.Trainable == nil {
		return nil, errors.New("nothing is to be trained: Options.Trainable is nil")
	}
	store, err := b.Store()
	if err != nil {
		return nil, err
	}
	forward, err := b.ModelFunc()
	if err != nil {
		return nil, err
	}
	device, err := b.Compute()
	if err != nil {
		return nil, err
	}
	var trainer *train.Trainer
	err = importer.Guard("make the trainer", func() error {
		trainer = train.NewTrainer(device, store, forward, theLoss, o, nil, nil)
		return nil
	})
	return trainer, err
}

// Trained gives a copy of Model that holds the weights as they are in the Store now.
func (b *Backend) Trained() (*graphsurgery.Model, error) {
	store, err := b.Store()
	if err != nil {
		return nil, err
	}
	trained := b.built.model.Clone()
	for _, name := range b.built.program.Trainable() {
		t, err := store.GetVariable(importer.VariablePath(name)).Value()
		if err != nil {
			return nil, fmt.Errorf("initialiser %q: %w", name, err)
		}
		value, err := importer.ONNXTensor(t)
		if err != nil {
			return nil, fmt.Errorf("initialiser %q: %w", name, err)
		}
		if err := trained.SetInitializer(name, value); err != nil {
			return nil, err
		}
	}
	return trained, nil
}

// Store gives the model's weights as GoMLX variables, those of Options.Trainable
// marked so; a variable's path is importer.VariablePath of the initialiser's name.
// They are what Run computes with, so a step of training shows in the next Run. The
// Backend stays the owner, and refuses changes of the graph from now on.
func (b *Backend) Store() (*model.Store, error) {
	built, err := b.build()
	if err != nil {
		return nil, err
	}
	if err := b.load(built); err != nil {
		return nil, err
	}
	b.store = true
	return built.runner.Store(), nil
}

// ModelFunc gives the forward graph as GoMLX's train.NewTrainer takes it: from the
// model's inputs, in their order, to its outputs. It belongs to the Store.
func (b *Backend) ModelFunc() (func(scope *model.Scope, inputs []*graph.Node) []*graph.Node, error) {
	program, err := b.Program()
	if err != nil {
		return nil, err
	}
	ports := program.Inputs()
	return func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		if len(inputs) != len(ports) {
			panic(fmt.Errorf("the model has %d inputs, got %d", len(ports), len(inputs)))
		}
		named := make(map[string]*graph.Node, len(ports))
		for i, p := range ports {
			named[p.Name] = inputs[i]
		}
		return program.Call(scope, named)
	}, nil
}
