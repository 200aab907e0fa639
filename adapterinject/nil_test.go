package adapterinject

import (
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// probe is a recipe that adds nothing.
type probe struct{}

func (probe) Method() string                      { return "probe" }
func (probe) Adapters(*Target) ([]Adapter, error) { return nil, nil }

// TestNil: what is not there is an error, not a panic.
func TestNil(t *testing.T) {
	m := nets.Classifier(t, 17, 8, 1, 3, true, nets.Spelling{})
	if _, err := Plan(nil, probe{}, Head{}); err == nil {
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
