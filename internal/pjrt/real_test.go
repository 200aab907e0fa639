//go:build cgo && linux

package pjrt

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// compileFake builds a shared library with the C compiler that cgo needs anyway.
func compileFake(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	c := writeFile(t, filepath.Join(dir, "fake.c"), []byte(source), 0o644)
	lib := filepath.Join(dir, "fake_cpu.so")
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", lib, c).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cc, err, out)
	}
	return lib
}

// fakeORT answers the three questions of the ONNX Runtime probe.
const fakeORT = `
#include <stdint.h>
static int table;
static const void *get_api(uint32_t v) { return v <= 29 ? &table : 0; }
static const char *version(void) { return "1.99.0"; }
static struct { const void *(*a)(uint32_t); const char *(*v)(void); } base = { get_api, version };
void *OrtGetApiBase(void) { return &base; }
`

func TestProbeSurvivesBadLibraries(t *testing.T) {
	whole, err := os.ReadFile(compileFake(t, fakeORT))
	if err != nil {
		t.Fatal(err)
	}
	cut := writeFile(t, filepath.Join(t.TempDir(), "cut_cpu.so"), whole[:len(whole)/2], 0o644)
	for _, c := range []struct {
		name, lib string
		kind      kind
		want      string
	}{
		{"truncated", cut, kindPJRT, ""}, // loader's message or a bus error: both are reasons
		{"no symbol", compileFake(t, "int x;"), kindPJRT, "GetPjrtApi"},
		{"null table", compileFake(t, "void *GetPjrtApi(void) { return 0; }"), kindPJRT, ""},
		{"empty table", compileFake(t, "static char t[4096]; void *GetPjrtApi(void) { return t; }"), kindPJRT, "crashed"},
		{"aborts on load", compileFake(t, "#include <stdlib.h>\n__attribute__((constructor)) void f(void) { abort(); }"), kindPJRT, "crashed"},
		{"leaves on load", compileFake(t, "#include <unistd.h>\n__attribute__((constructor)) void f(void) { _exit(0); }"), kindPJRT, "without a result"},
		{"missing dependency", compileFake(t, "extern int gone(void); void *GetPjrtApi(void) { return gone() ? 0 : 0; }"), kindPJRT, ""},
		{"ort without symbol", compileFake(t, "int x;"), kindORT, "OrtGetApiBase"},
		{"ort too old", compileFake(t, strings.Replace(fakeORT, "<= 29", "<= 28", 1)), kindORT, "older"},
		{"ort truncated", cut, kindORT, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := probe(context.Background(), c.lib, c.kind, probeLimit)
			var pe *ProbeError
			if !errors.As(err, &pe) || pe.Reason == "" || !strings.Contains(pe.Reason, c.want) || strings.Contains(pe.Reason, "\n") {
				t.Errorf("error is %v, want a one-line ProbeError with %q", err, c.want)
			}
		})
	}
}

func TestProbeTimeLimit(t *testing.T) {
	lib := compileFake(t, "#include <unistd.h>\n__attribute__((constructor)) void f(void) { sleep(60); }")
	start := time.Now()
	_, err := probe(context.Background(), lib, kindPJRT, 300*time.Millisecond)
	var pe *ProbeError
	if !errors.As(err, &pe) || !strings.Contains(pe.Reason, "no result within") {
		t.Errorf("error is %v, want a ProbeError about time", err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %s", d)
	}
}

func TestInstallFromEachSource(t *testing.T) {
	lib, err := os.ReadFile(compileFake(t, fakeORT))
	if err != nil {
		t.Fatal(err)
	}
	wheel := makeWheel(t, entry{name: fakeMember, data: lib})
	a := fakeArtefact(lib, wheel)
	dir := t.TempDir()
	wheelFile := writeFile(t, filepath.Join(dir, a.wheel), wheel, 0o644)
	libFile := writeFile(t, filepath.Join(dir, "my copy.so"), lib, 0o644)
	pip := "while [ \"$1\" != --dest ]; do shift; done\n/bin/cp '" + wheelFile + "' \"$2/\"\n"
	for _, c := range []struct{ name, script, from string }{
		{"pip", pip, ""},
		{"wheel", "", wheelFile},
		{"library", "", libFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			onPath(t, c.script)
			root := filepath.Join(t.TempDir(), "cache")
			var progress bytes.Buffer
			o := InstallOptions{CacheDir: root, From: c.from, Progress: &progress}
			p, err := install(context.Background(), a, o)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(p.Path); err != nil || !bytes.Equal(got, lib) || p.State() != "installed" {
				t.Errorf("got %+v, %v; want the library installed", p, err)
			}
			want := []string{"ort", "ort/fake-0.0.1", "ort/fake-0.0.1/libfake.so", "ort/fake-0.0.1/libfake.so.probe.json"}
			if got := tree(t, root); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("the cache holds %q, want %q", got, want)
			}
			if progress.Len() == 0 {
				t.Error("no progress was reported")
			}
			onPath(t, "") // from here on nothing can be fetched
			progress.Reset()
			o.From = ""
			if again, err := install(context.Background(), a, o); err != nil || again != p || progress.Len() != 0 {
				t.Errorf("second install: %+v, %v, progress %q; want the same, in silence", again, err, progress.String())
			}
			repair(t, a, o, p.Path, wheelFile)
		})
	}
}

// repair checks that an altered library is noticed and replaced, and that a
// failing reinstallation leaves the old file as it was.
func repair(t *testing.T, a artefact, o InstallOptions, path, wheelFile string) {
	t.Helper()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	altered := append([]byte{}, data...)
	altered[len(altered)-1]++
	writeFile(t, path, altered, 0o644)
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, future, future); err != nil { // file systems keep coarse times
		t.Fatal(err)
	}
	if _, err := install(context.Background(), a, o); err == nil {
		t.Error("an altered library was accepted")
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, altered) {
		t.Errorf("a failing reinstallation changed the file: %v", err)
	}
	o.From = wheelFile
	if _, err := install(context.Background(), a, o); err != nil {
		t.Errorf("reinstalling over an altered library: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
		t.Errorf("the library was not replaced: %v", err)
	}
}

func TestStaleStagingIsSwept(t *testing.T) {
	root := t.TempDir()
	old, fresh := filepath.Join(root, stagingPrefix+"1"), filepath.Join(root, stagingPrefix+"2")
	for _, d := range []string{old, fresh} {
		if err := os.MkdirAll(filepath.Join(d, "wheel"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	sweepStale(root)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old staging folder is still there: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("a staging folder in use was removed: %v", err)
	}
}

// installedPlugins lists the real plugin when AAT_ONNX_TEST_XLA=1 (then it must
// be installed), else none.
func installedPlugins(t *testing.T) []Plugin {
	t.Helper()
	if os.Getenv("AAT_ONNX_TEST_XLA") != "1" {
		return nil
	}
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Name == "cpu" && p.Installed {
			return []Plugin{p}
		}
	}
	t.Fatalf("AAT_ONNX_TEST_XLA=1, but the plugin is not installed (run 'aat-onnx backend install cpu'): %+v", all)
	return nil
}

func TestRealPlugin(t *testing.T) {
	for _, p := range installedPlugins(t) {
		ctx := context.Background()
		r, err := Probe(ctx, p.Path)
		if err != nil || !r.OK || r.API == "" || r.Devices < 1 {
			t.Fatalf("probe: %+v, %v", r, err)
		}
		for _, spec := range []string{"auto", "xla:cpu", "xla:" + p.Path} {
			noCUDA(t)
			b, info, err := Open(ctx, spec, OpenOptions{})
			if err != nil {
				t.Fatalf("%s: %v", spec, err)
			}
			if info.Path != p.Path || info.API != r.API || info.Notice != "" {
				t.Errorf("%s: info is %+v", spec, info)
			}
			if err := computeKnown(b); err != nil {
				t.Errorf("%s: %v", spec, err)
			}
			b.Finalize()
		}
	}
}

// TestRealPluginUnderMisleadingPath opens the plugin from a folder whose name
// makes go-xla take it for a GPU plugin, twice in one process.
func TestRealPluginUnderMisleadingPath(t *testing.T) {
	for _, p := range installedPlugins(t) {
		dir := filepath.Join(t.TempDir(), "nvidia, inc")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(dir, filepath.Base(p.Path))
		if err := os.Symlink(p.Path, link); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			b, _, err := Open(context.Background(), "xla:"+link, OpenOptions{CacheDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			if err := computeKnown(b); err != nil {
				t.Error(err)
			}
			if is, ok := b.(interface{ IsCPU() bool }); !ok || !is.IsCPU() {
				t.Error("go-xla does not take it for a CPU plugin")
			}
			b.Finalize()
		}
	}
}
