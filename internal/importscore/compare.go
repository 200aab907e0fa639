package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/internal/exportcorpus"
	"github.com/aat-onnx/aat-onnx/internal/ort"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// compare imports and runs one export, with its gradients where PyTorch has some.
func (f *family) compare(path string, s *score) error {
	m, err := graphsurgery.Load(path)
	if err != nil {
		return err
	}
	trainable := map[string]bool{}
	if f.gradients && s.Float && !s.Half {
		trainable = floatInitializers(m)
	}
	o := importer.Options{Trainable: func(name string) bool { return trainable[name] }}
	if s.Half && f.backend.String() == "go" { // which computes in no half precision
		o.Compute = graphsurgery.Float
	}
	result, gradients, err := f.imported(m, o, len(trainable) > 0, s)
	var refused *graphsurgery.UnsupportedError
	if errors.As(err, &refused) && strings.Contains(refused.What, "decides a shape") {
		// An input decides a shape in some, as which clips are long does in CLAP.
		if o.Fixed = f.fixed(m); len(o.Fixed) > 0 {
			result, gradients, err = f.imported(m, o, len(trainable) > 0, s)
		}
	}
	if f.loadOnly {
		return err
	}
	if err != nil {
		return f.blame(path, err, s)
	}
	want := f.torch["output"].Float64s()
	s.Torch = distance(result, want)
	if reference, err := f.runORT(path, s.quantized()); err == nil {
		want = reference
	} else if !s.Half {
		return fmt.Errorf("ONNX Runtime: %w", err)
	}
	s.Distance, s.SameTop = distance(result, want), sameTop(result, want, f.classes())
	if gradients != nil {
		s.Gradients = f.compareGradients(m, gradients)
	}
	return nil
}

// blame tells whether the export itself is broken: exporters write some that multiply
// shapes which do not match, and ONNX Runtime stops there too.
func (f *family) blame(path string, ours error, s *score) error {
	if _, err := f.runORT(path, s.quantized()); err != nil {
		s.Broken = err.Error()
	}
	return ours
}

// imported loads the model and runs it, or only builds its graph.
func (f *family) imported(m *graphsurgery.Model, o importer.Options, withGradients bool, s *score) (result []float64, gradients map[string][]float64, err error) {
	begin := time.Now()
	p, err := importer.Load(m, o)
	if err != nil {
		return nil, nil, err
	}
	s.Import = time.Since(begin).Seconds()
	if f.loadOnly {
		return nil, nil, f.trace(p, withGradients)
	}
	begin = time.Now()
	result, gradients, err = f.runOurs(p, withGradients)
	s.Compile = time.Since(begin).Seconds()
	return result, gradients, err
}

// fixed gives the inputs that hold no floats.
func (f *family) fixed(m *graphsurgery.Model) map[string]*graphsurgery.Tensor {
	out := map[string]*graphsurgery.Tensor{}
	for _, v := range m.Graph.Inputs() {
		a, ok := f.torch["input/"+v.Name()]
		if !ok || v.DType() != graphsurgery.Int64 && v.DType() != graphsurgery.Bool {
			continue
		}
		if t, err := importer.ONNXTensor(tensorOf(a, v.DType())); err == nil {
			out[v.Name()] = t
		}
	}
	return out
}

// floatInitializers names what can be trained: float32 tensors of more than one
// element that a node of the main graph reads, but for the scales of Resize, which
// are no weights: they decide a shape.
func floatInitializers(m *graphsurgery.Model) map[string]bool {
	out := map[string]bool{}
	for _, t := range m.Graph.Initializers() {
		v := m.Graph.Value(t.Name())
		if t.DType() == graphsurgery.Float && t.Len() > 1 && v != nil && len(v.Uses()) > 0 && !decidesShape(v) {
			out[t.Name()] = true
		}
	}
	return out
}

func decidesShape(v *graphsurgery.Value) bool {
	return slices.ContainsFunc(v.Uses(), func(u graphsurgery.Use) bool { return u.Node.Op() == "Resize" && u.Input > 0 })
}

// runOurs gives the result, and the gradient of sum(output·weight) with respect to
// every trainable initialiser, from one compiled program.
func (f *family) runOurs(p *importer.Program, withGradients bool) (result []float64, gradients map[string][]float64, err error) {
	store := model.NewStore()
	defer store.Finalize()
	names, args := []string{}, []any{}
	for _, in := range p.Inputs() {
		a, ok := f.torch["input/"+in.Name]
		if !ok {
			return nil, nil, fmt.Errorf("torch.npz has no input %q", in.Name)
		}
		names, args = append(names, in.Name), append(args, tensorOf(a, in.DType))
	}
	var out []*tensors.Tensor
	err = importer.Guard("run", func() error {
		if err := p.Install(store); err != nil {
			return err
		}
		exec, err := model.NewExec(f.backend, store, func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
			return f.build(p, scope, names, nodes, withGradients)
		})
		if err != nil {
			return err
		}
		defer exec.Finalize()
		out, err = exec.Call(args...)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if withGradients {
		gradients = map[string][]float64{}
		for i, name := range p.Trainable() {
			gradients[name] = elements(out[i+1])
		}
	}
	return elements(out[0]), gradients, nil
}

// build gives the nodes of the result and of the gradients.
func (f *family) build(p *importer.Program, scope *model.Scope, names []string, nodes []*graph.Node, withGradients bool) []*graph.Node {
	feeds := map[string]*graph.Node{}
	for i, n := range nodes {
		feeds[names[i]] = n
	}
	y := p.Call(scope, feeds)[0]
	if !withGradients {
		return []*graph.Node{y}
	}
	weight := graph.ConstTensor(y.Graph(), tensorOf(f.torch["weight"], graphsurgery.Float))
	loss := graph.ReduceAllSum(graph.Mul(y, weight))
	var params []*graph.Node
	for _, name := range p.Trainable() {
		params = append(params, scope.Store().GetVariable(importer.VariablePath(name)).NodeValue(y.Graph()))
	}
	return append([]*graph.Node{y}, graph.Gradient(loss, params...)...)
}

// trace builds the graph and compiles nothing.
func (f *family) trace(p *importer.Program, withGradients bool) error {
	store := model.NewStore()
	defer store.Finalize()
	return importer.Guard("trace", func() error {
		if err := p.Install(store); err != nil {
			return err
		}
		g := graph.NewGraph(f.backend, f.name)
		defer g.Finalize()
		var names []string
		var nodes []*graph.Node
		for _, in := range p.Inputs() {
			a, ok := f.torch["input/"+in.Name]
			if !ok {
				return fmt.Errorf("torch.npz has no input %q", in.Name)
			}
			names = append(names, in.Name)
			nodes = append(nodes, graph.Parameter(g, in.Name, tensorOf(a, in.DType).Shape()))
		}
		f.build(p, store.RootScope(), names, nodes, withGradients)
		return nil
	})
}

// runORT gives ONNX Runtime's result with its rewriting off. Rewriting is what makes
// products of 8-bit integers exact on any processor.
func (f *family) runORT(path string, quantized bool) ([]float64, error) {
	o := ort.SessionOptions{OptLevel: ort.OptNone}
	if quantized {
		o = ort.SessionOptions{OptLevel: ort.OptExtended, FullRange: true}
	}
	// From the file: asked for a model's inputs in memory, ONNX Runtime rewrites it
	// first, and crashes on fused encoder layers in half precision.
	session, err := f.runtime.NewSessionFile(path, o)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	feeds := map[string]ort.Tensor{}
	for _, in := range session.Inputs() {
		feeds[in.Name] = exportcorpus.Feed(f.torch["input/"+in.Name], ort.Float32)
	}
	out, err := session.Run(feeds)
	if err != nil {
		return nil, err
	}
	first := out[session.Outputs()[0].Name]
	wide := make([]float64, len(first.F32))
	for i, v := range first.F32 {
		wide[i] = float64(v)
	}
	return wide, nil
}

// classes is the length of the last axis of the result.
func (f *family) classes() int {
	shape := f.torch["output"].Shape
	if len(shape) == 0 {
		return 1
	}
	return shape[len(shape)-1]
}

// farAway stands for results that are not numbers or are of another length: JSON has no
// infinity.
const farAway = 1e300

// distance is the largest difference, relative to the largest element where that is
// above one.
func distance(got, want []float64) float64 {
	if len(got) != len(want) {
		return farAway
	}
	worst, scale := 0.0, 1.0
	for i := range want {
		d := math.Abs(got[i] - want[i])
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return farAway
		}
		worst, scale = max(worst, d), max(scale, math.Abs(want[i]))
	}
	return worst / scale
}

// sameTop tells whether the largest element of every row is the same.
func sameTop(got, want []float64, width int) bool {
	for i := 0; i+width <= min(len(got), len(want)); i += width {
		if top(got[i:i+width]) != top(want[i:i+width]) {
			return false
		}
	}
	return true
}

func top(row []float64) int { return slices.Index(row, slices.Max(row)) }

// tensorOf makes a tensor of the model's input type.
func tensorOf(a testutil.Array, d graphsurgery.DType) *tensors.Tensor {
	var t *tensors.Tensor
	switch a.DType {
	case "<i8":
		t = tensors.FromFlatDataAndDimensions(a.Int64s(), a.Shape...)
	case "|b1":
		t = tensors.FromFlatDataAndDimensions(a.Bools(), a.Shape...)
	default:
		t = tensors.FromFlatDataAndDimensions(a.Float32s(), a.Shape...)
	}
	if d == graphsurgery.Float16 {
		t = tensors.FromFlatDataAndDimensions(float16.FromFloat32s(a.Float32s()...), a.Shape...)
	}
	return t
}

// elements reads a float tensor.
func elements(t *tensors.Tensor) []float64 {
	var out []float64
	t.MustConstFlatData(func(data any) {
		switch d := data.(type) {
		case []float32:
			for _, v := range d {
				out = append(out, float64(v))
			}
		case []float16.Float16:
			for _, v := range d {
				out = append(out, float64(v.Float32()))
			}
		}
	})
	return out
}
