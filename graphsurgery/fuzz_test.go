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
