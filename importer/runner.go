package importer

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Runner runs a program on one backend. Its weights reach the device once. It
// compiles one program per set of input shapes and outputs and keeps the most
// recently used. Where an input decides a shape, as a Reshape's target may, it
// compiles one per value of that input. It is safe for concurrent use; runs happen one after another.
type Runner struct {
	program *Program
	backend compute.Backend
	store   *model.Store

	mu       sync.Mutex
	compiled []*compiled // most recently used last
	closed   bool
}

// NewRunner makes a runner with a copy of the model's weights. Close frees them.
func (p *Program) NewRunner(backend compute.Backend) (*Runner, error) {
	r := &Runner{program: p, backend: backend, store: model.NewStore()}
	if err := Guard("load weights", func() error { return p.Install(r.store) }); err != nil {
		r.store.Finalize()
		return nil, err
	}
	return r, nil
}

// Store gives the runner's weights, so that trained values can be written into
// them between runs. The runner stays their owner.
func (r *Runner) Store() *model.Store { return r.store }

// Run computes the named outputs, the model's own if none is named. Any value of
// the model may be named, at the price of a compilation of its own. Inputs are
// keyed by name; those that the outputs depend on must all be there, unknown
// names are refused. The input tensors stay the caller's; the results are the
// caller's too.
func (r *Runner) Run(inputs map[string]*tensors.Tensor, outputs ...string) (map[string]*tensors.Tensor, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the runner is closed")
	}
	targets, err := r.program.targets(outputs)
	if err != nil {
		return nil, err
	}
	ports := r.program.neededInputs(targets)
	args, err := r.arguments(inputs, ports)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(targets))
	for i, v := range targets {
		names[i] = v.Name()
	}
	var results []*tensors.Tensor
	err = Guard("run "+strings.Join(names, ", "), func() error {
		var err error
		results, err = r.call(args, ports, names)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[string]*tensors.Tensor, len(names))
	for i, name := range names {
		out[name] = results[i]
	}
	return out, nil
}

// arguments checks the inputs and puts them in the order of ports.
func (r *Runner) arguments(inputs map[string]*tensors.Tensor, ports []*graphsurgery.Value) ([]*tensors.Tensor, error) {
	for name := range inputs {
		if r.program.model.Graph.Input(name) == nil {
			return nil, fmt.Errorf("input %q is no input of the model; it has %s", name, portNames(r.program.Inputs()))
		}
	}
	args := make([]*tensors.Tensor, len(ports))
	for i, v := range ports {
		t := inputs[v.Name()]
		if t == nil {
			return nil, fmt.Errorf("input %q is missing: want %s%s", v.Name(), v.DType(), dimsText(v.Shape()))
		}
		if err := checkShape(v, t.Shape()); err != nil {
			return nil, err
		}
		args[i] = t
	}
	return args, nil
}

// portNames lists names for an error message.
func portNames(ports []Port) string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = fmt.Sprintf("%q", p.Name)
	}
	return strings.Join(names, ", ")
}

// Close frees the compiled programs and the weights, on the host and on the
// device. The backend stays open. A second Close does nothing.
func (r *Runner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	return Guard("close the runner", func() error {
		for _, c := range r.compiled {
			c.exec.Finalize()
		}
		r.compiled = nil
		r.store.Finalize()
		return nil
	})
}
