package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Options of a write. The zero value refuses to replace a file and uses mode 0644.
type Options struct {
	Force bool        // replace an existing file
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
	temp *os.File
	path string
	o    Options
	err  error // the first failed write
	done bool
}

// Create begins a file at path.
func Create(path string, o Options) (*File, error) {
	if o.Mode == 0 {
		o.Mode = 0o644
	}
	if !o.Force {
		if _, err := os.Lstat(path); err == nil {
			return nil, &ExistsError{path}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "write", Path: path, Err: errors.New("is a folder")}
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp*")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return &File{temp: temp, path: path, o: o}, nil
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
func (f *File) Commit() error {
	switch {
	case f.done:
		return fmt.Errorf("writing %s: the file is closed already", f.path)
	case f.err != nil:
		_ = f.Close()
		return f.err
	}
	err := errors.Join(f.temp.Chmod(f.o.Mode), f.temp.Sync(), f.temp.Close())
	if err == nil {
		err = f.place()
	}
	if err != nil {
		f.remove()
		var exists *ExistsError
		if errors.As(err, &exists) {
			return err
		}
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	f.done = true
	return syncFolder(filepath.Dir(f.path))
}

// place gives the temporary file its name. Without Force a hard link is used: it
// fails if the name has come into being meanwhile. Where the file system knows no
// links, a rename follows a last look.
func (f *File) place() error {
	if f.o.Force {
		return os.Rename(f.temp.Name(), f.path)
	}
	err := os.Link(f.temp.Name(), f.path)
	switch {
	case err == nil:
		return os.Remove(f.temp.Name())
	case errors.Is(err, fs.ErrExist):
		return &ExistsError{f.path}
	}
	if _, err := os.Lstat(f.path); err == nil {
		return &ExistsError{f.path}
	}
	return os.Rename(f.temp.Name(), f.path)
}

// Close gives up the file unless it was committed.
func (f *File) Close() error {
	if !f.done {
		_ = f.temp.Close()
		f.remove()
	}
	return nil
}

func (f *File) remove() {
	if !f.done {
		f.done = true
		_ = os.Remove(f.temp.Name())
	}
}

// syncFolder makes a new name durable. Some file systems refuse to sync a
// folder; the file itself is synced, so that is no failure.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	_ = d.Sync()
	return nil
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
