package graphsurgery

import (
	"bytes"
	"testing"
)

// FuzzParse: whatever is accepted writes to bytes that decode to the same, and
// Verify judges it without a panic.
func FuzzParse(f *testing.F) {
	f.Add(encode(f, chain()))
	f.Add(encode(f, withIf()))
	f.Add([]byte("not a model"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		_ = m.Verify()
		for _, v := range m.Graph.Inputs() {
			_, _ = v.DType(), v.Shape()
		}
		for _, x := range m.Graph.Initializers() {
			_, _ = x.Raw()
			_, _ = x.Float32s()
			_, _ = x.Int64s()
		}
		m.original = nil
		once, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		again.original = nil
		if twice, _ := again.Bytes(); !bytes.Equal(once, twice) {
			t.Fatal("writing is not stable")
		}
	})
}

// FuzzPatch makes each kind of change at any value of any model that verifies:
// the result verifies, or the message is as it was.
func FuzzPatch(f *testing.F) {
	for kind := range uint8(5) {
		f.Add(encode(f, chain()), uint8(1), kind, true)
		f.Add(encode(f, withIf()), uint8(3), kind, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, pick, kind uint8, prune bool) {
		m, err := Parse(data)
		if err != nil || m.Verify() != nil || len(m.Graph.values) == 0 {
			return
		}
		names := sortedKeys(m.Graph.values)
		v := m.Graph.Value(names[int(pick)%len(names)])
		tryChange(t, m, v, kind%5, prune)
	})
}

// TestEveryChangeAtEveryValue sweeps what FuzzPatch samples.
func TestEveryChangeAtEveryValue(t *testing.T) {
	done := 0
	for _, base := range []*Model{load(t, chain()), load(t, withIf())} {
		for _, name := range sortedKeys(base.Graph.values) {
			for kind := range uint8(5) {
				for _, prune := range []bool{false, true} {
					m := base.Clone()
					if tryChange(t, m, m.Graph.Value(name), kind, prune) {
						done++
					}
				}
			}
		}
	}
	if done < 60 {
		t.Errorf("only %d changes were possible, want most of them", done)
	}
}

// tryChange demands that a change is made and verifies, or leaves the message as
// it was; it reports which.
func tryChange(t *testing.T, m *Model, v *Value, kind uint8, prune bool) bool {
	t.Helper()
	before := encode(t, m.pb)
	p := m.NewPatch("try")
	makeChange(p, v, kind)
	if prune {
		p.Prune()
	}
	if err := p.Apply(); err != nil {
		if !bytes.Equal(encode(t, m.pb), before) {
			t.Fatalf("change %d at %q: a refused patch changed the model: %v", kind, v.Name(), err)
		}
		return false
	}
	if err := m.Verify(); err != nil {
		t.Fatalf("change %d at %q: %v", kind, v.Name(), err)
	}
	if again := load(t, m.pb); again.Graph.String() != m.Graph.String() {
		t.Fatalf("change %d at %q: the patched model is another one after writing and reading", kind, v.Name())
	}
	return true
}

// makeChange adds a node behind v and joins it in one of five ways.
func makeChange(p *Patch, v *Value, kind uint8) {
	w := p.Add("Tanh", p.Tap(v))
	switch kind {
	case 0:
		p.InsertAfter(v, w)
	case 1:
		for _, u := range v.Uses() {
			p.ShuntUse(u, w)
		}
	case 2:
		p.ReplaceOutput(v, p.Add("Add", w, p.Initializer("new/w", NewTensor([]int64{1}, []float32{1}))), Dim{Value: -1})
	case 3:
		if v.Producer() != nil {
			p.Shunt(v, p.Tap(v.Producer().Input(0)))
			p.Remove(v.Producer())
		}
	case 4:
		p.Shunt(v, p.Add("Mul", w, p.Tap(v)))
		for _, out := range p.model.Graph.Outputs() {
			p.InsertAfter(out, w)
		}
	}
}
