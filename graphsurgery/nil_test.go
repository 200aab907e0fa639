package graphsurgery

import "testing"

// TestNil: what is not there is an error, not a panic.
func TestNil(t *testing.T) {
	m, err := ParseText(`<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add (x, w) }`)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetInitializer("w", nil); err == nil {
		t.Error("SetInitializer took a nil tensor")
	}
	for _, pair := range [][2]*Model{{m, nil}, {nil, m}, {nil, nil}} {
		if _, err := Merge(pair[0], pair[1], MergeOptions{}); err == nil {
			t.Error("Merge took a nil model")
		}
	}
}
