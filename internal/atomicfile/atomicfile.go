package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Options of a write. The zero value refuses to replace a file and uses mode 0644.
type Options struct {
	Force bool        // replace an existing regular file; others never are
	Mode  fs.FileMode // permission bits, 0 means 0644
}

// ExistsError says that the target exists and that replacing it was not asked
// for.
type ExistsError struct{ Path string }

// Error names the file.
func (e *ExistsError) Error() string { return e.Path + " exists already" }

// Is makes errors.Is(err, fs.ErrExist) true.
func (e *ExistsError) Is(target error) bool { return target == fs.ErrExist }

// WriteFile writes data to path. Errors wrap the system's, such as ENOSPC.
func WriteFile(path string, data []byte, o Options) error {
	f, err := Create(path, o)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// File is an output in the making. Close before Commit removes every trace.
type File struct {
	root *os.Root // the folder; what happens to its name does not matter
	base string
	temp *os.File
	name string // of temp, below root
	path string // for messages
	o    Options
	err  error // the first failed write
	done bool
}

// Create begins a file at path.
func Create(path string, o Options) (*File, error) {
	if info, err := os.Stat(path); err == nil && o.Force { // through links
		if err := replaceable(info, path); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return create(root, filepath.Base(path), path, o)
}

// replaceable tests that what exists under a name is a regular file: a file in the
// place of a device or a pipe would break what uses it.
func replaceable(info fs.FileInfo, path string) error {
	switch {
	case info.IsDir():
		return &fs.PathError{Op: "write", Path: path, Err: errors.New("is a folder")}
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "write", Path: path, Err: errors.New("is not a regular file")}
	}
	return nil
}

// CreateIn begins a file in a folder, which the file closes in the end.
func CreateIn(root *os.Root, base string, o Options) (*File, error) {
	return create(root, base, filepath.Join(root.Name(), base), o)
}

func create(root *os.Root, base, path string, o Options) (*File, error) {
	if o.Mode == 0 {
		o.Mode = 0o644
	}
	f := &File{root: root, base: base, path: path, o: o}
	if err := f.open(); err != nil {
		root.Close()
		return nil, err
	}
	return f, nil
}

func (f *File) open() error {
	if !f.o.Force {
		if _, err := f.root.Lstat(f.base); err == nil {
			return &ExistsError{f.path}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if info, err := f.root.Lstat(f.base); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		if err := replaceable(info, f.path); err != nil {
			return err
		}
	}
	var err error
	for range 100 {
		f.name = f.beside("tmp")
		f.temp, err = f.root.OpenFile(f.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	return nil
}

// beside makes up a hidden name in the folder.
func (f *File) beside(kind string) string {
	return fmt.Sprintf(".%s.%s%08x", f.base, kind, rand.Uint32())
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.temp.Write(p)
	if err != nil {
		err = fmt.Errorf("writing %s: %w", f.path, err)
		if f.err == nil {
			f.err = err
		}
	}
	return n, err
}

var _ io.WriteCloser = (*File)(nil)

// Commit syncs the file and puts it under its name. After a failed Write, or
// after Close, it refuses and leaves nothing.
func (f *File) Commit() error { return CommitAll(f) }

// finish makes the temporary file durable.
func (f *File) finish() error {
	switch {
	case f.done:
		return fmt.Errorf("writing %s: the file is closed already", f.path)
	case f.err != nil:
		return f.err
	}
	if err := errors.Join(f.temp.Chmod(f.o.Mode), f.temp.Sync(), f.temp.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	return nil
}

// place gives the temporary file its name. Without Force a hard link is used: it
// fails if the name has come into being meanwhile. Where the file system knows no
// links, a rename follows a last look.
func (f *File) place() error {
	if f.o.Force {
		return f.root.Rename(f.name, f.base)
	}
	err := f.root.Link(f.name, f.base)
	switch {
	case err == nil:
		return f.root.Remove(f.name)
	case errors.Is(err, fs.ErrExist):
		return &ExistsError{f.path}
	}
	if _, err := f.root.Lstat(f.base); err == nil {
		return &ExistsError{f.path}
	}
	return f.root.Rename(f.name, f.base)
}

// Close gives up the file unless it was committed.
func (f *File) Close() error {
	if !f.done {
		f.done = true
		_ = f.temp.Close()
		_ = f.root.Remove(f.name)
		return f.root.Close()
	}
	return nil
}

// sync makes new names durable. Some file systems refuse to sync a folder; the
// file itself is synced, so that is no failure.
func (f *File) sync() {
	d, err := f.root.Open(".")
	if err != nil {
		return
	}
	defer d.Close()
	_ = d.Sync()
}

// SameFile reports whether two paths name one existing file, through links too.
func SameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
