package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

// Create begins a file below the root, which appears whole or not at all when it
// is committed. The folder it lies in must exist. An existing file is refused
// with *atomicfile.ExistsError unless force is set; a link, a folder or anything
// else that is not a plain file with one name is refused in any case.
func (r *Root) Create(name string, force bool) (*atomicfile.File, error) {
	clean, err := checkName(name)
	if err != nil {
		return nil, err
	}
	folder, base := path.Split(clean)
	root, err := r.descend(folder)
	if err != nil {
		return nil, err
	}
	info, err := checkWay(root, base)
	switch {
	case err == nil && links(info) > 1:
		err = &Error{name, fmt.Sprintf("the file has %d hard links", links(info))}
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return atomicfile.CreateIn(root, base, atomicfile.Options{Force: force})
}

// descend opens a folder below the root, through no symbolic link. What happens to
// the names on the way afterwards does not matter to the handle.
func (r *Root) descend(folder string) (*os.Root, error) {
	at, err := os.OpenRoot(r.dir)
	for part := range strings.SplitSeq(strings.Trim(folder, "/"), "/") {
		if err != nil || part == "" {
			break
		}
		var next *os.Root
		next, err = enter(at, part)
		at.Close()
		at = next
	}
	return at, err
}

func enter(at *os.Root, part string) (*os.Root, error) {
	seen, err := at.Lstat(part)
	if err != nil {
		return nil, err
	}
	if !seen.IsDir() {
		return nil, &Error{part, "a symbolic link, or not a folder"}
	}
	next, err := at.OpenRoot(part)
	if err != nil {
		return nil, err
	}
	if now, err := next.Stat("."); err != nil || !os.SameFile(seen, now) {
		next.Close()
		return nil, &Error{part, "the folder was exchanged while it was being opened"}
	}
	return next, nil
}
