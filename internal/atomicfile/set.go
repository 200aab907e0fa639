package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
)

// CommitAll commits files that belong together, in their order: all of them, or
// none and an error, with the files that were there before in their place. Only a
// crash between two of its renames can leave some; a file that refers to others
// should be the last.
func CommitAll(files ...*File) error {
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for _, f := range files {
		if err := f.finish(); err != nil {
			return err
		}
	}
	var placed []undo
	for _, f := range files {
		u, err := f.placeBack(len(files) > 1)
		if err != nil {
			for i := len(placed) - 1; i >= 0; i-- {
				placed[i].run()
			}
			var exists *ExistsError
			if errors.As(err, &exists) {
				return err
			}
			return fmt.Errorf("writing %s: %w", f.path, cause(err))
		}
		placed = append(placed, u)
	}
	for _, u := range placed {
		u.forget()
		u.f.sync()
		u.f.done = true
		_ = u.f.root.Close()
	}
	return nil
}

// undo takes a placed file back. old is another name of the file it replaced.
type undo struct {
	f   *File
	old string
}

// placeBack places a file and keeps what it replaces, if that may be needed.
func (f *File) placeBack(keep bool) (undo, error) {
	u := undo{f: f}
	if _, err := f.root.Lstat(f.base); keep && f.o.Force && err == nil {
		u.old = f.beside("old")
		if err := f.root.Link(f.base, u.old); err != nil {
			return u, err
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return u, err
	}
	err := f.place()
	if err != nil {
		u.forget()
	}
	return u, err
}

func (u undo) run() {
	if u.old != "" {
		_ = u.f.root.Rename(u.old, u.f.base)
		return
	}
	_ = u.f.root.Remove(u.f.base)
}

func (u undo) forget() {
	if u.old != "" {
		_ = u.f.root.Remove(u.old)
	}
}
