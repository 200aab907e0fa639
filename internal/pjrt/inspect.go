package pjrt

import (
	"context"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Report says what this machine has, for "aat-onnx doctor". Empty strings mean
// not found.
type Report struct {
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	Go      string   `json:"go"`   // of this build
	CPUs    int      `json:"cpus"` // usable by this process
	Cgo     bool     `json:"cgo"`  // plugins can be loaded
	Python  string   `json:"python,omitempty"`
	Pip     string   `json:"pip,omitempty"`
	Cache   string   `json:"cache,omitempty"`
	Plugins []Plugin `json:"plugins"`
}

// Inspect looks at the machine without changing it. It starts Python twice at
// most, each for up to ten seconds.
func Inspect(ctx context.Context) Report {
	r := Report{OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), CPUs: runtime.NumCPU(), Cgo: haveXLA}
	if root, err := cacheRoot(""); err == nil {
		r.Cache = root
		r.Plugins = list(ctx, root)
	}
	python, err := findPython("")
	if err != nil {
		return r
	}
	r.Python = strings.TrimSpace(ask(ctx, python, "--version") + " " + python)
	if fields := strings.Fields(ask(ctx, python, "-m", "pip", "--version")); len(fields) > 1 {
		r.Pip = fields[1]
	}
	return r
}

// ask gives the first line a Python command prints, or "".
func ask(ctx context.Context, python string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, _, err := runPython(ctx, python, string(filepath.Separator), args...)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(out, "\n")
	return strings.TrimSpace(line)
}
