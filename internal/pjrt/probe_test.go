package pjrt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProbeOfNonLibraries(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"text", []byte("not a library")},
		{"empty", nil},
		{"header only", []byte("\x7fELF\x02\x01\x01")},
	} {
		for _, k := range []kind{kindPJRT, kindORT} {
			t.Run(c.name+" "+string(k), func(t *testing.T) {
				lib := writeFile(t, filepath.Join(t.TempDir(), "pjrt_c_api_cpu_plugin.so"), c.data, 0o644)
				_, err := probe(context.Background(), lib, k, probeLimit)
				var pe *ProbeError
				if !errors.As(err, &pe) || pe.Path != lib || pe.Reason == "" || strings.Contains(err.Error(), "\n") {
					t.Errorf("error is %v, want a one-line ProbeError that names the file", err)
				}
			})
		}
	}
	if _, err := Probe(context.Background(), filepath.Join(t.TempDir(), "gone_cpu.so")); err == nil {
		t.Error("a file that does not exist passed")
	}
}

// TestProbeDoesNotRecur: in a child that reaches real work, which means that
// MaybeRunProbe was not called, no further child is started.
func TestProbeDoesNotRecur(t *testing.T) {
	t.Setenv(probeEnv, "/x.so")
	_, err := Probe(context.Background(), "/x.so")
	if err == nil || !strings.Contains(err.Error(), "MaybeRunProbe") {
		t.Errorf("error is %v, want one that names MaybeRunProbe", err)
	}
}

func TestParseResult(t *testing.T) {
	for _, c := range []struct {
		name, out string
		found     bool
	}{
		{"alone", probeMark + `{"ok":true,"api":"0.81"}` + "\n", true},
		{"after noise", "I0000 plugin: hello\n{}\n" + probeMark + `{"ok":true,"api":"0.81"}` + "\nbye", true},
		{"cut", probeMark + `{"ok":tr`, false},
		{"only noise", "hello\n", false},
		{"nothing", "", false},
	} {
		r, found := parseResult(c.out)
		if found != c.found || found && (!r.OK || r.API != "0.81") {
			t.Errorf("%s: got %+v, %v", c.name, r, found)
		}
	}
}

func TestRecords(t *testing.T) {
	root := t.TempDir()
	inside := filepath.Join(root, "pjrt", "cpu-1")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"in the cache": inside, "elsewhere": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			lib := writeFile(t, filepath.Join(dir, "lib.so"), fakeLib, 0o644)
			if _, ok := readRecord(root, lib); ok {
				t.Fatal("a record before any probe")
			}
			writeRecord(root, lib, ProbeResult{OK: true, API: "0.81"})
			if r, ok := readRecord(root, lib); !ok || r.API != "0.81" {
				t.Errorf("got %+v, %v; want the record", r, ok)
			}
			if got := tree(t, dir); name == "elsewhere" && len(got) != 1 {
				t.Errorf("the user's folder now holds %q", got)
			}
			writeFile(t, lib, append(fakeLib, 'x'), 0o644)
			if _, ok := readRecord(root, lib); ok {
				t.Error("the record of another library was believed")
			}
			writeRecord(root, lib, ProbeResult{OK: true})
			writeFile(t, recordPath(root, lib), []byte(`{"torn`), 0o644)
			if _, ok := readRecord(root, lib); ok {
				t.Error("a torn record was believed")
			}
		})
	}
}
