package safefile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// place makes a root with a folder and a link in it, beside a folder outside.
func place(t *testing.T) (root *Root, dir, outside string) {
	t.Helper()
	top := t.TempDir()
	dir, outside = filepath.Join(top, "in"), filepath.Join(top, "out")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "sub"), 0o755), os.Mkdir(outside, 0o755),
		os.WriteFile(filepath.Join(outside, "f"), []byte("secret"), 0o644),
		os.WriteFile(filepath.Join(dir, "sub", "f"), []byte("public"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root, dir, outside
}

func TestCreate(t *testing.T) {
	root, dir, _ := place(t)
	for _, c := range []struct {
		name  string
		force bool
		want  error
	}{
		{"new", false, nil},
		{"new", false, fs.ErrExist},
		{"new", true, nil},
		{"sub/new", false, nil},
		{"./sub//other", false, nil},
		{"none/new", false, fs.ErrNotExist},
	} {
		f, err := root.Create(c.name, c.force)
		if err == nil {
			_, _ = f.Write([]byte(c.name))
			err = f.Commit()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("Create(%q, %v): %v, want %v", c.name, c.force, err, c.want)
		}
		if c.want != nil {
			continue
		}
		if got, _ := os.ReadFile(filepath.Join(dir, c.name)); string(got) != c.name {
			t.Errorf("%s holds %q", c.name, got)
		}
	}
}

func TestCopyRange(t *testing.T) {
	root, _, _ := place(t)
	var b bytes.Buffer
	if err := root.CopyRange(&b, "sub/f", 1, 4); err != nil || b.String() != "ubli" {
		t.Errorf("got %q, %v", b.String(), err)
	}
	var refused *Error
	if err := root.CopyRange(&b, "sub/f", 3, 4); !errors.As(err, &refused) || b.Len() != 4 {
		t.Errorf("a range past the end: %v, and %d bytes", err, b.Len()-4)
	}
}

// exchange lets a name be a folder or file and a link in turn, until it is told to
// stop.
func exchange(t *testing.T, name, good, bad string) (stop func()) {
	t.Helper()
	done, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
			}
			_ = os.Rename(name, good)
			_ = os.Symlink(bad, name)
			_ = os.Remove(name)
			_ = os.Rename(good, name)
		}
	}()
	return func() { close(done); <-stopped }
}

// TestExchangeWhileOpening: a name that turns into a link to the outside between
// looking and opening never gives what is outside, nor puts anything there.
func TestExchangeWhileOpening(t *testing.T) {
	for _, name := range []string{"sub", "sub/f"} {
		root, dir, outside := place(t)
		bad := outside
		if name == "sub/f" {
			bad = filepath.Join(outside, "f")
		}
		stop := exchange(t, filepath.Join(dir, name), filepath.Join(dir, "aside"), bad)
		read, written := 0, 0
		begun := time.Now()
		for spent := time.Duration(0); spent < 200*time.Millisecond || (read == 0 || written == 0) && spent < 10*time.Second; spent = time.Since(begun) {
			for range 20 { // a write waits for the disk, a read does not
				if got, err := root.ReadRange("sub/f", 0, 6); err == nil {
					read++
					if string(got) != "public" {
						t.Fatalf("read %q through a link", got)
					}
				}
			}
			f, err := root.Create("sub/w", true)
			if err != nil {
				continue
			}
			_, _ = f.Write([]byte("x"))
			if f.Commit() == nil {
				written++
			}
		}
		stop()
		entries, err := os.ReadDir(outside)
		if err != nil || len(entries) != 1 {
			t.Errorf("outside are %v (%v), want one file", entries, err)
		}
		if got, _ := os.ReadFile(filepath.Join(outside, "f")); string(got) != "secret" {
			t.Errorf("outside, the file holds %q", got)
		}
		if read == 0 || written == 0 {
			t.Errorf("%s: %d reads and %d writes came through, want some of each", name, read, written)
		}
	}
}

// TestExchangeIsSeen: what was opened is compared with what was looked at.
func TestExchangeIsSeen(t *testing.T) {
	_, dir, outside := place(t)
	seen, err := os.Lstat(filepath.Join(dir, "sub", "f"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(outside, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var refused *Error
	if err := checkFile(f, "sub/f", seen); !errors.As(err, &refused) {
		t.Errorf("got %v, want an Error", err)
	}
}
