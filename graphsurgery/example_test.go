package graphsurgery_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// parse reads a model of an example.
func parse(text string) *graphsurgery.Model {
	m, err := graphsurgery.ParseText(`<ir_version: 10, opset_import: ["" : 21]>` + text)
	if err != nil {
		log.Fatal(err)
	}
	return m
}

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

// Add a node after a value: everybody who read hidden now reads the new node.
func ExamplePatch_InsertAfter() {
	m := parse(`net (float[n,8] x) => (float[n,8] y) {
		hidden = Relu (x)
		other = Neg (hidden)
		y = Add (hidden, other)
	}`)
	hidden := m.Graph.Value("hidden")
	p := m.NewPatch("squash")
	p.InsertAfter(hidden, p.Add("Tanh", p.Tap(hidden), graphsurgery.OutName("squashed")))
	if err := p.Apply(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(m.Graph)
	// Output:
	// hidden = Relu(x)
	// squashed = Tanh(hidden)
	// other = Neg(squashed)
	// y = Add(squashed, other)
}

// Replace GELU as exporters spell it, x·(1+erf(x/√2))/2, by one Gelu node with the
// tanh approximation. What led to the old result dies with it.
func ExamplePatch_Replace() {
	m := parse(`net (float[n,8] x) => (float[n,8] y)
	<float root2 = {1.4142135}, float one = {1.0}, float half = {0.5}>
	{
		h = Neg (x)
		scaled = Div (h, root2)
		e = Erf (scaled)
		e1 = Add (e, one)
		he1 = Mul (h, e1)
		gelu = Mul (he1, half)
		y = Relu (gelu)
	}`)
	h, last := m.Graph.Value("h"), m.Graph.Value("gelu").Producer()
	p := m.NewPatch("tanh gelu")
	p.Replace(last, p.Add("Gelu", p.Tap(h), graphsurgery.Attrs{"approximate": "tanh"}))
	p.Prune()
	if err := p.Apply(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Text())
	// Output:
	// net (float[n,8] x) => (float[n,8] y) {
	//    h = Neg (x)
	//    gelu = Gelu <approximate = "tanh"> (h)
	//    y = Relu (gelu)
	// }
}

// Cut out the part of a model between two values. The error names what is missing
// where the cut leaves something out.
func ExampleExtract() {
	m := parse(`net (float[n,2] x) => (float[n,1] y)
	<float[2,2] w1 = {1, 2, 3, 4}, float[2,1] w2 = {5, 6}, float[n,2] active>
	{
		hidden = MatMul (x, w1)
		active = Relu (hidden)
		y = MatMul (active, w2)
	}`)
	head, err := graphsurgery.Extract(m, []string{"active"}, []string{"y"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(head.Graph.Text())
	_, err = graphsurgery.Extract(m, []string{"active"}, []string{"hidden"})
	fmt.Println(err)
	// Output:
	// net (float[n,2] active) => (float[n,1] y)
	//    <float[2,1] w2 = {5, 6}>
	// {
	//    y = MatMul (active, w2)
	// }
	// extract: "hidden" cannot be computed from the inputs given: it needs graph input "x"
}

// Rename inputs: everything that reads them follows.
func ExampleModel_Rename() {
	m := parse(`net (float[n,8] onnx_Relu_0) => (float[n,8] out_12) {
		h = Relu (onnx_Relu_0)
		out_12 = Neg (h)
	}`)
	if err := m.Rename(map[string]string{"onnx_Relu_0": "input_values", "out_12": "logits"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Text())
	// Output:
	// net (float[n,8] input_values) => (float[n,8] logits) {
	//    h = Relu (input_values)
	//    logits = Neg (h)
	// }
}

// Splice an adapter of one's own, here a bottleneck with a residual connection,
// behind a value. The adapter is a model like any other: written as text, built,
// or loaded from a file.
func ExamplePatch_Splice() {
	m := parse(`net (float[n,4] x) => (float[n,4] y) {
		h = Relu (x)
		y = Neg (h)
	}`)
	bottleneck := parse(`bottleneck (float[m,4] in) => (float[m,4] out)
	<float[4,1] down = {1, 2, 3, 4}, float[1,4] up = {0, 0, 0, 0}>
	{
		a = MatMul (in, down)
		b = Relu (a)
		c = MatMul (b, up)
		out = Add (in, c)
	}`)
	h := m.Graph.Value("h")
	p := m.NewPatch("adapter")
	p.InsertAfter(h, p.Splice("block0", bottleneck.Graph, p.Tap(h))[0])
	if err := p.Apply(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(m.Graph)
	// Output:
	// h = Relu(x)
	// block0/a = MatMul(h, block0/down)
	// block0/b = Relu(block0/a)
	// block0/c = MatMul(block0/b, block0/up)
	// block0/out = Add(h, block0/c)
	// y = Neg(block0/out)
}

// Merge two models: the second reads what the first gives.
func ExampleMerge() {
	encoder := parse(`encoder (float[n,8] x) => (float[n,8] embedding) { embedding = Relu (x) }`)
	head := parse(`head (float[batch,8] x) => (float[batch,8] y) { y = Softmax <axis = -1> (x) }`)
	m, err := graphsurgery.Merge(encoder, head, graphsurgery.MergeOptions{Connect: map[string]string{"x": "embedding"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Text())
	// Output:
	// encoder (float[n,8] x) => (float[n,8] y) {
	//    embedding = Relu (x)
	//    y = Softmax <axis = -1> (embedding)
	// }
}

// Bypass a node: its readers read what it read. Where that does not fit, the
// error says how.
func ExamplePatch_Bypass() {
	m := parse(`net (float[n,8] x) => (int32[n,8] y) {
		d = Dropout (x)
		y = Cast <to = 6> (d)
	}`)
	p := m.NewPatch("no dropout")
	p.Bypass(m.Graph.Value("d").Producer())
	fmt.Println(p.Apply())
	fmt.Print(m.Graph)

	p = m.NewPatch("no cast")
	p.Bypass(m.Graph.Value("y").Producer())
	var seam *graphsurgery.SeamError
	if errors.As(p.Apply(), &seam) {
		fmt.Println(seam.Value, "is", seam.Want.DType, "but would be", seam.Got.DType)
	}
	// Output:
	// <nil>
	// y = Cast(x)
	// y is int32 but would be float32
}

// Edit inside one branch of an If: the other branch and the readers outside stay.
func ExamplePatch_In() {
	m := parse(`net (float[8] x, bool loud) => (float[8] y) {
		h = Relu (x)
		y = If (loud) <
			then_branch = yes () => (float[8] a) { a = Exp (h) },
			else_branch = no () => (float[8] b) { b = Abs (h) }
		>
	}`)
	h := m.Graph.Value("h")
	p := m.NewPatch("negate")
	branch := p.In(m.Graph.Value("y").Producer().Subgraph("then_branch"))
	branch.InsertAfter(h, branch.Add("Neg", branch.Tap(h), graphsurgery.OutName("negated")))
	if err := p.Apply(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Graph.Text())
	// Output:
	// net (float[8] x, bool loud) => (float[8] y) {
	//    h = Relu (x)
	//    y = If (loud) <then_branch = yes () => (float[8] a) {
	//       negated = Neg (h)
	//       a = Exp (negated)
	//    }, else_branch = no () => (float[8] b) {
	//       b = Abs (h)
	//    }>
	// }
}
