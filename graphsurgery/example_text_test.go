package graphsurgery_test

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// A small model is quickest written as text, and a change is easily seen in it.
func ExampleParseText() {
	m, err := graphsurgery.ParseText(`
		<ir_version: 10, opset_import: ["" : 21]>
		net (float[batch,3] x) => (float[batch,2] y)
		<float[3,2] w = {1, 2, 3, 4, 5, 6}>
		{
			h = MatMul (x, w)
			y = Relu (h)
		}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	p := m.NewPatch("softmax")
	p.InsertAfter(m.Graph.Output("y"), p.Add("Softmax", p.Tap(m.Graph.Value("y")), graphsurgery.Attrs{"axis": -1}))
	if err := p.Apply(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Text(graphsurgery.Elide(2)))
	// Output:
	// net (float[batch,3] x) => (float[batch,2] y)
	//    <float[3,2] w = {1, 2, ... 6 values}>
	// {
	//    h = MatMul (x, w)
	//    y_inner = Relu (h)
	//    y = Softmax <axis = -1> (y_inner)
	// }
}

// A mistake is shown where it is.
func ExampleTextError() {
	_, err := graphsurgery.ParseText("<ir_version: 10, opset_import: [\"\" : 21]>\nnet (float[3 x) => (float[3] y) { y = Relu (x) }")
	fmt.Println(err)
	// Output:
	// text line 2, column 14: want "]" or "," in a list, got x
	//     net (float[3 x) => (float[3] y) { y = Relu (x) }
	//                  ^
}
