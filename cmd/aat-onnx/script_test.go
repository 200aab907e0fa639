package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func TestMain(m *testing.M) {
	pjrt.MaybeRunProbe()
	testscript.Main(m, map[string]func(){"aat-onnx": main})
}

// TestScript runs testdata/script/*.txtar: command lines with their output,
// exit code and the files that must not exist afterwards.
func TestScript(t *testing.T) {
	shipped, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TESTDATA", shipped)
			e.Setenv("XDG_CACHE_HOME", cache) // plugin and runtime that `make test` installed
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"truncate":  truncate,
			"emptydir":  emptydir,
			"subset":    subset,
			"killed":    killed,
			"sameinort": sameinort,
			"faulty":    faulty,
			"tampered":  tampered,
			"model":     model,
			"array":     array,
			"holds":     holds,
		},
	})
}

// exits CODE COMMAND… runs a command and demands this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d", args[1:], got, want)
	}
}

// truncate SIZE FROM TO copies the first bytes of a file.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	b, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b[:min(n, len(b))], 0o644))
}

// emptydir DIR demands a folder without entries: nothing half-written stays.
func emptydir(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s holds %s", args[0], e.Name())
	}
}
