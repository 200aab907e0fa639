package graphsurgery

import (
	"errors"
	"fmt"
	"testing"
)

// TestSpliceComparesInferredTypes: what a spliced graph declares of its inputs is
// compared with what is inferred of the wires, of a value whose type the file does not
// state and of a new node's result.
func TestSpliceComparesInferredTypes(t *testing.T) {
	tests := []struct {
		declared string
		fits     bool
	}{
		{"float[m,k,128]", true},
		{"float[m,98,128]", true},
		{"float[batch,m,k]", true},
		{"float[]", true},
		{"float[m,k,64]", false},
		{"float[m,97,128]", false},
		{"float[k,128]", false},
		{"float[m,k,128,1]", false},
		{"float[m,k,k]", false}, // 98 and 128
		{"float16[m,k,128]", false},
		{"int64[m,k,128]", false},
	}
	for _, test := range tests {
		part := parseText(t, fmt.Sprintf(`part (%s u) => (float[] v) { v = Cast <to = 1> (u) }`, test.declared))
		for _, kind := range []string{"tap", "node"} {
			m := parseText(t, `g (float[batch,98,128] x) => (float[batch,98,128] y) { h = Relu (x) y = Neg (h) }`)
			p, h := m.NewPatch("t"), m.Graph.Value("h")
			w := p.Tap(h)
			if kind == "node" {
				w = p.Add("Abs", w)
			}
			p.InsertAfter(h, p.Splice("part", part.Graph, w)[0])
			err := p.Apply()
			var seam *SeamError
			switch {
			case test.fits && err != nil:
				t.Errorf("%s at a %s: %v", test.declared, kind, err)
			case !test.fits && (!errors.As(err, &seam) || seam.Value != "u"):
				t.Errorf("%s at a %s: got %v, want a SeamError at u", test.declared, kind, err)
			}
		}
	}
}

// TestSpliceBindsSymbolsAcrossInputs: one symbol is one size.
func TestSpliceBindsSymbolsAcrossInputs(t *testing.T) {
	part := parseText(t, `part (float[k] u, float[k] v) => (float[k] w) { a = Abs (u) b = Abs (v) w = Identity (a) }`)
	for _, size := range []int64{4, 5} {
		m := parseText(t, `g (float[4] x, float[n] z) => (float[4] y) { h = Relu (x) y = Neg (h) }`)
		p, h := m.NewPatch("t"), m.Graph.Value("h")
		second := p.FreshInitializer("c", NewTensor([]int64{size}, make([]float32, size)))
		p.InsertAfter(h, p.Splice("part", part.Graph, p.Tap(h), second)[0])
		err := p.Apply()
		var seam *SeamError
		if size == 4 && err != nil || size == 5 && (!errors.As(err, &seam) || seam.Value != "v") {
			t.Errorf("size %d: got %v, want an error at v only where sizes differ", size, err)
		}
	}
}
