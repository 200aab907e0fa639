package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

type verifyOptions struct {
	data, split, backend, library string
	setup                         modelSetup
	tolerance                     float64
}

func verifyCommand(a *app) *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify A.onnx [B.onnx] --data DIR|CSV",
		Short: "Compare GoMLX with ONNX Runtime on real recordings",
		Long: paragraphs(
			"Runs A on GoMLX and B (by default A again) on ONNX Runtime, on the same recordings,",
			"and says the largest difference of the outputs and whether both name the same class.",
			"ONNX Runtime's library is the one of 'backend install onnxruntime', of the Python",
			"package onnxruntime, or --library. Beyond --tolerance the exit code is 17."),
		Example: "  aat-onnx verify birds.onnx --data recordings/ --split test",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return exactArgs("A.onnx", "[B.onnx]")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "data", o.data, "aat-onnx verify birds.onnx --data recordings/"); err != nil {
				return err
			}
			return a.verify(c.Context(), args[0], args[len(args)-1], o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "folder of recordings or CSV file")
	f.StringVar(&o.split, "split", "test", "which split: train, val, test or all")
	f.StringVar(&o.library, "library", "", "path of ONNX Runtime's shared library")
	f.Float64Var(&o.tolerance, "tolerance", 1e-4, "largest accepted difference of an output")
	addSetupFlags(c, &o.setup)
	addBackendFlag(c, &o.backend)
	return c
}

func (a *app) verify(ctx context.Context, left, right string, o verifyOptions) error {
	report, err := a.verifyReport(ctx, left, right, o)
	if err != nil {
		return err
	}
	if err := judge(report, o.tolerance); err != nil && a.json {
		return err // with the report inside the error object
	}
	if a.json {
		return a.printJSON(report)
	}
	a.printReport(report)
	return judge(report, o.tolerance)
}

func (a *app) verifyReport(ctx context.Context, left, right string, o verifyOptions) (export.Report, error) {
	m, err := loadModel(left)
	if err != nil {
		return export.Report{}, err
	}
	other, err := loadModel(right)
	if err != nil {
		return export.Report{}, err
	}
	set, items, err := a.openSplit(ctx, o.data, o.split, source{left, m}, o.setup)
	if err != nil {
		return export.Report{}, err
	}
	return a.compare(ctx, m, other, set, items, o)
}

func (a *app) printReport(r export.Report) {
	fmt.Fprintf(a.stdout, "largest difference %.2g on %s (outputs up to %.2g in size)\n", r.MaxAbsDiff, plural(r.Inputs, "clip"), r.MaxAbs)
	fmt.Fprintf(a.stdout, "same top class on %d of %d\n", r.Top1Agree, r.Inputs)
}

// compare runs m on GoMLX and other on ONNX Runtime.
func (a *app) compare(ctx context.Context, m, other *graphsurgery.Model, set *data.Set, items []data.Item, o verifyOptions) (export.Report, error) {
	lib, err := ort.Locate(ctx, o.library)
	if err != nil {
		return export.Report{}, err
	}
	runtime, err := ort.Open(lib)
	if err != nil {
		return export.Report{}, err
	}
	right, err := export.NewORT(other, runtime, set.Frames, set.MelBins)
	if err != nil {
		return export.Report{}, err
	}
	defer right.Close()
	backend, _, err := a.openBackend(ctx, o.backend)
	if err != nil {
		return export.Report{}, err
	}
	defer backend.Finalize()
	left, err := finetune.NewPredictor(m, set.Frames, set.MelBins, 16, set.Labels, backend)
	if err != nil {
		return export.Report{}, err
	}
	defer left.Close()
	examples := make([][]float32, len(items))
	for i, it := range items {
		examples[i] = it.Features
	}
	return export.Verify(ctx, left, right, examples)
}

// judge turns a report beyond tolerance into an error; a NaN is beyond any.
func judge(r export.Report, tolerance float64) error {
	if !(r.MaxAbsDiff <= tolerance) {
		return &mismatchError{fmt.Sprintf("outputs differ by %.3g (clip %d), more than %.3g", r.MaxAbsDiff, r.Worst, tolerance), r}
	}
	if r.Top1Agree < r.Inputs {
		return &mismatchError{fmt.Sprintf("the top class differs on %d of %d clips", r.Inputs-r.Top1Agree, r.Inputs), r}
	}
	return nil
}
