package diff_test

import (
	"fmt"
	"log"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/diff"
)

// What a patch did, and that it did nothing else.
func Example() {
	base, err := graphsurgery.ParseText(`
		<ir_version: 10, opset_import: ["" : 21]>
		net (float[2] x) => (float[2] y) { h = Relu (x) y = Neg (h) }`)
	if err != nil {
		fmt.Println(err)
		return
	}
	adapted := base.Clone()
	h := adapted.Graph.Value("h")
	p := adapted.NewPatch("scale")
	p.InsertAfter(h, p.Add("Mul", p.Tap(h),
		p.Initializer("aat/factor", graphsurgery.NewTensor([]int64{}, []float32{1})), graphsurgery.Named("aat/scale")))
	if err := p.Apply(); err != nil {
		fmt.Println(err)
		return
	}
	d, err := diff.Compare(base, adapted)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(d)
	fmt.Println(diff.Assert(base, adapted, diff.Only{Prefix: "aat/", Rewired: 1}))
	// Output:
	// + tensor "aat/factor" float {1}
	// ~ edge "y" input 0: h → aat/scale_output_0
	// + node "aat/scale" aat/scale_output_0 = Mul(h, aat/factor)
	// 1 tensor added, 1 edge rewired, 1 node added
	// <nil>
}
