package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/audio"
	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// loadModel loads an ONNX file, or the trained model of a run folder. Values in
// files beside the model are taken in, so that it runs from memory.
func loadModel(path string) (*graphsurgery.Model, error) {
	if isFolder(path) {
		if _, err := os.Stat(filepath.Join(path, "config.json")); errors.Is(err, fs.ErrNotExist) {
			return nil, usage(path+" is neither an ONNX file nor a run folder", "give a file, or the -o folder of 'aat-onnx train'")
		}
		run, err := finetune.OpenRun(path)
		if err != nil {
			return nil, err
		}
		return run.Model()
	}
	m, err := loadFile(path)
	if err != nil {
		return nil, err
	}
	return m, m.InlineExternal()
}

// loadFile loads an ONNX file; the error for a missing one says what was wanted.
func loadFile(path string) (*graphsurgery.Model, error) {
	m, err := graphsurgery.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no model at %q: %w", path, syscall.ENOENT)
	}
	return m, err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// modelSetup is what a model needs to take recordings: labels and front end,
// from its metadata or, where it has none, from the flags.
type modelSetup struct {
	labelsFile, frontEndFile string
}

// labels gives the model's labels. A flag that contradicts the model is refused:
// the order of the labels is the order of its outputs.
func (s modelSetup) labels(m *graphsurgery.Model) ([]string, error) {
	own, err := finetune.Labels(m)
	if err != nil {
		return nil, err
	}
	if s.labelsFile == "" {
		if len(own) == 0 {
			return nil, usage(m.Path()+" carries no label list", "add --labels FILE, one label a line in the order of the model's outputs")
		}
		return own, nil
	}
	given, err := readLabels(s.labelsFile)
	if err == nil && len(own) > 0 && !slices.Equal(own, given) {
		err = usage(fmt.Sprintf("%s names other labels than the model carries: %d and %d, or in another order", s.labelsFile, len(given), len(own)), "leave --labels out")
	}
	return given, err
}

// frontEnd gives the model's front end, with the same rule.
func (s modelSetup) frontEnd(m *graphsurgery.Model) (audio.FrontEnd, error) {
	text, ok := m.Metadata(adapterinject.MetaFrontEnd)
	if s.frontEndFile == "" && !ok {
		return audio.FrontEnd{}, usage(m.Path()+" does not say how recordings become its input", "add --frontend preprocessor_config.json")
	}
	if s.frontEndFile == "" {
		return audio.ParseFrontEnd([]byte(text))
	}
	given, err := audio.ReadPreprocessor(s.frontEndFile)
	if err != nil || !ok {
		return given, err
	}
	own, err := audio.ParseFrontEnd([]byte(text))
	if err == nil && own != given {
		err = usage(s.frontEndFile+" is another front end than the model carries", "leave --frontend out, or inject the base anew with this one")
	}
	return given, err
}

// openData loads recordings for a model and reports what was skipped.
func (a *app) openData(ctx context.Context, path string, m *graphsurgery.Model, s modelSetup, o data.Options) (*data.Set, error) {
	var err error
	if o.Labels, err = s.labels(m); err != nil {
		return nil, err
	}
	if o.FrontEnd, err = s.frontEnd(m); err != nil {
		return nil, err
	}
	o.Progress = a.readingProgress()
	set, err := data.OpenContext(ctx, path, o)
	if err != nil {
		return nil, err
	}
	if set.SplitHere {
		fmt.Fprintf(a.stderr, "note: %s names no splits; they were drawn here, label by label, with seed %d\n", path, o.Seed)
	}
	a.reportSkips(set)
	return set, nil
}

// readingProgress reports every few seconds how many recordings are read.
func (a *app) readingProgress() func(done, total int) {
	begin := time.Now()
	last := begin
	return func(done, total int) {
		if now := time.Now(); now.Sub(last) >= 3*time.Second && done < total {
			last = now
			left := time.Duration(float64(now.Sub(begin)) / float64(done) * float64(total-done))
			fmt.Fprintf(a.stderr, "read %d of %s, about %s left\n", done, plural(total, "recording"), left.Round(time.Second))
		}
	}
}

// source is the model that a command was given, and how its recordings were
// split when it was trained.
type source struct {
	path  string
	model *graphsurgery.Model
}

// seed is that of the split which the model was trained with: in a run's
// settings, or in an exported file's metadata. Measured with another one, clips
// that were trained on would count as test clips.
func (s source) seed() (uint64, error) {
	if isFolder(s.path) {
		settings, err := finetune.ReadSettings(s.path)
		return settings.Recipe.Seed, err
	}
	text, ok := s.model.Metadata(export.MetaTrained)
	if !ok {
		return 0, nil
	}
	var trained export.Trained
	if err := json.Unmarshal([]byte(text), &trained); err != nil {
		return 0, &graphsurgery.FormatError{File: s.path, What: "metadata " + export.MetaTrained + " cannot be read", Err: err}
	}
	return trained.Seed, nil
}

// openSplit is openData for one split; "all" is every recording.
func (a *app) openSplit(ctx context.Context, path, split string, from source, s modelSetup) (*data.Set, []data.Item, error) {
	want, err := splitNamed(split)
	if err != nil {
		return nil, nil, err
	}
	seed, err := from.seed()
	if err != nil {
		return nil, nil, err
	}
	set, err := a.openData(ctx, path, from.model, s, data.Options{Measure: true, Seed: seed})
	if err != nil {
		return nil, nil, err
	}
	if want == nil {
		return set, set.Items, nil
	}
	items := set.Split(*want)
	if len(items) == 0 {
		return nil, nil, &data.DataError{What: path + " has no recording in the " + split + " split", Hint: "choose another --split; all takes every recording"}
	}
	return set, items, nil
}

// splitNamed gives the split of that name, nil for "all".
func splitNamed(name string) (*data.Split, error) {
	if name == "all" {
		return nil, nil
	}
	for _, s := range data.Splits() {
		if s.String() == name {
			return &s, nil
		}
	}
	return nil, usage("unknown split "+name, "splits are train, val, test and all")
}
