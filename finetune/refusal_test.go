package finetune

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/google/go-cmp/cmp"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if e.Name() != fileLock {
			files[e.Name()] = readFile(t, dir, e.Name())
		}
	}
	return files
}

// Whatever is refused with Force set, the former run stays whole.
func TestRefusedForceLeavesTheFormerRun(t *testing.T) {
	b := goBackend(t)
	dir := t.TempDir()
	train(t, quick(b, dir))
	want := filesIn(t, dir)
	wide := toySet(90)
	wide.MelBins = 4
	empty := toySet(0)
	for name, c := range map[string]struct {
		set    *data.Set
		change func(*Config)
	}{
		"other front end":  {wide, func(*Config) {}},
		"no recordings":    {empty, func(*Config) {}},
		"bad rate":         {toySet(90), func(c *Config) { c.LearningRate = -1 }},
		"nothing to train": {toySet(90), func(c *Config) { c.Trainable = func(string) bool { return false } }},
	} {
		cfg := quick(b, dir)
		cfg.Force = true
		c.change(&cfg)
		if _, err := Train(context.Background(), mlp(t), c.set, cfg); err == nil {
			t.Errorf("%s: not refused", name)
		}
		if diff := cmp.Diff(want, filesIn(t, dir)); diff != "" {
			t.Errorf("%s: the former run changed:\n%s", name, diff)
		}
	}
	if _, err := OpenRun(dir); err != nil {
		t.Error(err)
	}
}

// A training that failed before its configuration was written leaves no folder
// that it made itself, and whatever was in one that it found.
func TestRefusedTrainLeavesNoFolder(t *testing.T) {
	b := goBackend(t)
	wide := toySet(90)
	wide.MelBins = 4
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := Train(context.Background(), mlp(t), wide, quick(b, dir)); err == nil {
		t.Fatal("not refused")
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is there (%v)", err)
	}
	found := t.TempDir()
	if _, err := Train(context.Background(), mlp(t), wide, quick(b, found)); err == nil {
		t.Fatal("not refused")
	}
	if _, err := os.Lstat(found); err != nil {
		t.Error(err)
	}
}

// What a failed save wrote before the configuration goes with the folder, other
// files and a begun run stay.
func TestUndo(t *testing.T) {
	for _, c := range []struct {
		file string
		left bool
	}{{fileModel, false}, {fileConfig, true}, {"notes.txt", true}} {
		f, err := openFolder(filepath.Join(t.TempDir(), "run"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.path(c.file), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
		f.undo()
		if err := f.close(); err != nil {
			t.Error(err)
		}
		if f.exists(c.file) != c.left || f.exists(".") != c.left {
			t.Errorf("%s is left: %v, its folder: %v, want %v", c.file, f.exists(c.file), f.exists("."), c.left)
		}
	}
}

func TestConfigError(t *testing.T) {
	b := goBackend(t)
	for field, change := range map[string]func(*Config){
		"Epochs":          func(c *Config) { c.Epochs = -1 },
		"BatchSize":       func(c *Config) { c.BatchSize = -1 },
		"LearningRate":    func(c *Config) { c.LearningRate = math.NaN() },
		"WeightDecay":     func(c *Config) { c.WeightDecay = math.Inf(1) },
		"Beta1":           func(c *Config) { c.Beta1 = 1 },
		"Beta2":           func(c *Config) { c.Beta2 = 2 },
		"Epsilon":         func(c *Config) { c.Epsilon = -1 },
		"DecayFrom":       func(c *Config) { c.DecayFrom = -1 },
		"Decay":           func(c *Config) { c.Decay = 2 },
		"CheckpointEvery": func(c *Config) { c.CheckpointEvery = -1 },
		"Backend":         func(c *Config) { c.Backend = nil },
		"Out":             func(c *Config) { c.Out = "" },
	} {
		cfg := quick(b, "never made")
		change(&cfg)
		_, err := Train(context.Background(), mlp(t), toySet(9), cfg)
		var ce *ConfigError
		if !errors.As(err, &ce) || ce.Field != field || strings.Contains(err.Error(), "Config") || strings.Contains(err.Error(), "the field") {
			t.Errorf("%s: error %v, want a ConfigError that names it in words", field, err)
		}
	}
}

// The digest is of the device's bytes: spoiling a copy on the host does not change
// it. The backend here shares memory with the host, so the copy is made first.
func TestFrozenDigestIsOfTheDevice(t *testing.T) {
	b := goBackend(t)
	m := mlp(t)
	p, err := connect(m, 8, 4, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEngine(m, p, Config{Backend: b, BatchSize: 8}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	want, err := e.frozen()
	if err != nil || len(want) == 0 {
		t.Fatalf("digests %v (%v)", want, err)
	}
	for v := range e.store.IterVariables() {
		if _, frozen := want[v.Path()]; !frozen {
			continue
		}
		x, err := v.MustValue().LocalClone()
		if err != nil {
			t.Fatal(err)
		}
		if err := v.SetValue(x); err != nil {
			t.Fatal(err)
		}
		if err := x.MaterializeOnDevice(b, false, 0); err != nil {
			t.Fatal(err)
		}
		if !x.HasLocal() {
			t.Fatal("there is no copy on the host to spoil")
		}
		if err := tensors.ConstFlatData(x, func(flat []float32) { flat[0]++ }); err != nil {
			t.Fatal(err)
		}
	}
	got, err := e.frozen()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the digests follow the host's copies:\n%s", diff)
	}
}

func TestReadSettings(t *testing.T) {
	b := goBackend(t)
	dir := t.TempDir()
	set := toySet(90)
	set.SplitHere, set.SplitSeed = true, 1<<63+1
	ctx, cancel := context.WithCancel(context.Background())
	cfg := quick(b, dir)
	cfg.Progress = &stopAt{step: 3, cancel: cancel}
	if _, err := Train(ctx, mlp(t), set, cfg); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s, err := ReadSettings(dir)
	if err != nil || !s.Data.SplitHere || s.Data.SplitSeed != 1<<63+1 || s.Recipe.BatchSize != 8 {
		t.Errorf("settings %+v (%v)", s, err)
	}
	var ce *CheckpointError
	if _, err := ReadSettings(t.TempDir()); !errors.As(err, &ce) {
		t.Errorf("error %v, want a CheckpointError", err)
	}
}

func TestResumeOfAFinishedRunChecks(t *testing.T) {
	b := goBackend(t)
	dir := t.TempDir()
	run := train(t, quick(b, dir))
	var ce *CheckpointError
	_, err := Resume(context.Background(), dir, toySet(93), Config{Backend: b})
	if !errors.As(err, &ce) || !strings.Contains(err.Error(), "was begun with other recordings") {
		t.Errorf("other recordings: error %v, want a CheckpointError", err)
	}
	if err := os.Remove(filepath.Join(dir, fileModel)); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(context.Background(), dir, toySet(90), Config{Backend: b}); !errors.As(err, &ce) || !strings.HasSuffix(ce.Path, fileModel) {
		t.Errorf("no model: error %v, want a CheckpointError about it", err)
	}
	if _, err := run.Model(); !errors.As(err, &ce) || !strings.HasSuffix(ce.Path, fileModel) {
		t.Errorf("no model: error %v, want a CheckpointError about it", err)
	}
}

// Who opens a diverged run is told so, and not sent to continue it.
func TestOpenRunTellsOfDivergence(t *testing.T) {
	set := toySet(90)
	set.Split(data.Train)[5].Features[7] = float32(math.NaN())
	dir := t.TempDir()
	_, err := Train(context.Background(), mlp(t), set, quick(goBackend(t), dir))
	var de *DivergedError
	if !errors.As(err, &de) {
		t.Fatalf("error %v, want a DivergedError", err)
	}
	_, err = OpenRun(dir)
	var ce *CheckpointError
	if !errors.As(err, &ce) || !strings.Contains(err.Error(), de.Error()) || !strings.Contains(err.Error(), "Force") || strings.Contains(err.Error(), "continue it first") {
		t.Errorf("error %v, want a CheckpointError that tells of %q and of Force", err, de)
	}
}

// A batch far larger than the training split costs no more than the split, and
// trains to the bits of a batch of just its size.
func TestBatchIsCappedAtTheRecordings(t *testing.T) {
	onEach(t, func(t *testing.T, b compute.Backend) {
		n := toySet(90).Count(data.Train)
		var states []*checkpoint
		for _, size := range []int{n, math.MaxInt32} {
			cfg := quick(b, t.TempDir())
			cfg.BatchSize = size
			if run := train(t, cfg); run.Settings.Recipe.BatchSize != size {
				t.Errorf("the run keeps batch size %d, want %d", run.Settings.Recipe.BatchSize, size)
			}
			states = append(states, finalState(t, cfg.Out))
		}
		if diff := cmp.Diff(states[0].Tensors, states[1].Tensors, bits); diff != "" {
			t.Errorf("tensors differ:\n%s", diff)
		}
	})
}

func TestEvaluateUsesTheSetsLabels(t *testing.T) {
	b := goBackend(t)
	set := toySet(30)
	swapped := toySet(30)
	swapped.Labels = []string{"high", "middle", "low"}
	var de *data.DataError
	if _, err := Evaluate(context.Background(), mlp(t), swapped, swapped.Items, b); !errors.As(err, &de) {
		t.Errorf("error %v, want a DataError about the labels", err)
	}
	unnamed := mlp(t)
	unnamed.SetMetadata(MetaLabels, "")
	m, err := Evaluate(context.Background(), unnamed, swapped, swapped.Items, b)
	if err != nil || m.PerClass[0].Label != "high" {
		t.Errorf("a model without labels gives %v (%v), want the set's labels", m.PerClass, err)
	}
	p, err := NewPredictor(unnamed, 4, 3, 2, set.Labels, b)
	if err != nil || p.Labels()[2] != "high" {
		t.Fatalf("labels %v (%v)", p.Labels(), err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	set.Items[7].Features[2] = float32(math.NaN())
	if _, err := Evaluate(context.Background(), mlp(t), set, set.Items, b); !errors.As(err, &de) || err.Error() != "the features of 007.wav are not finite" {
		t.Errorf("error %v, want one about 007.wav", err)
	}
}

// What an input asks for that cannot be given is said with what helps; that it
// is of another kind comes first.
func TestTakes(t *testing.T) {
	shape := func(sizes ...int64) (dims []graphsurgery.Dim) {
		for _, n := range sizes {
			dims = append(dims, graphsurgery.Dim{Value: n})
		}
		return dims
	}
	for _, c := range []struct {
		name       string
		kind       graphsurgery.DType
		shape      []graphsurgery.Dim
		what, hint string
	}{
		{"fits", graphsurgery.Float, shape(-1, 4, 3), "", ""},
		{"fits with its batch", graphsurgery.Float, shape(8, 4, 3), "", ""},
		{"front end", graphsurgery.Float, shape(-1, 5, 3), "is float32 [? 5 3], want float32 features [batch, frames, mels] = [batch, 4, 3]", "front end"},
		{"no shape", graphsurgery.Float, nil, "is float32 [], want float32 features [batch, frames, mels]", "only a model that takes mel spectrograms"},
		{"samples", graphsurgery.Float, shape(16000), "is float32 [16000], want float32 features [batch, frames, mels]", "only a model that takes mel spectrograms"},
		{"samples in a fixed batch", graphsurgery.Float, shape(1, 16000), "is float32 [1 16000], want float32 features [batch, frames, mels]", "only a model that takes mel spectrograms"},
		{"tokens", graphsurgery.Int64, shape(-1, 12), "is int64 [? 12], want float32 features [batch, frames, mels]", "only a model that takes mel spectrograms"},
		{"batch", graphsurgery.Float, shape(2, 4, 3), "has the fixed batch size 2, want 8", "use --batch 2, or export the model with a dynamic batch"},
	} {
		dims, what, hint := takes(c.kind, c.shape, 8, 4, 3, "front end")
		if what != c.what || !strings.HasPrefix(hint, c.hint) || (dims != nil) != (what == "") {
			t.Errorf("%s: got %v, %q, %q, want %q and %q", c.name, dims, what, hint, c.what, c.hint)
		}
	}
}

func TestConnectHintsAtTheFrontEnd(t *testing.T) {
	owned := mlp(t)
	owned.SetMetadata(metaFrontEnd, "{}")
	for want, m := range map[string]*graphsurgery.Model{
		"give the preprocessor_config.json that belongs to this model":   mlp(t),
		"use the front end of this model: see its metadata aat.frontend": owned,
	} {
		_, err := connect(m, 8, 5, 3, []string{"x"})
		var ue *graphsurgery.UnsupportedError
		if !errors.As(err, &ue) || ue.Hint != want {
			t.Errorf("error %v, want the hint %q", err, want)
		}
	}
}
