package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	"github.com/aat-onnx/aat-onnx/internal/npy"
)

type runOptions struct {
	inputs, values []string
	out, backend   string
	precision      string
	force          bool
}

func runCommand(a *app) *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run MODEL.onnx --input NAME=FILE.npy… -o OUT.npz",
		Short: "Run any ONNX model on arrays, and get any value inside it",
		Long: paragraphs(
			"Feeds numpy files to a model's inputs and writes its outputs, under their names,",
			"as an archive that numpy.load reads. With --value it also gives values that are",
			"computed on the way; 'aat-onnx inspect' shows their names.",
			"",
			"An array must have the input's type and a shape that fits. For bfloat16, which",
			"numpy has not, float32 is taken and given.",
			"",
			"The exit code is 12 if the model has something that is not supported."),
		Example: paragraphs(
			"  aat-onnx run model.onnx --input input_values=features.npy -o out.npz",
			"  aat-onnx run model.onnx --input x=x.npy --value /layer.0/Add_output_0 -o out.npz"),
		Args: exactArgs("MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "output", o.out, "-o out.npz"); err != nil {
				return err
			}
			return a.runModel(c.Context(), args[0], o)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.inputs, "input", nil, "NAME=FILE.npy: what to feed to an input (repeatable)")
	f.StringArrayVar(&o.values, "value", nil, "also give this value of the model (repeatable)")
	f.StringVarP(&o.out, "output", "o", "", "the archive to write")
	f.StringVar(&o.precision, "precision", "", "type of products: f32, bf16 or f16; half precision in the file becomes f32 then (default: as the file says)")
	f.BoolVar(&o.force, "force", false, "replace the archive if it exists")
	addBackendFlag(c, &o.backend)
	return c
}

func (a *app) runModel(ctx context.Context, path string, o runOptions) error {
	if err := checkRunOutput(path, o); err != nil {
		return err
	}
	out, err := atomicfile.Create(o.out, atomicfile.Options{Force: o.force}) // fails early if it cannot be
	if err != nil {
		return err
	}
	defer out.Close()
	m, err := loadModel(path)
	if err != nil {
		return err
	}
	targets, err := runTargets(m, o.values)
	if err != nil {
		return err
	}
	feeds, err := runFeeds(m, o.inputs)
	if err != nil {
		return err
	}
	compute, ok := importer.Precision(o.precision)
	if !ok {
		return usage("--precision "+o.precision+" is none of f32, bf16 and f16", "leave it out to compute as the file says")
	}
	p, err := importer.Load(m, importer.Options{Compute: compute})
	if err != nil {
		return err
	}
	backend, info, err := a.openBackend(ctx, o.backend)
	if err != nil {
		return err
	}
	defer func() {
		if ctx.Err() == nil { // else it may still be computing
			backend.Finalize()
		}
	}()
	runner, err := p.NewRunner(backend)
	if err != nil {
		return err
	}
	defer func() {
		if ctx.Err() == nil {
			runner.Close()
		}
	}()
	results, err := interruptible(ctx, func() (map[string]*graphsurgery.Tensor, error) { return runner.RunONNX(feeds, targets...) })
	var badInput *importer.InputError
	if errors.As(err, &badInput) {
		return usage(badInput.Error(), fmt.Sprintf("give it with --input '%s=FILE.npy'", badInput.Input))
	}
	if err != nil {
		return err
	}
	arrays, err := runArrays(targets, results)
	if err != nil {
		return err
	}
	if err := npy.WriteArchive(out, arrays); err != nil {
		return fmt.Errorf("writing %s: %w", o.out, err)
	}
	if err := out.Commit(); err != nil {
		return err
	}
	return a.printRun(arrays, o.out, info.Name)
}

// checkRunOutput refuses to write over what is read.
func checkRunOutput(path string, o runOptions) error {
	files := []string{path}
	for _, arg := range o.inputs {
		// A name may hold equals signs itself: each cut may be the file's.
		for i := range arg {
			if arg[i] == '=' {
				files = append(files, arg[i+1:])
			}
		}
	}
	for _, f := range files {
		if atomicfile.SameFile(f, o.out) {
			return usage("the output "+o.out+" is the input file", "give another -o")
		}
	}
	return nil
}

// interruptible runs what cannot be stopped, and comes back without it when the
// context ends. The program ends then, so what still runs does so soon.
func interruptible[T any](ctx context.Context, run func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := run()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// runTargets lists the values to compute: the outputs, then those asked for.
func runTargets(m *graphsurgery.Model, values []string) ([]string, error) {
	var targets []string
	for _, v := range m.Graph.Outputs() {
		targets = append(targets, v.Name())
	}
	for _, name := range values {
		if m.Graph.Value(name) == nil {
			return nil, usage(fmt.Sprintf("the model has no value %q", name), didYouMean(nearNames(m.Graph, name), "'aat-onnx inspect' shows the names"))
		}
		if !slices.Contains(targets, name) {
			targets = append(targets, name)
		}
	}
	return targets, nil
}

// didYouMean is a hint with names like the one given, or else the other one.
func didYouMean(near []string, other string) string {
	if len(near) == 0 {
		return other
	}
	return "did you mean " + strings.Join(near, ", or ") + "?"
}

// runFeeds reads the files of --input.
func runFeeds(m *graphsurgery.Model, inputs []string) (map[string]*graphsurgery.Tensor, error) {
	feeds := make(map[string]*graphsurgery.Tensor)
	for _, arg := range inputs {
		v, file, err := runInput(m, arg)
		if err != nil {
			return nil, err
		}
		if feeds[v.Name()] != nil {
			return nil, usage(fmt.Sprintf("input %q is given twice", v.Name()), "give one --input for each")
		}
		a, err := npy.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		if err != nil {
			return nil, &data.DataError{What: err.Error(), Hint: "write one array of numbers or booleans with numpy.save"}
		}
		if feeds[v.Name()], err = arrayTensor(v, a, file); err != nil {
			return nil, err
		}
	}
	return feeds, nil
}

// runInput splits NAME=FILE. Both may hold further equals signs: the longest name
// that is one of an input is meant.
func runInput(m *graphsurgery.Model, arg string) (*graphsurgery.Value, string, error) {
	for i := len(arg) - 1; i > 0; i-- {
		if arg[i] != '=' {
			continue
		}
		if v := m.Graph.Input(arg[:i]); v != nil {
			return v, arg[i+1:], nil
		}
	}
	name, _, ok := strings.Cut(arg, "=")
	if !ok {
		return nil, "", usage(fmt.Sprintf("--input %s names no file", arg), "write --input NAME=FILE.npy")
	}
	var names []string
	for _, v := range m.Graph.Inputs() {
		names = append(names, v.Name())
	}
	return nil, "", usage(fmt.Sprintf("the model has no input %q", name), didYouMean(nearest(names, name), "its inputs are: "+strings.Join(names, ", ")))
}

// runArrays makes arrays of the results.
func runArrays(targets []string, results map[string]*graphsurgery.Tensor) ([]npy.Named, error) {
	arrays := make([]npy.Named, len(targets))
	for i, name := range targets {
		a, err := tensorArray(results[name])
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", name, err)
		}
		arrays[i] = npy.Named{Name: name, Array: a}
	}
	return arrays, nil
}

// printRun says what was written.
func (a *app) printRun(arrays []npy.Named, file, backend string) error {
	type value struct {
		Name  string `json:"name"`
		Type  string `json:"type"`
		Shape []int  `json:"shape"`
	}
	values := make([]value, len(arrays))
	rows := make([][]string, len(arrays))
	for i, x := range arrays {
		values[i] = value{x.Name, x.Type, append([]int{}, x.Shape...)}
		rows[i] = []string{x.Name, x.Type, strings.ReplaceAll(fmt.Sprint(values[i].Shape), " ", ",")}
	}
	if a.json {
		return a.printJSON(map[string]any{"file": file, "backend": backend, "values": values})
	}
	table(a.stdout, rows...)
	fmt.Fprintf(a.stdout, "wrote %s: %s, computed on %s\n", file, plural(len(arrays), "array"), backend)
	return nil
}
