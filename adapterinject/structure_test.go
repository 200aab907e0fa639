package adapterinject

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// script writes a model in ONNX's text syntax: weights of width 8 are declared as
// they are used.
type script struct {
	weights []string
	lines   []string
}

func (s *script) weight(dims ...int) string {
	name := fmt.Sprintf("w%d", len(s.weights))
	size := 1
	for _, d := range dims {
		size *= d
	}
	values := strings.TrimSuffix(strings.Repeat("0.1, ", size), ", ")
	s.weights = append(s.weights, fmt.Sprintf("float[%s] %s = {%s}", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(dims)), ","), "[]"), name, values))
	return name
}

// add writes lines in which W, W2, W3, H and V stand for weights [8,8], [8,16],
// [8,24], [16,8] and [8].
func (s *script) add(lines ...string) *script {
	shapes := map[string][]int{"W": {8, 8}, "W2": {8, 16}, "W3": {8, 24}, "H": {16, 8}, "V": {8}, "V2": {16}, "V3": {24}}
	for _, l := range lines {
		fields := strings.FieldsFunc(l, func(r rune) bool { return strings.ContainsRune(" (),", r) })
		for _, f := range fields {
			if dims, ok := shapes[f]; ok {
				l = replaceWord(l, f, s.weight(dims...))
			}
		}
		s.lines = append(s.lines, l)
	}
	return s
}

// replaceWord replaces the first operand that is exactly old.
func replaceWord(l, old, name string) string {
	for _, end := range []string{",", ")"} {
		for _, begin := range []string{"(", ", "} {
			if at := strings.Index(l, begin+old+end); at >= 0 {
				return l[:at] + begin + name + end + l[at+len(begin+old+end):]
			}
		}
	}
	return l
}

// linear writes out = in·w + b.
func (s *script) linear(out, in, w, b string) *script {
	return s.add(fmt.Sprintf("%s_p = MatMul (%s, %s)", out, in, w), fmt.Sprintf("%s = Add (%s_p, %s)", out, out, b))
}

// qkv writes the three projections and splits heads: q4, k4t, v4.
func (s *script) qkv(in, memory string) *script {
	s.linear("q", in, "W", "V").linear("k", memory, "W", "V").linear("v", memory, "W", "V")
	for _, x := range []string{"q", "k", "v"} {
		s.add(x + "r = Reshape (" + x + ", heads)")
	}
	return s.add("q4 = Transpose <perm = [0, 2, 1, 3]> (qr)", "k4 = Transpose <perm = [0, 2, 3, 1]> (kr)", "v4 = Transpose <perm = [0, 2, 1, 3]> (vr)")
}

// core writes softmax attention up to the output projection o.
func (s *script) core() *script {
	s.add("scores = MatMul (q4, k4)", "probs = Softmax (scores)", "c4 = MatMul (probs, v4)")
	return s.merge("c4")
}

func (s *script) merge(context string) *script {
	s.add("ct = Transpose <perm = [0, 2, 1, 3]> ("+context+")", "c = Reshape (ct, tokens)")
	return s.linear("o", "c", "W", "V")
}

func (s *script) norm(out, in string) *script {
	return s.add(out + " = LayerNormalization (" + in + ", V, V)")
}

// mlp writes the second half of a pre-norm block, from sum1 to sum2.
func (s *script) mlp() *script {
	return s.norm("n2", "sum1").linear("fc1", "n2", "W2", "V2").add("g = Gelu (fc1)").linear("fc2", "g", "H", "V").add("sum2 = Add (sum1, fc2)")
}

func (s *script) model(t *testing.T, out string) *gs.Model {
	t.Helper()
	text := `<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]>
net (float[batch,5,8] x, float[batch,7,8] m) => (float[batch,5,8] y)
<int64[4] heads = {0, -1, 2, 4}, int64[3] tokens = {0, -1, 8}, int64[3] thirds = {8, 8, 8}, int64[2] halves = {8, 8}, ` + strings.Join(s.weights, ", ") + `>
{
` + strings.Join(s.lines, "\n") + "\ny = Identity (" + out + ")\n}"
	m, err := gs.ParseText(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// shape is what a structure test expects of a block: names, "" for none.
type shape struct{ Kind, Q, K, V, O, Sum1, FC1, FC2, Gate, Sum2 string }

func shapeOf(b Block) shape {
	name := func(v *gs.Value) string {
		if v == nil {
			return ""
		}
		return v.Name()
	}
	return shape{
		b.Kind.String(), name(b.Query), name(b.Key), name(b.Value), name(b.Output), name(b.ResidualAttn),
		name(b.FC1), name(b.FC2), name(b.Gate), name(b.ResidualMLP),
	}
}

// TestFindStructures: what differs between architectures and what optimisers and
// quantisers leave, each in its smallest form.
func TestFindStructures(t *testing.T) {
	usual := shape{"pre-norm", "q", "k", "v", "o", "sum1", "fc1", "fc2", "", "sum2"}
	with := func(change func(*shape)) shape { s := usual; change(&s); return s }
	start := func() *script { return (&script{}).norm("n1", "x") }
	attend := func() *script { return start().qkv("n1", "n1").core().add("sum1 = Add (o, x)") }
	tests := []struct {
		name  string
		build func() *script
		out   string
		want  []shape
	}{
		{"plain", func() *script { return attend().mlp() }, "sum2", []shape{usual}},
		{"no MLP", attend, "sum1", []shape{{"pre-norm", "q", "k", "v", "o", "sum1", "", "", "", ""}}},
		{"keys from another stream", func() *script { return start().qkv("n1", "m").core().add("sum1 = Add (o, x)").mlp() }, "sum2",
			[]shape{with(func(s *shape) { s.Kind = "cross" })}},
		{"attention and MLP side by side", func() *script {
			return start().qkv("n1", "n1").core().linear("fc1", "n1", "W2", "V2").add("g = Relu (fc1)").linear("fc2", "g", "H", "V").
				add("both = Add (o, fc2)", "sum2 = Add (both, x)")
		}, "sum2", []shape{with(func(s *shape) { s.Sum1 = "sum2" })}},
		{"side by side, added one after the other", func() *script {
			return start().qkv("n1", "n1").core().linear("fc1", "n1", "W2", "V2").add("g = Relu (fc1)").linear("fc2", "g", "H", "V").
				add("sum1 = Add (x, o)", "sum2 = Add (sum1, fc2)")
		}, "sum2", []shape{usual}},
		{"gated MLP of two layers", func() *script {
			return attend().norm("n2", "sum1").linear("up", "n2", "W2", "V2").linear("fc1", "n2", "W2", "V2").
				add("sg = Sigmoid (fc1)", "a = Mul (fc1, sg)", "h = Mul (a, up)").linear("fc2", "h", "H", "V").add("sum2 = Add (sum1, fc2)")
		}, "sum2", []shape{with(func(s *shape) { s.Gate = "up" })}},
		{"gated MLP of one packed layer", func() *script {
			return attend().norm("n2", "sum1").linear("fc1", "n2", "W2", "V2").
				add("a, b = Split <axis = -1> (fc1, halves)", "ga = Gelu (a)", "h = Mul (ga, b)").linear("fc2", "h", "W", "V").add("sum2 = Add (sum1, fc2)")
		}, "sum2", []shape{with(func(s *shape) { s.Gate = "fc1" })}},
		{"convolution module between, MLP by half", func() *script {
			s := attend().norm("nc", "sum1").add("ch = Transpose <perm = [0, 2, 1]> (nc)")
			pw, dw := s.weight(8, 8, 1), s.weight(8, 1, 3)
			s.add("p1 = Conv (ch, "+pw+")", "dc = Conv <group = 8, pads = [1, 1]> (p1, "+dw+")", "sw = Sigmoid (dc)", "sv = Mul (sw, dc)",
				"p2 = Conv (sv, "+pw+")", "back = Transpose <perm = [0, 2, 1]> (p2)", "sumc = Add (sum1, back)", "half = Constant <value = float {0.5}> ()")
			return s.norm("n2", "sumc").linear("fc1", "n2", "W2", "V2").add("g = Gelu (fc1)").linear("fc2", "g", "H", "V").
				add("hf = Mul (fc2, half)", "sum2 = Add (sumc, hf)")
		}, "sum2", []shape{usual}},
		{"masks of positions around the layers of the MLP", func() *script {
			return attend().norm("n2", "sum1").add("last = Constant <value_ints = [-1]> ()", "mask = ReduceMax (x, last)", "n2m = Mul (n2, mask)").
				linear("fc1", "n2m", "W2", "V2").add("g = Gelu (fc1)", "gm = Mul (mask, g)").linear("fc2", "gm", "H", "V").
				add("fm = Mul (fc2, mask)", "sum2 = Add (sum1, fm)")
		}, "sum2", []shape{usual}},
		{"no MLP where a factor differs from channel to channel", func() *script {
			s := attend().norm("n2", "sum1").linear("fc1", "n2", "W2", "V2").add("both = Concat <axis = -1> (m, m)", "first = Constant <value_ints = [1]> ()",
				"gate = ReduceMax (both, first)", "g = Gelu (fc1)", "gg = Mul (g, gate)")
			return s.linear("fc2", "gg", "H", "V").add("sum2 = Add (sum1, fc2)")
		}, "sum2", []shape{{"pre-norm", "q", "k", "v", "o", "sum1", "", "", "", ""}}},
		{"depthwise convolution between the sums, dynamically quantised", func() *script {
			s := attend()
			s.weights = append(s.weights, "int8[8,1,3] taps = {"+strings.TrimSuffix(strings.Repeat("1, ", 24), ", ")+"}", "float gain = {0.1}")
			s.add("ch = Transpose <perm = [0, 2, 1]> (sum1)", "cq, cs, cz = DynamicQuantizeLinear (ch)", "ci = ConvInteger <group = 8, pads = [1, 1]> (cq, taps, cz)",
				"cf = Cast <to = 1> (ci)", "scale = Mul (cs, gain)", "cd = Mul (cf, scale)", "local = Transpose <perm = [0, 2, 1]> (cd)")
			return s.norm("n2", "local").linear("fc1", "n2", "W2", "V2").add("g = Gelu (fc1)").linear("fc2", "g", "H", "V").add("sum2 = Add (local, fc2)")
		}, "sum2", []shape{usual}},
		{"windows cut before the stream", func() *script {
			s := (&script{}).add("cells = Constant <value_ints = [0, 1, 2, 4, 1, 2]> ()", "cut6 = Reshape (x, cells)", "cut = Transpose <perm = [0, 1, 3, 2, 4, 5]> (cut6)", "win = Reshape (cut, tokens)")
			return s.norm("n1", "win").qkv("n1", "n1").core().add("sum1 = Add (o, win)").mlp()
		}, "sum2", []shape{with(func(s *shape) { s.Kind = "window" })}},
		{"norm between output and residual addition", func() *script {
			s := (&script{}).qkv("x", "x").core().norm("no", "o").add("sum1 = Add (x, no)")
			return s.linear("fc1", "sum1", "W2", "V2").add("g = Gelu (fc1)").linear("fc2", "g", "H", "V").norm("nf", "fc2").add("sum2 = Add (sum1, nf)")
		}, "sum2", []shape{with(func(s *shape) { s.Kind = "post-norm" })}},
		{"products as Einsum, keys first", func() *script {
			s := start().linear("q", "n1", "W", "V").linear("k", "n1", "W", "V").linear("v", "n1", "W", "V")
			s.add("qr = Reshape (q, heads)", "kr = Reshape (k, heads)", "vr = Reshape (v, heads)",
				`scores = Einsum <equation = "bjhd,bihd->bhij"> (kr, qr)`, "probs = Softmax (scores)", `cr = Einsum <equation = "bhij,bjhd->bihd"> (probs, vr)`, "c = Reshape (cr, tokens)")
			return s.linear("o", "c", "W", "V").add("sum1 = Add (o, x)").mlp()
		}, "sum2", []shape{usual}},
		{"softmax over the second last axis", func() *script {
			s := start().qkv("n1", "n1").add("q4t = Transpose <perm = [0, 1, 3, 2]> (q4)", "kk = Transpose <perm = [0, 1, 3, 2]> (k4)",
				"scores = MatMul (kk, q4t)", "probs = Softmax <axis = 2> (scores)", "pt = Transpose <perm = [0, 1, 3, 2]> (probs)", "c4 = MatMul (pt, v4)")
			return s.merge("c4").add("sum1 = Add (o, x)").mlp()
		}, "sum2", []shape{usual}},
		{"softmax spelled out", func() *script {
			s := start().qkv("n1", "n1").add("scores = MatMul (q4, k4)", "last = Constant <value_ints = [-1]> ()", "top = ReduceMax (scores, last)", "less = Sub (scores, top)",
				"e = Exp (less)", "es = ReduceSum (e, last)", "probs = Div (e, es)", "c4 = MatMul (probs, v4)")
			return s.merge("c4").add("sum1 = Add (o, x)").mlp()
		}, "sum2", []shape{usual}},
		{"maps between heads before and after the softmax", func() *script {
			s := start().qkv("n1", "n1").add("scores = MatMul (q4, k4)", "st = Transpose <perm = [0, 2, 3, 1]> (scores)")
			w := s.weight(2, 2)
			s.add("sm = MatMul (st, "+w+")", "sb = Transpose <perm = [0, 3, 1, 2]> (sm)", "probs = Softmax (sb)", "pt = Transpose <perm = [0, 2, 3, 1]> (probs)",
				"pm = MatMul (pt, "+w+")", "pb = Transpose <perm = [0, 3, 1, 2]> (pm)", "c4 = MatMul (pb, v4)")
			return s.merge("c4").add("sum1 = Add (o, x)").mlp()
		}, "sum2", []shape{usual}},
		{"low-rank update beside the query projection", func() *script {
			s := start().linear("base", "n1", "W", "V")
			a, b := s.weight(8, 2), s.weight(2, 8)
			s.add("down = MatMul (n1, "+a+")", "up = MatMul (down, "+b+")", "q = Add (base, up)").linear("k", "n1", "W", "V").linear("v", "n1", "W", "V")
			s.add("qr = Reshape (q, heads)", "kr = Reshape (k, heads)", "vr = Reshape (v, heads)",
				"q4 = Transpose <perm = [0, 2, 1, 3]> (qr)", "k4 = Transpose <perm = [0, 2, 3, 1]> (kr)", "v4 = Transpose <perm = [0, 2, 1, 3]> (vr)")
			return s.core().add("sum1 = Add (o, x)").mlp()
		}, "sum2", []shape{with(func(s *shape) { s.Q = "base" })}},
		{"ONNX Runtime: MultiHeadAttention, SkipLayerNormalization, BiasGelu", func() *script {
			s := start().add("q = MatMul (n1, W)", "k = MatMul (n1, W)", "v = MatMul (n1, W)", "c = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k, v, V3)", "o = MatMul (c, W)",
				"n2, e1, e2, sum1 = com.microsoft.SkipLayerNormalization (o, x, V, V, V)", "fc1 = MatMul (n2, W2)", "g = com.microsoft.BiasGelu (fc1, V2)", "fc2 = MatMul (g, H)",
				"n3, e3, e4, sum2 = com.microsoft.SkipLayerNormalization (fc2, sum1, V, V, V)")
			return s
		}, "sum2", []shape{usual}},
		{"ONNX Runtime: Attention with its projections, post-norm sums kept inside", func() *script {
			s := (&script{}).add("c = com.microsoft.Attention <num_heads = 2> (x, W3, V3)", "o = MatMul (c, W)", "n1 = com.microsoft.SkipLayerNormalization (o, x, V, V, V)",
				"fc1 = MatMul (n1, W2)", "g = com.microsoft.FastGelu (fc1, V2)", "fc2 = MatMul (g, H)", "n2 = com.microsoft.SkipLayerNormalization (fc2, n1, V, V, V)")
			return s
		}, "n2", []shape{{"post-norm", "", "", "", "o", "", "fc1", "fc2", "", ""}}},
		{"Attention operator in three dimensions", func() *script {
			s := start().linear("q", "n1", "W", "V").linear("k", "n1", "W", "V").linear("v", "n1", "W", "V")
			return s.add("c = Attention <q_num_heads = 2, kv_num_heads = 2> (q, k, v)").linear("o", "c", "W", "V").add("sum1 = Add (o, x)").mlp()
		}, "sum2", []shape{usual}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := test.build().model(t, test.out)
			blocks, report := Find(m)
			var got []shape
			for _, b := range blocks {
				got = append(got, shapeOf(b))
				if b.Heads != 2 || b.Width != 8 {
					t.Errorf("%d heads, width %d; want 2 and 8", b.Heads, b.Width)
				}
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("(-want +got):\n%s%s", d, report)
			}
		})
	}
}

// TestFindDecoder: each attention of a decoder layer is a block; the last has the
// layer's MLP.
func TestFindDecoder(t *testing.T) {
	s := (&script{}).norm("n0", "x")
	self := (&script{}).qkv("n0", "n0").core().add("sum0 = Add (o, x)")
	for i, l := range self.lines {
		self.lines[i] = prefixed(l)
	}
	s.lines, s.weights = append(s.lines, self.lines...), append(s.weights, renamed(self.weights)...)
	s.norm("n1", "self_sum0").qkv("n1", "m").core().add("sum1 = Add (o, self_sum0)").mlp()
	blocks, report := Find(s.model(t, "sum2"))
	if len(blocks) != 2 {
		t.Fatalf("%d blocks, want 2\n%s", len(blocks), report)
	}
	want := []shape{
		{"pre-norm", "self_q", "self_k", "self_v", "self_o", "self_sum0", "", "", "", ""},
		{"cross", "q", "k", "v", "o", "sum1", "fc1", "fc2", "", "sum2"},
	}
	if d := cmp.Diff(want, []shape{shapeOf(blocks[0]), shapeOf(blocks[1])}); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// prefixed renames the values of a line, but for the graph's inputs and shapes.
func prefixed(l string) string {
	keep := map[string]bool{"x": true, "n0": true, "heads": true, "tokens": true}
	left, right, _ := strings.Cut(l, " = ")
	op, args, _ := strings.Cut(right, "(")
	parts := strings.Split(strings.TrimSuffix(args, ")"), ", ")
	for i, p := range parts {
		if !keep[p] {
			parts[i] = "self_" + p
		}
	}
	return "self_" + left + " = " + op + "(" + strings.Join(parts, ", ") + ")"
}

func renamed(weights []string) []string {
	for i, w := range weights {
		weights[i] = strings.Replace(w, "] w", "] self_w", 1)
	}
	return weights
}

// TestFindInFunctions: a block whose MLP is a function of the model is found, and
// what exists in the function only is nil.
func TestFindInFunctions(t *testing.T) {
	s := (&script{}).norm("n1", "x").qkv("n1", "n1").core().add("sum1 = Add (o, x)").norm("n2", "sum1").
		add("fc2 = own.mlp (n2, W2, V2, H, V)", "sum2 = Add (sum1, fc2)")
	text := s.model(t, "sum2").Text()
	text = strings.Replace(text, `"com.microsoft" : 1`, `"com.microsoft" : 1, "own" : 1`, 1) + `
<domain: "own", opset_import: ["" : 20]>
mlp (z, a, b, c, d) => (out)
{
	p = MatMul (z, a)
	h = Add (p, b)
	g = Gelu (h)
	q = MatMul (g, c)
	out = Add (q, d)
}`
	m, err := gs.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	before := m.Digest()
	blocks, report := Find(m)
	if len(blocks) != 1 {
		t.Fatalf("%d blocks, want 1\n%s", len(blocks), report)
	}
	want := shape{"pre-norm", "q", "k", "v", "o", "sum1", "", "fc2", "", "sum2"}
	if d := cmp.Diff(want, shapeOf(blocks[0])); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, site := range blocks[0].Sites {
		if m.Graph.Value(site.Value.Name()) != site.Value {
			t.Errorf("site %s is no value of the model", site.Name)
		}
	}
	if m.Digest() != before {
		t.Error("Find changed the model")
	}
}

// TestFindDoesNotInlineWithoutMeasure: thirty functions that each call the next
// twice would be a thousand million nodes.
func TestFindDoesNotInlineWithoutMeasure(t *testing.T) {
	text := `<ir_version: 10, opset_import: ["" : 20, "own" : 1]>
net (float[2] x) => (float[2] y)
{
	y = own.f0 (x)
}
`
	for i := range 30 {
		next := fmt.Sprintf("own.f%d", i+1)
		if i == 29 {
			next = "Relu"
		}
		text += fmt.Sprintf("<domain: \"own\", opset_import: [\"\" : 20, \"own\" : 1]>\nf%d (a) => (b) {\n c = %s (a)\n b = %s (c)\n}\n", i, next, next)
	}
	m, err := gs.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	if blocks, _ := Find(m); len(blocks) != 0 {
		t.Errorf("%d blocks, want none", len(blocks))
	}
}
