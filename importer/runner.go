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
	if err := Guard("load weights", func() error { return p.InstallOn(r.store, backend) }); err != nil {
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
// names are refused. An initialiser that is also listed as an input may be fed, or
// keeps its value. Dimensions of the same name must have the same size. The input
// tensors stay the caller's; the results are the caller's too.
func (r *Runner) Run(inputs map[string]*tensors.Tensor, outputs ...string) (map[string]*tensors.Tensor, error) {
	data := make(map[string]Data, len(inputs))
	for name, t := range inputs {
		data[name] = Data{Tensor: t}
	}
	results, err := r.RunData(data, outputs...)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*tensors.Tensor, len(results))
	for name, d := range results {
		if d.Kind != graphsurgery.KindTensor {
			return nil, fmt.Errorf("output %q is a sequence or optional; use RunData", name)
		}
		out[name] = d.Tensor
	}
	return out, nil
}

// RunData is Run for models that take or give sequences and optionals. It compiles
// one program per length of each sequence.
func (r *Runner) RunData(inputs map[string]Data, outputs ...string) (map[string]Data, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the runner is closed")
	}
	targets, err := r.program.targets(outputs)
	if err != nil {
		return nil, err
	}
	job, err := r.job(inputs, targets)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Data, len(targets))
	err = Guard("run "+strings.Join(job.outputs, ", "), func() error {
		results, layouts, err := r.call(job)
		if err != nil {
			return err
		}
		for i, l := range layouts {
			out[job.outputs[i]] = l.unflatten(&results)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// job checks the inputs and puts them in order.
func (r *Runner) job(inputs map[string]Data, targets []*graphsurgery.Value) (*job, error) {
	for name := range inputs {
		if _, err := r.program.fed(name); err != nil {
			return nil, err
		}
	}
	j := &job{}
	for _, v := range targets {
		j.outputs = append(j.outputs, v.Name())
	}
	sizes := make(sizes)
	for _, v := range r.program.fedPorts(targets, func(name string) bool { _, ok := inputs[name]; return ok }) {
		d, ok := inputs[v.Name()]
		if !ok || d.Kind == graphsurgery.KindTensor && d.Tensor == nil {
			return nil, &InputError{v.Name(), fmt.Sprintf("is missing: want %s%s", v.DType(), dimsText(v.Shape()))}
		}
		if err := d.check(); err != nil {
			return nil, &InputError{v.Name(), "is " + err.Error()}
		}
		if d.Kind != v.Kind() {
			return nil, &InputError{v.Name(), "is another kind of value than the model declares; tensors, sequences and optionals differ"}
		}
		if d.Kind == graphsurgery.KindTensor {
			if err := checkShape(v, d.Tensor.Shape()); err != nil {
				return nil, err
			}
			if err := sizes.bind(v, d.Tensor.Shape().Dimensions); err != nil {
				return nil, err
			}
		}
		j.ports = append(j.ports, v)
		j.layouts = append(j.layouts, d.flatten(&j.args))
	}
	return j, nil
}

// InputError says that what was fed to a Runner is not what the model takes.
type InputError struct {
	Input string
	What  string // follows the name
}

// Error names the input.
func (e *InputError) Error() string { return fmt.Sprintf("input %q %s", e.Input, e.What) }

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
