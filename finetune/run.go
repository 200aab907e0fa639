package finetune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// EpochResult is one epoch as result.json and checkpoints keep it.
type EpochResult struct {
	Epoch        int     `json:"epoch"` // from 1
	LearningRate float64 `json:"learning_rate"`
	TrainLoss    float64 `json:"train_loss"` // mean over the epoch, weights changing
	ValLoss      float64 `json:"val_loss"`
	ValAccuracy  float64 `json:"val_accuracy"`
}

// better says whether r is a better epoch than other: higher validation
// accuracy, or the same with a lower validation loss.
func (r EpochResult) better(other EpochResult) bool {
	if r.ValAccuracy != other.ValAccuracy {
		return r.ValAccuracy > other.ValAccuracy
	}
	return r.ValLoss < other.ValLoss
}

// Result is result.json: what a finished run gave. It holds no time, so that the
// same training gives the same bytes.
type Result struct {
	Tool            string        `json:"tool"`
	Backend         string        `json:"backend"`
	ModelDigest     string        `json:"model_digest"` // of the injected, untrained model
	DataDigest      string        `json:"data_digest"`
	ConfigDigest    string        `json:"config_digest"`
	FrozenDigest    string        `json:"frozen_digest"`    // of all frozen tensors
	FrozenUnchanged bool          `json:"frozen_unchanged"` // their digests are equal before and after
	Seed            uint64        `json:"seed"`
	Epochs          int           `json:"epochs"`
	Steps           int           `json:"steps"`
	BestEpoch       int           `json:"best_epoch"` // from 1: the one whose weights the run gives
	Parameters      Parameters    `json:"parameters"`
	Train           Metrics       `json:"train"` // of the best weights
	Val             Metrics       `json:"val"`
	Test            Metrics       `json:"test"` // N is 0 where there is no test split
	History         []EpochResult `json:"history"`

	// Seconds is the time of all sessions, from the run's log.
	Seconds float64 `json:"-"`
}

// Parameters counts the numbers in a model's floating-point tensors.
type Parameters struct {
	Trainable int64   `json:"trainable"`
	Total     int64   `json:"total"`
	Share     float64 `json:"share"` // Trainable / Total
}

// CountParameters counts the floating-point initialisers of m, and those that
// trainable chooses (nil: those under "aat/").
func CountParameters(m *graphsurgery.Model, trainable func(initializer string) bool) Parameters {
	if trainable == nil {
		trainable = underPrefix
	}
	p := Parameters{Trainable: m.Parameters(trainable), Total: m.Parameters(nil)}
	if p.Total > 0 {
		p.Share = float64(p.Trainable) / float64(p.Total)
	}
	return p
}

// Run is a finished training: a folder on disk and its result.
type Run struct {
	Dir      string
	Settings Settings
	Result   Result
	Train    Metrics // of the best weights, as in Result
	Val      Metrics
	Test     Metrics
}

func newRun(dir string, s Settings, r Result) *Run {
	return &Run{Dir: dir, Settings: s, Result: r, Train: r.Train, Val: r.Val, Test: r.Test}
}

// OpenRun reads a finished run's folder. Readers take no lock. The error is a
// [CheckpointError] where the folder holds no finished run.
func OpenRun(dir string) (*Run, error) {
	s, err := ReadSettings(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{dir: dir}
	var r Result
	err = f.readJSON(fileResult, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.unfinished()
	}
	if err != nil {
		return nil, err
	}
	if r.Seconds, err = loggedSeconds(f.path(fileLog)); err != nil {
		return nil, err
	}
	return newRun(dir, s, r), nil
}

// ReadSettings reads what the run in the folder dir was started with, whether it
// is finished or not. The error is a [CheckpointError] where there is no run.
func ReadSettings(dir string) (Settings, error) {
	var s Settings
	err := (&folder{dir: dir}).readJSON(fileConfig, &s)
	if errors.Is(err, fs.ErrNotExist) {
		return s, &CheckpointError{Path: dir, What: "holds no run: it has no " + fileConfig}
	}
	return s, err
}

// unfinished says why there is no result, and what helps.
func (f *folder) unfinished() error {
	message, err := loggedDivergence(f.path(fileLog))
	if err != nil {
		return err
	}
	if message != "" {
		return &CheckpointError{Path: f.dir, What: "holds a run without a result: " + message +
			"; to continue it would end there again, so start it again (Force) with a smaller learning rate"}
	}
	return &CheckpointError{Path: f.dir, What: "holds a run that is not finished: continue it first, or, where it cannot be continued, start it again (Force) with a smaller learning rate"}
}

// Model gives the injected model with the trained values of the best epoch
// written into it. The error is a [CheckpointError] where the folder's model or
// values are not those of the run.
func (r *Run) Model() (*graphsurgery.Model, error) {
	f := &folder{dir: r.Dir}
	m, err := f.loadModel(r.Settings)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(r.Dir, fileBest)
	best, err := readCheckpoint(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &CheckpointError{Path: path, What: "does not exist", Err: err}
	}
	if err != nil {
		return nil, err
	}
	if best.ModelDigest != r.Settings.ModelDigest || best.Best == nil || best.Best.Epoch != r.Result.BestEpoch {
		return nil, &CheckpointError{Path: path, What: "holds the values of another model or epoch than " + fileResult}
	}
	for _, t := range best.Tensors {
		shape := make([]int64, len(t.Shape))
		for i, d := range t.Shape {
			shape[i] = int64(d)
		}
		if err := m.SetInitializer(t.Name, graphsurgery.NewTensor(shape, t.Data)); err != nil {
			return nil, &CheckpointError{Path: path, What: "does not fit the model", Err: err}
		}
	}
	return m, nil
}

// loadModel reads the injected model and sees that it is the run's.
func (f *folder) loadModel(s Settings) (*graphsurgery.Model, error) {
	if !f.exists(fileModel) {
		return nil, &CheckpointError{Path: f.path(fileModel), What: "does not exist: the run folder is not whole"}
	}
	m, err := graphsurgery.Load(f.path(fileModel))
	if err != nil {
		return nil, err
	}
	if got := m.Digest(); got != s.ModelDigest {
		return nil, &CheckpointError{Path: f.path(fileModel), What: fmt.Sprintf("is not the model that the run was begun with: digest %s, want %s", got, s.ModelDigest)}
	}
	return m, nil
}

// finish measures the best weights on every split, sees that the frozen tensors
// kept their bits, and writes the result.
func (t *trainer) finish(ctx context.Context) (*Run, error) {
	after, err := t.engine.frozen()
	if err != nil {
		return nil, err
	}
	if !maps.Equal(t.frozen, after) {
		return nil, fmt.Errorf("finetune: frozen tensors changed during training; nothing was written to %s", fileResult)
	}
	if err := t.useBest(); err != nil {
		return nil, err
	}
	r := Result{
		Tool: t.cfg.Tool, Backend: t.settings.Backend, ModelDigest: t.settings.ModelDigest, DataDigest: t.settings.Data.Digest,
		ConfigDigest: t.position.ConfigDigest, FrozenDigest: frozenDigest(after), FrozenUnchanged: true, Seed: t.cfg.Seed,
		Epochs: t.position.Epoch, Steps: t.position.Step, BestEpoch: t.position.Best.Epoch,
		Parameters: CountParameters(t.model, t.cfg.Trainable), History: t.position.History,
	}
	for _, part := range []struct {
		split data.Split
		into  *Metrics
	}{{data.Train, &r.Train}, {data.Val, &r.Val}, {data.Test, &r.Test}} {
		if *part.into, err = t.measureSplit(ctx, part.split); err != nil {
			return nil, err
		}
	}
	if err := t.folder.writeJSON(fileResult, r); err != nil {
		return nil, err
	}
	if err := t.teller.tell(t.event(EventDone)); err != nil {
		return nil, err
	}
	return OpenRun(t.folder.dir)
}

// useBest puts the best epoch's values on the device. They are written again for
// [OpenRun], in case the process was killed in between.
func (t *trainer) useBest() error {
	byName := map[string]*namedTensor{}
	for i := range t.best {
		byName[t.best[i].Name] = &t.best[i]
	}
	err := t.engine.upload(func(name string) *namedTensor { return byName[name] }, func(p param) *model.Variable { return p.value })
	if err != nil {
		return err
	}
	return t.saveBest()
}

func (t *trainer) measureSplit(ctx context.Context, split data.Split) (Metrics, error) {
	items := t.set.Split(split)
	if len(items) == 0 {
		return Metrics{}, nil
	}
	m, err := measure(ctx, t.engine, items)
	if err != nil {
		return m, err
	}
	if !isFinite(m.Loss) {
		return m, t.note(&DivergedError{Step: t.position.Step, Epoch: t.position.Best.Epoch, Where: "the loss on the " + split.String() + " split"})
	}
	e := t.event(EventTest)
	e.Split, e.Epoch, e.Accuracy, e.Loss = split.String(), t.position.Best.Epoch, m.Accuracy, m.Loss
	return m, t.teller.tell(e)
}
