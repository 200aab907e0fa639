package main

import (
	"context"
	"fmt"
	"sort"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/audio"
	"github.com/aat-onnx/aat-onnx/finetune"
)

type predictOptions struct {
	top     int
	backend string
	setup   modelSetup
}

func predictCommand(a *app) *cobra.Command {
	var o predictOptions
	c := &cobra.Command{
		Use:     "predict MODEL.onnx FILE…",
		Short:   "Name the most probable labels of recordings",
		Example: "  aat-onnx predict birds.onnx dawn.wav\n  aat-onnx predict birds.onnx *.flac --json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) >= 2 {
				return nil
			}
			return exactArgs("MODEL.onnx", "FILE…")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error { return a.predict(c.Context(), args[0], args[1:], o) },
	}
	c.Flags().IntVar(&o.top, "top", 3, "how many labels a recording")
	addSetupFlags(c, &o.setup)
	addBackendFlag(c, &o.backend)
	return c
}

// prediction is one recording's answer.
type prediction struct {
	File  string  `json:"file"`
	Top   []score `json:"top,omitempty"`
	Error string  `json:"error,omitempty"`
}

type score struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

func (a *app) predict(ctx context.Context, path string, files []string, o predictOptions) error {
	if o.top < 1 {
		return usage(fmt.Sprintf("--top %d shows nothing", o.top), "give 1 or more")
	}
	m, err := loadModel(path)
	if err != nil {
		return err
	}
	labels, err := o.setup.labels(m)
	if err != nil {
		return err
	}
	frontEnd, err := o.setup.frontEnd(m)
	if err != nil {
		return err
	}
	extractor, err := frontEnd.NewExtractor()
	if err != nil {
		return err
	}
	out, features, readErr := readRecordings(ctx, extractor, files)
	if len(features) == 0 {
		return readErr
	}
	backend, _, err := a.openBackend(ctx, o.backend)
	if err != nil {
		return err
	}
	defer backend.Finalize()
	p, err := finetune.NewPredictor(m, frontEnd.Frames, frontEnd.MelBins, min(16, len(features)), labels, backend)
	if err != nil {
		return err
	}
	defer p.Close()
	probabilities, err := p.Probabilities(ctx, features)
	if err != nil {
		return err
	}
	next := 0
	for i := range out {
		if out[i].Error == "" {
			out[i].Top = best(probabilities[next], p.Labels(), o.top)
			next++
		}
	}
	return a.printPredictions(out)
}

// readRecordings makes features of each file; a broken file gets its error and
// no features. The error returned is the first one.
func readRecordings(ctx context.Context, e *audio.Extractor, files []string) (out []prediction, features [][]float32, first error) {
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		x, err := e.File(file)
		p := prediction{File: file}
		if err != nil {
			p.Error = oneLine(err.Error())
			if first == nil {
				first = err
			}
		} else {
			features = append(features, x)
		}
		out = append(out, p)
	}
	return out, features, first
}

// best gives the n most probable labels, most probable first.
func best(probabilities []float32, labels []string, n int) []score {
	var all []score
	for i, p := range probabilities {
		all = append(all, score{labels[i], float64(p)})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Probability > all[j].Probability })
	return all[:min(n, len(all))]
}

func (a *app) printPredictions(out []prediction) error {
	for _, p := range out {
		a.partial = a.partial || p.Error != ""
	}
	if a.json {
		return a.printJSON(map[string]any{"predictions": out})
	}
	var rows [][]string
	for _, p := range out {
		row := []string{p.File}
		if p.Error != "" {
			row = append(row, "skipped: "+p.Error)
		}
		for _, s := range p.Top {
			row = append(row, s.Label+" "+percent(s.Probability))
		}
		rows = append(rows, row)
	}
	table(a.stdout, rows...)
	return nil
}
