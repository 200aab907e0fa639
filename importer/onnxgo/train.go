package onnxgo

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

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
