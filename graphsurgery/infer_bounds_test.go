package graphsurgery

import (
	"fmt"
	"strings"
	"testing"
)

// TestInferOfImpossibleSizes: sizes that operands contradict, or that overflow, are
// a problem of the node, and unknown; nothing is allocated for them.
func TestInferOfImpossibleSizes(t *testing.T) {
	const head = `<ir_version: 10, opset_import: ["" : 21]> g (float[2,3] x) => (y0) `
	for _, c := range []struct{ name, body, want, problem string }{
		{"a shape operand of negative length", `<int64[1] s = {6}, int64[2] p = {-3, -3}> { q = Pad (s, p) y = Reshape (x, q) y0 = Identity (y) }`, "float[]", "size -5"},
		{"negative pads", `<int64[4] p = {-3, 0, 0, 0}> { y = Pad (x, p) y0 = Identity (y) }`, "float[y_d0,3]", "size -1"},
		{"negative shape", `<int64[2] s = {-7, 3}> { y = Expand (x, s) y0 = Identity (y) }`, "float[]", "does not expand"},
		{"negative random shape", `{ y = RandomNormal <shape = [-4, 2]> () y0 = Identity (y) }`, "float[y_d0,2]", "size -4"},
		{"a product beyond int64", `<int64[2] s = {2, 4611686018427387904}> { y = ConstantOfShape (s) y0 = Identity (y) }`, "float[2,4611686018427387904]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ParseText(head + c.body)
			if err != nil {
				t.Fatal(err)
			}
			types, err := m.Infer()
			if err != nil {
				t.Fatal(err)
			}
			if got := types.Of(m.Graph.Value("y")).String(); got != c.want {
				t.Errorf("y is %s, want %s", got, c.want)
			}
			if got := fmt.Sprint(types.Problems()); !strings.Contains(got, c.problem) || (c.problem == "") != (got == "[]") {
				t.Errorf("problems are %s, want one with %q", got, c.problem)
			}
		})
	}
}

// TestBranchesKeepTheirFacts: what a branch shows about a value around holds only if
// the branch is taken.
func TestBranchesKeepTheirFacts(t *testing.T) {
	const head = `<ir_version: 10, opset_import: ["" : 21]> g (float[3] x, bool c, int64 n) => (int64[r,s] y) <int64[1,4] k = {1, 2, 3, 4}> { nz = NonZero (x) `
	for name, rest := range map[string]string{
		"If": `y = If (c) <then_branch = yes () => (int64[p,q] a) { a = Concat <axis = 0> (nz, k) }, else_branch = no () => (int64[p,q] b) { b = Identity (nz) }> }`,
		"Loop": `y = Loop (n, c, k) <body = each (int64 i, bool on, int64[p,q] in) => (bool go, int64[p,q] out) <int64[1] z = {0}, int64[1] o = {1}> { go = Identity (on) both = Concat <axis = 0> (nz, k)
			out = Slice (both, z, o) }> }`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ParseText(head + rest)
			if err != nil {
				t.Fatal(err)
			}
			types, _ := m.Infer()
			if got := types.Of(m.Graph.Value("nz")).String(); got != "int64[1,nz_d1]" {
				t.Errorf("nz is %s, want int64[1,nz_d1]: whether it has 4 columns is known only inside", got)
			}
		})
	}
	m := parseText(t, `g (float[3] x) => (int64[2,s] y) <int64[1,4] k = {1, 2, 3, 4}> { nz = NonZero (x) y = Concat <axis = 0> (nz, k) }`)
	types, _ := m.Infer()
	if got := types.Of(m.Graph.Value("nz")).String(); got != "int64[1,4]" {
		t.Errorf("nz is %s, want int64[1,4]: the node always runs", got)
	}
}

// TestBroadcastOfTwoSymbols: either symbol may be 1, so neither is the result.
func TestBroadcastOfTwoSymbols(t *testing.T) {
	m, err := ParseText(`<ir_version: 10, opset_import: ["" : 21]> g (float[N,3] x, float[M,3] y, float[1,3] one, float[N,1] z) => (e, a, b, c) {
		sy = Shape (y)
		sx = Shape (x)
		e = Expand (x, sy)
		sum = Add (x, y)
		a = Identity (sum)
		b = Add (x, one)
		c = Add (x, z)
		r = Reshape (sum, sx)
	}`)
	if err != nil {
		t.Fatal(err)
	}
	types, _ := m.Infer()
	for name, want := range map[string]string{"e": "float[max(M, N),3]", "sum": "float[max(M, N),3]", "a": "float[max(M, N),3]", "b": "float[N,3]", "c": "float[N,3]"} {
		if got := types.Of(m.Graph.Value(name)).String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestBodiesAfterTheLastWork: when the work ends before all calls of a function are
// looked at, nothing is said of its body, for another call may have other sizes.
func TestBodiesAfterTheLastWork(t *testing.T) {
	const depth = 17 // 2^17 calls are more than the work that is done
	var text strings.Builder
	text.WriteString(`<ir_version: 10, opset_import: ["" : 21, "l" : 1]> g (float[2] x, float[3] z) => (a, c) { a = l.f (x) b = l.e0 (x) c = l.f (z) }
		<domain: "l", opset_import: ["" : 21]> f (p) => (r) { q = Neg (p) r = Abs (q) }`)
	for i := range depth {
		fmt.Fprintf(&text, ` <domain: "l", opset_import: ["" : 21, "l" : 1]> e%d (p) => (r) { q = l.e%d (p) r = l.e%d (q) }`, i, i+1, i+1)
	}
	fmt.Fprintf(&text, ` <domain: "l", opset_import: ["" : 21]> e%d (p) => (r) { r = Neg (p) }`, depth)
	m, err := ParseText(text.String())
	if err != nil {
		t.Fatal(err)
	}
	types, _ := m.Infer()
	if got := types.Of(m.Graph.Value("a")).String(); got != "float[2]" {
		t.Errorf("a is %s, want float[2]: its call was looked at", got)
	}
	if got := types.Of(m.Functions()[0].Body().Value("q")); got.Shape != nil {
		t.Errorf("q in the function is %s, want nothing known: a later call gives it 3 elements", got)
	}
}

// TestBranchesInFunctions: of a subgraph in a function's body, too, only what all
// calls have in common is known.
func TestBranchesInFunctions(t *testing.T) {
	m, err := ParseText(`<ir_version: 10, opset_import: ["" : 21, "l" : 1]> g (float[2] x, float[3] z, bool on) => (a, b) { a = l.f (x, on) b = l.f (z, on) }
		<domain: "l", opset_import: ["" : 21]> f (p, c) => (r) {
			r = If (c) <then_branch = yes () => (float[k] u) { u = Neg (p) }, else_branch = no () => (float[k] w) { w = Abs (p) }>
		}`)
	if err != nil {
		t.Fatal(err)
	}
	types, _ := m.Infer()
	branch := m.Functions()[0].Body().Nodes()[0].Subgraph("then_branch")
	if got := types.Of(branch.Value("u")); got.DType != Float || len(got.Shape) != 1 || got.Shape[0].Value >= 0 {
		t.Errorf("u is %s, want float of rank 1 and unknown size: the calls give it 2 and 3", got)
	}
}
