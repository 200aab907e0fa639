package pjrt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// InstallOptions tunes Install. The zero value is the default.
type InstallOptions struct {
	CacheDir string    // "" is aat-onnx in the user's cache folder
	Python   string    // "" is $AAT_ONNX_PYTHON, else python3 on PATH
	From     string    // a wheel or library on disk instead of pip; same digests
	Force    bool      // fetch again even when it is installed
	Progress io.Writer // one line a stage; nil is silent
}

// Install makes the named library ("cpu" or "onnxruntime") present and proven:
// fetched in the exact version of the table, both digests equal, unpacked alone,
// tried in a child process, renamed into the cache. A library already there is
// only looked at, which takes milliseconds. On failure the cache is as it was.
//
// Errors: *SpecError for an unknown name, *DownloadError for everything about
// the file or the way to get it, plain I/O errors (disk full) as they are, and
// the context's cause when interrupted.
func Install(ctx context.Context, name string, o InstallOptions) (Plugin, error) {
	a, ok, err := lookup(name)
	if err != nil {
		return Plugin{}, err
	}
	if !ok {
		return Plugin{}, &DownloadError{
			What: fmt.Sprintf("%s is not offered for %s/%s", Title(name), runtime.GOOS, runtime.GOARCH),
			Hint: "use --backend go, which needs nothing",
		}
	}
	return install(ctx, a, o)
}

func install(ctx context.Context, a artefact, o InstallOptions) (Plugin, error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	root, err := cacheRoot(o.CacheDir)
	if err != nil {
		return Plugin{}, err
	}
	if p := a.state(root); p.Installed && !o.Force {
		if _, err := a.ready(ctx, root); err == nil {
			return p, nil
		} else if ctx.Err() != nil {
			return Plugin{}, context.Cause(ctx)
		}
		fmt.Fprintf(o.Progress, "the installed %s is not usable: installing it again\n", a.file)
	}
	if err := a.fetch(ctx, root, o); err != nil {
		return Plugin{}, err
	}
	return a.state(root), nil
}

// ready proves an installed artefact: a fresh probe record is enough; without
// one the digest is compared before any of its code runs.
func (a artefact) ready(ctx context.Context, root string) (ProbeResult, error) {
	file := a.path(root)
	if r, ok := readRecord(root, file); ok {
		return r, nil
	}
	got, err := fileSHA(ctx, file)
	if err != nil {
		return ProbeResult{}, err
	}
	if got != a.sha {
		return ProbeResult{}, &DownloadError{
			What: fmt.Sprintf("%s was altered: sha256 is %s, want %s", file, got, a.sha),
			Hint: "run 'aat-onnx backend install " + a.name + " --force'",
		}
	}
	return probeAndRecord(ctx, root, file, a.kind)
}

// fetch works in a folder of its own inside the cache, so that the last step is
// a rename on one file system, and removes it whatever happens.
func (a artefact) fetch(ctx context.Context, root string, o InstallOptions) (err error) {
	sweepStale(root)
	made, err := mkdirs(root)
	if err != nil {
		return err
	}
	staging, err := os.MkdirTemp(root, stagingPrefix+"*")
	if err != nil {
		removeEmpty(made)
		return err
	}
	defer func() {
		os.RemoveAll(staging)
		if err != nil {
			removeEmpty(made)
		}
	}()
	staged := filepath.Join(staging, a.file)
	if err := a.obtain(ctx, staging, staged, o); err != nil {
		return err
	}
	fmt.Fprintf(o.Progress, "trying it in a child process\n")
	result, err := probe(ctx, staged, a.kind, probeLimit)
	if err != nil {
		return a.unusable(ctx, err)
	}
	return a.publish(root, staged, result)
}

func (a artefact) unusable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var pe *ProbeError
	if errors.As(err, &pe) {
		err = errors.New(pe.Reason) // its path is the staging folder, gone by now
	}
	return &DownloadError{
		What: a.title + " does not run on this machine",
		Hint: "use --backend go, which needs nothing",
		Err:  err,
	}
}

// obtain brings the checked library to dst, from o.From or through pip.
func (a artefact) obtain(ctx context.Context, staging, dst string, o InstallOptions) error {
	wheel := o.From
	if wheel == "" {
		fmt.Fprintf(o.Progress, "fetching %s %s (%d MB) with pip\n", a.pkg, a.version, a.wheelMB)
		dir := filepath.Join(staging, "wheel")
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		var err error
		if wheel, err = pipDownload(ctx, a, o.Python, dir); err != nil {
			return err
		}
	}
	form, err := fileKind(wheel)
	if err != nil {
		return err
	}
	switch form {
	case "wheel":
		fmt.Fprintf(o.Progress, "checking SHA-256 and unpacking %s (%d MB)\n", a.file, a.size/1e6)
		if err := a.checkWheel(ctx, wheel); err != nil {
			return err
		}
		return a.unpack(ctx, wheel, dst)
	case "library":
		f, err := os.Open(wheel)
		if err != nil {
			return err
		}
		defer f.Close()
		fmt.Fprintf(o.Progress, "checking SHA-256 of %s\n", filepath.Base(wheel))
		return a.copyChecked(ctx, f, dst, wheel)
	}
	return &DownloadError{
		What: filepath.Base(wheel) + " is neither a wheel nor a shared library",
		Hint: "it should be " + a.wheel + ", or the " + filepath.Base(a.member) + " inside it",
	}
}

// publish renames the library into its place and writes its probe record.
func (a artefact) publish(root, staged string, result ProbeResult) error {
	final := a.path(root)
	made, err := mkdirs(filepath.Dir(final))
	if err != nil {
		return err
	}
	if err := os.Rename(staged, final); err != nil {
		removeEmpty(made)
		return err
	}
	if err := syncDir(filepath.Dir(final)); err != nil {
		return err
	}
	writeRecord(root, final, result)
	return nil
}

const stagingPrefix = ".install-"

// sweepStale removes what an installer that was killed left behind. A day is
// longer than any download that still lives.
func sweepStale(root string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err == nil && e.IsDir() && strings.HasPrefix(e.Name(), stagingPrefix) && time.Since(fi.ModTime()) > 24*time.Hour {
			os.RemoveAll(filepath.Join(root, e.Name()))
		}
	}
}

// mkdirs is os.MkdirAll that tells which folders it made, deepest first.
func mkdirs(dir string) (made []string, err error) {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		made = append(made, d)
	}
	return made, os.MkdirAll(dir, 0o755)
}

// removeEmpty removes the folders that are (still) empty.
func removeEmpty(dirs []string) {
	for _, d := range dirs {
		os.Remove(d)
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
