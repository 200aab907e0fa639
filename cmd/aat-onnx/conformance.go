package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/internal/conformance"
)

type conformanceOptions struct {
	backend string
	jobs    int
	timeout time.Duration
	grad    bool
	child   bool
}

// nonconformError says that some tests came out wrong or failed. The result has
// been printed.
type nonconformError struct{ what string }

func (e *nonconformError) Error() string { return e.what }

func conformanceCommand(a *app) *cobra.Command {
	var o conformanceOptions
	c := &cobra.Command{
		Use:   "conformance DIR…",
		Short: "Run ONNX's own backend tests, or any folder in their layout",
		Long: paragraphs(
			"Runs every folder below each DIR that holds model.onnx and test_data_set_0 with",
			"input_0.pb, output_0.pb and so on, and counts by operator how many",
			"",
			"  passed   all outputs agree (relative tolerance 1e-3, absolute 1e-7)",
			"  wrong    an output differs",
			"  refused  the importer says by name what it does not support",
			"  failed   an error, a crash, or no answer in time",
			"",
			"Tests run in child processes: a crash costs one test. With --grad, tests with",
			"float inputs also have their gradients compared with finite differences, in",
			"float64 where the model can be turned into that.",
			"",
			"The exit code is 17 if a test came out wrong or failed, else 3 if one was refused."),
		Example: "  aat-onnx conformance onnx/backend/test/data/node\n  aat-onnx conformance mytests --backend go --grad --json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 || o.child {
				return nil
			}
			return exactArgs("DIR…")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if o.child {
				return a.conformanceChild(c.Context(), o)
			}
			return a.conformance(c.Context(), args, o)
		},
	}
	addBackendFlag(c, &o.backend)
	c.Flags().BoolVar(&o.grad, "grad", false, "also compare gradients with finite differences")
	c.Flags().IntVar(&o.jobs, "jobs", min(4, runtime.NumCPU()), "how many tests run at once")
	c.Flags().DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long one test may take")
	c.Flags().BoolVar(&o.child, "child", false, "")
	if err := c.Flags().MarkHidden("child"); err != nil {
		panic(err) // the flag above
	}
	return c
}

func (a *app) conformance(ctx context.Context, roots []string, o conformanceOptions) error {
	if o.jobs < 1 || o.timeout <= 0 {
		return usage(fmt.Sprintf("--jobs %d and --timeout %s run nothing", o.jobs, o.timeout), "give 1 or more, and a time such as 90s")
	}
	dirs, err := conformanceDirs(roots)
	if err != nil {
		return err
	}
	// Opened here first: for the errors and the notice of a backend that is missing,
	// and so that "auto" means the same to every child.
	backend, info, err := a.openBackend(ctx, o.backend)
	if err != nil {
		return err
	}
	backend.Finalize()
	pool := conformance.Pool{Jobs: o.jobs, Timeout: o.timeout, Child: func(ctx context.Context) *exec.Cmd {
		return conformanceProcess(ctx, info.Name, o.grad)
	}}
	results, err := pool.Run(ctx, dirs, a.conformanceProgress(len(dirs)))
	if err != nil {
		return err
	}
	return a.printConformance(results, info.Name)
}

// conformanceDirs lists the tests below the given folders, each once.
func conformanceDirs(roots []string) ([]string, error) {
	var all []string
	for _, root := range roots {
		abs, err := filepath.Abs(root)
		if err != nil {
			return nil, err
		}
		dirs, err := conformance.Find(abs)
		if err != nil {
			return nil, err
		}
		if len(dirs) == 0 {
			return nil, usage(root+" holds no folder with model.onnx and test_data_set_0", "give a folder in the layout of onnx/backend/test/data/node")
		}
		for _, d := range dirs {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all, nil
}

// conformanceProcess is this program as a child, under the name it was called by.
func conformanceProcess(ctx context.Context, backend string, grad bool) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	cmd := exec.CommandContext(ctx, self, "conformance", "--child", "--backend", backend, "--grad="+strconv.FormatBool(grad))
	cmd.Args[0] = os.Args[0]
	return cmd
}

// conformanceChild judges the folders that the parent names.
func (a *app) conformanceChild(ctx context.Context, o conformanceOptions) error {
	backend, _, err := a.openBackend(ctx, o.backend)
	if err != nil {
		return err
	}
	defer backend.Finalize()
	judge := conformance.Run
	if o.grad {
		judge = conformance.RunWithGradients
	}
	return conformance.Serve(os.Stdin, a.stdout, func(dir string) conformance.Result { return judge(dir, backend) })
}

// conformanceProgress prints to standard error how far the tests are, every ten
// seconds.
func (a *app) conformanceProgress(all int) func(conformance.Result) {
	began := time.Now()
	last, done := began, 0
	return func(conformance.Result) {
		done++
		if now := time.Now(); now.Sub(last) >= 10*time.Second {
			last = now
			left := now.Sub(began) * time.Duration(all-done) / time.Duration(done)
			fmt.Fprintf(a.stderr, "%d of %d tests, about %s left\n", done, all, left.Round(time.Second))
		}
	}
}

// printConformance prints the results and makes them an exit code.
func (a *app) printConformance(results []conformance.Result, backend string) error {
	total := conformance.Count(results)
	if a.json {
		if err := a.printJSON(map[string]any{"cases": results}); err != nil {
			return err
		}
	} else {
		a.conformanceTable(results)
		fmt.Fprintf(a.stdout, "\n%s on %s: %s\n", plural(len(results), "test"), backend, total)
	}
	if bad := total[conformance.Wrong] + total[conformance.Failed]; bad > 0 {
		return &nonconformError{fmt.Sprintf("%s of %d came out wrong or failed", plural(bad, "test"), len(results))}
	}
	a.partial = total[conformance.Refused] > 0
	return nil
}

// conformanceTable prints the counts by operator, and what did not pass.
func (a *app) conformanceTable(results []conformance.Result) {
	rows := [][]string{{"OPERATOR", "PASSED", "WRONG", "REFUSED", "FAILED"}}
	for _, g := range conformance.ByOperator(results) {
		row := []string{g.Op}
		for _, o := range conformance.Outcomes {
			row = append(row, strconv.Itoa(conformance.Count(g.Results)[o]))
		}
		rows = append(rows, row)
	}
	table(a.stdout, rows...)
	for _, r := range results {
		if r.Outcome != conformance.Passed {
			fmt.Fprintf(a.stdout, "%s %s: %s\n", r.Outcome, r.Name, r.Error)
		}
	}
}
