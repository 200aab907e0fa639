//go:build cgo

package ort

import (
	"fmt"

	ortgo "github.com/yalue/onnxruntime_go"
)

// cgoAdapter holds what the binding's run options need.
type cgoAdapter struct {
	adapter *ortgo.LoraAdapter
	options *ortgo.RunOptions
}

func (a *cgoAdapter) close() error {
	err := a.options.Destroy()
	if e := a.adapter.Destroy(); err == nil {
		err = e
	}
	return err
}

// NewAdapter opens the bytes of an .onnx_adapter, which may be reused afterwards.
func (r *Runtime) NewAdapter(data []byte) (*Adapter, error) {
	l, err := ortgo.NewLoraAdapterWithData(data)
	if err != nil {
		return nil, fmt.Errorf("onnx runtime: adapter: %w", err)
	}
	o, err := ortgo.NewRunOptions()
	if err == nil {
		if err = o.AddActiveLoraAdapter(l); err == nil {
			return &Adapter{&cgoAdapter{l, o}}, nil
		}
		_ = o.Destroy() // the first error counts
	}
	_ = l.Destroy()
	return nil, fmt.Errorf("onnx runtime: adapter: %w", err)
}

// runOptions are those under which an adapter is active; nil without one.
func runOptions(a *Adapter) *ortgo.RunOptions {
	if a == nil {
		return nil
	}
	return a.engine.(*cgoAdapter).options
}
