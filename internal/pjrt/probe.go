package pjrt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

const (
	probeEnv     = "AAT_ONNX_PJRT_PROBE"      // path of the library the child tries
	probeKindEnv = "AAT_ONNX_PJRT_PROBE_KIND" // pjrt or ort
	probeLimit   = 30 * time.Second
	probeMark    = "aat-onnx-probe:" // begins the child's result line; a plugin may print others
)

// ProbeResult is what the child process found out.
type ProbeResult struct {
	OK      bool    `json:"ok"`
	Error   string  `json:"error,omitempty"`
	API     string  `json:"api"`     // PJRT API "0.81", or ONNX Runtime's version
	Devices int     `json:"devices"` // that the plugin offers
	Millis  float64 `json:"ms"`      // to load, compile and run
}

// entered records that this program lets probe children in. It is process state
// because the fact is one: without the call in main, re-executing the program
// would run its real work again in the child, and that one's child, without end.
var entered atomic.Bool

// MaybeRunProbe must be the first call in main and in TestMain. In an ordinary
// process it returns at once. In a child started by Probe it tries the library,
// prints the result and ends the process.
func MaybeRunProbe() {
	entered.Store(true)
	path, ok := os.LookupEnv(probeEnv)
	if !ok {
		return
	}
	r := runProbe(path, kind(os.Getenv(probeKindEnv)))
	line, err := json.Marshal(r)
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(probeMark + string(line))
	os.Exit(0)
}

// Probe loads the PJRT plugin in a child process, compiles and runs a small
// program there, and compares its result. A crash, a wrong result or more than
// 30 seconds is a *ProbeError. path must be absolute.
func Probe(ctx context.Context, path string) (ProbeResult, error) {
	return probe(ctx, path, kindPJRT, probeLimit)
}

func probe(ctx context.Context, path string, k kind, limit time.Duration) (ProbeResult, error) {
	if _, inside := os.LookupEnv(probeEnv); inside || !entered.Load() {
		return ProbeResult{}, errors.New("this program cannot probe plugins: its main (or TestMain) must call pjrt.MaybeRunProbe first")
	}
	self, err := os.Executable()
	if err != nil {
		return ProbeResult{}, fmt.Errorf("probing %s: %w", path, err)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(limited, self)
	cmd.Env = append(os.Environ(), probeEnv+"="+path, probeKindEnv+"="+string(k))
	cmd.WaitDelay = 2 * time.Second
	var out, diag headBuffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	runErr := cmd.Run()
	if ctx.Err() != nil {
		return ProbeResult{}, context.Cause(ctx)
	}
	if limited.Err() != nil {
		return ProbeResult{}, &ProbeError{path, fmt.Sprintf("no result within %s", limit)}
	}
	r, found := parseResult(out.String())
	switch {
	case !found:
		return ProbeResult{}, &ProbeError{path, crashReason(runErr, diag.String())}
	case !r.OK:
		return r, &ProbeError{path, r.Error}
	}
	return r, nil
}

// parseResult finds the marked line in the child's output.
func parseResult(out string) (r ProbeResult, found bool) {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, probeMark); ok && json.Unmarshal([]byte(rest), &r) == nil {
			return r, true
		}
	}
	return ProbeResult{}, false
}

// crashReason says how the child ended, and why if that can be seen: Go prints
// "SIGBUS: bus error" and the like as the first line of its crash report.
func crashReason(err error, diag string) string {
	if err == nil {
		return "the child process ended without a result"
	}
	first, _, _ := strings.Cut(strings.TrimSpace(diag), "\n")
	if first == "" {
		return "the child process crashed: " + err.Error()
	}
	if strings.HasPrefix(first, "SIGBUS") {
		first += ", as a truncated file gives"
	}
	return fmt.Sprintf("the child process crashed: %s (%s)", clip(first), err)
}

// headBuffer keeps the first 64 KiB of what a child prints and drops the rest.
type headBuffer struct{ bytes.Buffer }

func (b *headBuffer) Write(p []byte) (int, error) {
	if room := 1<<16 - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
