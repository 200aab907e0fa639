package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// only demands exactly these entries in a folder: no leftovers.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(names) {
		t.Fatalf("the folder holds %q, want %q", got, names)
	}
	for i := range got {
		if got[i] != names[i] {
			t.Fatalf("the folder holds %q, want %q", got, names)
		}
	}
}

// TestErrorsNameTheTarget: not the temporary file.
func TestErrorsNameTheTarget(t *testing.T) {
	name := strings.Repeat("n", 250) // with what a temporary name adds, too long
	err := WriteFile(filepath.Join(t.TempDir(), name), nil, Options{})
	if err == nil || strings.Contains(err.Error(), ".tmp") || !strings.Contains(err.Error(), name) || !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Errorf("got %v, want an error that names the target and the cause alone", err)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a b – ü")
	if err := WriteFile(path, []byte("one"), Options{Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	var exists *ExistsError
	if err := WriteFile(path, []byte("two"), Options{}); !errors.As(err, &exists) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want an ExistsError", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "one" {
		t.Errorf("the file holds %q, want one", b)
	}
	if err := WriteFile(path, []byte("three"), Options{Force: true}); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "three" {
		t.Errorf("the file holds %q, want three", b)
	}
	only(t, dir, filepath.Base(path))
}

func TestCloseWithoutCommitLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "x"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	only(t, dir)
}

// TestNameTakenMeanwhile lets another file appear between Create and Commit.
func TestNameTakenMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	f, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("theirs"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want an exists error", err)
	}
	f.Close()
	if b, _ := os.ReadFile(path); string(b) != "theirs" {
		t.Errorf("their file holds %q", b)
	}
	only(t, dir, "x")
}

func TestFailingWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "x"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	// A full device in place of the temporary file: its writes fail with ENOSPC.
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := f.temp.Name()
	f.temp.Close()
	f.temp = full
	if _, err := f.Write([]byte("data")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	full.Close()
	if err := os.Remove(name); err != nil {
		t.Errorf("the temporary file: %v", err)
	}
	only(t, dir)
}

func TestFolderErrors(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "none", "x"), nil, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want not-exist", err)
	}
	if err := WriteFile(dir, nil, Options{Force: true}); err == nil {
		t.Error("a folder was replaced")
	}
	only(t, dir)
}

func TestSameFile(t *testing.T) {
	dir := t.TempDir()
	a := filepath.Join(dir, "a")
	if err := os.WriteFile(a, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		a: true, filepath.Join(dir, ".", "a"): true, filepath.Join(dir, "link"): true, filepath.Join(dir, "none"): false, dir: false,
	} {
		if got := SameFile(a, path); got != want {
			t.Errorf("SameFile(a, %s) = %v, want %v", path, got, want)
		}
	}
}

// TestCommitAfterAFailedWrite: whoever ignores Write's error must not get half a
// file.
func TestCommitAfterAFailedWrite(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "x"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("first half")); err != nil {
		t.Fatal(err)
	}
	readOnly, err := os.Open(f.temp.Name()) // refuses writes, has the same name
	if err != nil {
		t.Fatal(err)
	}
	f.temp.Close()
	f.temp = readOnly
	if _, err := f.Write([]byte("second half")); err == nil {
		t.Fatal("a write to a read-only handle succeeded")
	}
	if err := f.Commit(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("got %v, want the failed write's error", err)
	}
	only(t, dir)
	if err := f.Commit(); err == nil {
		t.Error("a closed file was committed")
	}
}
