package pjrt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// findPython resolves the interpreter: name when given, else $AAT_ONNX_PYTHON,
// else python3 on PATH.
func findPython(name string) (string, error) {
	if name == "" {
		name = os.Getenv("AAT_ONNX_PYTHON")
	}
	if name == "" {
		name = "python3"
	}
	return exec.LookPath(name)
}

// runPython runs the interpreter in dir and gives its standard output and, apart,
// its standard error. dir must hold nothing importable: Python puts the working
// folder first on its module path.
func runPython(ctx context.Context, python, dir string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 2 * time.Second
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err = cmd.Run()
	return out.String(), diag.String(), err
}

// pipDownload lets pip fetch the artefact's wheel into the empty folder dir and
// returns its path. Only the package's name and version are given: where it
// comes from is the user's pip configuration.
func pipDownload(ctx context.Context, a artefact, python, dir string) (string, error) {
	bin, err := findPython(python)
	if err != nil {
		return "", &DownloadError{
			What: fmt.Sprintf("no python3 to fetch %s %s with", a.pkg, a.version),
			Hint: "install Python 3 with pip, or give the file with --from " + a.wheel,
			Err:  err,
		}
	}
	args := []string{
		"-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
		"--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--dest", dir,
	}
	args = append(args, a.tags...)
	stdout, stderr, err := runPython(ctx, bin, dir, append(args, a.pkg+"=="+a.version)...)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", pipProblem(a, stdout+"\n"+stderr, err)
	}
	wheel := filepath.Join(dir, a.wheel)
	if _, err := os.Stat(wheel); err != nil {
		return "", &DownloadError{
			What: fmt.Sprintf("pip ended well but did not bring %s", a.wheel),
			Hint: "check pip's configuration, or give the file with --from " + a.wheel,
		}
	}
	return wheel, nil
}

// pipProblem turns pip's output into one line and a hint. The phrases are those
// of pip 19 to 26.
func pipProblem(a artefact, output string, err error) error {
	fetch := fmt.Sprintf("pip could not fetch %s %s", a.pkg, a.version)
	byHand := "give the file with --from " + a.wheel
	has := func(phrases ...string) bool {
		for _, p := range phrases {
			if strings.Contains(output, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("No space left on device"):
		return fmt.Errorf("%s: %w", fetch, syscall.ENOSPC)
	case has("No module named pip"):
		return &DownloadError{What: "this python3 has no pip, needed to fetch " + a.pkg, Hint: "install pip (python3 -m ensurepip, or your system's python3-pip), or " + byHand}
	case has("CERTIFICATE_VERIFY_FAILED", "SSLError"):
		return &DownloadError{What: fetch + ": the server's certificate was not accepted", Hint: "set PIP_CERT to your network's certificate file, or " + byHand}
	case has("Failed to establish a new connection", "Name or service not known", "Temporary failure in name resolution",
		"Network is unreachable", "ProxyError", "ConnectTimeoutError", "ReadTimeoutError", "Connection refused",
		"Connection broken", "Connection reset", "nodename nor servname"):
		return &DownloadError{What: fetch + ": no network", Hint: "connect and run it again, or " + byHand}
	case has("No matching distribution found", "Could not find a version"):
		return &DownloadError{What: fetch + ": its package index does not offer it", Hint: "update pip (python3 -m pip install --upgrade pip), or " + byHand}
	}
	return &DownloadError{What: fetch, Hint: "run it again, or " + byHand, Err: errors.New(lastLine(output, err))}
}

// lastLine is the last non-empty line of output, or err when there is none.
func lastLine(output string, err error) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" && err != nil {
		last = err.Error()
	}
	return clip(last)
}

// clip bounds a foreign message: a line or two of a terminal.
func clip(s string) string {
	const limit = 300
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
