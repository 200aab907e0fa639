package pjrt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// OpenOptions tunes Open. The zero value is the default.
type OpenOptions struct {
	CacheDir string // "" is aat-onnx in the user's cache folder
}

// Info describes what Open opened.
type Info struct {
	Spec    string `json:"spec"`              // as given
	Name    string `json:"name"`              // go, xla:cpu, xla:cuda, or xla:<path>
	Path    string `json:"path,omitempty"`    // the plugin's file
	Version string `json:"version,omitempty"` // of the installed package
	API     string `json:"api,omitempty"`     // PJRT API version the plugin speaks
	Devices int    `json:"devices"`
	Notice  string `json:"-"` // one line to show the user when something better was not to be had
}

const specs = "auto, go, xla:cpu, xla:cuda or xla:/path/to/plugin.so"

// Open opens a backend. The caller owns it and calls Finalize.
//
//	auto        the CUDA plugin, else the installed CPU plugin, else go with Info.Notice
//	go          GoMLX's pure-Go backend
//	xla:cpu     the plugin that Install("cpu") installed
//	xla:cuda    the plugin of a JAX installation, or $AAT_ONNX_CUDA_PLUGIN
//	xla:/path   a plugin of the user's; its name should contain cpu or cuda
//
// Errors: *SpecError for another spec, *DownloadError when the plugin asked for
// is missing, altered or fails its probe, the context's cause when interrupted.
func Open(ctx context.Context, spec string, o OpenOptions) (compute.Backend, Info, error) {
	info := Info{Spec: spec}
	root, err := cacheRoot(o.CacheDir)
	if err != nil && (spec == "auto" || spec == "") {
		b, got, goErr := openGo(info)
		got.Notice = oneLine(err) + ", so this runs on the pure-Go backend, which is many times slower; set HOME or XDG_CACHE_HOME"
		return b, got, goErr
	}
	if err != nil && spec != "go" {
		return nil, info, &DownloadError{What: "no plugin can be found", Hint: "set HOME or XDG_CACHE_HOME", Err: err}
	}
	switch {
	case spec == "auto" || spec == "":
		return openAuto(ctx, root, info)
	case spec == "go":
		return openGo(info)
	case spec == "xla:cpu":
		return openCPU(ctx, root, info)
	case spec == "xla:cuda":
		return openCUDA(ctx, root, info)
	}
	path, ok := strings.CutPrefix(spec, "xla:")
	if !ok || !filepath.IsAbs(path) {
		return nil, info, &SpecError{Got: spec, Want: specs}
	}
	info.Name, info.Path = spec, filepath.Clean(path)
	return openPlugin(ctx, root, info)
}

func openGo(info Info) (compute.Backend, Info, error) {
	b, err := gobackend.New("")
	if err != nil {
		return nil, info, fmt.Errorf("opening the Go backend: %w", err)
	}
	info.Name, info.Devices = "go", int(b.NumDevices())
	return b, info, nil
}

// openAuto takes the best that works and says in one line what was lost.
func openAuto(ctx context.Context, root string, info Info) (compute.Backend, Info, error) {
	lost := ""
	if haveXLA && mayHaveCUDA() {
		b, got, err := openCUDA(ctx, root, info)
		if err == nil {
			return b, got, nil
		}
		lost = "the GPU is not used: " + oneLine(err) + ". "
	}
	if ctx.Err() != nil {
		return nil, info, context.Cause(ctx)
	}
	b, got, err := openCPU(ctx, root, info)
	if err == nil {
		got.Notice = strings.TrimSuffix(lost, ". ")
		return b, got, nil
	}
	if ctx.Err() != nil {
		return nil, info, context.Cause(ctx)
	}
	b, got, goErr := openGo(info)
	got.Notice = lost + oneLine(err) + ", so this runs on the pure-Go backend, which is many times slower"
	var de *DownloadError
	if errors.As(err, &de) && de.Hint != "" {
		got.Notice += "; " + de.Hint
	}
	return b, got, goErr
}

func openCPU(ctx context.Context, root string, info Info) (compute.Backend, Info, error) {
	a, ok, err := lookup("cpu")
	if err != nil {
		return nil, info, err
	}
	if !haveXLA {
		return nil, info, &DownloadError{What: "this build was made without cgo and cannot load XLA", Hint: "build it with CGO_ENABLED=1 and a C compiler"}
	}
	if !ok {
		return nil, info, &DownloadError{What: fmt.Sprintf("there is no XLA CPU plugin for %s/%s", runtime.GOOS, runtime.GOARCH)}
	}
	return openInstalled(ctx, a, root, info)
}

// openInstalled opens an artefact of the table from the cache.
func openInstalled(ctx context.Context, a artefact, root string, info Info) (compute.Backend, Info, error) {
	p := a.state(root)
	if !p.Installed {
		what := a.title + " is not installed"
		if p.Problem != "" {
			what = a.title + " is damaged"
		}
		return nil, info, &DownloadError{What: what, Hint: "install it with 'aat-onnx backend install " + a.name + "'"}
	}
	info.Name, info.Path, info.Version = "xla:"+a.name, p.Path, a.version
	result, err := a.ready(ctx, root)
	if err != nil {
		return nil, info, unusable(ctx, a.title+" cannot be used", "install it again with 'aat-onnx backend install "+a.name+" --force'", err)
	}
	return loadProbed(info, result)
}

func openCUDA(ctx context.Context, root string, info Info) (compute.Backend, Info, error) {
	if !haveXLA {
		return nil, info, &DownloadError{What: "this build was made without cgo and cannot load XLA", Hint: "build it with CGO_ENABLED=1 and a C compiler"}
	}
	found, err := findCUDA(ctx)
	if err != nil {
		return nil, info, err
	}
	if err := prepareCUDA(found); err != nil {
		return nil, info, err
	}
	info.Name, info.Path = "xla:cuda", found.plugin
	return openPlugin(ctx, root, info)
}

// openPlugin opens a plugin that is not in the table: the user vouches for it,
// the probe finds out whether it runs.
func openPlugin(ctx context.Context, root string, info Info) (compute.Backend, Info, error) {
	result, err := probeAndRecord(ctx, root, info.Path, kindPJRT)
	if err != nil {
		return nil, info, unusable(ctx, "this plugin cannot be used", "choose another --backend, or give one that fits this machine", err)
	}
	return loadProbed(info, result)
}

func loadProbed(info Info, result ProbeResult) (compute.Backend, Info, error) {
	b, api, err := openXLA(info.Path)
	if err != nil {
		return nil, info, fmt.Errorf("opening %s: %w", info.Path, err)
	}
	info.API, info.Devices = api, max(result.Devices, int(b.NumDevices()))
	return b, info, nil
}

// unusable makes a DownloadError of err, unless it is one or the user stopped us.
func unusable(ctx context.Context, what, hint string, err error) error {
	var de *DownloadError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &de):
		return err
	}
	return &DownloadError{What: what, Hint: hint, Err: err}
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
