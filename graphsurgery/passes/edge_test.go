package passes_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// x - (-0) turns -0 into 0.
func TestNegativeZeroStays(t *testing.T) {
	for _, c := range []struct {
		zero float32
		want int // nodes left
	}{{0, 2}, {float32(math.Copysign(0, -1)), 3}} {
		m := parse(t, "17", `g (float[2] x) => (float[2] y) { d = Neg(x) y = Neg(d) }`)
		p := m.NewPatch("subtract")
		d := m.Graph.Value("d")
		p.InsertAfter(d, p.Add("Sub", p.Tap(d), p.FreshInitializer("z", gs.NewTensor([]int64{}, []float32{c.zero}))))
		if err := p.Apply(); err != nil {
			t.Fatal(err)
		}
		if _, err := passes.Run(m, passes.Identity()); err != nil {
			t.Fatal(err)
		}
		if got := len(m.Graph.Nodes()); got != c.want {
			t.Errorf("x - (%g): %d nodes left, want %d", c.zero, got, c.want)
		}
	}
}

// Until opset 6 a Dropout is in training unless it says is_test.
func TestOldDropout(t *testing.T) {
	unchanged(t, "6", `g (float[2] x) => (float[2] y) { d = Dropout(x) y = Neg(d) }`, passes.Identity())
	beforeAfter(t, "6", `g (float[2] x) => (float[2] y) { d = Dropout<is_test = 1>(x) y = Neg(d) }`,
		`g (float[2] x) => (float[2] y) { y = Neg(x) }`, passes.Identity())
}

// doubling is a chain of functions, each of which calls the next twice.
func doubling(depth int) string {
	var b strings.Builder
	b.WriteString(`g (float[2] x) => (float[2] y) { y = local.f0(x) }`)
	for i := range depth {
		fmt.Fprintf(&b, `<domain: "local", opset_import: ["" : 17, "local" : 1]> f%d (p) => (q) { r = local.f%d(p) q = local.f%d(r) }`, i, i+1, i+1)
	}
	fmt.Fprintf(&b, `<domain: "local", opset_import: ["" : 17, "local" : 1]> f%d (p) => (q) { q = Neg(p) }`, depth)
	return b.String()
}
