// Package headonly adds no adapter: only the model's new head is trained, a
// linear probe with a norm.
package headonly

import "github.com/aat-onnx/aat-onnx/adapterinject"

// Recipe trains the new head alone; a plan with it needs labels.
type Recipe struct{}

// Method is "head".
func (Recipe) Method() string { return "head" }

// Adapters are none.
func (Recipe) Adapters(*adapterinject.Target) ([]adapterinject.Adapter, error) { return nil, nil }
