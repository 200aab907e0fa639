// Command kindscore prints one report on the kinds of adapters over a corpus of
// exports: every kind is injected into every model with blocks and held to the same
// promises, from the proof that nothing is computed otherwise yet to the base coming
// back byte for byte.
//
//	go run ./internal/kindscore -corpus corpus -only ast,clap,vit,wav2vec2,whisper -o docs/adapter-scores.md
//
// The corpus is built by testdata/gen/corpus (make corpus). Each family is measured in
// a child process, so that a crash costs one family.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/aat-onnx/aat-onnx/internal/exportcorpus"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func main() {
	pjrt.MaybeRunProbe()
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kindscore:", err)
		os.Exit(1)
	}
}

type options struct {
	corpus, only, variants, methods, backend, out, child string
	ort                                                  bool
}

func run(args []string, stdout io.Writer) error {
	var o options
	fs := flag.NewFlagSet("kindscore", flag.ContinueOnError)
	fs.StringVar(&o.corpus, "corpus", "corpus", "folder of the corpus")
	fs.StringVar(&o.only, "only", "", "only these families, separated by commas")
	fs.StringVar(&o.variants, "variants", "", "only these variants, separated by commas")
	fs.StringVar(&o.methods, "methods", "", "only these kinds, separated by commas")
	fs.StringVar(&o.backend, "gradients", "", "take gradients on this GoMLX backend, such as go or xla:cpu (default none)")
	fs.BoolVar(&o.ort, "ort", true, "compare in ONNX Runtime at its four levels")
	fs.StringVar(&o.out, "o", "", "also write the report to this Markdown file")
	fs.StringVar(&o.child, "child", "", "measure this family alone and print JSON (used by the program itself)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.child != "" {
		return measureFamily(o, stdout)
	}
	families, err := o.families()
	if err != nil {
		return err
	}
	var all []score
	for i, family := range families {
		got, err := exportcorpus.MeasureInChild[score](family, args)
		if err != nil {
			got = append(got, score{Family: family, Variant: "?", Method: "?", Failed: map[string]string{"run": "the process ended: " + err.Error()}})
		}
		fmt.Fprintf(os.Stderr, "%d/%d %s\n", i+1, len(families), summary(family, got))
		all = append(all, got...)
	}
	text := report(all, o)
	fmt.Fprint(stdout, text)
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(text), 0o644)
}

// families lists the corpus's folders that -only lets through and that are meant to
// have blocks.
func (o options) families() ([]string, error) {
	return exportcorpus.Families(o.corpus, func(name string) bool { return among(o.only, name) && !strings.HasPrefix(name, "neg-") })
}

// among reports whether a list separated by commas names something; an empty one
// names everything.
func among(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}
