package importer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// load reads and resolves a model file.
func load(t testing.TB, path string, o importer.Options) *importer.Program {
	t.Helper()
	m, err := graphsurgery.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSmallModels compares the two small models of testdata with ONNX Runtime,
// on every backend. Tolerance: a few hundred float32 roundings in sums of up to
// 16384 terms, relative to 1+|want|.
func TestSmallModels(t *testing.T) {
	const tolerance = 1e-5
	for _, c := range opCases(t, "small") {
		p := load(t, "../testdata/small/"+c.name+".onnx", importer.Options{})
		eachBackend(t, func(t *testing.T, b compute.Backend) {
			feeds := make(map[string]*tensors.Tensor)
			for name, a := range c.inputs {
				feeds[name] = tensor(t, a)
			}
			got, err := newRunner(t, p, b).Run(feeds)
			if err != nil {
				t.Fatal(err)
			}
			name := p.Outputs()[0].Name
			if d := furthest(flat(t, got[name]), c.outputs[0].Float64s()); d > tolerance {
				t.Errorf("%s differs from ONNX Runtime by %g, want at most %g", c.name, d, tolerance)
			}
		})
	}
}

// TestRunnerInputs: each wrong input is an error that names it, what came and
// what is wanted.
func TestRunnerInputs(t *testing.T) {
	r := newRunner(t, load(t, "../testdata/small/mlp.onnx", importer.Options{}), backend(t, "go"))
	good := tensors.FromShape(shapes.Make(dtypes.Float32, 1, 128, 128))
	for name, c := range map[string]struct {
		inputs  map[string]*tensors.Tensor
		outputs []string
		want    []string
	}{
		"missing":   {nil, nil, []string{`"input_values"`, "missing", "128"}},
		"unknown":   {map[string]*tensors.Tensor{"input_values": good, "mask": good}, nil, []string{`"mask"`, `"input_values"`}},
		"rank":      {map[string]*tensors.Tensor{"input_values": tensors.FromShape(shapes.Make(dtypes.Float32, 128, 128))}, nil, []string{`"input_values"`, "is", "[128, 128]", "want", "128,128]"}},
		"dimension": {map[string]*tensors.Tensor{"input_values": tensors.FromShape(shapes.Make(dtypes.Float32, 1, 128, 64))}, nil, []string{"[1, 128, 64]"}},
		"type":      {map[string]*tensors.Tensor{"input_values": tensors.FromShape(shapes.Make(dtypes.Float64, 1, 128, 128))}, nil, []string{"Float64", "float32"}},
		"output":    {map[string]*tensors.Tensor{"input_values": good}, []string{"nowhere"}, []string{`"nowhere"`}},
	} {
		_, err := r.Run(c.inputs, c.outputs...)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not contain %q", name, err, want)
			}
		}
	}
	if _, err := r.Run(map[string]*tensors.Tensor{"input_values": good}); err != nil {
		t.Errorf("after the errors: %v", err)
	}
}

// TestRunnerBatches: rows do not depend on the batch they come in, also when
// more batch sizes are used than programs are kept, and intermediate values can
// be had.
func TestRunnerBatches(t *testing.T) {
	p := load(t, "../testdata/small/mlp.onnx", importer.Options{MaxPrograms: 2})
	r := newRunner(t, p, backend(t, "go"))
	hidden := p.Outputs()[0].Name
	m, err := graphsurgery.Load("../testdata/small/mlp.onnx")
	if err != nil {
		t.Fatal(err)
	}
	inner := m.Graph.Output(hidden).Producer().Input(0).Name()
	var first []float64
	for _, batch := range []int{1, 2, 3, 4, 3, 1} { // what is used again is made again only if it went

		x := tensors.FromShape(shapes.Make(dtypes.Float32, batch, 128, 128))
		tensors.MustMutableFlatData(x, func(data []float32) {
			for i := range data {
				data[i] = float32(i%(128*128)%17) / 17
			}
		})
		out, err := r.Run(map[string]*tensors.Tensor{"input_values": x}, hidden, inner)
		if err != nil {
			t.Fatal(err)
		}
		got := flat(t, out[hidden])
		width := len(got) / batch
		if first == nil {
			first = got
		}
		for row := range batch {
			// Other batch sizes may sum in another order: a few float32 roundings.
			if d := furthest(got[row*width:(row+1)*width], first); d > 1e-6 {
				t.Errorf("batch %d, row %d differs from batch 1 by %g", batch, row, d)
			}
		}
		if dims := out[inner].Shape().Dimensions; dims[0] != batch {
			t.Errorf("%s has shape %v, want a batch of %d", inner, dims, batch)
		}
	}
	if n := r.Compiled(); n != 2 {
		t.Errorf("%d programs are kept, want 2", n)
	}
	for batch, want := range map[int]bool{1: true, 2: false, 3: true, 4: false} {
		if shape := shapes.Make(dtypes.Float32, batch, 128, 128).String(); r.Keeps(shape) != want {
			t.Errorf("a program for %s is kept: %v, want %v", shape, !want, want)
		}
	}
}

// TestClose: a closed runner refuses to run and may be closed again.
func TestClose(t *testing.T) {
	r, err := load(t, "../testdata/small/mlp.onnx", importer.Options{}).NewRunner(backend(t, "go"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Run(nil); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("run after Close: got %v", err)
	}
}

// TestInstall: every data initialiser is one variable, only the chosen ones are
// trainable, and constants of shape arithmetic are none.
func TestInstall(t *testing.T) {
	const path = "../testdata/small/waveform.onnx"
	m, err := graphsurgery.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var chosen []string
	for _, init := range m.Graph.Initializers() {
		if v := m.Graph.Value(init.Name()); len(v.Uses()) > 0 && strings.HasSuffix(init.Name(), "bias") {
			chosen = append(chosen, init.Name())
		}
	}
	if len(chosen) == 0 {
		t.Fatal("the model has no bias to choose")
	}
	p := load(t, path, importer.Options{Trainable: func(name string) bool { return slices.Contains(chosen, name) }})
	if got := p.Trainable(); !slices.Equal(got, chosen) {
		t.Errorf("Trainable() = %q, want %q", got, chosen)
	}
	store := model.NewStore()
	if err := p.Install(store); err != nil {
		t.Fatal(err)
	}
	for v := range store.IterVariables() {
		name, ok := importer.InitializerName(v.Path())
		if !ok || m.Graph.Initializer(name) == nil {
			t.Errorf("variable %q belongs to no initialiser", v.Path())
		}
		if v.Trainable != slices.Contains(chosen, name) {
			t.Errorf("%q: trainable is %v", name, v.Trainable)
		}
		if !v.DType().IsFloat() {
			t.Errorf("%q of type %s became a variable", name, v.DType())
		}
		want, err := m.Graph.Initializer(name).Float32s()
		if err != nil {
			t.Fatal(err)
		}
		if got := tensors.MustCopyFlatData[float32](v.MustValue()); !slices.Equal(got, want) {
			t.Errorf("%q: the variable's value differs from the file", name)
		}
	}
	if err := p.Install(store); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("second Install into one store: got %v", err)
	}
}

// TestTrainableUnread: training an initialiser that nothing reads is an error,
// not a silent nothing; so is training integers.
func TestTrainableUnread(t *testing.T) {
	m, err := graphsurgery.Load("../testdata/small/mlp.onnx")
	if err != nil {
		t.Fatal(err)
	}
	p := m.NewPatch("spare")
	p.Initializer("spare", graphsurgery.NewTensor([]int64{1}, []float32{1}))
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	all := importer.Options{Trainable: func(string) bool { return true }}
	if _, err := importer.Load(m, all); err == nil || !strings.Contains(err.Error(), `"spare"`) {
		t.Errorf("got %v, want an error that names the initialiser", err)
	}
}

// TestCallWithoutInstall: the panic inside an executor is an error that says
// which initialiser has no variable, and where it was needed.
func TestCallWithoutInstall(t *testing.T) {
	p := load(t, "../testdata/small/mlp.onnx", importer.Options{})
	exec := executor(t, backend(t, "go"), model.NewStore(), func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
		return p.Call(scope, map[string]*graph.Node{"input_values": nodes[0]})
	})
	_, err := exec.Call(tensors.FromShape(shapes.Make(dtypes.Float32, 1, 128, 128)))
	if err == nil || !strings.Contains(err.Error(), "Program.Install") || !strings.Contains(err.Error(), "lower node") {
		t.Errorf("got %v, want an error about Program.Install with the node", err)
	}
}
