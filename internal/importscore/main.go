// Command importscore prints one report on the importer over a corpus of exports:
// which import, how far their results are from ONNX Runtime's, whether the same
// class comes first, and how far the gradient of every parameter is from PyTorch's.
//
//	go run ./internal/importscore -corpus corpus -backend xla:cpu -o docs/import-scores.md
//
// The corpus is built by testdata/gen/corpus (make corpus): FAMILY/VARIANT.onnx, and
// FAMILY/torch.npz with PyTorch's inputs, result and gradients. Each family is
// measured in a child process, so that a crash costs one family.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func main() {
	pjrt.MaybeRunProbe()
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "importscore:", err)
		os.Exit(1)
	}
}

type options struct {
	corpus, backend, only, variants, out, child string
	gradients, floats, loadOnly                 bool
	skip                                        int
}

func run(args []string, stdout io.Writer) error {
	var o options
	fs := flag.NewFlagSet("importscore", flag.ContinueOnError)
	fs.StringVar(&o.corpus, "corpus", "corpus", "folder of the corpus")
	fs.StringVar(&o.backend, "backend", "xla:cpu", "GoMLX backend")
	fs.StringVar(&o.only, "only", "", "only families whose name contains one of these, separated by commas")
	fs.StringVar(&o.variants, "variants", "", "only these variants, separated by commas")
	fs.BoolVar(&o.gradients, "gradients", true, "compare gradients with PyTorch's")
	fs.BoolVar(&o.loadOnly, "load", false, "only import and build the graph with its gradients, compile nothing; the report lists what is refused")
	fs.BoolVar(&o.floats, "floats", false, "only what PyTorch wrote, not what other tools made of it")
	fs.StringVar(&o.out, "o", "", "also write the report to this Markdown file")
	fs.StringVar(&o.child, "child", "", "measure this family alone and print JSON (used by the program itself)")
	fs.IntVar(&o.skip, "skip", 0, "with -child, the number of exports to leave out (used by the program itself)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.child != "" {
		return measureFamily(o, stdout)
	}
	scores, err := measureAll(o, args)
	if err != nil {
		return err
	}
	text := report(scores, o)
	fmt.Fprint(stdout, text)
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(text), 0o644)
}

// measureAll runs a child per family, in the order of their names.
func measureAll(o options, args []string) ([]score, error) {
	families, err := o.families()
	if err != nil {
		return nil, err
	}
	var all []score
	for i, family := range families {
		got, err := o.measureRestarting(family, args)
		if err != nil {
			return nil, err
		}
		for _, s := range got {
			fmt.Fprintf(os.Stderr, "%d/%d %s\n", i+1, len(families), s.line())
		}
		all = append(all, got...)
	}
	return all, nil
}

// measureRestarting measures a family. After a crash, which counts against the export
// that was being measured, a new child goes on with the next.
func (o options) measureRestarting(family string, args []string) ([]score, error) {
	variants, err := o.variantsIn(filepath.Join(o.corpus, family))
	if err != nil {
		return nil, err
	}
	var all []score
	for len(all) < len(variants) {
		got, err := measureInChild(family, append(slices.Clone(args), "-skip", strconv.Itoa(len(all))))
		all = append(all, got...)
		if len(all) < len(variants) {
			if err == nil {
				err = errors.New("it measured too little")
			}
			v := variants[len(all)]
			all = append(all, score{Family: family, Variant: v.name, Float: v.truth.Float, Error: "the process ended: " + err.Error()})
		}
	}
	return all, nil
}

// measureInChild gives what the child measured, and why it ended early if it did.
func measureInChild(family string, args []string) ([]score, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append(slices.Clone(args), "-child", family)...)
	var errText strings.Builder
	cmd.Stderr = &errText
	out, runErr := cmd.Output()
	if runErr != nil {
		runErr = fmt.Errorf("%w: %s", runErr, lastLine(errText.String()))
	}
	var got []score
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var s score
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			return got, runErr
		} else if err != nil {
			return got, errors.Join(runErr, err)
		}
		got = append(got, s)
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// families lists the corpus's folders that -only lets through.
func (o options) families() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(o.corpus, "*", "torch.npz"))
	if err != nil || len(paths) == 0 {
		return nil, errors.Join(err, fmt.Errorf("%s holds no FAMILY/torch.npz; make corpus writes them", o.corpus))
	}
	var names []string
	for _, p := range paths {
		name := filepath.Base(filepath.Dir(p))
		if o.only == "" || slices.ContainsFunc(strings.Split(o.only, ","), func(part string) bool { return strings.Contains(name, part) }) {
			names = append(names, name)
		}
	}
	return names, nil
}
