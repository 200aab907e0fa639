package finetune

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// trainer is a run in progress. position is its whole state beside the device's.
type trainer struct {
	folder   *folder
	cfg      Config
	set      *data.Set
	model    *graphsurgery.Model
	engine   *engine
	settings Settings
	teller   *teller
	batches  *data.Batcher
	val      []data.Item
	frozen   map[string]string // digests before training

	position checkpoint    // its Tensors are filled for saving only
	best     []namedTensor // values of position.Best's epoch
	saved    time.Time
	clean    bool // the newest checkpoint holds the position
}

func newTrainer(f *folder, m *graphsurgery.Model, set *data.Set, cfg Config) (*trainer, error) {
	p, err := connect(m, cfg.BatchSize, set.Frames, set.MelBins, set.Labels)
	if err != nil {
		return nil, err
	}
	if err := set.Check(); err != nil {
		return nil, err
	}
	t := &trainer{folder: f, cfg: cfg, set: set, model: m, val: set.Split(data.Val), saved: time.Now()}
	items := set.Split(data.Train)
	if len(items) == 0 || len(t.val) == 0 {
		return nil, &data.DataError{What: "training needs recordings in the train and the val split"}
	}
	if !p.fixed { // rows beyond the recordings would be padding in every step
		p.batch = min(p.batch, len(items))
	}
	t.batches = data.NewBatcher(items, p.batch, cfg.Seed)
	if t.engine, err = newEngine(m, p, cfg); err != nil {
		return nil, err
	}
	if err := t.identify(); err != nil {
		t.engine.close()
		return nil, err
	}
	return t, nil
}

// identify notes what the run is made of: settings and digests.
func (t *trainer) identify() (err error) {
	cfg := t.cfg
	t.settings = Settings{
		Tool: cfg.Tool, Recipe: cfg.recipe(), Backend: cfg.BackendName,
		ModelDigest: t.model.Digest(), Data: dataSettings(t.set),
	}
	for _, p := range t.engine.params {
		t.settings.Trainable = append(t.settings.Trainable, p.name)
	}
	t.position = checkpoint{
		Tool: cfg.Tool, ConfigDigest: t.settings.Recipe.digest(), ModelDigest: t.settings.ModelDigest, DataDigest: t.settings.Data.Digest,
	}
	if t.frozen, err = t.engine.frozen(); err != nil {
		return err
	}
	t.settings.FrozenDigest = frozenDigest(t.frozen)
	return nil
}

func (t *trainer) close() {
	t.engine.close()
	if t.teller != nil {
		_ = t.teller.log.Close() // every event was written on its own
	}
}

func (t *trainer) startLog(verb string, warnings ...string) error {
	path := t.folder.path(fileLog)
	before, err := loggedSeconds(path)
	if err != nil {
		return err
	}
	log, err := openLog(path)
	if err != nil {
		return err
	}
	t.teller = &teller{log: log, out: t.cfg.Progress, began: time.Now(), before: before}
	e := t.event(EventStart)
	e.Message = fmt.Sprintf("%s %s on %s with %s, from step %d of %d", verb,
		plural(len(t.engine.params), "tensor"), plural(t.set.Count(data.Train), "recording"), t.settings.Backend, e.Step, e.Steps)
	if err := t.teller.tell(e); err != nil {
		return err
	}
	for _, w := range warnings {
		if err := t.teller.tell(Event{Kind: EventWarning, Message: w}); err != nil {
			return err
		}
	}
	return nil
}

func (t *trainer) event(kind EventKind) Event {
	return Event{
		Kind: kind, Epoch: min(t.position.Epoch+1, t.cfg.Epochs), Epochs: t.cfg.Epochs,
		Step: t.position.Step, Steps: t.cfg.Epochs * t.batches.Len(),
	}
}

// run trains from the position to the end and measures the result.
func (t *trainer) run(ctx context.Context) (*Run, error) {
	for t.position.Epoch < t.cfg.Epochs {
		for t.position.Batch < t.batches.Len() {
			if err := t.stopIfAsked(ctx); err != nil {
				return nil, err
			}
			if err := t.step(); err != nil {
				return nil, err
			}
		}
		if err := t.endEpoch(ctx); err != nil {
			return nil, err
		}
	}
	return t.finish(ctx)
}

// stopIfAsked saves and gives the context's error once it has ended.
func (t *trainer) stopIfAsked(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	if !t.clean {
		if err := t.save(); err != nil {
			return err
		}
	}
	return fmt.Errorf("stopped after step %d, state saved in %s: %w", t.position.Step, t.folder.dir, ctx.Err())
}

// step does one optimiser step and saves where it is time to.
func (t *trainer) step() error {
	p := &t.position
	b := t.batches.Batch(p.Epoch, p.Batch)
	rate := t.cfg.learningRate(p.Epoch)
	begun := time.Now()
	r, err := t.engine.train(b, p.Step+1, rate)
	if err != nil {
		return err
	}
	if !r.finite() {
		return t.diverged(b)
	}
	p.Step++
	p.Batch++
	t.clean = false
	p.LossSum += r.loss * float64(len(b.Items))
	p.LossItems += len(b.Items)
	e := t.event(EventStep)
	e.Loss, e.GradNorm, e.Rate, e.PerStep = r.loss, r.gradNorm, rate, t.teller.worked(time.Since(begun))
	if err := t.teller.tell(e); err != nil {
		return err
	}
	due := t.cfg.CheckpointEvery > 0 && p.Step%t.cfg.CheckpointEvery == 0
	late := t.cfg.CheckpointInterval > 0 && time.Since(t.saved) >= t.cfg.CheckpointInterval
	if (due || late) && p.Batch < t.batches.Len() { // the end of an epoch saves anyway
		return t.save()
	}
	return nil
}

// diverged says what was the first to leave the finite numbers at the step after
// the position. The state on the device is spoilt; what is on disk is not.
func (t *trainer) diverged(b data.Batch) error {
	e := &DivergedError{Step: t.position.Step + 1, Epoch: t.position.Epoch + 1, Where: "the loss"}
	train := t.set.Split(data.Train)
	for _, i := range b.Items {
		if !allFinite(train[i].Features) {
			e.Where = "recording " + train[i].File
		}
	}
	if e.Where == "the loss" {
		for _, init := range t.model.Graph.Initializers() {
			if values, err := init.Float32s(); err == nil && !allFinite(values) {
				e.Where = "tensor " + init.Name()
				break
			}
		}
	}
	return t.note(e)
}

// note writes a divergence into the log and gives it back as an error.
func (t *trainer) note(e *DivergedError) error {
	return errors.Join(e, t.teller.tell(Event{Kind: EventWarning, Message: e.Error()}))
}

// endEpoch evaluates, notes the best values, moves to the next epoch, and saves.
func (t *trainer) endEpoch(ctx context.Context) error {
	p := &t.position
	m, err := measure(ctx, t.engine, t.val)
	if err != nil {
		if stop := t.stopIfAsked(ctx); stop != nil {
			return stop
		}
		return err
	}
	if !isFinite(m.Loss) {
		return t.note(&DivergedError{Step: p.Step, Epoch: p.Epoch + 1, Where: "the validation loss"})
	}
	r := EpochResult{
		Epoch: p.Epoch + 1, LearningRate: t.cfg.learningRate(p.Epoch), TrainLoss: p.LossSum / float64(p.LossItems),
		ValLoss: m.Loss, ValAccuracy: m.Accuracy,
	}
	p.History = append(p.History, r)
	improved := p.Best == nil || r.better(*p.Best)
	if improved {
		if t.best, err = t.engine.values(); err != nil {
			return err
		}
		p.Best = &r
		if err := t.saveBest(); err != nil {
			return err
		}
	}
	e := t.event(EventEpoch)
	e.Loss, e.ValLoss, e.Accuracy, e.Best, e.Rate = r.TrainLoss, r.ValLoss, r.ValAccuracy, improved, r.LearningRate
	p.Epoch, p.Batch, p.LossSum, p.LossItems = p.Epoch+1, 0, 0, 0
	if err := t.teller.tell(e); err != nil {
		return err
	}
	return t.save()
}
