// Package full tunes the whole model: every parameter w becomes w + δ with δ trained
// from zero. What counts as a parameter says [adapterinject.Parameter]. The base's
// numbers stay in the injected model, so that training takes twice their memory and
// the base can be ejected; folded, δ is added to them and nothing is left over.
// A classifier is tuned unless a new head replaces it. A model needs no blocks for it.
package full

import (
	"github.com/aat-onnx/aat-onnx/adapterinject"
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Recipe tunes all.
type Recipe struct{}

// Method is "full".
func (Recipe) Method() string { return "full" }

// Adapters are front, block<i> and back.
func (Recipe) Adapters(t *adapterinject.Target) ([]adapterinject.Adapter, error) {
	all, err := t.Parameters()
	if err != nil {
		return nil, err
	}
	var chosen []adapterinject.Parameter
	for _, p := range all {
		if p.Place != adapterinject.Classifier || !t.NewHead() {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		return nil, &gs.UnsupportedError{File: t.Model.Path(), What: "the model has no parameters in float32 or half precision", Hint: "give a model with weights"}
	}
	return t.Tune(chosen), nil
}
