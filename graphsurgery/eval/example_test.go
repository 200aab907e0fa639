package eval_test

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/eval"
)

// Compute one node of a model on constant tensors.
func ExampleNode() {
	m, err := gs.ParseText(`<ir_version: 8, opset_import: ["" : 17]>
	g (int64[3] a, int64[1] b) => (int64[3] c) { c = Mul(a, b) }`)
	if err != nil {
		fmt.Println(err)
		return
	}
	a, b := gs.NewTensor([]int64{3}, []int64{1, 2, 3}), gs.NewTensor([]int64{1}, []int64{10})
	out, err := eval.Node(m.Graph.Nodes()[0], []*gs.Tensor{a, b}, eval.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := out[0].Int64s()
	fmt.Println(values, err)
	// Output: [10 20 30] <nil>
}
