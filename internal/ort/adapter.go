package ort

import "fmt"

// Adapter is an open .onnx_adapter: tensors that take the place of a model's optional
// inputs while a session runs with it.
type Adapter struct{ engine adapterEngine }

// adapterEngine is the part of an adapter that needs the library.
type adapterEngine interface{ close() error }

// Close frees the adapter.
func (a *Adapter) Close() error {
	if a.engine == nil {
		return nil
	}
	e := a.engine
	a.engine = nil
	return e.close()
}

// RunWith is [Session.Run] with an adapter, nil for none. The error names a tensor of
// the adapter that the model has no input for, or of another shape.
func (s *Session) RunWith(a *Adapter, inputs map[string]Tensor) (map[string]Tensor, error) {
	if a != nil && a.engine == nil {
		return nil, s.failed(fmt.Errorf("the adapter is closed"))
	}
	return s.runWith(a, inputs)
}
