package pjrt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestPipProblem(t *testing.T) {
	a := fakeArtefact(fakeLib, nil)
	for _, c := range []struct{ name, output, what, hint string }{
		{"no pip", "/usr/bin/python3: No module named pip", "has no pip", "ensurepip"},
		{"no network", "WARNING: Retrying (Retry(total=0 … Failed to establish a new connection: [Errno -2] Name or service not known\nERROR: No matching distribution found for fake-pjrt==0.0.1", "no network", "--from " + a.wheel},
		{"proxy", "WARNING: Retrying … ProxyError('Cannot connect to proxy.'…\nERROR: Could not find a version that satisfies the requirement", "no network", "--from"},
		{"cut off", "pip._vendor.urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(1 bytes read)', …", "no network", "--from"},
		{"certificate", "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] …\nERROR: No matching distribution found", "certificate", "PIP_CERT"},
		{"not offered", "ERROR: Could not find a version that satisfies the requirement fake-pjrt==0.0.1 (from versions: none)\nERROR: No matching distribution found for fake-pjrt==0.0.1", "does not offer it", "upgrade pip"},
		{"anything else", "Traceback …\nSomeError: surprising", "SomeError: surprising", "--from"},
		{"silence", "", "exit status 9", "--from"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := pipProblem(a, c.output, errors.New("exit status 9"))
			var de *DownloadError
			if !errors.As(err, &de) || !strings.Contains(err.Error(), c.what) || !strings.Contains(de.Hint, c.hint) {
				t.Errorf("got %v (%+v), want %q and hint %q", err, de, c.what, c.hint)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
	err := pipProblem(a, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", nil)
	var de *DownloadError
	if !errors.Is(err, syscall.ENOSPC) || errors.As(err, &de) {
		t.Errorf("a full disk is reported as %T %v, want an error wrapping ENOSPC", err, err)
	}
}

// onPath makes a PATH of one folder that holds a python3 of the given shell script.
func onPath(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	t.Setenv("AAT_ONNX_PYTHON", "")
	if script != "" {
		writeFile(t, filepath.Join(bin, "python3"), []byte("#!/bin/sh\n"+script), 0o755)
	}
}

func TestInstallFailuresLeaveNothing(t *testing.T) {
	wheel := makeWheel(t, entry{name: fakeMember, data: fakeLib})
	a := fakeArtefact(fakeLib, wheel)
	bring := func(data []byte) string { // a pip that delivers these bytes
		return "while [ \"$1\" != --dest ]; do shift; done\n/bin/cp '" + writeFile(t, filepath.Join(t.TempDir(), "w"), data, 0o644) + "' \"$2/" + a.wheel + "\"\n"
	}
	for _, c := range []struct{ name, script, want string }{
		{"no python3", "", "no python3"},
		{"no pip", "echo 'python3: No module named pip' >&2; exit 1\n", "has no pip"},
		{"pip fails", "echo 'ERROR: No matching distribution found' >&2; exit 1\n", "does not offer it"},
		{"pip lies", "exit 0\n", "did not bring " + a.wheel},
		{"wrong wheel", bring(append([]byte("PK\x03\x04"), "something else"...)), "sha256 is"},
		{"no wheel at all", bring([]byte("<html>sign in first</html>")), "neither a wheel nor a shared library"},
		{"a library that does not load", bring(wheel), "does not run on this machine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onPath(t, c.script)
			root := filepath.Join(t.TempDir(), "deep", "cache")
			_, err := install(context.Background(), a, InstallOptions{CacheDir: root})
			var de *DownloadError
			if !errors.As(err, &de) || !strings.Contains(err.Error(), c.want) || de.Hint == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line with %q and a hint", err, c.want)
			}
			if left := tree(t, filepath.Dir(filepath.Dir(root))); len(left) != 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

func TestInstallStopsWithItsContext(t *testing.T) {
	a := fakeArtefact(fakeLib, nil)
	onPath(t, "exec /bin/sleep 60\n")
	root := filepath.Join(t.TempDir(), "cache")
	why := errors.New("interrupted by the user")
	ctx, cancel := context.WithCancelCause(context.Background())
	progress := writerFunc(func(p []byte) (int, error) { cancel(why); return len(p), nil }) // before pip starts
	_, err := install(ctx, a, InstallOptions{CacheDir: root, Progress: progress})
	if !errors.Is(err, why) {
		t.Errorf("error is %v, want the cause of the cancellation", err)
	}
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Errorf("the cache folder was left behind: %v", err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
