package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/aat-onnx/aat-onnx/audio"
	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	"github.com/aat-onnx/aat-onnx/internal/ort"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

// Exit codes, one meaning each; docs/errors.md is their reference.
const (
	exitOK          = 0
	exitUnexpected  = 1
	exitUsage       = 2
	exitPartial     = 3
	exitModel       = 10
	exitLocked      = 11
	exitUnsupported = 12
	exitIO          = 13
	exitCheckpoint  = 14
	exitData        = 15
	exitDownload    = 16
	exitMismatch    = 17
	exitDiverged    = 20
	exitInterrupted = 130
)

const exitCodes = `Exit codes:
  0 ok                      1 unexpected error          2 wrong usage
  3 done, some input was skipped and reported
  10 model broken           11 run folder in use        12 model valid but unsupported
  13 disk full or I/O       14 checkpoint unusable      15 data unusable
  16 download or digest     17 runtimes or models disagree        20 training diverged
  130, 143 interrupted (state saved)`

// usageError is a wrong command line.
type usageError struct{ what, hint string }

func (e *usageError) Error() string { return e.what }

func usage(what, hint string) error { return &usageError{what, hint} }

// mismatchError says that two runtimes gave different answers.
type mismatchError struct {
	what   string
	report export.Report
}

func (e *mismatchError) Error() string { return e.what }

// finish prints the error of a command, if any, and gives the exit code.
func (a *app) finish(ctx context.Context, err error) int {
	if err == nil {
		if a.partial {
			return exitPartial
		}
		return exitOK
	}
	var sig signalError
	if errors.As(context.Cause(ctx), &sig) && errors.Is(err, context.Canceled) {
		err = sig
	}
	code, hints := classify(err)
	if code > 128 && a.saved != "" {
		hints = []string{a.saved}
	}
	var nonconform *nonconformError
	if a.json && errors.As(err, &nonconform) {
		return code // the result is the one JSON object
	}
	if a.json {
		object := map[string]any{"code": code, "message": oneLine(err.Error()), "hints": hints}
		var mismatch *mismatchError
		if errors.As(err, &mismatch) {
			object["report"] = mismatch.report
		}
		var broken *brokenError
		if errors.As(err, &broken) {
			object["report"] = broken.report
		}
		if werr := a.printJSON(map[string]any{"error": object}); werr != nil {
			fmt.Fprintf(a.stderr, "error: %s\n", oneLine(err.Error()))
		}
		return code
	}
	fmt.Fprintf(a.stderr, "error: %s\n", oneLine(err.Error()))
	for _, h := range hints[:min(2, len(hints))] {
		fmt.Fprintf(a.stderr, "hint: %s\n", h)
	}
	return code
}

// classify maps an error to its exit code and to hints that name the next step.
func classify(err error) (code int, hints []string) {
	hint := func(h string) []string {
		if h == "" {
			return []string{}
		}
		return []string{h}
	}
	var (
		sig         signalError
		use         *usageError
		exists      *atomicfile.ExistsError
		unsupported *graphsurgery.UnsupportedError
		format      *graphsurgery.FormatError
		badAudio    *audio.FormatError
		otherAudio  *audio.UnsupportedError
		badData     *data.DataError
		checkpoint  *finetune.CheckpointError
		diverged    *finetune.DivergedError
		locked      *finetune.LockedError
		download    *pjrt.DownloadError
		spec        *pjrt.SpecError
		config      *finetune.ConfigError
		probe       *pjrt.ProbeError
		noORT       *ort.NotFoundError
		mismatch    *mismatchError
		broken      *brokenError
		difference  *differenceError
		nonconform  *nonconformError
		errno       syscall.Errno
		pathErr     *fs.PathError
	)
	switch {
	case errors.As(err, &sig):
		return 128 + int(sig.sig), []string{}
	case errors.As(err, &use):
		return exitUsage, hint(use.hint)
	case errors.As(err, &spec):
		return exitUsage, []string{"see 'aat-onnx backend list'"}
	case errors.As(err, &config):
		return exitUsage, []string{"see 'aat-onnx train --help'"}
	case errors.As(err, &exists) && filepath.Base(exists.Path) == "config.json":
		return exitUsage, []string{"continue that run with --resume, or start again with --force, which deletes it"}
	case errors.As(err, &exists):
		return exitUsage, []string{"choose another name, or add --force to replace it"}
	case errors.As(err, &unsupported):
		return exitUnsupported, hint(unsupported.Hint)
	case errors.As(err, &format), errors.As(err, &broken):
		return exitModel, []string{}
	case errors.As(err, &locked):
		return exitLocked, []string{"wait for that process, or give another -o folder"}
	case errors.As(err, &checkpoint):
		return exitCheckpoint, []string{}
	case errors.As(err, &diverged):
		return exitDiverged, []string{"try a smaller --lr; the last finite state is kept"}
	case errors.As(err, &badData):
		return exitData, hint(badData.Hint)
	case errors.As(err, &badAudio), errors.As(err, &otherAudio):
		return exitData, []string{}
	case errors.As(err, &download):
		return exitDownload, hint(download.Hint)
	case errors.As(err, &probe):
		return exitDownload, []string{"fetch it again with 'aat-onnx backend install cpu --force'"}
	case errors.As(err, &noORT):
		return exitDownload, hint(noORT.Hint)
	case errors.As(err, &mismatch), errors.As(err, &difference), errors.As(err, &nonconform):
		return exitMismatch, []string{}
	case errors.Is(err, syscall.ENOSPC):
		return exitIO, []string{"free some space, or write to another disk"}
	case errors.Is(err, fs.ErrPermission):
		return exitIO, []string{"check the permissions of the file and of its folder"}
	case errors.Is(err, fs.ErrNotExist):
		return exitIO, []string{"check the path: is the name right, and is its folder there"}
	case errors.As(err, &pathErr), errors.As(err, &errno):
		return exitIO, []string{"check the path, and that the disk can be read and written"}
	case strings.HasPrefix(err.Error(), "unknown command"), strings.HasPrefix(err.Error(), "unknown flag"):
		return exitUsage, []string{"see 'aat-onnx help'"}
	}
	return exitUnexpected, []string{"this should not happen: please report it with the command line and the files' sizes"}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// printJSON writes one indented JSON object to standard output.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}
