package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// Outcome is what became of a test.
type Outcome string

// The outcomes. A test is refused if an UnsupportedError says that its model is
// valid but not done; every other error, and a panic, is a failure.
const (
	Passed  Outcome = "passed"
	Wrong   Outcome = "wrong"
	Refused Outcome = "refused"
	Failed  Outcome = "failed"
)

// Kind sorts tests by what their outputs hold.
type Kind string

// The kinds. Other are strings, complex numbers, floats of eight bits and less and
// integers of less than eight.
const (
	KindFloat   Kind = "float"   // some output is of a float type of 16 to 64 bits
	KindInteger Kind = "integer" // integers of 8 to 64 bits and booleans only
	KindOther   Kind = "other"
)

// Result is what became of one folder. Op is the operator that the folder tests,
// Refuser the one that was refused, if any.
type Result struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"result"`
	Op      string  `json:"op"`
	Error   string  `json:"error"`
	Refuser string  `json:"-"`
	Kind    Kind    `json:"-"`
	// Gradients is how many derivatives RunWithGradients compared.
	Gradients int `json:"-"`
}

// Run judges one folder on a backend, which stays open.
func Run(dir string, b compute.Backend) Result {
	r := Result{Name: filepath.Base(dir), Op: Operator(dir), Outcome: Passed, Kind: KindOther}
	guarded(&r, func() error {
		f, err := read(dir)
		if err != nil {
			return err
		}
		r.Kind = f.kind()
		return f.run(b)
	})
	return r
}

// guarded runs a check and adds its outcome to r.
func guarded(r *Result, check func() error) {
	defer func() {
		if p := recover(); p != nil {
			r.Outcome, r.Error = Failed, fmt.Sprintf("panic: %v at %s", p, culprit(debug.Stack()))
		}
	}()
	r.settle(check())
}

// kind looks at the expected outputs.
func (f *folder) kind() Kind {
	kind := Kind("")
	for _, set := range f.sets {
		for _, d := range set.outputs {
			kind = kindOf(d, kind)
		}
	}
	return cmp.Or(kind, KindOther)
}

// kindOf adds a value to what is known of a test.
func kindOf(d graphsurgery.Datum, kind Kind) Kind {
	for _, item := range d.Items {
		kind = kindOf(item, kind)
	}
	if d.Tensor == nil {
		return kind
	}
	switch t := d.Tensor.DType(); {
	case t.IsFloat() || kind == KindFloat:
		return KindFloat
	case t == graphsurgery.Bool, t >= graphsurgery.Uint8 && t <= graphsurgery.Int64, t == graphsurgery.Uint32, t == graphsurgery.Uint64:
		return cmp.Or(kind, KindInteger)
	}
	return KindOther
}

// settle sorts an error into the outcomes.
func (r *Result) settle(err error) {
	var wrong *wrongError
	var unsupported *graphsurgery.UnsupportedError
	switch {
	case err == nil:
		return
	case errors.As(err, &wrong):
		r.Outcome = Wrong
	case errors.As(err, &unsupported):
		r.Outcome, r.Refuser = Refused, opName(unsupported.Domain, unsupported.Op)
	default:
		r.Outcome = Failed
	}
	r.Error = strings.Join(strings.Fields(err.Error()), " ")
}

// wrongError says that an output is not what it should be.
type wrongError struct{ set, output, what string }

// Error names the output, if it is one that is wrong.
func (e *wrongError) Error() string {
	if e.output == "" {
		return fmt.Sprintf("%s: %s", e.set, e.what)
	}
	return fmt.Sprintf("%s: output %q: %s", e.set, e.output, e.what)
}

// run runs every data set of a test.
func (f *folder) run(b compute.Backend) error {
	p, err := importer.Load(f.model, importer.Options{})
	if err != nil {
		return err
	}
	runner, err := p.NewRunner(b)
	if err != nil {
		return err
	}
	for _, set := range f.sets {
		if err = f.runSet(runner, set); err != nil {
			break
		}
	}
	return errors.Join(err, runner.Close())
}

// runSet runs one data set and compares its outputs.
func (f *folder) runSet(r *importer.Runner, set dataSet) error {
	feeds := make(map[string]importer.Data)
	for i, v := range f.model.Graph.Inputs() {
		d, err := toData(set.inputs[i])
		if err != nil {
			return fmt.Errorf("input %q: %w", v.Name(), err)
		}
		feeds[v.Name()] = d
	}
	got, err := r.RunData(feeds)
	if err != nil {
		return err
	}
	for i, v := range f.model.Graph.Outputs() {
		d, err := toDatum(got[v.Name()], v.DType())
		if err != nil {
			return err
		}
		if what := f.tolerance.compare(d, set.outputs[i]); what != "" {
			return &wrongError{set.name, v.Name(), what}
		}
	}
	return nil
}

// toData makes what is fed of what a data file holds.
func toData(d graphsurgery.Datum) (importer.Data, error) {
	out := importer.Data{Kind: d.Kind}
	var err error
	if d.Kind == graphsurgery.KindTensor {
		out.Tensor, err = importer.NewTensor(d.Tensor)
		return out, err
	}
	out.Items = make([]importer.Data, len(d.Items))
	for i := range d.Items {
		if out.Items[i], err = toData(d.Items[i]); err != nil {
			return out, err
		}
	}
	return out, nil
}

// toDatum is the inverse of toData, for tensors of a given type.
func toDatum(d importer.Data, as graphsurgery.DType) (graphsurgery.Datum, error) {
	out := graphsurgery.Datum{Kind: d.Kind}
	var err error
	if d.Kind == graphsurgery.KindTensor {
		out.Tensor, err = importer.ONNXTensorAs(d.Tensor, as)
		return out, err
	}
	out.Items = make([]graphsurgery.Datum, len(d.Items))
	for i := range d.Items {
		if out.Items[i], err = toDatum(d.Items[i], as); err != nil {
			return out, err
		}
	}
	return out, nil
}

// culprit gives the first place of our own in the trace of a panic.
func culprit(stack []byte) string {
	for _, line := range strings.Split(string(stack), "\n") {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "/importer/") && strings.Contains(line, ".go:") {
			at, _, _ := strings.Cut(line, " ")
			return filepath.Base(at)
		}
	}
	return "an unknown place"
}
