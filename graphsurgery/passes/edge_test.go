package passes_test

import (
	"errors"
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

// Functions that call each other twice are judged once each, and refused where
// inlining would double the model each time.
func TestDoublingCalls(t *testing.T) {
	m := parse(t, "17", doubling(60))
	if _, err := passes.Run(m, passes.CSE(), passes.Fold(passes.FoldOptions{})); err != nil {
		t.Fatal(err)
	}
	before := m.Digest()
	var unsupported *gs.UnsupportedError
	if _, err := passes.Run(m, passes.Inline(nil)); !errors.As(err, &unsupported) {
		t.Errorf("got error %v, want an UnsupportedError", err)
	}
	if m.Digest() != before {
		t.Error("the model has changed")
	}
	small := parse(t, "17", doubling(5))
	if _, err := passes.Run(small, passes.Inline(nil)); err != nil || len(small.Graph.Nodes()) != 32 {
		t.Errorf("%d nodes (%v), want 32", len(small.Graph.Nodes()), err)
	}
}

// All results together stay below a limit.
func TestFoldTotal(t *testing.T) {
	const text = `
g (float[100] x) => (float[100] y) <int64[1] n = {100}>
{ a = ConstantOfShape(n) b = Cos(a) c = Exp(b) y = Add(x, c) }`
	for _, c := range []struct{ limit, changed int64 }{{0, 3}, {800, 2}, {399, 0}} {
		m := parse(t, "17", text)
		report, err := passes.Run(m, passes.Fold(passes.FoldOptions{MaxAdded: c.limit}))
		if err != nil {
			t.Fatal(err)
		}
		if int64(report.Changed()) != c.changed {
			t.Errorf("limit %d: %d nodes computed, want %d", c.limit, report.Changed(), c.changed)
		}
	}
}

// An equal constant of a body beside is not visible; that of the graph around is,
// whichever body comes first.
func TestDedupInBodies(t *testing.T) {
	beforeAfter(t, "17", `
g (float[2] x, bool c) => (float[2] y)
{
    y = If(c) <then_branch = yes () => (float[2] p) <float[2] k = {1, 2}, float[2] l = {1, 2}> { s = Add(x, k) p = Add(s, l) }, else_branch = no () => (float[2] q) <float[2] n = {1, 2}> { q = Mul(x, n) }>
}`, `
g (float[2] x, bool c) => (float[2] y)
{
    y = If(c) <then_branch = yes () => (float[2] p) <float[2] k = {1, 2}> { s = Add(x, k) p = Add(s, k) }, else_branch = no () => (float[2] q) <float[2] n = {1, 2}> { q = Mul(x, n) }>
}`, passes.Dedup())
}

// An Expand goes only if it asks for what there is: of two open sizes either may
// turn out to be 1.
func TestExpandToAnotherSymbolStays(t *testing.T) {
	unchanged(t, "17", `g (float[A,B] x, float[C,B] d) => (float[M,N] y) { n = Neg(x) s = Shape(d) e = Expand(n, s) y = Neg(e) }`, passes.Identity())
	beforeAfter(t, "17", `g (float[A,B] x) => (float[A,B] y) { n = Neg(x) s = Shape(x) e = Expand(n, s) y = Neg(e) }`,
		`g (float[A,B] x) => (float[A,B] y) { n = Neg(x) s = Shape(x) y = Neg(n) }`, passes.Identity())
}

// A Constant is one in all its forms, unless the call of its function says which.
func TestConstantForms(t *testing.T) {
	beforeAfter(t, "17", `g (float[2] x) => (float[2] y) { one = Constant<value_float = 1.0>() n = Neg(x) m = Mul(n, one) y = Neg(m) }`,
		`g (float[2] x) => (float[2] y) { one = Constant<value_float = 1.0>() n = Neg(x) y = Neg(n) }`, passes.Identity())
	unchanged(t, "17", `g (float[2] x) => (float[2] y) { y = local.f<v = 2.0>(x) }
<domain: "local", opset_import: ["" : 17]> f <v = 1.0> (p) => (q) { one = Constant<value_float : float = @v>() n = Neg(p) m = Mul(n, one) q = Neg(m) }`, passes.Identity())
}
