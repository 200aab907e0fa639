package graphsurgery

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

func TestMerge(t *testing.T) {
	const encoder = `enc (float[n,8] x) => (float[n,8] e, float[n,8] aux) { e = Relu (x) aux = Neg (x) }`
	for _, c := range []struct {
		name, a, b string
		options    MergeOptions
		want       string // text, or the error after "error: "
	}{
		{
			"connected", encoder, `head (float[m,8] u) => (float[m,8] y) { y = Exp (u) }`,
			MergeOptions{Connect: map[string]string{"u": "e"}},
			"enc (float[n,8] x) => (float[n,8] aux, float[n,8] y) {\n   e = Relu (x)\n   aux = Neg (x)\n   y = Exp (e)\n}",
		},
		{
			"connected output kept", encoder, `head (float[m,8] u) => (float[m,8] y) { y = Exp (u) }`,
			MergeOptions{Connect: map[string]string{"u": "e"}, KeepConnected: true},
			"enc (float[n,8] x) => (float[n,8] e, float[n,8] aux, float[n,8] y) {\n   e = Relu (x)\n   aux = Neg (x)\n   y = Exp (e)\n}",
		},
		{
			"side by side", encoder, `head (float[m,8] u) => (float[m,8] y) <float[8] w = {1,2,3,4,5,6,7,8}> { y = Add (u, w) }`, MergeOptions{},
			"enc (float[n,8] x, float[m,8] u) => (float[n,8] e, float[n,8] aux, float[m,8] y)\n   <float[8] w = {1, 2, 3, 4, 5, 6, 7, 8}>\n{\n   e = Relu (x)\n   aux = Neg (x)\n   y = Add (u, w)\n}",
		},
		{"clash", encoder, `head (float[m,8] x) => (float[m,8] y) { y = Exp (x) }`, MergeOptions{}, `error: both models have a value "x"; give a prefix`},
		{
			"clash with a prefix", encoder, `head (float[m,8] x) => (float[m,8] e) { e = Exp (x) }`, MergeOptions{Prefix: "b_"},
			"enc (float[n,8] x, float[m,8] b_x) => (float[n,8] e, float[n,8] aux, float[m,8] b_e) {\n   e = Relu (x)\n   aux = Neg (x)\n   b_e = Exp (b_x)\n}",
		},
		{
			"an output that is the input", encoder, `head (float[m,8] u) => (float[m,8] u, float[m,8] y) { y = Exp (u) }`,
			MergeOptions{Connect: map[string]string{"u": "e"}},
			"enc (float[n,8] x) => (float[n,8] aux, float[n,8] u, float[n,8] y) {\n   e = Relu (x)\n   u = Identity (e)\n   aux = Neg (x)\n   y = Exp (e)\n}",
		},
		{"no such output", encoder, `head (float[m,8] u) => (float[m,8] y) { y = Exp (u) }`, MergeOptions{Connect: map[string]string{"u": "zz"}}, `error: the first model has no output "zz"`},
		{"no such input", encoder, `head (float[m,8] u) => (float[m,8] y) { y = Exp (u) }`, MergeOptions{Connect: map[string]string{"zz": "e"}}, `error: the second model has no input "zz"`},
		{"types", encoder, `head (float[m,9] u) => (float[m,9] y) { y = Exp (u) }`, MergeOptions{Connect: map[string]string{"u": "e"}}, "error: readers expect shape [m 9], the patch gives [n 8]"},
		{"opsets", encoder, `<ir_version: 8, opset_import: ["" : 17]> head (float[m,9] u) => (float[m,9] y) { y = Exp (u) }`, MergeOptions{}, "error: version 21 of operator set ai.onnx, the added part version 17"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := parseText(t, c.a), parseText(t, c.b)
			before := []proto.Message{proto.CloneOf(a.pb), proto.CloneOf(b.pb)}
			m, err := Merge(a, b, c.options)
			if want, isError := strings.CutPrefix(c.want, "error: "); isError {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want an error with %q", err, want)
				}
			} else if err != nil {
				t.Error(err)
			} else if diff := cmp.Diff(c.want, graphText(m)); diff != "" {
				t.Error(diff)
			}
			if !proto.Equal(before[0], a.pb) || !proto.Equal(before[1], b.pb) {
				t.Error("a model that was merged changed")
			}
		})
	}
}

func TestMergeMetadataAndVersions(t *testing.T) {
	a, b := load(t, chain()), load(t, chain())
	a.SetMetadata("same", "1")
	b.SetMetadata("same", "1")
	b.SetMetadata("other", "2")
	b.pb.IrVersion = proto.Int64(9)
	m, err := Merge(a, b, MergeOptions{Prefix: "b."})
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := m.Metadata("other"); v != "2" || len(m.MetadataKeys()) != 2 || m.IRVersion() != 9 {
		t.Errorf("metadata %v, IR version %d, want both models' and the greater one", m.MetadataKeys(), m.IRVersion())
	}
	b.SetMetadata("same", "3")
	if _, err := Merge(a, parseText(t, `<ir_version: 8, opset_import: ["" : 17], metadata_props: ["same": "3"]> g (float u) => (float v) { v = Exp (u) }`), MergeOptions{}); err == nil || !strings.Contains(err.Error(), `"same"`) {
		t.Errorf("got %v, want the clash of metadata", err)
	}
	m, err = Merge(a, b, MergeOptions{Prefix: "b."})
	if v, _ := m.Metadata("b.same"); err != nil || v != "3" {
		t.Errorf("b.same is %q, %v, want 3", v, err)
	}
}

// TestMergeOfOldIR: the listing of initialisers as inputs must not make them
// feedable.
func TestMergeOfOldIR(t *testing.T) {
	p := chain()
	p.IrVersion = proto.Int64(3)
	p.Graph.Input = append(p.Graph.Input, port("w", Float, Known(2, 2)...))
	m, err := Merge(load(t, p), load(t, chain()), MergeOptions{Prefix: "b."})
	if err != nil {
		t.Fatal(err)
	}
	if v := m.Graph.Value("w"); v.IsDefault() || !v.IsConstant() || len(m.pb.Graph.Input) != 2 {
		t.Errorf("w can be fed: inputs %v", m.pb.Graph.Input)
	}
}

func TestExtract(t *testing.T) {
	const net = `<ir_version: 10, opset_import: ["" : 21, "local" : 1], metadata_props: ["k": "v"]>
net (float[n,2] x, bool c) => (float[n,2] y, float[n,2] z)
<float[2,2] w = {1, 2, 3, 4}, float[2,2] w2 = {1, 2, 3, 4}, float[n,2] h, float[n,2] b, float[n,1] p, float[n,1] q>
{
	h = MatMul (x, w)
	a = local.Leaky (h)
	b = If (c) <then_branch = yes () => (float[n,2] s) { s = Add (h, x) }, else_branch = no () => (float[n,2] e) { e = MatMul (x, w2) }>
	p, q = Split <axis = 1, num_outputs = 2> (b)
	y = Concat <axis = 1> (p, q)
	z = Abs (a)
}
<domain: "local", opset_import: ["" : 21]>
Leaky (a) => (b) { b = LeakyRelu (a) }
<domain: "local", opset_import: ["" : 21]>
Unused (a) => (b) { b = LeakyRelu (a) }`
	for _, c := range []struct {
		name, inputs, outputs, want string
	}{
		{"with a branch", "x c", "b", "net (float[n,2] x, bool c) => (float[n,2] b)\n   <float[2,2] w = {1, 2, 3, 4},\n    float[2,2] w2 = {1, 2, 3, 4},\n    float[n,2] h>\n{\n   h = MatMul (x, w)\n   b = If (c) <then_branch = yes () => (float[n,2] s) {\n      s = Add (h, x)\n   }, else_branch = no () => (float[n,2] e) {\n      e = MatMul (x, w2)\n   }>\n}"},
		{"inside", "h", "z", "net (float[n,2] h) => (float[n,2] z) {\n   a = local.Leaky (h)\n   z = Abs (a)\n}"},
		{"an initialiser as an input", "x w", "h", "net (float[n,2] x, float[2,2] w) => (float[n,2] h) {\n   h = MatMul (x, w)\n}"},
		{"one of two results is an input", "p b", "y", "net (float[n,1] p, float[n,2] b) => (float[n,2] y)\n   <float[n,1] q>\n{\n   p_unused, q = Split <axis = 1, num_outputs = 2> (b)\n   y = Concat <axis = 1> (p, q)\n}"},
		{"the branch reads more", "h c", "b", `error: "b" cannot be computed from the inputs given: it needs graph input "x"`},
		{"unknown", "x", "nowhere", `error: no value "nowhere" in the main graph`},
		{"twice", "x x", "h", `error: input "x" is named twice`},
		{"nothing", "x", "", "error: no outputs are named"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parseText(t, net)
			before := proto.CloneOf(m.pb)
			x, err := Extract(m, strings.Fields(c.inputs), strings.Fields(c.outputs))
			if want, isError := strings.CutPrefix(c.want, "error: "); isError {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want an error with %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, graphText(x)); diff != "" {
				t.Error(diff)
			}
			if v, _ := x.Metadata("k"); v != "v" {
				t.Error("the metadata is lost")
			}
			if want := strings.Count(c.want, "local.Leaky"); len(x.Functions()) != want {
				t.Errorf("%d functions, want %d", len(x.Functions()), want)
			}
			if err := x.Rename(map[string]string{x.Graph.Outputs()[0].Name(): "new"}); err != nil || !proto.Equal(before, m.pb) {
				t.Errorf("changing what was cut out changed the whole, or failed: %v", err)
			}
		})
	}
}

func TestExtractRefusesUnknownTypes(t *testing.T) {
	m := parseText(t, `<ir_version: 10, opset_import: ["" : 21, "x" : 1]> net (float[2] u) => (float[2] y) { h = x.Op (u) y = x.Op (h) }`)
	_, err := Extract(m, []string{"h"}, []string{"y"})
	var unsupported *UnsupportedError
	if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), `"h"`) {
		t.Errorf("got %v, want an UnsupportedError about h", err)
	}
}
