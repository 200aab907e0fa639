package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Root is a folder that reads and writes cannot leave. It holds no open handle
// between calls.
type Root struct{ dir string }

// Error says why a name or a range was refused.
type Error struct {
	Name string
	What string
}

// Error gives the name and the reason.
func (e *Error) Error() string { return fmt.Sprintf("file %q: %s", e.Name, e.What) }

// OpenRoot takes the folder; it must exist.
func OpenRoot(dir string) (*Root, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Root{dir}, r.Close()
}

// Open opens a regular file below the root for reading.
func (r *Root) Open(name string) (*os.File, error) {
	clean, err := checkName(name)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	seen, err := checkWay(root, clean)
	if err != nil {
		return nil, r.named(clean, err)
	}
	f, err := root.Open(clean)
	if err != nil {
		return nil, r.named(clean, err)
	}
	if err := checkFile(f, name, seen); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// named gives the system's error the path that the caller knows.
func (r *Root) named(clean string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return &fs.PathError{Op: "open", Path: filepath.Join(r.dir, filepath.FromSlash(clean)), Err: at.Err}
	}
	return err
}

// ReadRange reads n bytes at offset off. Nothing is allocated before the range
// is known to lie inside the file.
func (r *Root) ReadRange(name string, off, n int64) ([]byte, error) {
	f, err := r.openRange(name, off, n)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(f, off, n), buf); err != nil {
		return nil, fmt.Errorf("file %q: %w", name, err)
	}
	return buf, nil
}

// CopyRange writes n bytes at offset off to w, some at a time.
func (r *Root) CopyRange(w io.Writer, name string, off, n int64) error {
	f, err := r.openRange(name, off, n)
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(f, off, n), make([]byte, min(n+1, 1<<20)))
	if err == nil && got < n {
		err = io.ErrUnexpectedEOF // it was cut while it was read
	}
	if err != nil {
		return fmt.Errorf("file %q: %w", name, err)
	}
	return nil
}

// openRange opens a file that has n bytes at offset off.
func (r *Root) openRange(name string, off, n int64) (*os.File, error) {
	f, err := r.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (off < 0 || n < 0 || off > info.Size() || n > info.Size()-off) {
		err = &Error{name, fmt.Sprintf("%d bytes at offset %d asked for, the file has %d", n, off, info.Size())}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// CheckName refuses every name that Open and Create would refuse without a look at
// the disk.
func CheckName(name string) error {
	_, err := checkName(name)
	return err
}

func checkName(name string) (string, error) {
	refuse := func(what string) (string, error) { return "", &Error{name, what} }
	switch {
	case name == "":
		return refuse("the name is empty")
	case len(name) > 4096:
		return "", &Error{name[:64] + "…", fmt.Sprintf("the name has %d bytes", len(name))}
	case strings.HasPrefix(name, "*/"):
		return refuse("the name marks an address in memory; external data must lie beside the model")
	case strings.ContainsAny(name, "\x00\\"):
		return refuse("the name holds a backslash or a zero byte")
	case path.IsAbs(name) || len(name) > 1 && name[1] == ':':
		return refuse("the name is absolute; external data must lie beside the model")
	}
	for _, part := range strings.Split(name, "/") {
		switch {
		case part == "..":
			return refuse("the name leads upwards; external data must lie beside the model")
		case device(part):
			return refuse(part + " is the name of a device on some systems")
		}
	}
	clean := path.Clean(name)
	if clean == "." {
		return refuse("the name is a folder")
	}
	return clean, nil
}

// device reports whether Windows takes a name for a device, whatever follows the
// first dot or colon.
func device(part string) bool {
	if i := strings.IndexAny(part, ".: "); i >= 0 {
		part = part[:i]
	}
	part = strings.ToUpper(part)
	switch part {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	return len(part) == 4 && (part[:3] == "COM" || part[:3] == "LPT") && part[3] >= '0' && part[3] <= '9'
}

// checkWay refuses symbolic links on the way and at the end, and anything but a
// regular file there. It gives what it saw at the end.
func checkWay(root *os.Root, clean string) (seen fs.FileInfo, err error) {
	parts := strings.Split(clean, "/")
	for i := range parts {
		part := strings.Join(parts[:i+1], "/")
		if seen, err = root.Lstat(part); err != nil {
			return nil, err
		}
		last := i == len(parts)-1
		switch {
		case seen.Mode()&os.ModeSymlink != 0:
			return nil, &Error{clean, part + " is a symbolic link"}
		case last && !seen.Mode().IsRegular():
			return nil, &Error{clean, "not a regular file"}
		}
	}
	return seen, nil
}

// checkFile looks again at what was opened, so that a swap in between is found.
func checkFile(f *os.File, name string, seen fs.FileInfo) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &Error{name, "not a regular file"}
	}
	if !os.SameFile(info, seen) {
		return &Error{name, "the file was exchanged while it was being opened"}
	}
	if n := links(info); n > 1 {
		return &Error{name, fmt.Sprintf("the file has %d hard links", n)}
	}
	return nil
}
