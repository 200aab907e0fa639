package graphsurgery_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

func Example() {
	m, err := graphsurgery.Load("../testdata/small/waveform.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	logits := m.Graph.Output("logits")
	p := m.NewPatch("softmax on the logits")
	p.InsertAfter(logits, p.Add("Softmax", p.Tap(logits), graphsurgery.Attrs{"axis": -1}))
	if err := p.Apply(); err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := m.Save(filepath.Join(dir, "probabilities.onnx")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Output("logits").Producer())
	// Output: logits = Softmax(logits_inner)
}

func ExampleModel_Metadata() {
	m, err := graphsurgery.Load("../testdata/small/mlp.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	m.SetMetadata("licence", "CC0-1.0")
	v, ok := m.Metadata("licence")
	fmt.Println(v, ok)
	// Output: CC0-1.0 true
}

func ExampleGraph_Nodes() {
	m, err := graphsurgery.Load("../testdata/small/mlp.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	in := m.Graph.Inputs()[0]
	fmt.Println(in.Name(), in.DType(), in.Shape())
	for _, u := range in.Uses() {
		fmt.Println(u.Node.Op())
	}
	// Output:
	// input_values float32 [batch 128 128]
	// Flatten
}

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
