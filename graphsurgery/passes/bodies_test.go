package passes_test

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// Passes work in branches, loop bodies and functions, with what these may read.
func TestBodies(t *testing.T) {
	cases := []struct {
		name, before, after string
		list                []passes.Pass
	}{
		{"fold in a branch and a function", `
g (float[2] x, bool c) => (float[2] y) <float[2] k = {1, 4}>
{
    y = If(c) <then_branch = yes () => (float[2] p) { r = Sqrt(k) p = Add(x, r) }, else_branch = no () => (float[2] q) { q = local.f(x) }>
}
<domain: "local", opset_import: ["" : 17]> f (a) => (b) { two = Constant<value = float {2}>() four = Mul(two, two) b = Mul(a, four) }`, `
g (float[2] x, bool c) => (float[2] y)
{
    y = If(c) <then_branch = yes () => (float[2] p) <float[2] r_folded = {1, 2}> { p = Add(x, r_folded) }, else_branch = no () => (float[2] q) { q = local.f(x) }>
}
<domain: "local", opset_import: ["" : 17]> f (a) => (b) { four_folded = Constant<value = float four_folded {4}>() b = Mul(a, four_folded) }`,
			[]passes.Pass{passes.Fold(passes.FoldOptions{})}},
		{"identities in a loop", `
g (int64 n, bool c, float[2] x) => (float[2] y)
{
    y = Loop(n, c, x) <body = step (int64 i, bool go, float[2] s) => (bool more, float[2] out) { more = Identity(go) k = Identity(s) out = Neg(k) }>
}`, `
g (int64 n, bool c, float[2] x) => (float[2] y)
{
    y = Loop(n, c, x) <body = step (int64 i, bool go, float[2] s) => (bool more, float[2] out) { more = Identity(go) out = Neg(s) }>
}`, []passes.Pass{passes.Identity()}},
		{"a branch that returns an outer value", `
g (float[2] x, bool c) => (float[2] y)
{
    a = Identity(x)
    b = Neg(a)
    y = If(c) <then_branch = yes () => (float[2] p) { p = Identity(b) }, else_branch = no () => (float[2] q) { q = Abs(a) }>
}`, `
g (float[2] x, bool c) => (float[2] y)
{
    b = Neg(x)
    y = If(c) <then_branch = yes () => (float[2] p) { p = Identity(b) }, else_branch = no () => (float[2] q) { q = Abs(x) }>
}`, []passes.Pass{passes.Identity()}},
		{"equal conditionals", `
g (float[2] x, bool c) => (float[2] y)
{
    a = If(c) <then_branch = yes () => (float[2] p) { p = Neg(x) }, else_branch = no () => (float[2] q) { q = Abs(x) }>
    b = If(c) <then_branch = yes () => (float[2] p) { p = Neg(x) }, else_branch = no () => (float[2] q) { q = Abs(x) }>
    d = If(c) <then_branch = yes () => (float[2] p) { p = Neg(x) }, else_branch = no () => (float[2] q) { q = Exp(x) }>
    e = Add(a, b)
    y = Add(e, d)
}`, `
g (float[2] x, bool c) => (float[2] y)
{
    a = If(c) <then_branch = yes () => (float[2] p) { p = Neg(x) }, else_branch = no () => (float[2] q) { q = Abs(x) }>
    d = If(c) <then_branch = yes () => (float[2] p) { p = Neg(x) }, else_branch = no () => (float[2] q) { q = Exp(x) }>
    e = Add(a, a)
    y = Add(e, d)
}`, []passes.Pass{passes.CSE()}},
		{"shapes known but for the batch", `
g (float[N,3] x) => (float[3,M] y) <int64 one = {1}, int64[1] zero = {0}, int64[1] rest = {-1}>
{
    s = Shape(x)
    w = Gather(s, one)
    u = Unsqueeze(w, zero)
    t = Concat<axis = 0>(u, rest)
    y = Reshape(x, t)
}`, `
g (float[N,3] x) => (float[3,M] y) <int64[2] t_folded = {3, -1}>
{
    y = Reshape(x, t_folded)
}`, []passes.Pass{passes.Fold(passes.FoldOptions{})}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { beforeAfter(t, "17", c.before, c.after, c.list...) })
	}
}
