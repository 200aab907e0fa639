package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/aat"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
	"github.com/aat-onnx/aat-onnx/internal/trainbench"
)

type benchOptions struct {
	backend, peer        string
	precision            string
	batch, rounds, steps int
	serve, remat         bool
}

func benchCommand(a *app) *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench MODEL.onnx",
		Short: "Time and memory of AAT training steps on this machine",
		Long: paragraphs(
			"Splices adapters into every block, with a new head for ten labels, and times whole",
			"training steps: forward, backward and AdamW of what was spliced. A model that has",
			"adapters already is taken as it is. The features are made up.",
			"",
			"--peer names a program that does the same steps in another framework, to be measured",
			"in turn with ours: testdata/gen/bench_train.py does for PyTorch. It is called with the",
			"spliced model, --frames and --batch."),
		Example: paragraphs(
			"  aat-onnx bench model.onnx --batch 4",
			"  aat-onnx bench ast.onnx --peer 'python testdata/gen/bench_train.py'"),
		Args: exactArgs("MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			if o.serve {
				return a.benchServe(c.Context(), args[0], o)
			}
			return a.bench(c.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.IntVar(&o.batch, "batch", 0, "clips a step (default: the model's own batch, else 1)")
	f.IntVar(&o.rounds, "rounds", 5, "rounds; in each, every side takes its turn")
	f.IntVar(&o.steps, "steps", 2, "steps a round")
	f.StringVar(&o.precision, "precision", "f32", "type of the frozen model's products: f32, bf16 or f16")
	addRematFlag(c, &o.remat)
	f.StringVar(&o.peer, "peer", "", "command of another implementation to compare with")
	f.BoolVar(&o.serve, "serve", false, "be one side of a measurement")
	_ = f.MarkHidden("serve") // the flag was just defined
	addBackendFlag(c, &o.backend)
	return c
}

// bench measures in child processes, so that the memory of each side is its own.
func (a *app) bench(ctx context.Context, path string, o benchOptions) error {
	if o.rounds < 1 || o.steps < 1 || o.batch < 0 {
		return usage("--rounds, --steps and --batch count from 1", "leave them out for their defaults")
	}
	m, err := loadModel(path)
	if err != nil {
		return err
	}
	if o.batch == 0 {
		o.batch = ownBatch(m)
	}
	work, err := os.MkdirTemp("", "aat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	adapted, err := benchModel(m, path, filepath.Join(work, "adapted.onnx"))
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	batch := fmt.Sprint(o.batch)
	sides := []*trainbench.Side{{Name: "aat-onnx", Command: []string{self, "bench", adapted, "--serve", "--batch", batch, "--backend", o.backend, "--precision", o.precision, fmt.Sprintf("--remat=%t", o.remat)}}}
	if o.peer != "" {
		frames := fmt.Sprint(m.Graph.Inputs()[0].Shape()[1].Value)
		command := append(strings.Fields(o.peer), adapted, "--frames", frames, "--batch", batch)
		sides = append(sides, &trainbench.Side{Name: "peer", Command: command})
	}
	if err := trainbench.Measure(ctx, sides, o.rounds, o.steps); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"machine": pjrt.Inspect(ctx), "batch": o.batch, "sides": sides})
	}
	a.printBench(ctx, path, o, sides)
	return nil
}

// ownBatch is the first dimension of the only input, 1 where it is free.
func ownBatch(m *graphsurgery.Model) int {
	if ins := m.Graph.Inputs(); len(ins) == 1 && len(ins[0].Shape()) > 0 {
		return max(1, int(ins[0].Shape()[0].Value))
	}
	return 1
}

// benchModel gives the file to train: path itself if it has adapters, else to.
func benchModel(m *graphsurgery.Model, path, to string) (string, error) {
	if len(adapterinject.Trainable(m)) > 0 {
		return path, nil
	}
	labels := strings.Split("0123456789", "")
	plan, err := adapterinject.Plan(m, aat.Recipe{Seed: 1}, adapterinject.Head{Labels: labels, Seed: 1})
	if err != nil {
		return "", err
	}
	adapted, err := plan.Inject()
	if err != nil {
		return "", err
	}
	return to, adapted.Save(to)
}

// benchServe is our side of the measurement.
func (a *app) benchServe(ctx context.Context, path string, o benchOptions) error {
	tuneRemat(o.remat)
	backend, info, err := a.openBackend(ctx, o.backend)
	if err != nil {
		return err
	}
	defer backend.Finalize()
	before := trainbench.PeakMemory()
	begin := time.Now()
	m, err := loadModel(path)
	if err != nil {
		return err
	}
	recompute, err := recomputeFrom(m, o.remat)
	if err != nil {
		return err
	}
	loaded := time.Now()
	s, err := finetune.NewStepper(m, finetune.Config{BatchSize: o.batch, Backend: backend, BackendName: info.Name, Precision: o.precision, Recompute: recompute})
	if err != nil {
		return err
	}
	defer s.Close()
	about := trainbench.About{
		About:  fmt.Sprintf("aat-onnx %s on %s, products in %s", version, info.Name, o.precision),
		Load:   loaded.Sub(begin).Seconds(),
		Import: time.Since(loaded).Seconds(),
		Loaded: trainbench.PeakMemory() - before,
	}
	features, classes := s.Size()
	x, labels := trainbench.Batch(o.batch, features, classes)
	return trainbench.Serve(os.Stdin, a.stdout, about, func() (float64, error) { return s.Step(x, labels) })
}

// printBench prints the table and the ratios.
func (a *app) printBench(ctx context.Context, path string, o benchOptions, sides []*trainbench.Side) {
	machine := pjrt.Inspect(ctx)
	fmt.Fprintf(a.stdout, "%s, batch %d; %s/%s, %s%s; %d rounds of %d steps in turn; median (smallest to largest)\n\n",
		filepath.Base(path), o.batch, machine.OS, machine.Arch, plural(machine.CPUs, "CPU"), processorName(), o.rounds, o.steps)
	rows := [][]string{{"", "STEP, s", "ITS PROCESSOR TIME, s", "FIRST STEP, s", "PEAK MEMORY, GB"}}
	for _, s := range sides {
		rows = append(rows, []string{s.Name, trainbench.Spread(s.Seconds), trainbench.Spread(s.CPU), fmt.Sprintf("%.1f", s.First), fmt.Sprintf("%.2f", s.Peak/1e9)})
	}
	table(a.stdout, rows...)
	ours := sides[0]
	fmt.Fprintf(a.stdout, "\naat-onnx read the file in %.2f s and imported it in %.2f s, with %.0f MB of host memory.\n", ours.About.Load, ours.About.Import, ours.About.Loaded/1e6)
	for _, s := range sides {
		fmt.Fprintf(a.stdout, "%s is %s\n", s.Name, s.About.About)
	}
	for _, s := range sides[1:] {
		fmt.Fprintf(a.stdout, "\naat-onnx takes, of %s's: %s of the step, %s of its processor time, %.2f of the memory; largest difference of losses %.1e\n",
			s.Name, trainbench.Spread(trainbench.Ratios(ours.Seconds, s.Seconds)), trainbench.Spread(trainbench.Ratios(ours.CPU, s.CPU)),
			ours.Peak/s.Peak, largestDifference(ours.Losses, s.Losses))
	}
}

// largestDifference compares two lists entry by entry, relative to the larger.
func largestDifference(a, b []float64) float64 {
	most := 0.0
	for i := range min(len(a), len(b)) {
		most = max(most, math.Abs(a[i]-b[i])/max(math.Abs(a[i]), math.Abs(b[i]), 1e-3))
	}
	return most
}

// processorName is what Linux calls the processor.
func processorName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return " (" + strings.TrimSpace(value) + ")"
		}
	}
	return ""
}
