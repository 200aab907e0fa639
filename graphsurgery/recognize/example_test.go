package recognize_test

import (
	"fmt"
	"log"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// Put the operator Gelu, which came with opset 20, in the place of each GELU that is
// spelled out.
func ExampleGELUs() {
	m, err := graphsurgery.Load("../../testdata/tinyast/tinyast-ts17.onnx")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := passes.Run(m, passes.ConvertOpset(20)); err != nil {
		log.Fatal(err)
	}
	types, err := m.Infer()
	if err != nil {
		log.Fatal(err)
	}
	p := m.NewPatch("gelu")
	found := recognize.GELUs(pattern.Look(m.Graph, types))
	for _, g := range found {
		approximate := map[string]string{"gelu": "none", "gelu_tanh": "tanh"}[g.Function]
		p.InsertAfter(g.Out, p.Add("Gelu", p.Tap(g.In), graphsurgery.Attrs{"approximate": approximate}))
	}
	p.Prune() // the nodes that nothing reads any more
	before := len(m.Graph.Nodes())
	if err := p.Apply(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(found), "GELUs,", before-len(m.Graph.Nodes()), "nodes fewer")
	// Output: 6 GELUs, 42 nodes fewer
}
