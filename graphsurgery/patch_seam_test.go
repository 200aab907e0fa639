package graphsurgery

import (
	"errors"
	"fmt"
	"testing"
)

// TestSeamsSeeThroughDeclaredNames: a new value that takes over a declared name is
// compared by what it is, not by what was said of the old one.
func TestSeamsSeeThroughDeclaredNames(t *testing.T) {
	value := map[string]string{
		"output":     `g (float[2] x) => (float[2] v) { v = Neg (x) }`,
		"value info": `g (float[2] x) => (float[2] y) <float[2] v> { v = Neg (x) y = Abs (v) }`,
		"bare":       `g (float[2] x) => (float[2] y) { v = Neg (x) y = Abs (v) }`,
	}
	verbs := map[string]func(p *Patch, v *Value, w Wire){
		"InsertAfter":   func(p *Patch, v *Value, w Wire) { p.InsertAfter(v, w) },
		"Replace":       func(p *Patch, v *Value, w Wire) { p.Replace(v.Producer(), w) },
		"ReplaceOutput": func(p *Patch, v *Value, w Wire) { p.ReplaceOutput(v, w) },
	}
	change := map[string]func(p *Patch, from *Value) Wire{
		"type": func(p *Patch, from *Value) Wire { return p.Add("Cast", p.Tap(from), Attrs{"to": int(Float16)}) },
		"rank": func(p *Patch, from *Value) Wire {
			return p.Add("Unsqueeze", p.Tap(from), p.FreshInitializer("axes", NewTensor([]int64{1}, []int64{0})))
		},
		"size": func(p *Patch, from *Value) Wire { return p.Add("Concat", p.Tap(from), p.Tap(from), Attrs{"axis": 0}) },
		"none": func(p *Patch, from *Value) Wire { return p.Add("Tanh", p.Tap(from)) },
	}
	for _, at := range sortedKeys(value) {
		for _, verb := range sortedKeys(verbs) {
			for _, kind := range sortedKeys(change) {
				if verb == "ReplaceOutput" && at != "output" {
					continue
				}
				t.Run(fmt.Sprintf("%s of %s at %s", verb, kind, at), func(t *testing.T) {
					m := parseText(t, value[at])
					p, v := m.NewPatch("t"), m.Graph.Value("v")
					from := v
					if verb == "Replace" {
						from = m.Graph.Value("x")
					}
					verbs[verb](p, v, change[kind](p, from))
					err := p.Apply()
					var seam *SeamError
					if kind != "none" && (!errors.As(err, &seam) || seam.Value != "v") {
						t.Errorf("got %v, want a SeamError at v", err)
					}
					if kind == "none" && err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// TestOutputOfAnotherShapeHasItsType: an output that is given a new shape is declared
// with the type it has by then, and the shape must be possible.
func TestOutputOfAnotherShapeHasItsType(t *testing.T) {
	m := parseText(t, `g (float[2] x) => (float[2] y) { y = Neg (x) }`)
	replace := func(shape ...Dim) error {
		p, y := m.NewPatch("t"), m.Graph.Output("y")
		c := p.Add("Concat", p.Tap(y), p.Tap(y), Attrs{"axis": 0})
		p.ReplaceOutput(y, p.Add("Cast", c, Attrs{"to": int(Float16)}), shape...)
		return p.Apply()
	}
	var seam *SeamError
	if err := replace(Known(5)...); !errors.As(err, &seam) {
		t.Errorf("got %v, want a SeamError: two by two make 4", err)
	}
	if err := replace(Known(4)...); err != nil {
		t.Fatal(err)
	}
	if got := m.Graph.Output("y").TypeText(); got != "float16[4]" {
		t.Errorf("y is declared as %s, want float16[4]", got)
	}
}
