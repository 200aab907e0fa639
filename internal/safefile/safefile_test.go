package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReadRange(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		off, n int64
		want   string
		ok     bool
	}{
		{0, 10, "0123456789", true},
		{3, 4, "3456", true},
		{10, 0, "", true},
		{0, 0, "", true},
		{0, 11, "", false},
		{11, 0, "", false},
		{-1, 2, "", false},
		{2, -1, "", false},
		{9223372036854775807, 9223372036854775807, "", false},
		{0, 9223372036854775807, "", false}, // refused before it is allocated
	} {
		got, err := root.ReadRange("f", c.off, c.n)
		if (err == nil) != c.ok || string(got) != c.want {
			t.Errorf("ReadRange(%d, %d) = %q, %v", c.off, c.n, got, err)
		}
	}
	var refused *Error
	if _, err := root.ReadRange("../f", 0, 1); !errors.As(err, &refused) {
		t.Errorf("got %v, want an Error", err)
	}
	if _, err := root.ReadRange("none", 0, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want not-exist", err)
	}
}

func TestOpenRootErrors(t *testing.T) {
	if _, err := OpenRoot(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want not-exist", err)
	}
}
