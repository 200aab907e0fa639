package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/audio"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// loadModel loads an ONNX file, or the trained model of a run folder.
func loadModel(path string) (*graphsurgery.Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return graphsurgery.Load(path)
	}
	if _, err := os.Stat(filepath.Join(path, "config.json")); errors.Is(err, fs.ErrNotExist) {
		return nil, usage(path+" is neither an ONNX file nor a run folder", "give a file, or the -o folder of 'aat-onnx train'")
	}
	run, err := finetune.OpenRun(path)
	if err != nil {
		return nil, err
	}
	return run.Model()
}

// modelLabels reads the label list an injected model carries; none is not an
// error.
func modelLabels(m *graphsurgery.Model) ([]string, error) {
	text, ok := m.Metadata(adapterinject.MetaLabels)
	if !ok {
		return nil, nil
	}
	var labels []string
	if err := json.Unmarshal([]byte(text), &labels); err != nil {
		return nil, &graphsurgery.FormatError{File: m.Path(), What: "metadata " + adapterinject.MetaLabels + " is not a list of labels", Err: err}
	}
	return labels, nil
}

// modelSetup is what a model needs to take recordings: labels and front end,
// from its metadata or from the flags, the flags first.
type modelSetup struct {
	labelsFile, frontEndFile string
}

func (s modelSetup) labels(m *graphsurgery.Model) ([]string, error) {
	if s.labelsFile != "" {
		return readLabels(s.labelsFile)
	}
	labels, err := modelLabels(m)
	if err == nil && len(labels) == 0 {
		err = usage(m.Path()+" carries no label list", "add --labels FILE, one label a line in the order of the model's outputs")
	}
	return labels, err
}

func (s modelSetup) frontEnd(m *graphsurgery.Model) (audio.FrontEnd, error) {
	if s.frontEndFile != "" {
		return audio.ReadPreprocessor(s.frontEndFile)
	}
	text, ok := m.Metadata(adapterinject.MetaFrontEnd)
	if !ok {
		return audio.FrontEnd{}, usage(m.Path()+" does not say how recordings become its input", "add --frontend preprocessor_config.json")
	}
	return audio.ParseFrontEnd([]byte(text))
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
	set, err := data.OpenContext(ctx, path, o)
	if err != nil {
		return nil, err
	}
	a.reportSkips(set)
	return set, nil
}

// openSplit is openData for one split; "all" is every recording.
func (a *app) openSplit(ctx context.Context, path, split string, m *graphsurgery.Model, s modelSetup) (*data.Set, []data.Item, error) {
	want, err := splitNamed(split)
	if err != nil {
		return nil, nil, err
	}
	set, err := a.openData(ctx, path, m, s, data.Options{Measure: true})
	if err != nil || want == nil {
		if err == nil {
			return set, set.Items, nil
		}
		return nil, nil, err
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
