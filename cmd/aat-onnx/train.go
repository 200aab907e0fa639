package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

type trainOptions struct {
	data, out, backend string
	setup              modelSetup
	cfg                finetune.Config
	resume, force      bool
	remat              bool
}

func trainCommand(a *app) *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train INJECTED.onnx --data DIR|CSV -o RUN",
		Short: "Train the adapters of an injected model on recordings",
		Long: paragraphs(
			"Trains exactly what inject added; everything else stays bit for bit. The data is a",
			"folder with one sub-folder a label, or a CSV with the columns file,label,split",
			"(splits train, val, test). The run folder holds config, log, checkpoints and result;",
			"a run that was killed or interrupted continues with --resume to the same weights."),
		Example: paragraphs(
			"  aat-onnx train adapted.onnx --data recordings/ -o runs/birds",
			"  aat-onnx train adapted.onnx --data recordings/ -o runs/birds --resume"),
		Args: exactArgs("INJECTED.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "data", o.data, c.CommandPath()+" adapted.onnx --data recordings/ -o run"); err != nil {
				return err
			}
			if err := needFlag(c, "output", o.out, c.CommandPath()+" adapted.onnx --data recordings/ -o run"); err != nil {
				return err
			}
			return a.train(c.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "folder of recordings or CSV file")
	f.StringVarP(&o.out, "output", "o", "", "run folder")
	f.IntVar(&o.cfg.Epochs, "epochs", 0, "passes over the training clips (default 25)")
	f.IntVar(&o.cfg.BatchSize, "batch", 0, "clips a step (default 20)")
	f.Float64Var(&o.cfg.LearningRate, "lr", 0, "learning rate of the first epochs (default 0.001)")
	f.Float64Var(&o.cfg.WeightDecay, "weight-decay", 0, "AdamW's decoupled weight decay, below 0 for none (default 0.05)")
	f.Uint64Var(&o.cfg.Seed, "seed", 0, "seed of the batches, and of the split of a plain folder")
	f.StringVar(&o.cfg.Precision, "precision", "", "type of the frozen model's products: f32, bf16 or f16 (default f32)")
	addRematFlag(c, &o.remat)
	f.IntVar(&o.cfg.CheckpointEvery, "checkpoint-every", 0, "save after so many steps, besides each epoch and each minute")
	f.BoolVar(&o.resume, "resume", false, "continue the run in the folder")
	f.BoolVar(&o.force, "force", false, "start again in a folder that holds a run")
	addSetupFlags(c, &o.setup)
	addBackendFlag(c, &o.backend)
	return c
}

func (a *app) train(ctx context.Context, path string, o trainOptions) error {
	if o.resume && o.force {
		return usage("--resume and --force exclude each other", "--force starts again and deletes the former run")
	}
	m, err := loadModel(path)
	if err != nil {
		return err
	}
	if len(adapterinject.Trainable(m)) == 0 {
		return &graphsurgery.UnsupportedError{File: path, What: "holds nothing to train: no adapter and no new head", Hint: "splice some first: 'aat-onnx inject " + path + " -o adapted.onnx --labels labels.txt'"}
	}
	if info, ok := adapterinject.Provenance(m); ok && info.Head.MultiLabel {
		return &graphsurgery.UnsupportedError{File: path, What: "its head is for several labels at once (multi-label), and training has the loss for one label each", Hint: "inject without --multi-label, if no recording has two labels"}
	}
	seed := o.cfg.Seed
	if o.resume && seed == 0 {
		if settings, err := finetune.ReadSettings(o.out); err == nil {
			seed = settings.Recipe.Seed
		}
	}
	set, err := a.openData(ctx, o.data, m, o.setup, data.Options{Seed: seed})
	if err != nil {
		return err
	}
	if err := complete(m, set.Labels, o.setup); err != nil {
		return err
	}
	tuneRemat(o.remat)
	backend, info, err := a.openBackend(ctx, o.backend)
	if err != nil {
		return err
	}
	defer backend.Finalize()
	cfg := o.cfg
	if cfg.Recompute, err = recomputeFrom(m, o.remat); err != nil {
		return err
	}
	cfg.Out, cfg.Backend, cfg.BackendName = o.out, backend, info.Name
	cfg.Force, cfg.Tool = o.force, "aat-onnx "+version
	cfg.Progress = finetune.Terminal(a.stderr)
	a.saved = "what was trained is saved; continue with the same command and --resume"
	run, err := startOrResume(ctx, m, set, cfg, o.resume)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(run.Result)
	}
	a.printResult(run)
	return nil
}

// complete writes labels and front end into a model that came without, so that
// what is exported can be used by someone who has only the file.
func complete(m *graphsurgery.Model, labels []string, s modelSetup) error {
	if _, ok := m.Metadata(adapterinject.MetaLabels); !ok {
		text, err := json.Marshal(labels)
		if err != nil {
			return err
		}
		m.SetMetadata(adapterinject.MetaLabels, string(text))
	}
	if _, ok := m.Metadata(adapterinject.MetaFrontEnd); ok {
		return nil
	}
	fe, err := s.frontEnd(m)
	if err != nil {
		return err
	}
	text, err := fe.MarshalText()
	if err != nil {
		return err
	}
	m.SetMetadata(adapterinject.MetaFrontEnd, string(text))
	return nil
}

func startOrResume(ctx context.Context, m *graphsurgery.Model, set *data.Set, cfg finetune.Config, resume bool) (*finetune.Run, error) {
	if resume {
		return finetune.Resume(ctx, cfg.Out, set, cfg)
	}
	return finetune.Train(ctx, m, set, cfg)
}

func (a *app) printResult(run *finetune.Run) {
	r := run.Result
	rows := [][]string{
		{"trained", fmt.Sprintf("%d parameters, %s of the model", r.Parameters.Trainable, percent(r.Parameters.Share))},
		{"best epoch", fmt.Sprintf("%d of %d", r.BestEpoch, r.Epochs)},
		{"val accuracy", percent(r.Val.Accuracy)},
	}
	if r.Test.N > 0 {
		rows = append(rows, []string{"test accuracy", percent(r.Test.Accuracy)})
	}
	rows = append(rows, []string{"frozen tensors", "unchanged (digests equal)"}, []string{"run folder", run.Dir})
	table(a.stdout, rows...)
}

// reportSkips lists broken files once; skipping any makes the exit code 3.
func (a *app) reportSkips(set *data.Set) {
	for _, w := range set.Warnings {
		fmt.Fprintf(a.stderr, "warning: %s\n", oneLine(w.String()))
	}
	if len(set.Skipped) == 0 {
		return
	}
	a.partial = true
	var lines []string
	for _, s := range set.Skipped {
		lines = append(lines, "  "+oneLine(s.String()))
	}
	fmt.Fprintf(a.stderr, "warning: skipped %s:\n%s\n", plural(len(set.Skipped), "broken file"), strings.Join(lines, "\n"))
}
