package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/audio"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	"github.com/aat-onnx/aat-onnx/models/ast"
)

type injectOptions struct {
	out, method, labels, frontend string
	blocks                        string
	sites                         []string
	rank, scale, alpha            float64
	seed                          uint64
	force, multiLabel             bool
	rankStabilised                bool
}

func injectCommand(a *app) *cobra.Command {
	var o injectOptions
	c := &cobra.Command{
		Use:   "inject MODEL.onnx -o OUT.onnx",
		Short: "Splice untrained adapters (and a new head) into a model",
		Long: paragraphs(
			"Splices adapters into every Transformer block. Their up-projection is zero, so the",
			"injected model still computes exactly what its base computes. With --labels a new",
			"head (LayerNorm and Linear) for these labels replaces the base's, or is added on the",
			"pooled features of an encoder that has none, as output logits; without, the base's",
			"head and output stay. --frontend writes how recordings become model input into the",
			"file, from a Hugging Face preprocessor_config.json.",
			"",
			"Methods:") + methodList(),
		Example: "  aat-onnx inject model.onnx -o adapted.onnx --labels labels.txt --frontend preprocessor_config.json",
		Args:    exactArgs("MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "output", o.out, "aat-onnx inject model.onnx -o adapted.onnx"); err != nil {
				return err
			}
			for _, name := range []string{"rank", "scale", "alpha"} {
				if f := c.Flags().Lookup(name); f.Changed && f.Value.String() == "0" {
					return usage("--"+name+" 0 would leave no adapter", "leave the flag out for its default")
				}
			}
			return a.inject(args[0], o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.out, "output", "o", "", "write the injected model here")
	f.StringVar(&o.method, "method", "aat", "kind of adapter, see above")
	f.Float64Var(&o.rank, "rank", 0, "bottleneck width: a share of the model's width (below 1), or a number (default the method's)")
	f.Float64Var(&o.scale, "scale", 0, "factor on the adapter's result (default the method's)")
	f.Float64Var(&o.alpha, "alpha", 0, "of low-rank updates, whose scale is alpha/rank (default the rank)")
	f.BoolVar(&o.rankStabilised, "rslora", false, "let the scale of low-rank updates be alpha/√rank")
	f.StringVar(&o.blocks, "blocks", "", "which blocks: 0,3-5, or last4; a rank of its own as in 3:16 (default all)")
	f.StringSliceVar(&o.sites, "sites", nil, "which sites or layers, for methods that have a choice (default the method's)")
	f.StringVar(&o.labels, "labels", "", "file with one label a line: a new head for them replaces the base's")
	f.BoolVar(&o.multiLabel, "multi-label", false, "with --labels: one recording can have several of them")
	f.StringVar(&o.frontend, "frontend", "", "preprocessor_config.json of the base model")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the random initial values")
	f.BoolVar(&o.force, "force", false, "replace the output if it exists")
	return c
}

func (a *app) inject(path string, o injectOptions) error {
	recipe, err := recipeFor(o)
	if err != nil {
		return err
	}
	if atomicfile.SameFile(path, o.out) {
		return usage("the output "+o.out+" is the input file", "give another -o")
	}
	head := adapterinject.Head{Seed: o.seed, MultiLabel: o.multiLabel}
	if o.labels != "" {
		if head.Labels, err = readLabels(o.labels); err != nil {
			return err
		}
	}
	if o.multiLabel && o.labels == "" {
		return usage("--multi-label is said of a new head, and without --labels there is none", "add --labels FILE")
	}
	if o.method == "head" && o.labels == "" {
		return usage("method head trains a new head only, and without --labels there is none", "add --labels FILE")
	}
	m, err := loadFile(path)
	if err != nil {
		return err
	}
	if err := m.CheckExternal(); err != nil {
		return fmt.Errorf("the base model cannot be read: %w", err)
	}
	plan, err := adapterinject.Plan(m, recipe, head)
	if err != nil {
		return err
	}
	adapted, err := plan.Inject()
	if err != nil {
		return err
	}
	if err := adapterinject.CheckNoop(m, adapted); err != nil {
		return fmt.Errorf("the injected model does not compute what its base does: %w", err)
	}
	if err := setFrontEnd(m, adapted, o.frontend); err != nil {
		return err
	}
	if err := saveModel(adapted, o.out, o.force); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(planJSON(plan, o))
	}
	fmt.Fprint(a.stdout, plan)
	fmt.Fprintf(a.stdout, "wrote %s\n", o.out)
	return nil
}

// recipeFor is the recipe that the flags ask for.
func recipeFor(o injectOptions) (adapterinject.Recipe, error) {
	kind, err := kinds.Named(o.method)
	if err != nil {
		return nil, usageOf(err)
	}
	scope, err := parseScope(o.blocks)
	if err != nil {
		return nil, err
	}
	options := kinds.Options{Scope: scope, Rank: o.rank, Scale: o.scale, Alpha: o.alpha, RankStabilised: o.rankStabilised, Seed: o.seed}
	for _, name := range o.sites {
		options.Sites = append(options.Sites, adapterinject.SiteName(name))
	}
	recipe, err := kind.Recipe(options)
	return recipe, usageOf(err)
}

// usageOf makes a refused option an error of usage.
func usageOf(err error) error {
	var u *graphsurgery.UnsupportedError
	if errors.As(err, &u) {
		return usage(u.What, u.Hint)
	}
	return err
}

// methodList describes the methods, one a line.
func methodList() string {
	var b strings.Builder
	for _, k := range kinds.All() {
		fmt.Fprintf(&b, "  %-10s %s\n", k.Method, k.Title)
	}
	return b.String()
}

func planJSON(p *adapterinject.InjectionPlan, o injectOptions) map[string]any {
	return map[string]any{
		"output": o.out, "method": o.method, "blocks": p.Blocks(),
		"trainable_parameters": p.Parameters(), "share": p.Share(),
	}
}

// setFrontEnd writes the front end of file, checked against the model's input,
// into the adapted model.
func setFrontEnd(base, adapted *graphsurgery.Model, file string) error {
	if file == "" {
		return nil
	}
	fe, err := audio.ReadPreprocessor(file)
	if err != nil {
		return err
	}
	family, err := ast.Recognise(base)
	if err != nil {
		return err
	}
	if err := family.Accepts(fe.Frames, fe.MelBins); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	text, err := fe.MarshalText()
	if err != nil {
		return err
	}
	adapted.SetMetadata(adapterinject.MetaFrontEnd, string(text))
	return nil
}

// readLabels reads one label a line; empty lines and surrounding blanks are
// ignored.
func readLabels(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var labels []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		if !utf8.Valid(s.Bytes()) {
			return nil, usage(path+" is not a text file in UTF-8", "give one label a line")
		}
		l := strings.TrimSpace(strings.TrimPrefix(s.Text(), "\ufeff"))
		if slices.Contains(labels, l) {
			return nil, usage(fmt.Sprintf("%s names the label %q twice", path, l), "give each label one line")
		}
		if l != "" {
			labels = append(labels, l)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("reading the labels: %w", &fs.PathError{Op: "read", Path: path, Err: err})
	}
	if len(labels) < 2 {
		return nil, usage(path+" names "+plural(len(labels), "label")+": a classifier needs two or more", "give one label a line")
	}
	return labels, nil
}

// saveModel writes a model whole or not at all.
func saveModel(m *graphsurgery.Model, path string, force bool) error {
	if force {
		return m.SaveForce(path)
	}
	return m.Save(path)
}
