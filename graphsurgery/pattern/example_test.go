package pattern_test

import (
	"fmt"
	"log"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// Find a subgraph, and learn why another one is none.
func ExamplePattern() {
	m, err := graphsurgery.ParseText(`
		<ir_version: 10, opset_import: ["" : 21]>
		net (float[4] x) => (float[4] y, float[4] z)
		<float one = {1}, float two = {2}>
		{
			e = Exp (x)
			p = Add (one, e)
			y = Log (p)
			t = Add (e, two)
			z = Log (t)
		}`)
	if err != nil {
		log.Fatal(err)
	}
	x := pattern.Var("x")
	softplus := pattern.New("softplus", pattern.Op("Log", pattern.Op("Add", pattern.Op("Exp", x), pattern.Scalar(1, 0)).Commutes()))
	view := pattern.Look(m.Graph, nil)
	for match := range softplus.All(view) {
		fmt.Println(match.Value("x").Name(), "→", match.Result().Name())
	}
	_, miss := softplus.At(view, m.Graph.Value("z"))
	fmt.Println(miss)
	// Output:
	// x → y
	// softplus: after 3 matching nodes, at "two": want the constant 1, got the constant 2
}

// One pattern for every spelling of a function.
func ExampleCone() {
	m, err := graphsurgery.ParseText(`
		<ir_version: 10, opset_import: ["" : 17]>
		net (float[4] x) => (float[4] y)
		<float half = {0.5}, float one = {1}, float root = {1.41421354}>
		{
			d = Div (x, root)
			e = Erf (d)
			s = Add (e, one)
			h = Mul (half, s)
			y = Mul (x, h)
		}`)
	if err != nil {
		log.Fatal(err)
	}
	cone := pattern.Cone(pattern.Var("x"), pattern.Activations()...)
	view := pattern.Look(m.Graph, nil)
	match, _ := pattern.New("activation", cone).At(view, m.Graph.Output("y"))
	fmt.Println(match.Function(cone), "of", match.Value("x").Name())
	// Output:
	// gelu of x
}
