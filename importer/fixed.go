package importer

import (
	"fmt"

	"github.com/gomlx/compute/shapes"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// fixInputs reads what Options.Fixed gives, and checks it against the model.
func (p *Program) fixInputs() error {
	for _, v := range p.model.Graph.Inputs() {
		t := p.options.Fixed[v.Name()]
		if t == nil {
			continue
		}
		h, err := hostOf(t)
		if err != nil {
			return fmt.Errorf("fixed input %q: %w", v.Name(), err)
		}
		dtype, err := computeDType(t.DType())
		if err != nil {
			return fmt.Errorf("fixed input %q: %w", v.Name(), err)
		}
		if err := checkShape(v, shapes.Make(dtype, h.dims...)); err != nil {
			return err
		}
		p.fixed[v] = h
	}
	for name := range p.options.Fixed {
		if v := p.model.Graph.Value(name); v == nil || p.fixed[v] == nil {
			return &InputError{name, fmt.Sprintf("is to be fixed, but is no input of the model; it has %s", portNames(p.Inputs()))}
		}
	}
	return nil
}

// isFixed tells whether the elements of an input are built in.
func (p *Program) isFixed(v *graphsurgery.Value) bool { return p.fixed[v] != nil }
