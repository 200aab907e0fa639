package onnxgo

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// Model gives the recorded graph as an ONNX model, which can be saved, patched or
// loaded without onnx-go. The caller must not change it; Clone gives a copy.
func (b *Backend) Model() (*graphsurgery.Model, error) {
	built, err := b.build()
	if err != nil {
		return nil, err
	}
	return built.model, nil
}

// Program gives the recorded graph as a program of package importer.
func (b *Backend) Program() (*importer.Program, error) {
	built, err := b.build()
	if err != nil {
		return nil, err
	}
	return built.program, nil
}

// build makes the program, again if the element type of an input is another one.
func (b *Backend) build() (*built, error) {
	l := b.layout()
	if l.err != nil {
		return nil, l.err
	}
	types, err := inputTypes(l.inputs)
	if err != nil {
		return nil, err
	}
	if b.built != nil && maps.Equal(b.built.dtypes, types) {
		return b.built, nil
	}
	if b.store {
		return nil, errors.New("the graph, an input's type or an initialiser changed after Store gave the weights away; set weights in the store instead")
	}
	if err := b.discard(); err != nil {
		return nil, err
	}
	made := &built{dtypes: types}
	if made.model, err = b.rebuild(l, types); err != nil {
		return nil, err
	}
	if made.program, err = importer.Load(made.model, importer.Options{Trainable: b.options.Trainable}); err != nil {
		return nil, err
	}
	b.built = made
	return made, nil
}

func inputTypes(inputs []*Node) (map[string]graphsurgery.DType, error) {
	types := make(map[string]graphsurgery.DType)
	for _, n := range inputs {
		if n.value == nil {
			return nil, fmt.Errorf("input %q: the model gives no type for it, and SetInput has not been called", n.label())
		}
		value, err := n.asDeclared()
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", n.label(), err)
		}
		if types[n.label()], err = dtypeOf(value.Dtype()); err != nil {
			return nil, fmt.Errorf("input %q: %w", n.label(), err)
		}
	}
	return types, nil
}

// rebuild writes the graph down as an ONNX model.
func (b *Backend) rebuild(l *layout, types map[string]graphsurgery.DType) (*graphsurgery.Model, error) {
	opset, err := b.opset(l)
	if err != nil {
		return nil, err
	}
	model := graphsurgery.NewModel(opset)
	w := &writer{patch: model.NewPatch("the graph that onnx-go decoded"), wires: make(map[*Node]graphsurgery.Wire), multi: make(map[string]*operation)}
	w.patch.TrustTypes() // the importer checks what it runs
	if slices.ContainsFunc(l.operations, func(o *operation) bool { return o.domain == microsoft }) {
		w.patch.Import(microsoft, 1)
	}
	for _, n := range l.inputs {
		w.wires[n] = w.patch.AddInput(n.label(), graphsurgery.Type{DType: types[n.label()]})
	}
	for _, n := range l.initializers {
		t, err := toONNX(n.value)
		if err != nil {
			return nil, fmt.Errorf("initialiser %q: %w", n.label(), err)
		}
		w.wires[n] = w.patch.Initializer(n.label(), t)
	}
	for _, o := range l.operations {
		if err := w.add(o); err != nil {
			return nil, err
		}
	}
	for _, n := range l.outputs {
		w.patch.AddOutput("", w.wires[n], graphsurgery.Type{DType: n.declared()})
	}
	if err := w.patch.Apply(); err != nil {
		return nil, err
	}
	return model, w.rename(model)
}

// writer puts operations into a patch.
type writer struct {
	patch *graphsurgery.Patch
	wires map[*Node]graphsurgery.Wire
	multi map[string]*operation // those with more than one output, by the first
}

func (w *writer) add(o *operation) error {
	attrs, err := attributes(o)
	if err != nil {
		return err
	}
	first := o.outputs[0].label()
	if o.outputs[0].omitted() {
		first = w.patch.FreshName("omitted")
	}
	operands := []graphsurgery.Operand{attrs, graphsurgery.Outputs(len(o.outputs)), graphsurgery.OutName(first)}
	if o.domain != "" {
		operands = append(operands, graphsurgery.Domain(o.domain))
	}
	for _, n := range o.inputs {
		if n == nil {
			operands = append(operands, graphsurgery.Omit())
			continue
		}
		operands = append(operands, w.wires[n])
	}
	wire := w.patch.Add(o.name, operands...)
	for i, n := range o.outputs {
		if !n.omitted() {
			w.wires[n] = wire.Out(i)
		}
	}
	if len(o.outputs) > 1 {
		w.multi[first] = o
	}
	return nil
}

// rename gives the outputs behind a node's first their names: a patch names only
// that one.
func (w *writer) rename(m *graphsurgery.Model) error {
	names := make(map[string]string)
	for first, o := range w.multi {
		for i, v := range m.Graph.Value(first).Producer().Outputs() {
			if i > 0 && !o.outputs[i].omitted() {
				names[v.Name()] = o.outputs[i].label()
			}
		}
	}
	return m.Rename(names)
}
