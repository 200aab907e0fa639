package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/finetune"
)

type evalOptions struct {
	data, split, backend string
	setup                modelSetup
}

func evalCommand(a *app) *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use:     "eval RUN|MODEL.onnx --data DIR|CSV",
		Short:   "Accuracy of a run or a model on labelled recordings",
		Example: "  aat-onnx eval runs/birds --data recordings/ --split test\n  aat-onnx eval birds.onnx --data recordings.csv --json",
		Args:    exactArgs("RUN|MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "data", o.data, "aat-onnx eval runs/birds --data recordings/"); err != nil {
				return err
			}
			return a.eval(c.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "folder of recordings or CSV file")
	f.StringVar(&o.split, "split", "test", "which split: train, val, test or all")
	addSetupFlags(c, &o.setup)
	addBackendFlag(c, &o.backend)
	return c
}

func addSetupFlags(c *cobra.Command, s *modelSetup) {
	c.Flags().StringVar(&s.labelsFile, "labels", "", "label list, if the model does not carry one")
	c.Flags().StringVar(&s.frontEndFile, "frontend", "", "preprocessor_config.json, if the model does not carry its front end")
}

func (a *app) eval(ctx context.Context, path string, o evalOptions) error {
	m, err := loadModel(path)
	if err != nil {
		return err
	}
	set, items, err := a.openSplit(ctx, o.data, o.split, source{path, m}, o.setup)
	if err != nil {
		return err
	}
	backend, _, err := a.openBackend(ctx, o.backend)
	if err != nil {
		return err
	}
	defer backend.Finalize()
	metrics, err := finetune.Evaluate(ctx, m, set, items, backend)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(metrics)
	}
	a.printMetrics(metrics)
	return nil
}

func (a *app) printMetrics(m finetune.Metrics) {
	fmt.Fprintf(a.stdout, "%s\n\n", m)
	rows := [][]string{{"LABEL", "CLIPS", "PRECISION", "RECALL", "F1"}}
	for _, c := range m.PerClass {
		rows = append(rows, []string{c.Label, strconv.Itoa(c.N), percent(c.Precision), percent(c.Recall), percent(c.F1)})
	}
	table(a.stdout, rows...)
}
