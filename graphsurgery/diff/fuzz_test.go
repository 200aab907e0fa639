package diff_test

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/diff"
)

// FuzzCompare compares any two models without a panic; a sound one does not
// differ from its copy, and what does not differ is isomorphic.
func FuzzCompare(f *testing.F) {
	f.Add(base, branches)
	f.Add(branches, base)
	f.Add(base, head+"g (x) => (x) { y = A (y) y = A (x) = B (y) }")
	f.Fuzz(func(t *testing.T, one, two string) {
		a, err := graphsurgery.ParseText(one)
		if err != nil {
			return
		}
		b, err := graphsurgery.ParseText(two)
		if err != nil {
			return
		}
		d := compare(t, a, b)
		_ = diff.Only{Prefix: "a", Rewired: diff.AnyNumber, Outputs: []string{"y"}}.Check(a, b, d)
		isomorphic := diff.Isomorphic(a, b)
		if again := compare(t, a, b); again.String() != d.String() {
			t.Fatalf("compared again it gives\n%swant\n%s", again, d)
		}
		if a.Verify() != nil || b.Verify() != nil {
			return
		}
		if d.Empty() && isomorphic != nil {
			t.Fatalf("no difference, but: %v", isomorphic)
		}
		for _, m := range []*graphsurgery.Model{a, b} {
			if d := compare(t, m, m.Clone()); !d.Empty() {
				t.Fatalf("a copy differs:\n%s", d)
			}
			if err := diff.Isomorphic(m, m.Clone()); err != nil {
				t.Fatalf("a copy: %v", err)
			}
		}
	})
}
