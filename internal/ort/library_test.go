//go:build linux

package ort

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzCheckLibrary: whatever the bytes, the check returns; and what it accepts
// it accepts again with bytes added behind, which loading ignores.
func FuzzCheckLibrary(f *testing.F) {
	f.Add([]byte("\x7fELF"))
	f.Add([]byte("not a library"))
	if self, err := os.Executable(); err == nil {
		if b, err := os.ReadFile(self); err == nil {
			f.Add(b[:min(len(b), 4096)])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "lib.so")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		first := checkLibrary(path)
		if err := os.WriteFile(path, append(b, 0), 0o644); err != nil {
			t.Fatal(err)
		}
		if second := checkLibrary(path); first == nil && second != nil {
			t.Errorf("accepted, and refused with one byte behind: %v", second)
		}
	})
}
