package passes_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// parse reads the text of a model: IR version 8 and the opset are put before it.
func parse(t *testing.T, opset, text string) *gs.Model {
	t.Helper()
	m, err := gs.ParseText(`<ir_version: 10, opset_import: ["" : ` + opset + `, "local" : 1]>` + text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// beforeAfter runs passes on a model and compares the text of the result.
func beforeAfter(t *testing.T, opset, before, after string, list ...passes.Pass) {
	t.Helper()
	m := parse(t, opset, before)
	if _, err := passes.Run(m, list...); err != nil {
		t.Fatal(err)
	}
	want := parse(t, opset, after)
	if got := m.Text(); got != want.Text() {
		t.Errorf("got\n%s\nwant\n%s", got, want.Text())
	}
}

func TestDeadNodes(t *testing.T) {
	beforeAfter(t, "17", `
g (float[2] x) => (float[2] y) <float[2] used = {1, 2}, float[2] unused = {3, 4}>
{
    y = Add(x, used)
    a = Neg(x)
    b = Add(a, unused)
}
<domain: "local", opset_import: ["" : 17]> never (p) => (q) { q = Neg(p) }
`, `
g (float[2] x) => (float[2] y) <float[2] used = {1, 2}>
{
    y = Add(x, used)
}`, passes.DeadNodes())
}

func TestDeadNodesInBodies(t *testing.T) {
	beforeAfter(t, "17", `
g (float[2] x, bool c) => (float[2] y)
{
    only_dead = Exp(x)
    y = If(c) <then_branch = yes () => (float[2] p) { p = Neg(x) q = Abs(only_dead) }, else_branch = no () => (float[2] r) { r = Abs(x) }>
}`, `
g (float[2] x, bool c) => (float[2] y)
{
    y = If(c) <then_branch = yes () => (float[2] p) { p = Neg(x) }, else_branch = no () => (float[2] r) { r = Abs(x) }>
}`, passes.DeadNodes())
}

func TestIdentity(t *testing.T) {
	beforeAfter(t, "17", `
g (float[2,3] x) => (float[2,3] y, float[2,3] z)
{
    a = Identity(x)
    b = Transpose<perm = [0, 1]>(a)
    c, mask = Dropout(b)
    d = Concat<axis = 0>(c)
    e = Neg(d)
    y = Identity(e)
    z = Identity(x)
}`, `
g (float[2,3] x) => (float[2,3] y, float[2,3] z)
{
    y = Neg(x)
    z = Identity(x)
}`, passes.Identity())
}

func TestIdentityKeepsWhatActs(t *testing.T) {
	unchanged(t, "17", `
g (float[2,2] x, float[1] s, bool[1] train, float ratio) => (float[2,2] y, float[2,2] z)
<float one = {1}, float zero = {0}>
{
    a = Transpose<perm = [1, 0]>(x)
    b = Transpose(a)
    c = Add(b, zero)
    d, mask = Dropout(c)
    e = Cast<to = 11>(d)
    f = Cast<to = 1>(e)
    y = Mul(s, f)
    w = Cast<to = 1>(mask)
    z = Add(w, y)
}`, passes.Identity())
}

// unchanged demands that a pass leaves every byte of a model.
func unchanged(t *testing.T, opset, text string, list ...passes.Pass) {
	t.Helper()
	built, err := parse(t, opset, text).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := gs.Parse(bytes.Clone(built))
	if err != nil {
		t.Fatal(err)
	}
	report, err := passes.Run(m, list...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Bytes()
	if err != nil || report.Changed() != 0 || !bytes.Equal(got, built) {
		t.Errorf("changed %d places (%v):\n%s", report.Changed(), err, m.Text())
	}
}

func TestFold(t *testing.T) {
	beforeAfter(t, "17", `
g (float[2,3] x) => (float[2,3] y, int64[2] s, float[2,3] r)
<float[2] two = {2, 3}, float[3,2] w = {1, 2, 3, 4, 5, 6}>
{
    root = Sqrt(two)
    square = Mul(root, root)
    wt = Transpose(w)
    y = Add(x, wt)
    s = Shape(x)
    noise = RandomNormal<shape = [2, 3]>()
    r = Add(x, noise)
}`, `
g (float[2,3] x) => (float[2,3] y, int64[2] s, float[2,3] r)
<float[2,3] wt_folded = {1, 3, 5, 2, 4, 6}, int64[2] s_folded = {2, 3}>
{
    s = Identity(s_folded)
    y = Add(x, wt_folded)
    noise = RandomNormal<shape = [2, 3]>()
    r = Add(x, noise)
}`, passes.DeadNodes(), passes.Fold(passes.FoldOptions{}))
}

func TestFoldKeepsLargeAndOverridable(t *testing.T) {
	m := parse(t, "17", `
g (float[4] x, float[4] w) => (float[4] y, float[4000000] z)
<float[4] w = {1, 2, 3, 4}, int64[1] n = {4000000}>
{
    v = Neg(w)
    y = Add(x, v)
    z = ConstantOfShape(n)
}`)
	if report, err := passes.Run(m, passes.Fold(passes.FoldOptions{})); err != nil || report.Changed() != 0 {
		t.Errorf("changed %d places, %v", report.Changed(), err)
	}
}

func TestDedup(t *testing.T) {
	beforeAfter(t, "17", `
g (float[2] x, bool c) => (float[2] y)
<float[2] a = {1, 2}, float[2] b = {1, 2}, float[1,2] other_shape = {1, 2}, float[2] other = {1, 3}>
{
    p = Add(x, a)
    q = Add(p, b)
    r = Add(q, other_shape)
    s = Add(q, other)
    y = If(c) <then_branch = yes () => (float[2] v) <float[2] inner = {1, 2}> { v = Add(s, inner) }, else_branch = no () => (float[2] w) { w = Identity(s) }>
}`, `
g (float[2] x, bool c) => (float[2] y)
<float[2] a = {1, 2}, float[1,2] other_shape = {1, 2}, float[2] other = {1, 3}>
{
    p = Add(x, a)
    q = Add(p, a)
    r = Add(q, other_shape)
    s = Add(q, other)
    y = If(c) <then_branch = yes () => (float[2] v) { v = Add(s, a) }, else_branch = no () => (float[2] w) { w = Identity(s) }>
}`, passes.Dedup())
}

func TestCSE(t *testing.T) {
	beforeAfter(t, "17", `
g (float[2] x, float[2] y, bool c) => (float[2] out, float[2] twin, float[2] s)
{
    a = Add(x, y)
    b = Add(y, x)
    d = LeakyRelu<alpha = 0.5>(a)
    e = LeakyRelu<alpha = 0.5>(b)
    f = LeakyRelu<alpha = 0.25>(b)
    g = Mul(d, e)
    h = Mul(g, f)
    out = Neg(h)
    twin = Neg(h)
    r1 = RandomNormalLike(x)
    r2 = RandomNormalLike(x)
    r = Add(r1, r2)
    z = If(c) <then_branch = yes () => (float[2] v) { u = Add(x, y) v = Neg(u) }, else_branch = no () => (float[2] w) { w = Neg(r) }>
    s = Add(r, z)
}`, `
g (float[2] x, float[2] y, bool c) => (float[2] out, float[2] twin, float[2] s)
{
    a = Add(x, y)
    d = LeakyRelu<alpha = 0.5>(a)
    f = LeakyRelu<alpha = 0.25>(a)
    g = Mul(d, d)
    h = Mul(g, f)
    out = Neg(h)
    twin = Neg(h)
    r1 = RandomNormalLike(x)
    r2 = RandomNormalLike(x)
    r = Add(r1, r2)
    z = If(c) <then_branch = yes () => (float[2] v) { v = Neg(a) }, else_branch = no () => (float[2] w) { w = Neg(r) }>
    s = Add(r, z)
}`, passes.CSE())
}

// A failing pass leaves nothing behind, and the error says what went before.
func TestFailureIsWhole(t *testing.T) {
	m := parse(t, "17", `g (float[2] x) => (float[2] y) { a = Neg(x) b = Abs(a) y = Neg(x) }`)
	broken := passes.Pass{Name: "broken", Edit: func(m *gs.Model, p *gs.Patch) (int, error) {
		p.Remove(m.Graph.Nodes()[0])
		return 1, nil
	}, Ensures: []passes.Condition{{Name: "pigs fly", Check: func(*gs.Model) error { return errors.New("they walk") }}}}
	if _, err := passes.Run(m, passes.DeadNodes()); err != nil {
		t.Fatal(err)
	}
	before := m.Digest()
	_, err := passes.Run(m, passes.CSE(), broken)
	var failed *passes.Error
	if !errors.As(err, &failed) || failed.Pass != "broken" || strings.Join(failed.Done, " ") != "cse" {
		t.Fatalf("got %v, want an Error of pass broken after cse", err)
	}
	if m.Digest() != before {
		t.Error("the failed pass changed the model")
	}
}
