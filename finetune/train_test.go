package finetune

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/google/go-cmp/cmp"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

func TestTrainingLearns(t *testing.T) {
	onEach(t, func(t *testing.T, b compute.Backend) {
		cfg := quick(b, t.TempDir())
		cfg.Epochs = 8
		run := train(t, cfg)
		r := run.Result
		if r.Val.Accuracy < 0.95 || r.Test.Accuracy < 0.95 || r.Train.Accuracy < 0.95 {
			t.Errorf("accuracy %v train, %v val, %v test, want at least 0.95", r.Train.Accuracy, r.Val.Accuracy, r.Test.Accuracy)
		}
		if first, last := r.History[0].TrainLoss, r.History[7].TrainLoss; last > first/2 {
			t.Errorf("training loss went from %v to %v, want less than half", first, last)
		}
		if r.Epochs != 8 || r.Steps != 8*7 || len(r.History) != 8 {
			t.Errorf("%d epochs, %d steps, %d in history, want 8, 56, 8", r.Epochs, r.Steps, len(r.History))
		}
		if !r.FrozenUnchanged || r.FrozenDigest != run.Settings.FrozenDigest || r.FrozenDigest == "" {
			t.Errorf("frozen tensors: unchanged %v, digest %q, at the start %q", r.FrozenUnchanged, r.FrozenDigest, run.Settings.FrozenDigest)
		}
		want := Parameters{Trainable: 16*4 + 4 + 4*16 + 16 + 16*3 + 3, Total: 12*16 + 16 + 199}
		want.Share = float64(want.Trainable) / float64(want.Total)
		if r.Parameters != want {
			t.Errorf("parameters %+v, want %+v", r.Parameters, want)
		}
	})
}

// The model of a run is the injected one with the best epoch's values: it gives
// the run's own accuracy and loss, and its frozen tensors have their bytes.
func TestRunModelHoldsTheBestValues(t *testing.T) {
	onEach(t, func(t *testing.T, b compute.Backend) {
		run := train(t, quick(b, t.TempDir()))
		m, err := run.Model()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Evaluate(context.Background(), m, toySet(90), toySet(90).Split(data.Val), b)
		if err != nil {
			t.Fatal(err)
		}
		// Another batch size, so another order of float32 sums in the backend.
		if got.Accuracy != run.Val.Accuracy || math.Abs(got.Loss-run.Val.Loss) > 1e-5 {
			t.Errorf("the model gives %v, the run %v", got, run.Val)
		}
		before := mlp(t)
		for _, was := range before.Graph.Initializers() {
			is := m.Graph.Initializer(was.Name())
			x, err1 := was.Digest()
			y, err2 := is.Digest()
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			if same, frozen := x == y, !strings.HasPrefix(was.Name(), "aat/"); same != frozen {
				t.Errorf("%s: unchanged is %v, frozen is %v", was.Name(), same, frozen)
			}
		}
	})
}

func TestSameSeedSameBits(t *testing.T) {
	onEach(t, func(t *testing.T, b compute.Backend) {
		one, two, other := t.TempDir(), t.TempDir(), t.TempDir()
		train(t, quick(b, one))
		train(t, quick(b, two))
		for _, name := range []string{fileConfig, fileModel, fileCheckpoint, fileBest, fileResult} {
			if readFile(t, one, name) != readFile(t, two, name) {
				t.Errorf("%s differs between two runs with one seed", name)
			}
		}
		cfg := quick(b, other)
		cfg.Seed++
		train(t, cfg)
		if readFile(t, one, fileBest) == readFile(t, other, fileBest) {
			t.Error("another seed gives the same values")
		}
	})
}

// stopAt ends the context after so many steps.
type stopAt struct {
	step   int
	cancel context.CancelFunc
	seen   []Event
}

func (s *stopAt) Report(e Event) {
	s.seen = append(s.seen, e)
	if e.Kind == EventStep && e.Step == s.step {
		s.cancel()
	}
}

// Stopped after step k and continued, a run ends with the bits of one that was
// never stopped: at the first step, in the middle of an epoch, at its end, and
// just before the last. (Engineering reference, R4 and R18.)
func TestResumeEqualsStraight(t *testing.T) {
	onEach(t, func(t *testing.T, b compute.Backend) {
		straight := t.TempDir()
		train(t, quick(b, straight))
		last := finalState(t, straight).Step
		for _, k := range []int{1, 10, 14, last - 1, last} {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			cfg := quick(b, dir)
			cfg.Progress = &stopAt{step: k, cancel: cancel}
			if _, err := Train(ctx, mlp(t), toySet(90), cfg); !errors.Is(err, context.Canceled) {
				t.Fatalf("stopped at step %d: error %v, want %v", k, err, context.Canceled)
			}
			if got := finalState(t, dir).Step; got != k {
				t.Errorf("stopped at step %d, the state is of step %d", k, got)
			}
			if _, err := OpenRun(dir); err == nil {
				t.Error("a run that is not finished opens")
			}
			if _, err := Resume(context.Background(), dir, toySet(90), Config{Backend: b, CheckpointInterval: -1}); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{fileCheckpoint, fileBest, fileResult} {
				if readFile(t, straight, name) != readFile(t, dir, name) {
					t.Errorf("stopped at step %d and continued: %s differs from the straight run's", k, name)
				}
			}
		}
	})
}

// The negative control of the above: without the position in the data, the bits
// differ, so the comparison can tell.
func TestResumeNeedsThePosition(t *testing.T) {
	straight, dir := t.TempDir(), t.TempDir()
	b := goBackend(t)
	train(t, quick(b, straight))
	ctx, cancel := context.WithCancel(context.Background())
	cfg := quick(b, dir)
	cfg.Progress = &stopAt{step: 10, cancel: cancel}
	if _, err := Train(ctx, mlp(t), toySet(90), cfg); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	c := finalState(t, dir)
	c.Batch = 0
	if err := (&folder{dir: dir}).save(c); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(context.Background(), dir, toySet(90), Config{Backend: b}); err != nil {
		t.Fatal(err)
	}
	got, want := finalState(t, dir), finalState(t, straight)
	if cmp.Diff(want.Tensors, got.Tensors, bits) == "" {
		t.Error("a run that repeats batches ends with the same bits")
	}
}

func TestDivergenceStopsBeforeSaving(t *testing.T) {
	nan := float32(math.NaN())
	poisoned := toySet(90)
	train := poisoned.Split(data.Train)
	train[5].Features[7] = nan // shares its backing array with the set's item
	frozenNaN := mlp(t)
	w := frozenNaN.Graph.Initializer("base/w")
	values, err := w.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	values[3] = nan
	if err := frozenNaN.SetInitializer("base/w", graphsurgery.NewTensor(w.Shape(), values)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		model *graphsurgery.Model
		set   *data.Set
		rate  float64
		where string
	}{
		{"learning rate 1e6", mlp(t), toySet(90), 1e6, ""},
		{"poisoned recording", mlp(t), poisoned, 0.02, "recording " + train[5].File},
		{"poisoned weight", frozenNaN, toySet(90), 0.02, "tensor base/w"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b compute.Backend) {
				cfg := quick(b, t.TempDir())
				cfg.LearningRate, cfg.CheckpointEvery = c.rate, 1
				_, err := Train(context.Background(), c.model, c.set, cfg)
				var de *DivergedError
				if !errors.As(err, &de) || de.Where != c.where && c.where != "" || de.Where == "" || de.Step < 1 {
					t.Fatalf("error %v, want a DivergedError about %q", err, c.where)
				}
				if !strings.Contains(readFile(t, cfg.Out, fileLog), de.Error()) {
					t.Error("the log does not tell of it")
				}
				for _, name := range []string{fileCheckpoint, filePrevious} {
					s, err := readCheckpoint(filepath.Join(cfg.Out, name))
					if errors.Is(err, os.ErrNotExist) && name == filePrevious {
						continue
					}
					if err != nil || s.firstNonFinite() != "" || s.Step >= de.Step {
						t.Errorf("%s: %v, step %d, first bad tensor %q; want a finite state before step %d", name, err, s.Step, s.firstNonFinite(), de.Step)
					}
				}
			})
		})
	}
}

func TestTrainRefusals(t *testing.T) {
	b := goBackend(t)
	ctx := context.Background()
	done := t.TempDir()
	train(t, quick(b, done))
	locked := lockedFolder(t)
	otherLabels := toySet(90)
	otherLabels.Labels = []string{"x", "y", "z"}
	wide := toySet(90)
	wide.MelBins = 4
	noVal := toySet(90)
	for i := range noVal.Items {
		noVal.Items[i].Split = data.Train
	}
	cfg := func(change func(*Config)) Config {
		c := quick(b, filepath.Join(t.TempDir(), "run"))
		change(&c)
		return c
	}
	for _, c := range []struct {
		name string
		set  *data.Set
		cfg  Config
		want string
	}{
		{"a run is there", toySet(90), cfg(func(c *Config) { c.Out = done }), filepath.Join(done, fileConfig) + " exists already"},
		{"locked", toySet(90), cfg(func(c *Config) { c.Out = locked.dir }), "run folder " + locked.dir + " is in use by process "},
		{"no folder", toySet(90), cfg(func(c *Config) { c.Out = "" }), "the run folder is empty, want the path of a folder"},
		{"no backend", toySet(90), cfg(func(c *Config) { c.Backend = nil }), "the backend is nil, want an open backend"},
		{"bad rate", toySet(90), cfg(func(c *Config) { c.LearningRate = -1 }), "the learning rate is -1, want a positive number"},
		{"bad batch", toySet(90), cfg(func(c *Config) { c.BatchSize = -3 }), "the batch size is -3, want at least 1"},
		{"bad decay", toySet(90), cfg(func(c *Config) { c.Decay = 1.5 }), "the factor on the learning rate is 1.5, want a number above 0, at most 1"},
		{"other labels", otherLabels, cfg(func(*Config) {}), `the recordings have the labels ["x" "y" "z"], the model has ["low" "middle" "high"]`},
		{"other front end", wide, cfg(func(*Config) {}), "want float32 features [batch, frames, mels] = [batch, 4, 4]"},
		{"no val", noVal, cfg(func(*Config) {}), "training needs recordings in the train and the val split"},
		{"nothing to train", toySet(90), cfg(func(c *Config) { c.Trainable = func(string) bool { return false } }), "the model has nothing to train"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Train(ctx, mlp(t), c.set, c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	var exists *atomicfile.ExistsError
	if _, err := Train(ctx, mlp(t), toySet(90), quick(b, done)); !errors.As(err, &exists) {
		t.Errorf("error %v, want an ExistsError", err)
	}
	again := quick(b, done)
	again.Force, again.Epochs = true, 2
	if run := train(t, again); run.Result.Epochs != 2 {
		t.Errorf("with Force the run has %d epochs, want 2", run.Result.Epochs)
	}
}

func TestResumeRefusals(t *testing.T) {
	b := goBackend(t)
	stopped := func() string {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		cfg := quick(b, dir)
		cfg.Progress = &stopAt{step: 10, cancel: cancel}
		if _, err := Train(ctx, mlp(t), toySet(90), cfg); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		return dir
	}
	edit := func(dir, name, old, new string) string {
		text := strings.Replace(readFile(t, dir, name), old, new, 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	allDamaged := stopped()
	for _, name := range []string{fileCheckpoint, filePrevious} {
		if err := os.WriteFile(filepath.Join(allDamaged, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		dir  string
		set  *data.Set
		cfg  Config
		want string
	}{
		{"no run", t.TempDir(), toySet(90), Config{}, "holds no run to continue: it has no config.json"},
		{"other epochs", stopped(), toySet(90), Config{Epochs: 9}, "was begun with another configuration: setting Epochs is 9, the run has 4"},
		{"other recordings", stopped(), toySet(93), Config{}, "was begun with other recordings, splits or labels (toy)"},
		{"other model", edit(stopped(), fileModel, "gen_mlp.py", "gen_abc.py"), toySet(90), Config{}, "is not the model that the run was begun with"},
		{"broken config", edit(stopped(), fileConfig, "{", "["), toySet(90), Config{}, "is not readable JSON"},
		{"edited config", edit(stopped(), fileConfig, `"learning_rate": 0.02`, `"learning_rate": 0.03`), toySet(90), Config{}, "belongs to another configuration"},
		{"all damaged", allDamaged, toySet(90), Config{}, "is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Backend = b
			_, err := Resume(context.Background(), c.dir, c.set, c.cfg)
			var ce *CheckpointError
			if !errors.As(err, &ce) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want a CheckpointError with %q", err, c.want)
			}
		})
	}
}

// A damaged newest checkpoint costs the steps since the one before it, not the
// run: the end has the same bits, and a warning says what happened.
func TestResumeFromTheFormerCheckpoint(t *testing.T) {
	b := goBackend(t)
	straight, dir := t.TempDir(), t.TempDir()
	train(t, quick(b, straight))
	ctx, cancel := context.WithCancel(context.Background())
	cfg := quick(b, dir)
	cfg.CheckpointEvery = 2
	cfg.Progress = &stopAt{step: 11, cancel: cancel}
	if _, err := Train(ctx, mlp(t), toySet(90), cfg); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, fileCheckpoint), 1000); err != nil {
		t.Fatal(err)
	}
	watch := &stopAt{step: -1}
	if _, err := Resume(context.Background(), dir, toySet(90), Config{Backend: b, Progress: watch, CheckpointInterval: -1}); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(watch.seen, func(e Event) bool {
		return e.Kind == EventWarning && strings.Contains(e.Message, fileCheckpoint+": is damaged")
	})
	if i < 0 || watch.seen[0].Step != 10 {
		t.Errorf("no warning about the damaged file, or not continued from step 10: %+v", watch.seen[:2])
	}
	if readFile(t, straight, fileResult) != readFile(t, dir, fileResult) || readFile(t, straight, fileCheckpoint) != readFile(t, dir, fileCheckpoint) {
		t.Error("the result differs from the straight run's")
	}
}

func TestResumeOfAFinishedRunGivesIt(t *testing.T) {
	b := goBackend(t)
	dir := t.TempDir()
	want := train(t, quick(b, dir))
	got, err := Resume(context.Background(), dir, toySet(90), Config{Backend: b})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Result, got.Result); diff != "" {
		t.Errorf("result differs (-want +got):\n%s", diff)
	}
}

// The log tells the run in order, and each line is an event with its time.
func TestLog(t *testing.T) {
	dir := t.TempDir()
	run := train(t, quick(goBackend(t), dir))
	counts := map[EventKind]int{}
	last := 0.0
	for line := range strings.Lines(readFile(t, dir, fileLog)) {
		var e struct {
			Time string
			Event
		}
		dec := json.NewDecoder(bytes.NewReader([]byte(line)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&e); err != nil || e.Time == "" {
			t.Fatalf("line %q: %v", line, err)
		}
		counts[e.Kind]++
		last = e.Seconds
	}
	want := map[EventKind]int{EventStart: 1, EventStep: 28, EventEpoch: 4, EventCheckpoint: 5, EventTest: 3, EventDone: 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if run.Result.Seconds <= 0 || math.Abs(run.Result.Seconds-last) > 1e-9 {
		t.Errorf("the run took %v s, its log ends at %v s", run.Result.Seconds, last)
	}
}

// Labels that have nothing to do with the recordings: the run ends, and its
// numbers say in words that they are chance. (Engineering reference, R16.)
func TestShuffledLabelsAreCalledChance(t *testing.T) {
	set := toySet(150)
	rng := rand.New(rand.NewPCG(8, 9))
	for i := range set.Items {
		set.Items[i].Label = rng.IntN(3)
	}
	run, err := Train(context.Background(), mlp(t), set, quick(goBackend(t), t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if text := run.Test.String(); !strings.Contains(text, "not distinguishable from always answering the most frequent label") {
		t.Errorf("the result does not say that it is chance: %s", text)
	}
}

// remover takes the run folder away after a step.
type remover struct {
	dir  string
	step int
}

func (r remover) Report(e Event) {
	if e.Kind == EventStep && e.Step == r.step {
		_ = os.RemoveAll(r.dir)
	}
}

// The folder removed under a training: a clear error of the system, no panic,
// and nothing comes back into being. (Engineering reference, R22.)
func TestFolderRemovedWhileTraining(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cfg := quick(goBackend(t), dir)
	cfg.CheckpointEvery, cfg.Progress = 1, remover{dir, 3}
	_, err := Train(context.Background(), mlp(t), toySet(90), cfg)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), fileCheckpoint) {
		t.Errorf("error %v, want one about %s that does not exist", err, fileCheckpoint)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is there again (%v)", err)
	}
}
