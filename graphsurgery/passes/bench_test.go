package passes_test

import (
	"fmt"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// large is a model of 2,000 nodes in which every pass finds work: 100 blocks with a
// spelled-out norm and GELU, identities, equal nodes, computed and equal constants,
// and dead nodes.
func large(t testing.TB) *gs.Model {
	t.Helper()
	var b strings.Builder
	b.WriteString(`<ir_version: 8, opset_import: ["" : 17]> g (float[4,8] x0) => (float[4,8] x100) <float eps = {0.00001}, float two = {2}, float half = {0.5}, float one = {1}`)
	for i := range 100 {
		fmt.Fprintf(&b, ", float[8] w%d = {1, 2, 3, 4, 5, 6, 7, %d}, float[8] b%d = {1, 2, 3, 4, 5, 6, 7, 8}", i, i, i)
	}
	b.WriteString("> {")
	for i := range 100 {
		fmt.Fprintf(&b, `
m%[1]d = ReduceMean<axes = [-1]>(x%[1]d) c%[1]d = Sub(x%[1]d, m%[1]d) s%[1]d = Pow(c%[1]d, two) v%[1]d = ReduceMean<axes = [-1]>(s%[1]d)
e%[1]d = Add(v%[1]d, eps) d%[1]d = Sqrt(e%[1]d) n%[1]d = Div(c%[1]d, d%[1]d) g%[1]d = Mul(n%[1]d, w%[1]d) h%[1]d = Add(g%[1]d, b%[1]d)
i%[1]d = Identity(h%[1]d) root%[1]d = Sqrt(two) q%[1]d = Div(i%[1]d, root%[1]d) r%[1]d = Erf(q%[1]d) t%[1]d = Add(r%[1]d, one) u%[1]d = Mul(h%[1]d, t%[1]d) k%[1]d = Mul(u%[1]d, half)
o%[1]d = Neg(k%[1]d) p%[1]d = Neg(k%[1]d) dead%[1]d = Exp(k%[1]d) x%[2]d = Add(o%[1]d, p%[1]d)`, i, i+1)
	}
	b.WriteString("\n}")
	m, err := gs.ParseText(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// benchPasses are the passes in an order that gives each of them work.
func benchPasses() []passes.Pass {
	return []passes.Pass{
		passes.Repair(), passes.DeadNodes(), passes.Inline(nil), passes.ConvertOpset(23), passes.Identity(), passes.Fold(passes.FoldOptions{}),
		passes.Dedup(), passes.CSE(), passes.LayerNorm(), passes.GELU(), passes.Attention(),
	}
}

// TestLargeModel says how many places each pass changes in the large model: once
// a block, where the block has something for it.
func TestLargeModel(t *testing.T) {
	m := large(t)
	want := map[string]int{"dead-nodes": 100, "convert-opset": 201, "identity": 100, "fold": 100, "cse": 100, "layer-norm": 100, "gelu": 100, "dedup": 398} // 199 axes, 99 folded roots, 99 biases, and w8, which is one of them
	report, err := passes.Run(m, benchPasses()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range report {
		if s.Changed != want[s.Pass] {
			t.Errorf("%s changed %d places, want %d", s.Pass, s.Changed, want[s.Pass])
		}
	}
	if got := len(m.Graph.Nodes()); got != 400 { // a norm, a GELU, Neg and Add a block
		t.Errorf("%d nodes are left, want 400", got)
	}
}

// BenchmarkPasses takes 2,000 nodes through each pass; before it, those that come
// earlier have been applied.
func BenchmarkPasses(b *testing.B) {
	m := large(b)
	for _, p := range benchPasses() {
		b.Run(p.Name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				c := m.Clone()
				b.StartTimer()
				if _, err := passes.Run(c, p); err != nil {
					b.Fatal(err)
				}
			}
		})
		if _, err := passes.Run(m, p); err != nil {
			b.Fatal(err)
		}
	}
}
