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
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/aat-onnx/aat-onnx/internal/exportcorpus"
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
		got, err := exportcorpus.MeasureInChild[score](family, append(slices.Clone(args), "-skip", strconv.Itoa(len(all))))
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

// families lists the corpus's folders that -only lets through.
func (o options) families() ([]string, error) {
	return exportcorpus.Families(o.corpus, func(name string) bool {
		return o.only == "" || slices.ContainsFunc(strings.Split(o.only, ","), func(part string) bool { return strings.Contains(name, part) })
	})
}
