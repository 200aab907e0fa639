//go:build unix

package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSpecialFiles: a pipe is never replaced, neither under its own name nor through
// a link.
func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link} {
		for _, force := range []bool{true, false} {
			if err := WriteFile(path, []byte("x"), Options{Force: force}); err == nil {
				t.Errorf("%s was replaced, force %t", path, force)
			}
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := CreateIn(root, "pipe", Options{Force: true}); err == nil {
		f.Close()
		t.Error("CreateIn took the name of a pipe")
	}
	only(t, dir, "link", "pipe")
	for path, want := range map[string]fs.FileMode{pipe: fs.ModeNamedPipe, link: fs.ModeSymlink} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != want {
			t.Errorf("%s is %v now (%v), want %v", path, info.Mode(), err, want)
		}
	}
}
