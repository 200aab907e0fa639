package ort

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// Pinned is the ONNX Runtime version that is tested with this binding and that
// "aat-onnx backend install onnxruntime" installs.
const Pinned = "1.32.0"

// oldest is the first version with C interface 29, which the binding asks for.
const oldestMinor = 29

// NotFoundError says that no usable ONNX Runtime library was found: none at all,
// or one that is damaged, too old or made for another machine.
type NotFoundError struct {
	What  string   // one line
	Hint  string   // how to get it
	Tried []string // what was looked at, in order
	Err   error    // cause, if another error is behind it
}

// Error is What, followed by the cause.
func (e *NotFoundError) Error() string {
	if e.Err == nil {
		return e.What
	}
	return e.What + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *NotFoundError) Unwrap() error { return e.Err }

// badLibrary is the NotFoundError of one file.
func badLibrary(path, what string, err error) error {
	return &NotFoundError{What: fmt.Sprintf("the ONNX Runtime library %s %s", path, what), Hint: installHint, Tried: []string{path}, Err: err}
}

const installHint = "run 'aat-onnx backend install onnxruntime', or 'python3 -m pip install onnxruntime==" + Pinned + "'"

// Locate finds the library: explicit when given, else the environment variable
// ONNXRUNTIME_SHARED_LIBRARY_PATH, else what "aat-onnx backend install" put into
// the cache, else the onnxruntime package of $AAT_ONNX_PYTHON, of a virtual
// environment in aat-onnx's cache folder, or of python3. It loads nothing.
// A named file that does not exist is an error; it is not passed over.
func Locate(ctx context.Context, explicit string) (string, error) {
	for _, named := range []struct{ path, by string }{
		{explicit, "as given"},
		{os.Getenv("ONNXRUNTIME_SHARED_LIBRARY_PATH"), "from ONNXRUNTIME_SHARED_LIBRARY_PATH"},
	} {
		if named.path != "" {
			return existing(named.path, named.by)
		}
	}
	missing := &NotFoundError{What: "ONNX Runtime is not installed", Hint: installHint}
	cache, err := os.UserCacheDir()
	if err == nil {
		cache = filepath.Join(cache, "aat-onnx")
		lib := cached(cache)
		if fi, err := os.Stat(lib); err == nil && fi.Mode().IsRegular() {
			return lib, nil
		}
		missing.Tried = append(missing.Tried, lib)
	}
	for _, python := range interpreters(cache) {
		missing.Tried = append(missing.Tried, python)
		lib := fromPython(ctx, python)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		switch v, ok := libVersion(lib); {
		case lib == "":
			continue
		case ok && tooOld(v):
			missing.What = fmt.Sprintf("the ONNX Runtime of %s is %s, and 1.%d or newer is needed", python, v, oldestMinor)
		default:
			return lib, nil
		}
	}
	return "", missing
}

func existing(path, by string) (string, error) {
	fi, err := os.Stat(path)
	if err == nil && fi.Mode().IsRegular() {
		return filepath.Abs(path)
	}
	return "", badLibrary(path, "("+by+") is not a file", nil)
}

// cached is where internal/pjrt installs the library.
func cached(root string) string {
	return filepath.Join(root, "ort", "onnxruntime-"+Pinned, "libonnxruntime.so."+Pinned)
}

// interpreters lists the Pythons to ask, each once.
func interpreters(cache string) []string {
	var found []string
	for _, name := range []string{os.Getenv("AAT_ONNX_PYTHON"), filepath.Join(cache, "venv", "bin", "python"), "python3"} {
		if name == "" || cache == "" && !filepath.IsAbs(name) && name != "python3" {
			continue
		}
		if bin, err := exec.LookPath(name); err == nil && !slices.Contains(found, bin) {
			found = append(found, bin)
		}
	}
	return found
}

// locateScript looks for the package in Python's folders without importing it.
const locateScript = `import glob, json, os, sys
for base in sys.path:
    capi = os.path.join(base, "onnxruntime", "capi")
    for pattern in ("libonnxruntime.so*", "libonnxruntime*.dylib", "onnxruntime.dll"):
        for f in sorted(glob.glob(os.path.join(glob.escape(capi), pattern))):
            if "providers" not in os.path.basename(f):
                print(json.dumps(os.path.abspath(f)))
                sys.exit(0)
`

// fromPython asks one interpreter; "" when it has no onnxruntime. The working
// folder is the root: Python would take modules from any other one.
func fromPython(ctx context.Context, python string) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-c", locateScript)
	cmd.Dir = string(filepath.Separator)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	var lib string
	if cmd.Run() != nil || json.Unmarshal(bytes.TrimSpace(out.Bytes()), &lib) != nil || !filepath.IsAbs(lib) {
		return ""
	}
	return lib
}

// libVersion reads the version from a file name such as libonnxruntime.so.1.32.0
// or libonnxruntime.1.32.0.dylib.
func libVersion(lib string) (string, bool) {
	m := regexp.MustCompile(`\.(\d+\.\d+\.\d+)(?:\.dylib)?$`).FindStringSubmatch(filepath.Base(lib))
	if m == nil {
		return "", false
	}
	return m[1], true
}

// tooOld reports whether version 1.x.y comes before the first usable one.
func tooOld(version string) bool {
	m := regexp.MustCompile(`^1\.(\d+)\.`).FindStringSubmatch(version)
	if m == nil {
		return false
	}
	minor, err := strconv.Atoi(m[1])
	return err == nil && minor < oldestMinor
}

// platform is how messages name this machine.
func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
