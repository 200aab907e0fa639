package draw_test

import (
	"fmt"
	"os"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/draw"
)

// A part of a model as one box, for Graphviz; SVG needs no other program.
func ExampleDOT() {
	m, err := graphsurgery.ParseText(`
		<ir_version: 10, opset_import: ["" : 21]>
		net (float[2] x) => (float[2] y) { h = Relu (x) k = Exp (h) y = Neg (k) }`)
	if err != nil {
		fmt.Println(err)
		return
	}
	g := m.Graph
	part := draw.Region([]*graphsurgery.Value{g.Value("h")}, []*graphsurgery.Value{g.Value("y")})
	err = draw.DOT(os.Stdout, g, draw.Options{Groups: []draw.Group{{Name: "end", Nodes: part, Collapsed: true}}})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// digraph "" {
	//   label=""; labelloc=t;
	//   node [shape=box, style="rounded,filled", fontname="DejaVu Sans", fontsize=10, margin="0.08,0.04"];
	//   edge [fontname="DejaVu Sans", fontsize=8, fontcolor="#868e96", color="#868e96"];
	//   n0 [label="end\n2 nodes\nno parameters", tooltip="end: 2 nodes", fillcolor="#ffffff", color="#868e96", fontcolor="#212529", penwidth=1];
	//   n1 [label="Relu", tooltip="h = Relu (x)", fillcolor="#ffffff", color="#868e96", fontcolor="#212529", penwidth=1];
	//   n2 [label="x\n[2]", tooltip="input x", fillcolor="#ffffff", color="#868e96", fontcolor="#212529", penwidth=1, shape=oval];
	//   n3 [label="y\n[2]", tooltip="output y", fillcolor="#ffffff", color="#868e96", fontcolor="#212529", penwidth=1, shape=oval];
	//   n2 -> n1 [label=""];
	//   n1 -> n0 [label=""];
	//   n0 -> n3 [label="[2]"];
	// }
}
