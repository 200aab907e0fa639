package onnxgo

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

// Options tunes a Backend. The zero value runs frozen models on the best device
// there is.
type Options struct {
	// Device is auto, go, xla:cpu, xla:cuda or xla:/path/to/plugin.so; "" is auto.
	// Only auto falls back to go, which is many times slower, when there is no
	// plugin; `aat-onnx backend install cpu` installs one.
	Device string
	// Compute is an open GoMLX backend to use instead of Device. It stays the
	// caller's.
	Compute compute.Backend
	// Opset is the version of ai.onnx that the model was written for, which onnx-go
	// does not pass on; 0 means GuessOpset.
	Opset int64
	// Trainable says which initialisers are to be trained; nil means none.
	Trainable func(initializer string) bool
}

// Backend is an onnx-go back end that computes with GoMLX. It satisfies
// backend.ComputationBackend.
type Backend struct {
	options Options

	// The graph, as recorded.
	made       int64
	nodes      map[int64]*Node
	order      []*Node
	from, to   map[int64][]edge
	operations []*operation
	linked     bool  // an edge was added: values from now on are the caller's
	err        error // the first mistake of a builder that cannot return one

	// What is made of it.
	wanted map[string]bool
	laid   *layout
	built  *built
	store  bool // the store was handed out: rebuilding would lose what is trained

	compute compute.Backend
	fetched error // of the last value computed on demand
}

// built is what the graph became, until it changes.
type built struct {
	model   *graphsurgery.Model
	program *importer.Program
	runner  *importer.Runner
	dtypes  map[string]graphsurgery.DType // of the inputs
}

// NewBackend makes a back end for one model. The device is opened at first use;
// Close frees it.
func NewBackend(o Options) *Backend {
	return &Backend{
		options: o,
		nodes:   make(map[int64]*Node),
		from:    make(map[int64][]edge),
		to:      make(map[int64][]edge),
		wanted:  make(map[string]bool),
		compute: o.Compute,
	}
}

// Run computes the outputs of the model from the tensors that SetInput gave.
func (b *Backend) Run() error {
	l := b.layout()
	if l.err != nil {
		return l.err
	}
	return b.run(l.outputs)
}

// Err tells why a tensor that was asked for after Run could not be computed.
func (b *Backend) Err() error { return b.fetched }

// Compute gives the GoMLX backend, opened if it was not.
func (b *Backend) Compute() (compute.Backend, error) {
	if b.compute == nil {
		opened, _, err := pjrt.Open(context.Background(), b.options.Device, pjrt.OpenOptions{})
		if err != nil {
			return nil, err
		}
		b.compute = opened
	}
	return b.compute, nil
}

// Close frees the compiled programs, the weights, and the device if the Backend
// opened it. The results of Run stay valid.
func (b *Backend) Close() error {
	err := b.discard()
	if b.compute != nil && b.options.Compute == nil {
		b.compute.Finalize()
		b.compute = nil
	}
	return err
}

func (b *Backend) run(outputs []*Node) error {
	inputs := make(map[string]*tensors.Tensor)
	defer func() {
		for _, t := range inputs {
			t.FinalizeAll()
		}
	}()
	for _, n := range b.layout().inputs {
		if !n.fed {
			continue // the runner knows whether it is needed
		}
		value, err := n.asDeclared()
		if err != nil {
			return fmt.Errorf("input %q: %w", n.label(), err)
		}
		t, err := toGoMLX(value)
		if err != nil {
			return fmt.Errorf("input %q: %w", n.label(), err)
		}
		inputs[n.label()] = t
	}
	built, err := b.build()
	if err != nil {
		return err
	}
	if err := b.load(built); err != nil {
		return err
	}
	names := make([]string, len(outputs))
	for i, n := range outputs {
		names[i] = n.label()
	}
	return b.collect(built, inputs, names)
}

// collect runs the model and hands the results to their nodes.
func (b *Backend) collect(built *built, inputs map[string]*tensors.Tensor, names []string) error {
	results, err := built.runner.Run(inputs, names...)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		value, err := toGorgonia(results[name])
		results[name].FinalizeAll()
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		b.layout().values[name].value = value
	}
	return nil
}

// load makes the runner.
func (b *Backend) load(built *built) error {
	if built.runner != nil {
		return nil
	}
	device, err := b.Compute()
	if err != nil {
		return err
	}
	built.runner, err = built.program.NewRunner(device)
	return err
}

// fetch computes a value that Run did not, since it did not look like an output.
func (b *Backend) fetch(n *Node) {
	if b.built == nil || b.built.runner == nil {
		return
	}
	b.wanted[n.label()] = true
	b.laid = nil
	b.fetched = b.run([]*Node{n})
}

// set takes notice of a tensor that the caller set after decoding.
func (b *Backend) set(n *Node) {
	l := b.layout()
	if stands := l.values[n.label()]; stands != nil && stands != n {
		stands.value, stands.fed = n.value, true
	}
	if !slices.ContainsFunc(l.inputs, func(in *Node) bool { return in.label() == n.label() }) {
		b.changed()
	}
}

// decoding tells whether tensors that are set are the file's, not the caller's.
func (b *Backend) decoding() bool { return !b.linked }

// fail remembers the first mistake.
func (b *Backend) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// changed forgets what was made of the graph.
func (b *Backend) changed() {
	b.laid = nil
	if err := b.discard(); err != nil {
		b.fail(err)
	}
}

func (b *Backend) discard() error {
	old := b.built
	b.built = nil
	if old == nil || old.runner == nil {
		return nil
	}
	return old.runner.Close()
}
