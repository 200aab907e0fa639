// Package backend opens what models are computed on: XLA through a PJRT plugin, for
// the CPU or CUDA, or GoMLX's own backend in Go.
//
//	b, info, err := backend.Open(ctx, "auto")
//	defer b.Finalize()
//	run, err := finetune.Train(ctx, adapted, set, finetune.Config{Backend: b, BackendName: info.Name})
//
// The plugin for the CPU is fetched by 'aat-onnx backend install cpu'.
package backend

import (
	"context"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

// Info says what was opened.
type Info struct {
	Name    string // go, xla:cpu, xla:cuda, or xla:<path>
	Version string // of the plugin's package; empty for go
	Devices int
	Notice  string // one line for the user where auto found nothing better; else empty
}

// Open opens a backend: "auto" (the best there is), "xla:cpu", "xla:cuda", "go", or
// "xla:" and the path of a plugin. Plugins are tried in a child process first, so that
// one that crashes is an error and not the end of the program. The caller finalizes
// the backend when nothing that was computed on it is needed any more.
func Open(ctx context.Context, spec string) (compute.Backend, Info, error) {
	b, info, err := pjrt.Open(ctx, spec, pjrt.OpenOptions{})
	return b, Info{Name: info.Name, Version: info.Version, Devices: info.Devices, Notice: info.Notice}, err
}
