package graphsurgery_test

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

func ExampleModel_Infer() {
	m, err := graphsurgery.Load("../testdata/tinyast/tinyast-ts17.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	types, err := m.Infer()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range m.Graph.Nodes() {
		if n.Op() == "Softmax" {
			fmt.Println(types.Of(n.Output(0)))
			fmt.Println(types.Bind(map[string]int64{"batch": 16}).Of(n.Output(0)))
			break
		}
	}
	// Output:
	// float[batch,4,98,98]
	// float[16,4,98,98]
}
