package finetune

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

// The files of a run folder.
const (
	fileConfig     = "config.json"         // the resolved configuration; written last when a run begins
	fileModel      = "model.onnx"          // injected, untrained
	fileLog        = "log.jsonl"           // events, the only file with times in it
	fileCheckpoint = "checkpoint.aat"      // newest state
	filePrevious   = "checkpoint.prev.aat" // the state before it
	fileRotating   = "checkpoint.old.aat"  // a second name of the former while it changes places
	fileDamaged    = "checkpoint.bad.aat"  // a damaged newest state, set aside
	fileBest       = "best.aat"            // trained values of the best epoch
	fileResult     = "result.json"         // written last when a run ends
	fileLock       = "lock"                // held while a process trains; holds its id and host
)

// folder is a run folder on disk.
type folder struct {
	dir  string
	lock *flock.Flock
	made bool // by openFolder
	// at, if set, is called with the name of each step of a save. Tests end the
	// process there.
	at func(point string)
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) reached(point string) {
	if f.at != nil {
		f.at(point)
	}
}

// openFolder makes the folder if need be and locks it. The lock is the kernel's:
// it ends with the process, however that ends.
func openFolder(dir string) (*folder, error) {
	if dir == "" {
		return nil, &ConfigError{Field: "Out", Got: "empty", Want: "the path of a folder"}
	}
	_, err := os.Stat(dir)
	f := &folder{dir: dir, made: errors.Is(err, fs.ErrNotExist)}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("making the run folder: %w", err)
	}
	f.lock = flock.New(f.path(fileLock))
	ok, err := f.lock.TryLock()
	if err != nil {
		if f.made {
			_ = os.Remove(dir) // it goes only where nothing is in it
		}
		return nil, fmt.Errorf("locking the run folder: %w", err)
	}
	if !ok {
		return nil, lockedBy(dir)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	owner := fmt.Sprintf("%d %s\n", os.Getpid(), host)
	if err := os.WriteFile(f.path(fileLock), []byte(owner), 0o666); err != nil {
		f.undo()
		return nil, errors.Join(fmt.Errorf("locking the run folder: %w", err), f.close())
	}
	return f, nil
}

func lockedBy(dir string) error {
	e := &LockedError{Dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, fileLock))
	if err != nil {
		return e // held, but by whom cannot be told
	}
	pid, host, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if n, err := strconv.Atoi(pid); err == nil {
		e.PID, e.Host = n, host
	}
	return e
}

// undo takes a folder away again that openFolder made and in which no run was
// begun, with what was written of one. It does what it can: the caller has an
// error to tell already.
func (f *folder) undo() {
	if !f.made || f.exists(fileConfig) {
		return
	}
	_ = f.clear()
	_ = os.Remove(f.path(fileLock))
	_ = os.Remove(f.dir) // fails, as it should, where something else is in it
}

func (f *folder) close() error { return f.lock.Unlock() }

func (f *folder) exists(name string) bool {
	_, err := os.Lstat(f.path(name))
	return err == nil
}

// clear removes a former run's files, and nothing else. The configuration goes
// last: as long as it is there, the folder counts as a run.
func (f *folder) clear() error {
	for _, name := range slices.Backward(fileNames()) {
		if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a former run: %w", err)
		}
	}
	return f.sweep()
}

// fileNames is every file of a run but its lock.
func fileNames() []string {
	return []string{fileConfig, fileModel, fileLog, fileCheckpoint, filePrevious, fileRotating, fileDamaged, fileBest, fileResult}
}

func (f *folder) writeJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return atomicfile.WriteFile(f.path(name), append(text, '\n'), atomicfile.Options{Force: true})
}

func (f *folder) readJSON(name string, v any) error {
	text, err := os.ReadFile(f.path(name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return &CheckpointError{Path: f.path(name), What: "is not readable JSON", Err: err}
	}
	return nil
}

// writeState encodes c into the named file, which appears whole or not at all.
func (f *folder) writeState(name string, c *checkpoint, beforeCommit func() error) error {
	out, err := atomicfile.Create(f.path(name), atomicfile.Options{Force: true})
	if err != nil {
		return err
	}
	defer out.Close() // drops the file unless committed
	f.reached("created " + name)
	if err := c.write(&halfway{w: out, reached: func() { f.reached("half " + name) }}); err != nil {
		return err
	}
	f.reached("written " + name)
	if beforeCommit != nil {
		if err := beforeCommit(); err != nil {
			return err
		}
	}
	if err := out.Commit(); err != nil {
		return err
	}
	f.reached("committed " + name)
	return nil
}

// save makes c the newest checkpoint and keeps the one before it. At each moment
// two complete states are on disk, once there were two: the newest gets a second
// name first, and takes the older one's place only after the new one is there.
func (f *folder) save(c *checkpoint) error {
	if bad := c.firstNonFinite(); bad != "" {
		return &DivergedError{Step: c.Step, Epoch: c.Epoch + 1, Where: bad}
	}
	current, rotating := f.path(fileCheckpoint), f.path(fileRotating)
	linked := false
	err := f.writeState(fileCheckpoint, c, func() error {
		if !f.exists(fileCheckpoint) {
			return nil
		}
		if err := os.Link(current, rotating); err != nil {
			// A file system without hard links: one state stays on disk throughout.
			return os.Rename(current, f.path(filePrevious))
		}
		linked = true
		f.reached("linked")
		return nil
	})
	if err != nil {
		if linked {
			err = errors.Join(err, os.Remove(rotating))
		}
		return err
	}
	if linked {
		if err := os.Rename(rotating, f.path(filePrevious)); err != nil {
			return fmt.Errorf("keeping the former checkpoint: %w", err)
		}
	}
	f.reached("rotated")
	return nil
}

// newest gives the valid checkpoint with the most steps, nil where there never
// was one, and a sentence for each one that is damaged. All damaged is an error.
func (f *folder) newest() (best *checkpoint, warnings []string, err error) {
	var firstErr error
	for _, name := range []string{fileCheckpoint, fileRotating, filePrevious} {
		c, err := readCheckpoint(f.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			warnings = append(warnings, err.Error())
			if firstErr == nil {
				firstErr = err
			}
			continue
		}
		if best == nil || c.Step > best.Step || c.Step == best.Step && c.Epoch > best.Epoch {
			best = c
		}
	}
	if best == nil && firstErr != nil {
		return nil, warnings, firstErr
	}
	return best, warnings, nil
}

// tidy finishes or removes what a killed process left between two steps of a
// save, and sets a damaged newest checkpoint aside so that the next save does not
// rotate it over the valid one.
func (f *folder) tidy() error {
	if err := f.finishRotation(); err != nil {
		return fmt.Errorf("tidying the run folder: %w", err)
	}
	if _, err := readCheckpoint(f.path(fileCheckpoint)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(f.path(fileCheckpoint), f.path(fileDamaged)); err != nil {
			return fmt.Errorf("setting a damaged checkpoint aside: %w", err)
		}
	}
	return f.sweep()
}

// sweep removes temporary files that atomicfile left when the process was killed.
// The folder is locked, so none of them is being written.
func (f *folder) sweep() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("tidying the run folder: %w", err)
	}
	for _, e := range entries {
		for _, name := range fileNames() {
			if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), "."+name+".tmp") {
				continue
			}
			if err := os.Remove(f.path(e.Name())); err != nil {
				return fmt.Errorf("tidying the run folder: %w", err)
			}
		}
	}
	return nil
}

// finishRotation gives a state found under the rotating name its place.
func (f *folder) finishRotation() error {
	rotating := f.path(fileRotating)
	old, err := os.Lstat(rotating)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	current, err := os.Lstat(f.path(fileCheckpoint))
	if err == nil && os.SameFile(old, current) {
		return os.Remove(rotating) // killed before the new state appeared
	}
	if _, err := readCheckpoint(rotating); err != nil {
		return os.Remove(rotating)
	}
	return os.Rename(rotating, f.path(filePrevious))
}

// halfway calls reached once, after about half a state has been written.
type halfway struct {
	w       io.Writer
	writes  int
	reached func()
}

func (h *halfway) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	if h.writes++; h.writes == 2 {
		h.reached()
	}
	return n, err
}
