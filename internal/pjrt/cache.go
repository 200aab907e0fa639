package pjrt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Plugin is one library that this package knows, installed or not.
type Plugin struct {
	Name      string `json:"name"`
	Version   string `json:"version,omitempty"`
	Path      string `json:"path,omitempty"` // absolute; empty when not installed
	Installed bool   `json:"installed"`
	Problem   string `json:"problem,omitempty"` // why it is not usable, one line
}

// State is Problem, "installed" or "not installed".
func (p Plugin) State() string {
	switch {
	case p.Problem != "":
		return p.Problem
	case p.Installed:
		return "installed"
	}
	return "not installed"
}

// cacheRoot is the folder under which everything is kept: dir when given, else
// aat-onnx in the user's cache folder.
func cacheRoot(dir string) (string, error) {
	if dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for plugins: %w", err)
	}
	return filepath.Join(base, "aat-onnx"), nil
}

func (a artefact) path(root string) string {
	return filepath.Join(root, filepath.FromSlash(a.dir()), a.file)
}

// state looks at the file without reading it.
func (a artefact) state(root string) Plugin {
	p := Plugin{Name: a.name, Version: a.version}
	file := a.path(root)
	fi, err := os.Lstat(file)
	switch {
	case os.IsNotExist(err):
		return p
	case err != nil:
		p.Problem = err.Error()
		return p
	}
	p.Path = file
	if !fi.Mode().IsRegular() || fi.Size() != a.size {
		p.Problem = "damaged; run 'aat-onnx backend install " + a.name + "'"
		return p
	}
	p.Installed = true
	return p
}

// List gives the backends and libraries known here, in a fixed order: the
// pure-Go backend, the XLA CPU plugin, the CUDA plugin, ONNX Runtime.
// It reads no library. The CUDA plugin is searched for only on a machine with
// an NVIDIA device or with $AAT_ONNX_CUDA_PLUGIN set.
func List() ([]Plugin, error) {
	root, err := cacheRoot("")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return append([]Plugin{{Name: "go", Installed: true}}, list(ctx, root)...), nil
}

func list(ctx context.Context, root string) []Plugin {
	entry := func(name string) Plugin {
		a, ok, err := lookup(name)
		if err != nil || !ok {
			return Plugin{Name: name, Problem: "not offered for " + runtime.GOOS + "/" + runtime.GOARCH}
		}
		return a.state(root)
	}
	return []Plugin{entry("cpu"), cudaState(ctx), entry("onnxruntime")}
}

func cudaState(ctx context.Context) Plugin {
	p := Plugin{Name: "cuda"}
	if !mayHaveCUDA() {
		p.Problem = "no NVIDIA device"
		return p
	}
	found, err := findCUDA(ctx)
	if err != nil {
		p.Problem = "no plugin found"
		return p
	}
	p.Path, p.Installed = found.plugin, true
	return p
}
