package finetune

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// engine holds a model on a backend, with one compiled program for a training
// step and one for evaluation. Both read the same variables: what is frozen is
// uploaded once, what is trained stays on the device between steps.
type engine struct {
	ports
	backend compute.Backend
	recipe  Recipe
	program *importer.Program
	store   *model.Store
	params  []param
	stepper *model.Exec
	forward *model.Exec
}

// param is one trainable tensor with its two AdamW moments.
type param struct {
	name        string // initialiser
	shape       []int
	value, m, v *model.Variable
}

// scopeMoments holds the moments' variables; importer's are elsewhere.
const scopeMoments = "/aatstate"

// newEngine lowers m with the initialisers that trainable chooses free to change.
func newEngine(m *graphsurgery.Model, p ports, c Config) (*engine, error) {
	trainable := c.Trainable
	if trainable == nil {
		trainable = underPrefix
	}
	compute, _ := importer.Precision(c.Precision) // validate knows it
	program, err := importer.Load(m, importer.Options{Trainable: trainable, Compute: compute, Recompute: c.Recompute})
	if err != nil {
		return nil, err
	}
	e := &engine{ports: p, backend: c.Backend, recipe: c.recipe(), program: program, store: model.NewStore()}
	if err := e.fill(m, trainable); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// fill makes the engine's variables and executors.
func (e *engine) fill(m *graphsurgery.Model, trainable func(string) bool) (err error) {
	if err := e.program.InstallOn(e.store, e.backend); err != nil {
		return err
	}
	if err := e.addParams(m, trainable); err != nil {
		return err
	}
	if e.stepper, err = model.NewExec(e.backend, e.store, e.buildStep); err != nil {
		return fmt.Errorf("finetune: %w", err)
	}
	if e.forward, err = model.NewExec(e.backend, e.store, e.logitsOf); err != nil {
		return fmt.Errorf("finetune: %w", err)
	}
	return nil
}

func underPrefix(initializer string) bool { return strings.HasPrefix(initializer, prefix) }

// addParams sees that exactly the chosen initialisers are trainable, and gives
// each its moments.
func (e *engine) addParams(m *graphsurgery.Model, trainable func(string) bool) error {
	var want []string
	for _, t := range m.Graph.Initializers() {
		if !trainable(t.Name()) {
			continue
		}
		if t.DType() != graphsurgery.Float {
			return &graphsurgery.UnsupportedError{File: m.Path(), What: fmt.Sprintf("trainable tensor %q is %s, want float32", t.Name(), t.DType())}
		}
		want = append(want, t.Name())
	}
	if len(want) == 0 {
		return &graphsurgery.UnsupportedError{File: m.Path(), What: "the model has nothing to train: no initialiser under " + prefix, Hint: "inject adapters first: 'aat-onnx inject'"}
	}
	if got := e.program.Trainable(); !slices.Equal(sorted(got), sorted(want)) {
		return fmt.Errorf("finetune: the importer would train %q, want exactly %q", got, want)
	}
	for _, name := range want {
		v := e.store.GetVariable(importer.VariablePath(name))
		if v == nil {
			return &graphsurgery.UnsupportedError{File: m.Path(), What: fmt.Sprintf("trainable tensor %q is not used by output %q", name, e.output)}
		}
		p := param{name: name, shape: slices.Clone(v.Shape().Dimensions), value: v}
		var err error
		if p.m, err = e.moment("m", name, p.shape); err != nil {
			return err
		}
		if p.v, err = e.moment("v", name, p.shape); err != nil {
			return err
		}
		e.params = append(e.params, p)
	}
	return e.checkTrainableFlags()
}

func sorted(x []string) []string {
	x = slices.Clone(x)
	slices.Sort(x)
	return x
}

func (e *engine) moment(kind, name string, shape []int) (*model.Variable, error) {
	v, err := e.store.CreateVariable(scopeMoments+"/"+kind+"/"+strings.ReplaceAll(name, "/", "|"), zeros(shape))
	if err != nil {
		return nil, fmt.Errorf("finetune: %w", err)
	}
	return v.SetTrainable(false), nil
}

func zeros(shape []int) *tensors.Tensor {
	return tensors.FromShape(shapes.Make(dtypes.Float32, shape...))
}

// checkTrainableFlags holds design decision 6: GoMLX makes every variable
// trainable unless told otherwise, so each flag is looked at.
func (e *engine) checkTrainableFlags() error {
	chosen := map[*model.Variable]bool{}
	for _, p := range e.params {
		chosen[p.value] = true
	}
	for v := range e.store.IterVariables() {
		if v.Trainable != chosen[v] {
			return fmt.Errorf("finetune: variable %s is trainable=%v, want %v", v.Path(), v.Trainable, chosen[v])
		}
	}
	return nil
}

// logitsOf is the evaluation program: features → logits.
func (e *engine) logitsOf(scope *model.Scope, x *graph.Node) *graph.Node {
	return e.program.Call(scope, map[string]*graph.Node{e.input: x}, e.output)[0]
}

// buildStep is the training program: loss, gradients of the trainable tensors
// only, and AdamW. It gives the loss and the square of the gradients' norm; the
// new values and moments are set on their variables.
func (e *engine) buildStep(scope *model.Scope, in []*graph.Node) []*graph.Node {
	x, labels, mask, keep, size, rootBC := in[0], in[1], in[2], in[3], in[4], in[5]
	g := x.Graph()
	loss := maskedCrossEntropy(e.logitsOf(scope, x), labels, mask)
	nodes := make([]*graph.Node, len(e.params))
	for i, p := range e.params {
		nodes[i] = p.value.NodeValue(g)
	}
	norm := graph.ScalarZero(g, dtypes.Float32)
	for i, grad := range graph.Gradient(loss, nodes...) {
		p := e.params[i]
		norm = graph.Add(norm, graph.ReduceAllSum(graph.Mul(grad, grad)))
		value, m, v := adamW(e.recipe, nodes[i], grad, p.m.NodeValue(g), p.v.NodeValue(g), keep, size, rootBC)
		p.value.SetNodeValue(value)
		p.m.SetNodeValue(m)
		p.v.SetNodeValue(v)
	}
	return []*graph.Node{loss, norm}
}

// stepResult is what the host learns from a step.
type stepResult struct{ loss, gradNorm float64 }

func (r stepResult) finite() bool {
	return isFinite(r.loss) && isFinite(r.gradNorm)
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// train does optimiser step t, from 1, on a batch. An error leaves the engine
// unusable: the backend may have taken the variables' buffers.
func (e *engine) train(b data.Batch, t int, rate float64) (stepResult, error) {
	s := e.recipe.scalars(t, rate)
	x := e.features(b)
	var out []*tensors.Tensor
	err := importer.Guard("training step", func() (err error) {
		out, err = e.stepper.Exec(x, b.Labels, b.Mask, s.keep, s.size, s.rootBC)
		return err
	})
	if err != nil {
		return stepResult{}, err
	}
	r := stepResult{
		loss:     float64(tensors.ToScalar[float32](out[0])),
		gradNorm: math.Sqrt(float64(tensors.ToScalar[float32](out[1]))),
	}
	return r, finalize(append(out, x)...)
}

// logits gives the model's answers for a batch, [batch, classes] row-major.
func (e *engine) logits(b data.Batch) ([]float32, error) {
	x := e.features(b)
	var values []float32
	err := importer.Guard("evaluation", func() error {
		out, err := e.forward.Exec(x)
		if err != nil {
			return err
		}
		if values, err = tensors.CopyFlatData[float32](out[0]); err != nil {
			return err
		}
		return finalize(out...)
	})
	if err != nil {
		return nil, err
	}
	return values, finalize(x)
}

func (e *engine) features(b data.Batch) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(b.Features, append([]int{e.batch}, e.dims...)...)
}

// finalize frees device memory now instead of at some garbage collection.
func finalize(list ...*tensors.Tensor) error {
	var errs []error
	for _, t := range list {
		errs = append(errs, t.FinalizeAll())
	}
	return errors.Join(errs...)
}

// values copies the trained values to the host.
func (e *engine) values() ([]namedTensor, error) {
	return e.download("", func(p param) *model.Variable { return p.value })
}

// download copies one variable of each trainable tensor.
func (e *engine) download(prefix string, of func(param) *model.Variable) ([]namedTensor, error) {
	list := make([]namedTensor, len(e.params))
	for i, p := range e.params {
		t, err := of(p).Value()
		if err != nil {
			return nil, fmt.Errorf("finetune: reading %s: %w", p.name, err)
		}
		flat, err := tensors.CopyFlatData[float32](t)
		if err != nil {
			return nil, fmt.Errorf("finetune: reading %s: %w", p.name, err)
		}
		list[i] = namedTensor{Name: prefix + p.name, Shape: p.shape, Data: flat}
	}
	return list, nil
}

// upload sets one variable of each trainable tensor from the tensor that find
// gives for its name.
func (e *engine) upload(find func(name string) *namedTensor, of func(param) *model.Variable) error {
	for _, p := range e.params {
		t := find(p.name)
		if t == nil || !slices.Equal(t.Shape, p.shape) {
			return fmt.Errorf("no tensor %q of shape %v", p.name, p.shape)
		}
		if err := of(p).SetValue(tensors.FromFlatDataAndDimensions(t.Data, p.shape...)); err != nil {
			return fmt.Errorf("finetune: setting %s: %w", p.name, err)
		}
	}
	return nil
}

// frozen digests every variable that must not change, by path, from its bytes on
// the device: GoMLX's ConstBytes gives a copy that the host still holds
// (core/tensors/ondevice.go, lockedMaterializeLocal), which training cannot have
// touched, so that copy is dropped first, and again after it was read.
func (e *engine) frozen() (map[string]string, error) {
	digests := map[string]string{}
	for v := range e.store.IterVariables() {
		if v.Trainable || strings.HasPrefix(v.Path(), scopeMoments) {
			continue
		}
		t, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("finetune: reading %s: %w", v.Path(), err)
		}
		if err := e.dropLocal(t); err != nil {
			return nil, fmt.Errorf("finetune: reading %s: %w", v.Path(), err)
		}
		err = t.ConstBytes(func(raw []byte) {
			sum := sha256.Sum256(raw)
			digests[v.Path()] = hex.EncodeToString(sum[:])
		})
		if err = errors.Join(err, e.dropLocal(t)); err != nil {
			return nil, fmt.Errorf("finetune: reading %s: %w", v.Path(), err)
		}
	}
	return digests, nil
}

// dropLocal forgets the host's copy of a tensor that is on the device.
func (e *engine) dropLocal(t *tensors.Tensor) error {
	if !t.IsOnAnyDevice() {
		return nil // the host's copy is the only one
	}
	device, err := t.Device()
	if err != nil {
		return err
	}
	return t.ToDevice(e.backend, device) // is there already: no upload
}

// close frees the programs and the variables, as far as they were made.
func (e *engine) close() {
	for _, x := range []*model.Exec{e.stepper, e.forward} {
		if x != nil {
			x.Finalize()
		}
	}
	e.store.Finalize()
}
