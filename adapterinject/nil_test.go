package adapterinject

import (
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// TestNil: what is not there is an error, not a panic.
func TestNil(t *testing.T) {
	m := classifier(t, 17, 8, 1, 3, true, spelling{})
	if _, err := Plan(nil, AAT{}, Head{}); err == nil {
		t.Error("Plan took a nil model")
	}
	if _, err := Plan(m, nil, Head{}); err == nil {
		t.Error("Plan took a nil recipe")
	}
	for _, pair := range [][2]*gs.Model{{m, nil}, {nil, m}} {
		if err := CheckNoop(pair[0], pair[1]); err == nil {
			t.Error("CheckNoop took a nil model")
		}
	}
}
