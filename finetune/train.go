package finetune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

// Train trains the adapters and the head of an injected model on a set of
// recordings and gives the finished run. Everything is kept in the folder
// cfg.Out; see the package comment for its files. Nothing is written, and with
// Force no former run removed, before model, recordings and configuration are
// seen to fit.
//
// When ctx ends, the step under way is finished, the state is saved, and the
// error wraps ctx.Err(): continue with [Resume]. Other errors: [ConfigError], [LockedError],
// *atomicfile.ExistsError where Out holds a run and Force is not set,
// [DivergedError], [data.DataError], and [graphsurgery.UnsupportedError] for a
// model that cannot be trained so.
func Train(ctx context.Context, m *graphsurgery.Model, set *data.Set, cfg Config) (*Run, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	f, err := openFolder(cfg.Out)
	if err != nil {
		return nil, err
	}
	run, err := begin(ctx, f, m, set, cfg)
	if err != nil {
		f.undo()
	}
	return run, errors.Join(err, f.close())
}

// begin starts a run in a locked folder.
func begin(ctx context.Context, f *folder, m *graphsurgery.Model, set *data.Set, cfg Config) (*Run, error) {
	f.at = cfg.at
	former := f.exists(fileConfig)
	if former && !cfg.Force {
		return nil, &atomicfile.ExistsError{Path: f.path(fileConfig)}
	}
	t, err := newTrainer(f, m, set, cfg)
	if err != nil {
		return nil, err
	}
	defer t.close()
	tidy := f.sweep // a run killed before its configuration stood leaves only these
	if former {
		tidy = f.clear
	}
	if err := tidy(); err != nil {
		return nil, err
	}
	if err := m.SaveForce(f.path(fileModel)); err != nil {
		return nil, err
	}
	f.reached("model saved")
	if err := f.writeJSON(fileConfig, t.settings); err != nil {
		return nil, err
	}
	f.reached("config saved")
	if err := t.startLog("training"); err != nil {
		return nil, err
	}
	if err := t.save(); err != nil {
		return nil, err
	}
	return t.run(ctx)
}

// Resume continues the run in the folder dir, from its newest valid checkpoint,
// to the same bits that it would have reached without a stop (on a backend that
// computes the same bits twice: go and xla:cpu do). set must be the recordings
// it was begun with. Fields of cfg that are zero are the run's; others must
// agree with it. Out and Force are ignored. A finished run is given back as it is.
//
// The error is a [CheckpointError] where there is no run, every checkpoint is
// damaged, or model, recordings or configuration are not those of the run. A
// damaged newest checkpoint alone is a warning: training goes on from the one
// before it.
func Resume(ctx context.Context, dir string, set *data.Set, cfg Config) (*Run, error) {
	if _, err := os.Stat(filepath.Join(dir, fileConfig)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &CheckpointError{Path: dir, What: "holds no run to continue: it has no " + fileConfig}
		}
		return nil, err
	}
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	run, err := carryOn(ctx, f, set, cfg)
	return run, errors.Join(err, f.close())
}

// carryOn continues the run in a locked folder.
func carryOn(ctx context.Context, f *folder, set *data.Set, cfg Config) (*Run, error) {
	f.at = cfg.at
	s, err := ReadSettings(f.dir)
	if err != nil {
		return nil, err
	}
	if err := s.Recipe.apply(&cfg); err != nil {
		return nil, &CheckpointError{Path: f.dir, What: "was begun with another configuration", Err: err}
	}
	finished := f.exists(fileResult)
	cfg.Out = f.dir
	cfg = s.Recipe.fill(cfg.withDefaults())
	if err := cfg.validate(); err != nil && !finished {
		return nil, err
	}
	m, err := f.loadModel(s)
	if err != nil {
		return nil, err
	}
	if got := set.Digest(); got != s.Data.Digest {
		return nil, &CheckpointError{Path: f.dir, What: fmt.Sprintf("was begun with other recordings, splits or labels (%s): got %s with digest %s, want %s", s.Data.Source, set.Source, got, s.Data.Digest)}
	}
	if finished {
		return OpenRun(f.dir)
	}
	return goOn(ctx, f, m, set, cfg, s)
}

// goOn trains from the newest valid state of a run that is seen to be this one.
func goOn(ctx context.Context, f *folder, m *graphsurgery.Model, set *data.Set, cfg Config, s Settings) (*Run, error) {
	saved, warnings, err := f.newest()
	if err != nil {
		return nil, err
	}
	if err := f.tidy(); err != nil {
		return nil, err
	}
	t, err := newTrainer(f, m, set, cfg)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if t.settings.FrozenDigest != s.FrozenDigest {
		return nil, &CheckpointError{Path: f.dir, What: fmt.Sprintf("was begun with other frozen tensors: digest %s, want %s", t.settings.FrozenDigest, s.FrozenDigest)}
	}
	if s.Backend != t.settings.Backend {
		warnings = append(warnings, fmt.Sprintf("the run was begun on %s and continues on %s: the bits will differ", s.Backend, t.settings.Backend))
	}
	if saved != nil {
		if err := t.restore(saved); err != nil {
			return nil, err
		}
	}
	if err := t.startLog("continuing", warnings...); err != nil {
		return nil, err
	}
	return t.run(ctx)
}
