package passes_test

import (
	"fmt"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// Clean up a model, then raise its operator set version and use what that brings.
func Example() {
	m, err := gs.ParseText(`<ir_version: 8, opset_import: ["" : 17]>
	g (float[N,8] x) => (float[N,8] y) <float two = {2}, float one = {1}, float half = {0.5}>
	{
		same = Identity(x)
		root = Sqrt(two)
		d = Div(same, root)
		e = Erf(d)
		a = Add(e, one)
		p = Mul(x, a)
		y = Mul(p, half)
	}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := passes.Run(m, passes.DeadNodes(), passes.ConvertOpset(20), passes.Identity(), passes.Fold(passes.FoldOptions{}), passes.GELU())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(report)
	fmt.Println(m.Graph)
	// Output:
	// convert-opset: 1 changed, 7 nodes left
	// identity: 1 changed, 6 nodes left
	// fold: 1 changed, 5 nodes left
	// gelu: 1 changed, 1 nodes left
	// y = Gelu(x)
}
