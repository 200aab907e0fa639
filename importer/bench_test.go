package importer_test

import (
	"os"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/importer"
)

// BenchmarkTinyAST times eight clips through the tiny model: forward, and
// forward with backward to every LayerNorm scale and bias, which is as deep as
// adapters in every block reach. Backends as in the tests.
func BenchmarkTinyAST(b *testing.B) {
	fixture := npz(b, "../testdata/parity/step.npz")
	norms := func(name string) bool {
		return strings.Contains(name, "layers.") && strings.Contains(name, "layernorm")
	}
	for _, name := range exports {
		p := load(b, "../testdata/tinyast/"+name+".onnx", importer.Options{Trainable: norms})
		for _, config := range strings.Split(os.Getenv("AAT_ONNX_TEST_BACKENDS"), ",") {
			if config == "" {
				config = "go"
			}
			for kind, f := range map[string]func(*model.Scope, []*graph.Node) []*graph.Node{
				"forward": func(scope *model.Scope, x []*graph.Node) []*graph.Node {
					return p.Call(scope, map[string]*graph.Node{p.Inputs()[0].Name: x[0]})
				},
				"step": func(scope *model.Scope, x []*graph.Node) []*graph.Node {
					logits := p.Call(scope, map[string]*graph.Node{p.Inputs()[0].Name: x[0]})[0]
					return scope.BuildTrainableVariablesGradientsGraph(graph.ReduceAllMean(graph.Square(logits)))
				},
			} {
				backend, _, _ := strings.Cut(config, ":")
				b.Run(name+"/"+backend+"/"+kind, func(b *testing.B) {
					benchmark(b, p, config, f, tensor(b, fixture["input"]))
				})
			}
		}
	}
}

// benchmark times calls of f after a first one that compiles.
func benchmark(b *testing.B, p *importer.Program, config string, f func(*model.Scope, []*graph.Node) []*graph.Node, x *tensors.Tensor) {
	store := model.NewStore()
	if err := p.Install(store); err != nil {
		b.Fatal(err)
	}
	defer store.Finalize()
	exec := executor(b, backend(b, config), store, f)
	defer exec.Finalize()
	if _, err := exec.Call(x); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := exec.Call(x); err != nil {
			b.Fatal(err)
		}
	}
}
