package diff_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/diff"
)

const head = "<ir_version: 10, opset_import: [\"\" : 21]>\n"

const base = head + `net (float[n,2] x) => (float[n,2] y)
<float[2,2] w = {1, 2, 3, 4}, float[2] c = {5, 6}>
{
   h = MatMul (x, w)
   r = Relu (h)
   s = Add (r, c)
   y = Softmax <axis = -1> (s)
}`

func parse(t testing.TB, text string) *graphsurgery.Model {
	t.Helper()
	m, err := graphsurgery.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// edit replaces parts of a text, which must be there.
func edit(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("no %q in the text", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name string
		edit []string
		want string
	}{
		{"nothing", nil, "no difference\n"},
		{"node renamed", []string{"h = Mat", "[first] h = Mat"}, `= node "h": (none) → first
1 node renamed
`},
		{"value renamed", []string{"h = Mat", "hidden = Mat", "(h)", "(hidden)"}, `= value "h": h → hidden
1 value renamed
`},
		{"attribute", []string{"-1", "0"}, `~ node "y" attribute axis: -1 → 0
1 node changed
`},
		{"attribute left out", []string{" <axis = -1>", ""}, `~ node "y" attribute axis: -1 → (none)
1 node changed
`},
		{"operator", []string{"Relu", "Tanh"}, `~ node "r" operator: Relu → Tanh
1 node changed
`},
		{"node inserted", []string{"s = Add (r, c)", "t = Neg (r) s = Add (t, c)"}, `~ edge "s" input 0: r → t
+ node "t" t = Neg(r)
1 edge rewired, 1 node added
`},
		{"node put before the output", []string{"y = Softmax <axis = -1> (s)", "p = Softmax <axis = -1> (s) y = Neg (p)"}, `~ edge "y" output: node y (Softmax) → node y (Neg)
= value "y": y → p
+ node "y" y = Neg(p)
1 edge rewired, 1 value renamed, 1 node added
`},
		{"node like one before put before it", []string{"s = Add (r, c)", "q = Add (r, c) s = Add (q, c)"}, `= value "s": s → q
~ edge "y" input 0: s → s
+ node "s" s = Add(q, c)
1 value renamed, 1 edge rewired, 1 node added
`},
		{"node taken out", []string{"r = Relu (h)\n", "", "(r, c)", "(h, c)"}, `- node "r" r = Relu(h)
~ edge "s" input 0: r → h
1 node removed, 1 edge rewired
`},
		{"operands swapped", []string{"(r, c)", "(c, r)"}, `~ edge "s" input 0: r → c
~ edge "s" input 1: c → r
2 edges rewired
`},
		{"tensor changed", []string{"{5, 6}", "{5, 7}"}, `~ tensor "c": float[2] sha256:34f6aefba7fc → float[2] sha256:0ab8d0f2ec3a
1 tensor changed
`},
		{"tensor renamed", []string{"float[2] c", "float[2] bias", "(r, c)", "(r, bias)"}, `= tensor "c": c → bias
1 tensor renamed
`},
		{"tensor of another type", []string{"float[2] c = {5, 6}", "float c = {5}"}, `~ tensor "c": float[2] sha256:34f6aefba7fc → float {5}
1 tensor changed
`},
		{"tensors added and gone", []string{"float[2] c = {5, 6}", "float d = {5}", ", c)", ", d)"}, `- tensor "c" float[2] sha256:34f6aefba7fc
+ tensor "d" float {5}
~ edge "s" input 1: c → d
1 tensor removed, 1 tensor added, 1 edge rewired
`},
		{"input type", []string{"float[n,2] x", "float[m,2] x"}, `~ type "x": float[n,2] → float[m,2]
1 type changed
`},
		{"input added", []string{"float[n,2] x", "float[n,2] x, int64 k"}, `+ input "k" int64
1 input added
`},
		{"input renamed", []string{"float[n,2] x", "float[n,2] audio", "(x, w)", "(audio, w)"}, `= value "x": x → audio
1 value renamed
`},
		{"output added", []string{"(float[n,2] y)", "(float[n,2] y, float[n,2] r)"}, `+ output "r" float[n,2]
1 output added
`},
		{"output gone", []string{"(float[n,2] y)", "(float[n,2] s)"}, `- output "y" float[n,2]
+ output "s" float[n,2]
1 output removed, 1 output added
`},
		{"output before the other", []string{"(float[n,2] y)", "(float[n,2] r, float[n,2] y)"}, "+ output \"r\" float[n,2]\n1 output added\n"},
		{"opsets and fields", []string{"ir_version: 10", "ir_version: 11, producer_name: \"p\", metadata_props: [\"k\": \"v\"]", "[\"\" : 21]", "[\"\" : 22, \"d\" : 1]"}, `~ field "ir_version": 10 → 11
~ field "producer": (none) → p
~ opset "": 21 → 22
~ opset "d": (none) → 1
~ metadata "k": (none) → v
2 fields changed, 2 opsets changed, 1 metadata changed
`},
		{"all names", []string{"h =", "a1 =", "(h)", "(a1)", "r =", "a2 =", "(r, c)", "(a2, k)", " s =", " a3 =", "(s)", "(a3)", "float[2] c", "float[2] k", "2] w", "2] v", "x, w", "x, v"}, `= tensor "w": w → v
= tensor "c": c → k
= value "h": h → a1
= value "r": r → a2
= value "s": s → a3
2 tensors renamed, 3 values renamed
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := parse(t, base), parse(t, edit(t, base, c.edit...))
			d := compare(t, a, b)
			if got := d.String(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			if d.Empty() != (len(c.edit) == 0) {
				t.Errorf("Empty is %v", d.Empty())
			}
		})
	}
}

const branches = head + `net (bool p, float[2] x) => (float[2] y)
{
   k = Neg (x)
   y = If (p) <then_branch = a () => (float[2] t) { i = Abs (k) t = Exp (i) }, else_branch = b () => (float[2] e) { e = Abs (x) }>
}`

func TestCompareOrder(t *testing.T) {
	const text = head + "net (float a, float b) => (float c, float d) { c = Neg (a) d = Abs (b) }"
	a, b := parse(t, text), parse(t, edit(t, text, "float a, float b", "float b, float a", "float c, float d", "float d, float c"))
	want := "~ field \"order of inputs\": a, b → b, a\n~ field \"order of outputs\": c, d → d, c\n2 fields changed\n"
	if got := compare(t, a, b).String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if err := diff.Isomorphic(a, b); err == nil || !strings.Contains(err.Error(), "order of outputs") {
		t.Errorf("isomorphic: %v", err)
	}
}

func TestCompareConstants(t *testing.T) {
	const text = head + `net (float[2] x) => (float[2] y)
<float[2] c = {5, 6}, s = sparse(float[1] {1}, int64[1] {1}, [2])>
{
   h = Add (x, c)
   y = Add (h, s)
}`
	for _, c := range []struct {
		name string
		edit []string
		want string
	}{
		{"nothing", nil, "no difference\n"},
		{"a default", []string{"float[2] x)", "float[2] x, float[2] c)"}, "+ input \"c\" with a default float[2]\n1 input added\n"},
		{"sparse values", []string{"{1}, int", "{2}, int"}, "~ tensor \"s\": sparse(float[1] {1}, int64[1] {1}, [2]) → sparse(float[1] {2}, int64[1] {1}, [2])\n1 tensor changed\n"},
		{"sparse gone", []string{", s = sparse(float[1] {1}, int64[1] {1}, [2])", "", "(h, s)", "(h, c)"}, "- tensor \"s\" sparse(float[1] {1}, int64[1] {1}, [2])\n~ edge \"y\" input 1: s → c\n1 tensor removed, 1 edge rewired\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := parse(t, text), parse(t, edit(t, text, c.edit...))
			if got := compare(t, a, b).String(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			if err := diff.Isomorphic(a, b); (err == nil) != (len(c.edit) == 0) {
				t.Errorf("isomorphic: %v", err)
			}
		})
	}
}

func TestCompareSubgraphs(t *testing.T) {
	for _, c := range []struct {
		name string
		edit []string
		want string
	}{
		{"inner operator", []string{"t = Exp", "t = Log"}, "~ node in y/then_branch: \"t\" operator: Exp → Log\n1 node changed\n"},
		{"inner edge", []string{"e = Abs (x)", "e = Abs (k)"}, "~ edge in y/else_branch: \"e\" input 0: x → k\n1 edge rewired\n"},
		{"names", []string{"k =", "z =", "(k)", "(z)", "i =", "j =", "(i)", "(j)", " t)", " u)", "t = E", "u = E"}, `= value "k": k → z
= value in y/then_branch: "i": i → j
= value in y/then_branch: "t": t → u
3 values renamed
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := parse(t, branches), parse(t, edit(t, branches, c.edit...))
			if got := compare(t, a, b).String(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestCompareFunctions(t *testing.T) {
	const f = head + "g (float x) => (float y) { y = d.F (x) }\n<domain: \"d\", opset_import: [\"\" : 21]>\nF (a) => (b) { b = Abs (a) }"
	d := compare(t, parse(t, f), parse(t, edit(t, f, "Abs", "Neg")))
	if got := d.Summary(); got != "1 function changed" || d.Changes[0].Name != "d.F" {
		t.Errorf("got %s", d)
	}
}

func TestDiffIsJSON(t *testing.T) {
	d := compare(t, parse(t, base), parse(t, edit(t, base, "-1", "0")))
	got, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"changes":[{"what":"node changed","name":"y","field":"attribute axis","from":"-1","to":"0"}]}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// added is base with x + up(x) in front of the addition, and a tag.
var added = []string{
	"ir_version: 10", "ir_version: 10, metadata_props: [\"aat.version\": \"1\"]",
	"float[2] c = {5, 6}", "float[2] c = {5, 6}, float[2,2] \"aat/w\" = {0, 0, 0, 0}",
	"s = Add (r, c)", "[\"aat/up\"] u = MatMul (r, \"aat/w\") [\"aat/sum\"] v = Add (r, u) s = Add (v, c)",
}

func TestAssert(t *testing.T) {
	only := diff.Only{Prefix: "aat/", Metadata: "aat.", Rewired: 1}
	for _, c := range []struct {
		name string
		edit []string
		only diff.Only
		want string // "" if all is allowed
	}{
		{"the adapter", nil, only, ""},
		{"any number of edges", nil, diff.Only{Prefix: "aat/", Metadata: "aat.", Rewired: diff.AnyNumber}, ""},
		{"another number of edges", nil, diff.Only{Prefix: "aat/", Metadata: "aat.", Rewired: 2}, "1 edges are rewired to added nodes, want 2"},
		{"nothing allowed", nil, diff.Only{}, `+ tensor "aat/w"`},
		{"metadata not allowed", nil, diff.Only{Prefix: "aat/", Rewired: 1}, `~ metadata "aat.version"`},
		{"a weight", []string{"{1, 2, 3, 4}", "{1, 2, 3, 5}"}, only, `~ tensor "w": float[2,2]`},
		{"an attribute", []string{"axis = -1", "axis = 0"}, only, `~ node "y" attribute axis: -1 → 0`},
		{"an old edge", []string{"Relu (h)", "Relu (x)"}, only, `~ edge "r" input 0: h → x`},
		{"a node without the prefix", []string{"aat/sum", "sum"}, only, `+ node "sum"`},
		{"a tensor without the prefix", []string{"aat/w", "w2"}, only, `+ tensor "w2"`},
		{"other metadata", []string{"aat.version", "version"}, only, `~ metadata "version"`},
		{"a node gone", []string{"r = Relu (h)\n", "", "(r,", "(h,"}, only, `- node "r"`},
		{"an opset", []string{"[\"\" : 21]", "[\"\" : 22]"}, only, `~ opset "": 21 → 22`},
		{"an input's type", []string{"[n,2] x", "[1,2] x"}, only, `~ type "x"`},
		{"an output put behind", []string{"y = Soft", "q = Soft", "(s)\n", "(s) [\"aat/neg\"] y = Neg (q)"}, only, `~ edge "y" output`},
		{"an output allowed", []string{"y = Soft", "q = Soft", "(s)\n", "(s) [\"aat/neg\"] y = Neg (q)"}, diff.Only{Prefix: "aat/", Metadata: "aat.", Rewired: 1, Outputs: []string{"y"}}, ""},
		{"an output replaced", []string{"y = Softmax <axis = -1> (s)\n", "[\"aat/head\"] y = Neg (s)"}, diff.Only{Prefix: "aat/", Metadata: "aat.", Rewired: 1, Outputs: []string{"y"}}, ""},
		{"an output replaced by what is not ours", []string{"y = Softmax <axis = -1> (s)\n", "y = Neg (s)"}, diff.Only{Prefix: "aat/", Metadata: "aat.", Rewired: 1, Outputs: []string{"y"}}, `operator: Softmax → Neg`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := parse(t, base), parse(t, edit(t, edit(t, base, added...), c.edit...))
			err := diff.Assert(a, b, c.only)
			var unexpected *diff.UnexpectedError
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && !errors.As(err, &unexpected):
				t.Errorf("got %v, want an UnexpectedError with %q", err, c.want)
			case c.want != "" && !strings.Contains(err.Error(), c.want):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestIsomorphic(t *testing.T) {
	const twins = head + `net (float[2] x) => (float[2] y, float[2] z)
{
   a = Relu (x)
   b = Relu (x)
   c = Exp (a)
   d = Log (b)
   y = Sub (c, d)
   z = Abs (b)
}`
	for _, c := range []struct {
		name, text string
		edit       []string
		want       string // "" if isomorphic
	}{
		{"the same", base, nil, ""},
		{"other names", base, []string{"h =", "[n] r2 =", "(h)", "(r2)", "float[2] c", "float[2] k", ", c)", ", k)"}, ""},
		{"twins crossed", twins, []string{"a = Relu (x)\n   b = Relu (x)", "b = Relu (x)\n   a = Relu (x)"}, ""},
		{"twins renamed", twins, []string{"a = Relu (x)", "t = Relu (x)", "(a)", "(t)", "b = Relu", "a = Relu", "(b)", "(a)"}, ""},
		{"one twin for two", twins, []string{"Log (b)", "Log (a)"}, `~ edge "d" input 0: b → a`},
		{"twins joined", twins, []string{"   b = Relu (x)\n", "", "(b)", "(a)"}, `- node "b"`},
		{"output renamed", base, []string{" y)", " logits)", "y =", "logits ="}, `- output "y"`},
		{"input renamed", base, []string{" x)", " audio)", "(x,", "(audio,"}, `= value "x": x → audio`},
		{"tensor", base, []string{"{5, 6}", "{6, 5}"}, `tensor "c"`},
		{"operands", base, []string{"(r, c)", "(c, r)"}, `edge "s" input 0`},
		{"attribute", base, []string{"-1", "0"}, `attribute axis`},
		{"subgraph names", branches, []string{"k =", "z =", "(k)", "(z)", "i =", "j =", "(i)", "(j)", " t)", " u)", "t = E", "u = E"}, ""},
		{"subgraph", branches, []string{"e = Abs (x)", "e = Abs (k)"}, `else_branch`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := diff.Isomorphic(parse(t, c.text), parse(t, edit(t, c.text, c.edit...)))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
