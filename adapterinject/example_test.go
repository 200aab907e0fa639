package adapterinject_test

import (
	"fmt"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"log"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// What is in a model, and where could adapters go?
func ExampleFind() {
	m, err := graphsurgery.Load("../testdata/small/waveform.onnx")
	if err != nil {
		log.Fatal(err)
	}
	blocks, report := adapterinject.Find(m)
	fmt.Print(report)
	for _, b := range blocks {
		site, _ := b.Site(adapterinject.AttentionOut)
		fmt.Println(b.Index, b.Kind, b.Width, b.Heads, b.Activation, site.Value.Name())
	}
	// Output:
	// 1 of 1 Softmax and Attention candidates are blocks
	// 0 pre-norm 16 2 gelu /block/o/Add_output_0
}

// Splice adapters and a new head, and prove that nothing changed yet.
func ExamplePlan() {
	m, err := graphsurgery.Load("../testdata/small/waveform.onnx")
	if err != nil {
		log.Fatal(err)
	}
	plan, err := adapterinject.Plan(m, aat.Recipe{Rank: 0.25}, adapterinject.Head{Labels: []string{"bee", "wasp", "fly"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan)
	adapted, err := plan.Inject()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("proved:", adapterinject.CheckNoop(m, adapted) == nil)
	fmt.Println("to train:", len(adapterinject.Trainable(adapted)), "tensors")
	// Output:
	// block  site      value                    shape            rank  parameters
	// 0      attn.out  /block/o/Add_output_0    [batch, 10, 16]  4     148
	// 0      mlp.out   /block/fc2/Add_output_0  [batch, 10, 16]  4     148
	// head   logits    logits                   [batch, 3]             83
	// 2 adapters, 296 parameters; head for 3 labels, 83 parameters
	// trainable: 0.000 M of 0.006 M parameters (379 of 6203), 6.11 %
	// proved: true
	// to train: 12 tensors
}

// The report says at which step each candidate failed.
func ExampleReport() {
	m, err := graphsurgery.Load("../testdata/small/mlp.onnx")
	if err != nil {
		log.Fatal(err)
	}
	_, report := adapterinject.Find(m)
	fmt.Print(report)
	// Output:
	// 0 of 1 Softmax and Attention candidates are blocks
	// Softmax "/4/Softmax", context: at Softmax "/4/Softmax": want to be read by a matrix product, perhaps behind rearrangement or guard, got no reader
}

// What was a node taken for?
func ExampleExplain() {
	m, err := graphsurgery.Load("../testdata/small/waveform.onnx")
	if err != nil {
		log.Fatal(err)
	}
	for _, node := range []string{"/block/fc2/Add_output_0", "logits"} {
		text, err := adapterinject.Explain(m, node)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(text)
	}
	// Output:
	// Add "/block/fc2/Add" is part of block 0 as second linear layer of the MLP
	// Gemm "/head/Gemm" is part of no block
	// it is a linear layer, 16 to 2 wide, that no attention or MLP of a block has
	// as the last layer of an MLP: at ReduceMean "/ReduceMean": want a linear layer, perhaps behind activation or mask, got ReduceMean
}

// Any part can be joined at a site: here a bottleneck of one's own, behind the
// attention of each block.
func ExampleBlock_Site() {
	m, err := graphsurgery.Load("../testdata/tinyast/tinyast-ts17.onnx")
	if err != nil {
		log.Fatal(err)
	}
	part := bottleneck(128, 8)
	blocks, _ := adapterinject.Find(m)
	p := m.NewPatch("adapters")
	for _, b := range blocks {
		site, ok := b.Site(adapterinject.AttentionOut)
		if !ok {
			log.Fatal("block ", b.Index, " has no such value")
		}
		out := p.Splice(fmt.Sprintf("block%d", b.Index), part.Graph, p.Tap(site.Value))
		p.InsertAfter(site.Value, out[0])
	}
	if err := p.Apply(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(blocks), "blocks,", m.Graph.Initializer("block5/up").Shape())
	// Output: 6 blocks, [8 128]
}

// bottleneck is h + up·relu(down·h).
func bottleneck(width, rank int64) *graphsurgery.Model {
	m := graphsurgery.NewModel(17)
	p := m.NewPatch("build")
	batch, tokens := graphsurgery.Dim{Value: -1, Param: "batch"}, graphsurgery.Dim{Value: -1, Param: "tokens"}
	h := p.AddInput("h", graphsurgery.Type{DType: graphsurgery.Float, Shape: []graphsurgery.Dim{batch, tokens, {Value: width}}})
	down := p.Initializer("down", graphsurgery.NewTensor([]int64{width, rank}, make([]float32, width*rank)))
	up := p.Initializer("up", graphsurgery.NewTensor([]int64{rank, width}, make([]float32, rank*width)))
	result := p.Add("MatMul", p.Add("Relu", p.Add("MatMul", h, down)), up)
	p.AddOutput("result", p.Add("Add", h, result), graphsurgery.Type{})
	if err := p.Apply(); err != nil {
		log.Fatal(err)
	}
	return m
}
