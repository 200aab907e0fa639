package dora_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // the backend "go"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/dora"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/kindtest"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

func TestKind(t *testing.T) {
	kindtest.Run(t, dora.Recipe{Rank: 2, Scale: 0.5, Layers: []adapterinject.LayerName{
		adapterinject.LayerQ, adapterinject.LayerV, adapterinject.LayerO, adapterinject.LayerFC1, adapterinject.LayerFC2,
	}})
}

// TestCount: r·(in + out) + out for each layer.
func TestCount(t *testing.T) {
	const width, rank, blocks = 16, 3, 2
	m := nets.Classifier(t, 17, width, blocks, 3, true, nets.Spelling{QKV: "gather"})
	p, err := adapterinject.Plan(m, dora.Recipe{Rank: rank}, adapterinject.Head{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.AdapterParameters(), int64(blocks*2*(rank*2*width+width)); got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
}

// TestNormsAreConstants: the norm of the whole weight is that of W + A·B, and its
// gradient by A and B is zero.
func TestNormsAreConstants(t *testing.T) {
	const width, rank = 8, 2
	adapted := kindtest.Inject(t, nets.Classifier(t, 17, width, 1, 3, true, nets.Spelling{}), dora.Recipe{Rank: rank})
	b := make([]float32, rank*width)
	for i := range b {
		b[i] = float32(i) / 8
	}
	if err := adapted.SetInitializer("aat/block0/q/lora_B", gs.NewTensor([]int64{rank, width}, b)); err != nil {
		t.Fatal(err)
	}
	trained := []string{"aat/block0/q/lora_A", "aat/block0/q/lora_B"}
	program, err := importer.Load(adapted, importer.Options{Trainable: func(name string) bool { return slices.Contains(trained, name) }})
	if err != nil {
		t.Fatal(err)
	}
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Finalize()
	store := model.NewStore()
	defer store.Finalize()
	if err := program.Install(store); err != nil {
		t.Fatal(err)
	}
	step, err := model.NewExec(backend, store, func(scope *model.Scope, x []*graph.Node) []*graph.Node {
		norm := program.Call(scope, map[string]*graph.Node{"x": x[0]}, "aat/block0/q/norm_whole_max_output_0")[0]
		var variables []*graph.Node
		for _, name := range trained {
			variables = append(variables, store.GetVariable(importer.VariablePath(name)).NodeValue(x[0].Graph()))
		}
		return append(graph.Gradient(graph.ReduceAllSum(norm), variables...), norm)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer step.Finalize()
	out, err := step.Call(kindtest.Input(program))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range trained {
		for j, x := range kindtest.Flat(t, out[i]) {
			if x != 0 {
				t.Fatalf("the norm's gradient by number %d of %s is %v, want 0", j, name, x)
			}
		}
	}
	w := kindtest.Numbers(t, adapted, adapted.Graph.Value("b0.q").Producer().Input(1).Producer().Input(1).Name())
	a := kindtest.Numbers(t, adapted, trained[0])
	for j, got := range kindtest.Flat(t, out[2]) {
		square := 0.0
		for i := range width {
			v := w[i*width+j] + a[i*rank]*float64(b[j]) + a[i*rank+1]*float64(b[width+j])
			square += v * v
		}
		const rounding = 1e-6 // of a float32 sum of eight squares
		if want := math.Sqrt(square); math.Abs(got-want) > rounding*want {
			t.Errorf("column %d: norm %v, want %v", j, got, want)
		}
	}
}
