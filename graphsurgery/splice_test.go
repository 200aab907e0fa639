package graphsurgery

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

const opset21 = `<ir_version: 10, opset_import: ["" : 21]>`

func parseText(t testing.TB, text string) *Model {
	t.Helper()
	if !strings.HasPrefix(text, "<ir_version") {
		text = opset21 + text
	}
	m, err := ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); err != nil {
		t.Fatal(err)
	}
	return m
}

// graphText is the main graph as text, a tab for three spaces.
func graphText(m *Model) string { return strings.TrimSpace(m.Graph.Text()) }

func host(t testing.TB) *Model {
	return parseText(t, `host (float[n,4] x) => (float[n,4] y) { h = Relu (x) y = Neg (h) }`)
}

// TestSpliceWithBranches copies subgraphs that read the graph around them, down to
// one that returns an outer value directly.
func TestSpliceWithBranches(t *testing.T) {
	part := parseText(t, `part (float[m,4] u, bool c) => (float[m,4] v) {
		k = Exp (u)
		v = If (c) <
			then_branch = yes () => (float[m,4] a) { a = Add (k, u) },
			else_branch = no () => (float[m,4] b) {
				b = If (c) <then_branch = p () => (float[m,4] q) { q = Neg (k) }, else_branch = r () => (float[m,4] s) { s = Abs (u) }>
			}
		>
	}`)
	m := host(t)
	h := m.Graph.Value("h")
	p := m.NewPatch("t")
	flag := p.Initializer("flag", NewTensor(nil, []bool{true}))
	p.InsertAfter(h, p.Splice("part", part.Graph, p.Tap(m.Graph.Value("x")), flag)[0])
	apply(t, p)
	want := `host (float[n,4] x) => (float[n,4] y)
   <bool flag = {1}>
{
   "part/k" = Exp (x)
   "part/v" = If (flag) <then_branch = yes () => (float[n,4] "part/a") {
      "part/a" = Add ("part/k", x)
   }, else_branch = no () => (float[n,4] "part/b") {
      "part/b" = If (flag) <then_branch = p () => (float[n,4] "part/q") {
         "part/q" = Neg ("part/k")
      }, else_branch = r () => (float[n,4] "part/s") {
         "part/s" = Abs (x)
      }>
   }>
   h = Relu (x)
   y = Neg ("part/v")
}`
	if diff := cmp.Diff(want, graphText(m)); diff != "" {
		t.Error(diff)
	}
}

// TestSpliceUnderAnOutputsName: what a spliced branch reads gets the graph
// output's name only when the patch is applied.
func TestSpliceUnderAnOutputsName(t *testing.T) {
	part := parseText(t, `part (float[m,4] u, bool c) => (float[m,4] k, float[m,4] v) {
		k = Exp (u)
		v = If (c) <then_branch = yes () => (float[m,4] a) { a = Neg (k) }, else_branch = no () => (float[m,4] b) { b = Abs (k) }>
	}`)
	m := host(t)
	y := m.Graph.Output("y")
	p := m.NewPatch("t")
	out := p.Splice("part", part.Graph, p.Tap(y), p.Initializer("flag", NewTensor(nil, []bool{true})))
	p.InsertAfter(y, out[0])
	p.AddOutput("v", out[1], Type{})
	apply(t, p)
	branch := m.Graph.Output("v").Producer().Subgraph("then_branch")
	if got := branch.Nodes()[0].Input(0); got != m.Graph.Output("y") {
		t.Errorf("the branch reads %v, want y:\n%s", got, m.Text())
	}
}

// TestSpliceRefuses demands the typed errors of a part that does not fit.
func TestSpliceRefuses(t *testing.T) {
	const old = `<ir_version: 8, opset_import: ["" : 17]>`
	for _, c := range []struct{ name, part, want string }{
		{"another opset", old + `part (float[m,4] u) => (float[m,4] v) { v = Exp (u) }`, "version 21 of operator set ai.onnx, the added part version 17"},
		{"element type", `part (double[m,4] u) => (double[m,4] v) { v = Exp (u) }`, "readers expect float64, the patch gives float32"},
		{"shape", `part (float[m,5] u) => (float[m,5] v) { v = Exp (u) }`, "readers expect shape [m 5], the patch gives [n 4]"},
		{"number of inputs", `part (float[m,4] u, float w) => (float[m,4] v) { v = Mul (u, w) }`, "1 inputs are given, the graph has 2"},
		{"result's shape", `part (float[m,4] u) => (float[4,m] v) <float[1,2,3] v> { v = Exp (u) }`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := host(t)
			before := proto.CloneOf(m.pb)
			x := m.Graph.Value("x")
			p := m.NewPatch("t")
			p.InsertAfter(x, p.Splice("", parseText(t, c.part).Graph, p.Tap(x))[0])
			err := p.Apply()
			if c.want == "" {
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			var seam *SeamError
			var unsupported *UnsupportedError
			if c.name != "number of inputs" && !errors.As(err, &seam) && !errors.As(err, &unsupported) {
				t.Errorf("%T is not a typed error", err)
			}
			if !proto.Equal(before, m.pb) {
				t.Error("the model changed")
			}
		})
	}
}

const leaky = `
<domain: "local", opset_import: ["" : 21]>
Leaky <slope: float = %s> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }`

// TestSpliceTakesFunctionsAlong: one function is shared when it is alike, and
// renamed when it is not.
func TestSpliceTakesFunctionsAlong(t *testing.T) {
	with := func(slope string) *Model {
		return parseText(t, `<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
			part (float[n,4] x) => (float[n,4] y) { y = local.Leaky (x) }`+strings.Replace(leaky, "%s", slope, 1))
	}
	for _, c := range []struct {
		name  string
		host  *Model
		calls string
		count int
	}{
		{"none yet", host(t), "Leaky", 1},
		{"alike", with("0.5"), "Leaky", 1},
		{"another one", with("0.25"), "Leaky_1", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.host
			y := m.Graph.Output("y")
			p := m.NewPatch("t")
			p.InsertAfter(y, p.Splice("", with("0.5").Graph, p.Tap(y))[0])
			apply(t, p)
			n := m.Graph.Output("y").Producer()
			if n.Op() != c.calls || n.Function() == nil || len(m.Functions()) != c.count {
				t.Errorf("y = %s of %d functions, want %s of %d:\n%s", n.Op(), len(m.Functions()), c.calls, c.count, m.Text())
			}
			if _, ok := m.Opset("local"); !ok {
				t.Error("the functions' domain is not imported")
			}
		})
	}
}

// TestSpliceTakesTypesAlong only where the model states types itself.
func TestSpliceTakesTypesAlong(t *testing.T) {
	part := parseText(t, `part (float[m,4] u) => (float[m,k] v) <float[m,4] w> { w = Exp (u) v = Abs (w) }`)
	for text, want := range map[string]string{
		`host (float[n,4] x) => (float[n,4] y) { h = Relu (x) y = Neg (h) }`:                "",
		`host (float[n,4] x) => (float[n,4] y) <float[n,4] h> { h = Relu (x) y = Neg (h) }`: "h[n 4] t/w[n 4] t/v[n t/k] ",
	} {
		m := parseText(t, text)
		h := m.Graph.Value("h")
		p := m.NewPatch("t")
		p.InsertAfter(h, p.Splice("", part.Graph, p.Tap(h))[0])
		apply(t, p)
		got := ""
		for _, info := range m.pb.Graph.ValueInfo {
			got += info.GetName() + strings.ReplaceAll(strings.Join(strings.Fields(shapeText(m.Graph.Value(info.GetName()))), " "), "  ", " ") + " "
		}
		if got != want {
			t.Errorf("types %q, want %q", got, want)
		}
	}
}

func shapeText(v *Value) string {
	var names []string
	for _, d := range v.Shape() {
		names = append(names, d.String())
	}
	return "[" + strings.Join(names, " ") + "]"
}

// TestSpliceSharesBytes: copying an initialiser does not copy its values.
func TestSpliceSharesBytes(t *testing.T) {
	part, m := load(t, chain()), load(t, chain())
	x := m.Graph.Value("x")
	p := m.NewPatch("t")
	p.AddOutput("z", p.Splice("a", part.Graph, p.Tap(x))[0], Type{DType: Float})
	apply(t, p)
	got, want := m.Graph.Initializer("a/w").pb.RawData, part.Graph.Initializer("w").pb.RawData
	if &got[0] != &want[0] {
		t.Error("the values were copied")
	}
}

// TestSparseInitializers are values: they resolve, have a type, are copied and
// renamed.
func TestSparseInitializers(t *testing.T) {
	p := chain()
	p.Graph.SparseInitializer = []*pb.SparseTensorProto{{
		Values:  initializer("sparse", NewTensor([]int64{1}, []float32{7})),
		Indices: NewTensor([]int64{1}, []int64{3}).pb, Dims: []int64{2, 2},
	}}
	p.Graph.Node[2].Input[1] = "sparse"
	m := load(t, p)
	v := m.Graph.Value("sparse")
	if v == nil || !v.IsConstant() || v.DType() != Float || len(v.Shape()) != 2 || len(v.Uses()) != 1 {
		t.Fatalf("sparse initialiser %+v, want a float constant of shape [2 2] with one use", v)
	}
	if err := m.Rename(map[string]string{"sparse": "thin"}); err != nil {
		t.Fatal(err)
	}
	if m.Graph.Value("thin") != v || v.Uses()[0].Node.Op() != "MatMul" {
		t.Error("the renamed value is not the one it was")
	}
	x, err := Extract(m, []string{"x"}, []string{"y"})
	if err != nil || x.Graph.Value("thin") == nil {
		t.Errorf("extracted %v, %v", x, err)
	}
	merged, err := Merge(load(t, chain()), m, MergeOptions{Prefix: "b."})
	if err != nil || merged.Graph.Value("thin") == nil || len(merged.Graph.Value("thin").Uses()) != 1 {
		t.Errorf("merged %v, %v", merged, err)
	}
}
