package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/finetune"
	"github.com/aat-onnx/aat-onnx/internal/ort"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

type quickstartOptions struct {
	testdata, out, backend string
	force                  bool
}

func quickstartCommand(a *app) *cobra.Command {
	var o quickstartOptions
	c := &cobra.Command{
		Use:   "quickstart",
		Short: "The whole job on the shipped model and recordings, in minutes",
		Long: paragraphs(
			"Takes a small AST pretrained on spoken words, teaches it eleven new classes twice",
			"(a new head alone, then adapters) and compares both on voices it never heard. Every",
			"step is printed as the command you would type for your own files."),
		Example: "  aat-onnx quickstart -o quickstart",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if !a.json {
				return (&quickstart{app: a, o: o}).run(c.Context())
			}
			// The one JSON object is for standard output, the tour for the other.
			q := &quickstart{app: &app{stdout: a.stderr, stderr: a.stderr}, o: o}
			if err := q.run(c.Context()); err != nil {
				return err
			}
			return a.printJSON(q.summary)
		},
	}
	f := c.Flags()
	f.StringVar(&o.testdata, "testdata", "testdata", "the repository's testdata folder")
	f.StringVarP(&o.out, "output", "o", "quickstart", "folder for everything that is made")
	f.BoolVar(&o.force, "force", false, "start again in an existing folder")
	addBackendFlag(c, &o.backend)
	return c
}

// quickstart runs the commands a user would type, in one process.
type quickstart struct {
	app     *app
	o       quickstartOptions
	started time.Time
	epochs  int
	summary quickstartSummary
}

// quickstartSummary is the closing table for programs.
type quickstartSummary struct {
	Seconds float64                      `json:"seconds"`
	Backend string                       `json:"backend"`
	Methods map[string]quickstartOutcome `json:"methods"`
	Output  string                       `json:"output"`
	Bytes   int64                        `json:"bytes"`
	Verify  *export.Report               `json:"verify"` // null where ONNX Runtime was not to be had
}

// quickstartOutcome is what one method gave.
type quickstartOutcome struct {
	Accuracy  float64 `json:"accuracy"` // on the test clips, 0–1
	Trainable int64   `json:"trainable_parameters"`
	Share     float64 `json:"share"`
	Seconds   float64 `json:"seconds"`
}

// The recipe's epochs, and what is left of them where only the pure-Go backend
// is there, which is some twenty times slower.
const (
	quickstartEpochs   = 25
	quickstartGoEpochs = 3
)

// method is one way of adapting, with the learning rate the shipped model's
// card chose for it on validation clips.
type method struct {
	name, title, rate string
}

func quickstartMethods() []method {
	return []method{
		{"head", "head only", "0.003"},
		{"aat", "AAT adapters", "0.001"},
	}
}

func (q *quickstart) run(ctx context.Context) error {
	q.started = time.Now()
	base := filepath.Join(q.o.testdata, "tinyast", "tinyast-ts17.onnx")
	clips := filepath.Join(q.o.testdata, "speech", "speech.csv")
	for _, f := range []string{base, clips} {
		if _, err := os.Stat(f); err != nil {
			return usage("quickstart needs "+f, "run it in the repository's folder, or give --testdata")
		}
	}
	if err := q.prepareFolder(); err != nil {
		return err
	}
	if err := q.installRuntimes(ctx); err != nil {
		return err
	}
	if err := q.budget(ctx); err != nil {
		return err
	}
	if err := q.do(ctx, "What is in the model?", "inspect", base); err != nil {
		return err
	}
	var results []finetune.Result
	for _, m := range quickstartMethods() {
		r, err := q.adapt(ctx, m, base, clips)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return q.ship(ctx, base, clips, results)
}

func (q *quickstart) path(name string) string { return filepath.Join(q.o.out, name) }

// prepareFolder refuses a folder that holds something unless forced, and then
// removes only what quickstart itself makes.
func (q *quickstart) prepareFolder() error {
	entries, err := os.ReadDir(q.o.out)
	if err == nil && len(entries) > 0 && !q.o.force {
		return usage(q.o.out+" exists and is not empty", "give another -o, or add --force")
	}
	for _, m := range quickstartMethods() {
		if err := os.RemoveAll(q.path("run-" + m.name)); err != nil {
			return err
		}
	}
	return os.MkdirAll(q.o.out, 0o755)
}

// installRuntimes fetches the XLA plugin and ONNX Runtime. Either may fail: the
// job then goes on without it and says what that costs.
func (q *quickstart) installRuntimes(ctx context.Context) error {
	wanted := []string{"onnxruntime"}
	if q.o.backend == "auto" || q.o.backend == "xla:cpu" {
		wanted = []string{"cpu", "onnxruntime"}
	}
	for _, name := range wanted {
		err := q.do(ctx, "Fetch "+pjrt.Title(name)+" (once)", "backend", "install", name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			_, hints := classify(err)
			fmt.Fprintf(q.app.stderr, "note: going on without it: %s\n", oneLine(err.Error()))
			for _, h := range hints {
				fmt.Fprintf(q.app.stderr, "hint: %s\n", h)
			}
		}
	}
	return nil
}

// budget chooses the number of epochs by the backend there is.
func (q *quickstart) budget(ctx context.Context) error {
	backend, info, err := q.app.openBackend(ctx, q.o.backend)
	if err != nil {
		return err
	}
	backend.Finalize()
	q.epochs = quickstartEpochs
	if info.Name == "go" {
		q.epochs = quickstartGoEpochs
		fmt.Fprintf(q.app.stderr, "note: on the pure-Go backend this trains %d epochs instead of %d, so expect lower accuracies\n", q.epochs, quickstartEpochs)
	}
	return nil
}

// adapt injects, trains and evaluates one method.
func (q *quickstart) adapt(ctx context.Context, m method, base, clips string) (finetune.Result, error) {
	injected, run := q.path(m.name+".onnx"), q.path("run-"+m.name)
	labels, frontEnd := filepath.Join(q.o.testdata, "speech", "labels.txt"), filepath.Join(q.o.testdata, "tinyast", "preprocessor_config.json")
	err := q.do(ctx, "Splice: "+m.title, "inject", base, "-o", injected, "--method", m.name, "--labels", labels, "--frontend", frontEnd, "--force")
	if err != nil {
		return finetune.Result{}, err
	}
	err = q.do(ctx, "Train: "+m.title, "train", injected, "--data", clips, "-o", run, "--epochs", strconv.Itoa(q.epochs), "--lr", m.rate, "--backend", q.o.backend)
	if err != nil {
		return finetune.Result{}, err
	}
	r, err := finetune.OpenRun(run)
	if err != nil {
		return finetune.Result{}, err
	}
	return r.Result, nil
}

// ship exports the adapted model, checks it in a second runtime, tries it on
// recordings and prints the closing table.
func (q *quickstart) ship(ctx context.Context, base, clips string, results []finetune.Result) error {
	file := q.path("keywords.onnx")
	if err := q.do(ctx, "Ship: one file with the adapters inside", "export", q.path("run-aat"), "-o", file, "--force"); err != nil {
		return err
	}
	report, verr := q.verify(ctx, file, clips)
	var missing *ort.NotFoundError
	if errors.As(verr, &missing) { // no second runtime: say so, ship all the same
		fmt.Fprintf(q.app.stderr, "note: not verified: %s\n", oneLine(verr.Error()))
		verr = nil
	}
	samples, err := q.samples(clips)
	if err != nil {
		return err
	}
	if err := q.do(ctx, "Use it", append([]string{"predict", file}, samples...)...); err != nil {
		return err
	}
	if err := q.closingTable(base, file, results, report); err != nil {
		return err
	}
	return verr
}

// verify compares the shipped file in both runtimes on every test clip.
func (q *quickstart) verify(ctx context.Context, file, clips string) (export.Report, error) {
	fmt.Fprintf(q.app.stdout, "\nCheck it in a second runtime\n$ aat-onnx verify %s --data %s\n", file, clips)
	o := verifyOptions{data: clips, split: "test", backend: q.o.backend, tolerance: 1e-4}
	report, err := q.app.verifyReport(ctx, file, file, o)
	if err != nil {
		return report, err
	}
	q.app.printReport(report)
	return report, judge(report, o.tolerance)
}

// samples picks a few test recordings of the shipped set.
func (q *quickstart) samples(clips string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(clips), "test", "*.flac"))
	if err != nil || len(files) == 0 {
		return nil, usage("no test recordings beside "+clips, "is the checkout complete?")
	}
	return []string{files[0], files[len(files)/2], files[len(files)-1]}, nil
}

// closingTable is what the reader should take away.
func (q *quickstart) closingTable(base, file string, results []finetune.Result, report export.Report) error {
	if err := q.summarise(file, results, report); err != nil {
		return err
	}
	size := func(path string) string {
		info, err := os.Stat(path)
		if err != nil {
			return "?"
		}
		return mebibytes(info.Size())
	}
	fmt.Fprintf(q.app.stdout, "\nDone in %s on %s\n\n", time.Since(q.started).Round(time.Second), results[0].Backend)
	rows := [][]string{{"", "ACCURACY, UNSEEN VOICES", "TRAINED PARAMETERS", "SHARE", "TRAINING TIME"}}
	for i, r := range results {
		rows = append(rows, []string{
			quickstartMethods()[i].title, fmt.Sprintf("%s of %s", percent(r.Test.Accuracy), plural(r.Test.N, "clip")),
			strconv.FormatInt(r.Parameters.Trainable, 10), percent(r.Parameters.Share), fmt.Sprintf("%.0f s", r.Seconds),
		})
	}
	table(q.app.stdout, rows...)
	fmt.Fprintln(q.app.stdout)
	checked := "not checked (see the note above)"
	if report.Inputs > 0 {
		checked = fmt.Sprintf("logits differ by at most %.2g, same top class on %d of %s", report.MaxAbsDiff, report.Top1Agree, plural(report.Inputs, "clip"))
	}
	table(q.app.stdout,
		[]string{"deployable file", file + " (" + size(file) + ")"},
		[]string{"base model", base + " (" + size(base) + ")"},
		[]string{"ONNX Runtime / GoMLX", checked},
		[]string{"runs", q.path("run-head") + ", " + q.path("run-aat") + " (config, log, checkpoints, result)"},
	)
	return nil
}

// summarise fills in the summary.
func (q *quickstart) summarise(file string, results []finetune.Result, report export.Report) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	q.summary = quickstartSummary{
		Seconds: time.Since(q.started).Seconds(), Backend: results[0].Backend,
		Methods: map[string]quickstartOutcome{}, Output: file, Bytes: info.Size(),
	}
	for i, r := range results {
		q.summary.Methods[quickstartMethods()[i].name] = quickstartOutcome{r.Test.Accuracy, r.Parameters.Trainable, r.Parameters.Share, r.Seconds}
	}
	if report.Inputs > 0 {
		q.summary.Verify = &report
	}
	return nil
}

// do prints a command line and runs it through the same entry a user has.
func (q *quickstart) do(ctx context.Context, title string, args ...string) error {
	fmt.Fprintf(q.app.stdout, "\n%s\n$ aat-onnx %s\n", title, strings.Join(args, " "))
	sub := &app{stdout: q.app.stdout, stderr: q.app.stderr, notice: q.app.notice}
	defer func() { q.app.saved = sub.saved }()
	root := newRoot(sub)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	q.app.notice = sub.notice
	q.app.partial = q.app.partial || sub.partial
	return err
}
