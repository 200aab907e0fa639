package ort

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ExampleLocate() {
	_, err := Locate(context.Background(), "no/such/libonnxruntime.so")
	fmt.Println(err)
	// Output: the ONNX Runtime library no/such/libonnxruntime.so (as given) is not a file
}

// isolate gives the test an empty cache and a PATH of one folder, and returns both.
func isolate(t *testing.T) (cache, bin string) {
	t.Helper()
	home := t.TempDir()
	bin = filepath.Join(home, "bin")
	cache = filepath.Join(home, "cache")
	for _, d := range []string{bin, cache} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("PATH", bin)
	t.Setenv("AAT_ONNX_PYTHON", "")
	t.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", "")
	base, err := os.UserCacheDir() // other systems keep it elsewhere under HOME
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(base, "aat-onnx"), bin
}

func write(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// fakePython writes an interpreter that knows one library.
func fakePython(t *testing.T, path, lib string) string {
	return write(t, path, "#!/bin/sh\necho '\""+lib+"\"'\n", 0o755)
}

func TestLocateOrder(t *testing.T) {
	cache, bin := isolate(t)
	ctx := context.Background()
	want := func(explicit, lib string) {
		t.Helper()
		got, err := Locate(ctx, explicit)
		if err != nil || got != lib {
			t.Fatalf("got %q, %v; want %q", got, err, lib)
		}
	}
	dir := t.TempDir()
	fakePython(t, filepath.Join(bin, "python3"), "/python3/libonnxruntime.so.1.30.0")
	want("", "/python3/libonnxruntime.so.1.30.0")
	fakePython(t, filepath.Join(cache, "venv", "bin", "python"), "/venv/libonnxruntime.so.1.30.0")
	want("", "/venv/libonnxruntime.so.1.30.0")
	t.Setenv("AAT_ONNX_PYTHON", fakePython(t, filepath.Join(dir, "mine"), "/mine/libonnxruntime.so.1.30.0"))
	want("", "/mine/libonnxruntime.so.1.30.0")
	write(t, cached(cache), "", 0o644)
	want("", cached(cache))
	env := write(t, filepath.Join(dir, "env.so"), "", 0o644)
	t.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", env)
	want("", env)
	explicit := write(t, filepath.Join(dir, "explicit.so"), "", 0o644)
	want(explicit, explicit)
}

func TestLocateFailures(t *testing.T) {
	for _, c := range []struct {
		name, want string
		prepare    func(t *testing.T, bin string)
	}{
		{"nothing", "not installed", func(*testing.T, string) {}},
		{"python without it", "not installed", func(t *testing.T, bin string) {
			write(t, filepath.Join(bin, "python3"), "#!/bin/sh\nexit 0\n", 0o755)
		}},
		{"python fails", "not installed", func(t *testing.T, bin string) {
			write(t, filepath.Join(bin, "python3"), "#!/bin/sh\necho '\"/x/libonnxruntime.so.1.32.0\"'\nexit 1\n", 0o755)
		}},
		{"relative answer", "not installed", func(t *testing.T, bin string) {
			fakePython(t, filepath.Join(bin, "python3"), "x/libonnxruntime.so.1.32.0")
		}},
		{"too old", "is 1.28.0, and 1.29 or newer is needed", func(t *testing.T, bin string) {
			fakePython(t, filepath.Join(bin, "python3"), "/x/libonnxruntime.so.1.28.0")
		}},
		{"environment names nothing", "(from ONNXRUNTIME_SHARED_LIBRARY_PATH) is not a file", func(t *testing.T, bin string) {
			fakePython(t, filepath.Join(bin, "python3"), "/x/libonnxruntime.so.1.32.0") // must not be fallen back to
			t.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", filepath.Join(bin, "gone.so"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, bin := isolate(t)
			c.prepare(t, bin)
			lib, err := Locate(context.Background(), "")
			var missing *NotFoundError
			if !errors.As(err, &missing) {
				t.Fatalf("got %q, %v; want a NotFoundError", lib, err)
			}
			if !strings.Contains(missing.What, c.want) || !strings.Contains(missing.Hint, "onnxruntime=="+Pinned) {
				t.Errorf("got %q with hint %q; want %q and the version to install", missing.What, missing.Hint, c.want)
			}
		})
	}
}

func TestLocateStopsWithItsContext(t *testing.T) {
	_, bin := isolate(t)
	write(t, filepath.Join(bin, "python3"), "#!/bin/sh\nexit 0\n", 0o755)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Locate(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want the context's", err)
	}
}

func TestLibraryVersions(t *testing.T) {
	for _, c := range []struct {
		file, version string
		old           bool
	}{
		{"libonnxruntime.so.1.32.0", "1.32.0", false},
		{"libonnxruntime.so.1.29.0", "1.29.0", false},
		{"libonnxruntime.so.1.28.9", "1.28.9", true},
		{"libonnxruntime.1.30.1.dylib", "1.30.1", false},
		{"libonnxruntime.so.2.0.0", "2.0.0", false},
		{"libonnxruntime.so.1", "", false},
		{"onnxruntime.dll", "", false},
	} {
		v, _ := libVersion("/lib/" + c.file)
		if v != c.version || tooOld(v) != c.old {
			t.Errorf("%s: version %q, too old %v; want %q, %v", c.file, v, tooOld(v), c.version, c.old)
		}
	}
}
