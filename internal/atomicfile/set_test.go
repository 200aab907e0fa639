package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func begin(t *testing.T, path, data string, force bool) *File {
	t.Helper()
	f, err := Create(path, Options{Force: force})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	return f
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", filepath.Base(path), got, err, want)
	}
}

func TestCommitAll(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := CommitAll(begin(t, a, "1", false), begin(t, b, "2", false)); err != nil {
		t.Fatal(err)
	}
	holds(t, a, "1")
	holds(t, b, "2")
	if err := CommitAll(begin(t, a, "3", true), begin(t, b, "4", true)); err != nil {
		t.Fatal(err)
	}
	holds(t, a, "3")
	holds(t, b, "4")
	only(t, dir, "a", "b")
}

// TestCommitAllOrNone: the last of three cannot be placed; the first was new, the
// second replaced one.
func TestCommitAllOrNone(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, last *File, path string)
		want  error
	}{
		{"the name is taken", func(t *testing.T, _ *File, path string) {
			if err := os.WriteFile(path, []byte("theirs"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrExist},
		{"the temporary file is gone", func(t *testing.T, last *File, path string) {
			if err := last.root.Remove(last.name); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("theirs"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, nil},
		{"a write failed", func(t *testing.T, last *File, path string) {
			last.err = fs.ErrInvalid
			if err := os.WriteFile(path, []byte("theirs"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			a, b, d := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
			if err := os.WriteFile(b, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			files := []*File{begin(t, a, "1", false), begin(t, b, "2", true), begin(t, d, "3", false)}
			c.spoil(t, files[2], d)
			if err := CommitAll(files...); err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			only(t, dir, "b", "c")
			holds(t, b, "old")
			holds(t, d, "theirs")
		})
	}
}
