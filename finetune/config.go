package finetune

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"time"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/importer"
)

// Config says how to train. The zero value of each field is its default; a run
// needs Out and Backend.
type Config struct {
	Epochs       int     // passes over the training split. 0: 25
	BatchSize    int     // recordings in a step, at most all of the training split. 0: 20
	LearningRate float64 // of the first epochs. 0: 1e-3
	WeightDecay  float64 // decoupled, on every trainable tensor. 0: 0.05; below 0: none
	Beta1        float64 // decay of the first moment. 0: 0.9
	Beta2        float64 // decay of the second moment. 0: 0.999
	Epsilon      float64 // added to the root of the second moment. 0: 1e-8
	DecayFrom    int     // first epoch, from 0, with a smaller rate. 0: 5
	Decay        float64 // factor on the rate for each epoch from there. 0: 0.85
	Seed         uint64  // of the order of the batches
	Precision    string  // of the frozen model's products: f32, bf16 or f16, see importer.Options.Compute. "": f32

	// Recompute names values that the backward pass keeps, computing all between two of them
	// again: less memory, more time. See importer.Options.Recompute. nil: all is kept.
	Recompute []string

	// Trainable says which initialisers are trained. nil: those under "aat/". The
	// model's other tensors keep their bits.
	Trainable func(initializer string) bool

	Out   string // run folder, made if need be
	Force bool   // replace a former run in Out

	Backend     compute.Backend // where to compute
	BackendName string          // as the run folder records it. "": the backend's own name
	Progress    Reporter        // told what happens; nil: nobody

	// CheckpointEvery saves after so many steps, besides each epoch. 0: never.
	CheckpointEvery int
	// CheckpointInterval saves when so much time has passed. 0: a minute; below 0: never.
	CheckpointInterval time.Duration

	// Tool is the program and version written into the run folder. "": "aat-onnx".
	Tool string

	at func(point string) // see folder.at; for tests
}

// prefix of every tensor that adapterinject adds, the trainable set by default.
const prefix = "aat/"

func (c Config) withDefaults() Config {
	set(&c.Epochs, 25)
	set(&c.BatchSize, 20)
	set(&c.LearningRate, 1e-3)
	set(&c.WeightDecay, 0.05)
	set(&c.Beta1, 0.9)
	set(&c.Beta2, 0.999)
	set(&c.Epsilon, 1e-8)
	set(&c.DecayFrom, 5)
	set(&c.Decay, 0.85)
	set(&c.CheckpointInterval, time.Minute)
	set(&c.Tool, "aat-onnx")
	set(&c.Precision, "f32")
	if c.Backend != nil {
		set(&c.BackendName, c.Backend.Name())
	}
	c.WeightDecay = max(c.WeightDecay, 0)
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate gives a [ConfigError] for the first field that cannot be used.
func (c Config) validate() error {
	bad := func(name string, got any, want string) error { return &ConfigError{Field: name, Got: got, Want: want} }
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case c.Epochs < 1:
		return bad("Epochs", c.Epochs, "at least 1")
	case c.BatchSize < 1:
		return bad("BatchSize", c.BatchSize, "at least 1")
	case !(c.LearningRate > 0) || !finite(c.LearningRate):
		return bad("LearningRate", c.LearningRate, "a positive number")
	case !finite(c.WeightDecay):
		return bad("WeightDecay", c.WeightDecay, "a number")
	case !(c.Beta1 > 0 && c.Beta1 < 1):
		return bad("Beta1", c.Beta1, "a number between 0 and 1")
	case !(c.Beta2 > 0 && c.Beta2 < 1):
		return bad("Beta2", c.Beta2, "a number between 0 and 1")
	case !(c.Epsilon > 0) || !finite(c.Epsilon):
		return bad("Epsilon", c.Epsilon, "a positive number")
	case c.DecayFrom < 1:
		return bad("DecayFrom", c.DecayFrom, "at least 1")
	case !(c.Decay > 0 && c.Decay <= 1):
		return bad("Decay", c.Decay, "a number above 0, at most 1")
	case !knownPrecision(c.Precision):
		return bad("Precision", c.Precision, "f32, bf16 or f16")
	case c.CheckpointEvery < 0:
		return bad("CheckpointEvery", c.CheckpointEvery, "at least 0")
	case c.Backend == nil:
		return bad("Backend", "nil", "an open backend: package backend opens one")
	}
	return nil
}

func knownPrecision(name string) bool {
	_, ok := importer.Precision(name)
	return ok
}

// Recipe is the part of a configuration that decides the trained values. It is
// stored in the run folder; its digest binds checkpoints to it.
type Recipe struct {
	Epochs       int     `json:"epochs"`
	BatchSize    int     `json:"batch_size"`
	LearningRate float64 `json:"learning_rate"`
	WeightDecay  float64 `json:"weight_decay"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`
	DecayFrom    int     `json:"decay_from"`
	Decay        float64 `json:"decay"`
	Seed         uint64  `json:"seed"`
	Precision    string  `json:"precision,omitempty"` // none in runs of versions that had float32 only
}

func (c Config) recipe() Recipe {
	return Recipe{
		Epochs: c.Epochs, BatchSize: c.BatchSize, LearningRate: c.LearningRate, WeightDecay: c.WeightDecay,
		Beta1: c.Beta1, Beta2: c.Beta2, Epsilon: c.Epsilon, DecayFrom: c.DecayFrom, Decay: c.Decay, Seed: c.Seed, Precision: c.Precision,
	}
}

// apply makes c train by r. A field of c that was set to something else is an
// error: a run cannot change its recipe half way.
func (r Recipe) apply(c *Config) error {
	if c.WeightDecay < 0 {
		c.WeightDecay = 0
		if r.WeightDecay != 0 {
			return fmt.Errorf("setting WeightDecay is none, the run has %v", r.WeightDecay)
		}
	}
	return firstError(
		same("Epochs", &c.Epochs, r.Epochs),
		same("BatchSize", &c.BatchSize, r.BatchSize),
		same("LearningRate", &c.LearningRate, r.LearningRate),
		same("WeightDecay", &c.WeightDecay, r.WeightDecay),
		same("Beta1", &c.Beta1, r.Beta1),
		same("Beta2", &c.Beta2, r.Beta2),
		same("Epsilon", &c.Epsilon, r.Epsilon),
		same("DecayFrom", &c.DecayFrom, r.DecayFrom),
		same("Decay", &c.Decay, r.Decay),
		same("Seed", &c.Seed, r.Seed),
		same("Precision", &c.Precision, cmp.Or(r.Precision, "f32")),
	)
}

// fill puts the run's own numbers over defaults, which a zero in it must not take.
func (r Recipe) fill(c Config) Config {
	c.WeightDecay, c.Precision = r.WeightDecay, r.Precision
	return c
}

func same[T comparable](name string, field *T, stored T) error {
	var zero T
	if *field != zero && *field != stored {
		return fmt.Errorf("setting %s is %v, the run has %v", name, *field, stored)
	}
	*field = stored
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r Recipe) digest() string {
	return digestOf(func(h hash.Hash) {
		// Encoding a struct of numbers cannot fail, writing to a hash neither.
		_ = json.NewEncoder(h).Encode(r)
	})
}

// Settings is config.json: what a run was started with.
type Settings struct {
	Tool         string       `json:"tool"`
	Recipe       Recipe       `json:"recipe"`
	Backend      string       `json:"backend"`
	ModelDigest  string       `json:"model_digest"`  // of model.onnx
	FrozenDigest string       `json:"frozen_digest"` // of every tensor that must not change
	Data         DataSettings `json:"data"`
	Trainable    []string     `json:"trainable"` // initialisers, in the model's order
}

// DataSettings says which recordings a run was trained on.
type DataSettings struct {
	Source string   `json:"source"` // the path given
	Digest string   `json:"digest"` // of labels, splits and features
	Labels []string `json:"labels"`
	Train  int      `json:"train"` // recordings in each split
	Val    int      `json:"val"`
	Test   int      `json:"test"`

	SplitHere bool   `json:"split_here"` // the splits were made from the seed, not named by the source
	SplitSeed uint64 `json:"split_seed"` // data.Options.Seed where they were
}

func dataSettings(s *data.Set) DataSettings {
	return DataSettings{
		Source: s.Source, Digest: s.Digest(), Labels: s.Labels,
		Train: s.Count(data.Train), Val: s.Count(data.Val), Test: s.Count(data.Test),
		SplitHere: s.SplitHere, SplitSeed: s.SplitSeed,
	}
}
