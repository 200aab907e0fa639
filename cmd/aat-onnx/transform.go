package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

type transformOptions struct {
	out      string
	passes   []string
	opset    int64
	rounds   int
	opsetSet bool
	force    bool
	list     bool
}

func transformCommand(a *app) *cobra.Command {
	var o transformOptions
	c := &cobra.Command{
		Use:   "transform MODEL.onnx -o OUT.onnx",
		Short: "Clean up a model, raise its opset, recognise norms, GELU and attention",
		Long: paragraphs(
			"Applies passes to a model, each whole or not at all, and verifies the model each",
			"time. Without --pass and --opset it cleans up: dead nodes, identities, constants,",
			"equal initialisers, equal nodes. The passes run in rounds until nothing changes.",
			"--list says what each does, and what must come before what."),
		Example: paragraphs(
			"  aat-onnx transform model.onnx -o clean.onnx",
			"  aat-onnx transform model.onnx -o new.onnx --opset 20 --pass cleanup,layer-norm,gelu",
			"  aat-onnx transform --list"),
		Args: func(c *cobra.Command, args []string) error {
			if o.list {
				return exactArgs()(c, args)
			}
			return exactArgs("MODEL.onnx")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if o.list {
				return a.listPasses()
			}
			if err := needFlag(c, "output", o.out, "aat-onnx transform model.onnx -o clean.onnx"); err != nil {
				return err
			}
			o.opsetSet = c.Flags().Changed("opset")
			return a.transform(args[0], o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.out, "output", "o", "", "write the transformed model here")
	f.StringSliceVar(&o.passes, "pass", nil, "passes to apply, in order, or cleanup for its passes")
	f.Int64Var(&o.opset, "opset", 0, fmt.Sprintf("raise the operator set version of ai.onnx to this, %d to %d", passes.MinOpset, passes.MaxOpset))
	f.IntVar(&o.rounds, "rounds", 10, "at most that many rounds")
	f.BoolVar(&o.force, "force", false, "replace the output if it exists")
	f.BoolVar(&o.list, "list", false, "list the passes and their order, and stop")
	return c
}

// chosen are the passes that the flags ask for. Conversion comes after what should
// precede it, unless the list says where.
func (o transformOptions) chosen() ([]passes.Pass, error) {
	names := o.passes
	if err := o.check(); err != nil {
		return nil, err
	}
	if names == nil && o.opset == 0 {
		names = []string{"cleanup"}
	}
	var list []passes.Pass
	placed := false
	for _, name := range names {
		p, ok := passes.ByName(name)
		switch {
		case name == "cleanup":
			list = append(list, passes.Cleanup()...)
		case name == "convert-opset" && o.opset != 0:
			list, placed = append(list, passes.ConvertOpset(o.opset)), true
		case name == "convert-opset":
			return nil, usage("pass convert-opset needs --opset", "for example --opset 20")
		case !ok:
			return nil, usage("no pass "+strconv.Quote(name), "see 'aat-onnx transform --list'")
		default:
			list = append(list, p)
		}
	}
	if o.opset != 0 && !placed {
		at := 0
		for at < len(list) && slices.Contains([]string{"repair", "dead-nodes", "inline"}, list[at].Name) {
			at++
		}
		list = slices.Insert(list, at, passes.ConvertOpset(o.opset))
	}
	return list, nil
}

// check tests the flags that need no model.
func (o transformOptions) check() error {
	switch {
	case o.rounds < 1:
		return usage(fmt.Sprintf("--rounds %d: want 1 or more", o.rounds), "leave the flag out for its default")
	case o.opsetSet && (o.opset < passes.MinOpset || o.opset > passes.MaxOpset):
		return usage(fmt.Sprintf("--opset %d: want %d to %d", o.opset, passes.MinOpset, passes.MaxOpset), fmt.Sprintf("for example --opset %d", passes.MaxOpset))
	case o.passes != nil && len(o.passes) == 0:
		return usage("--pass names no pass", "see 'aat-onnx transform --list'")
	}
	return nil
}

func (a *app) transform(path string, o transformOptions) error {
	if atomicfile.SameFile(path, o.out) {
		return usage("the output "+o.out+" is the input file", "give another -o")
	}
	list, err := o.chosen()
	if err != nil {
		return err
	}
	m, err := graphsurgery.Load(path)
	if err != nil {
		return err
	}
	if has, _ := m.Opset(""); o.opset != 0 && o.opset < has {
		return usage(fmt.Sprintf("--opset %d: %s has opset %d, and lowering it is not done", o.opset, path, has), fmt.Sprintf("give --opset %d or more, or leave it out", has))
	}
	before := len(m.Graph.Nodes())
	report, err := passes.RunFixed(m, o.rounds, list...)
	var order *passes.OrderError
	var unsupported *graphsurgery.UnsupportedError
	if errors.As(err, &unsupported) {
		var want int
		if _, no := fmt.Sscanf(unsupported.Hint, "convert the model to opset %d", &want); no == nil {
			unsupported.Hint = fmt.Sprintf("add --opset %d", want)
		}
	}
	switch {
	case errors.As(err, &order):
		return usage(err.Error(), "see 'aat-onnx transform --list'")
	case err != nil:
		return err
	}
	save := m.Save
	if o.force {
		save = m.SaveForce
	}
	if err := save(o.out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(transformJSON(m, o.out, before, report))
	}
	a.printTransform(m, o.out, before, report)
	return nil
}

func (a *app) printTransform(m *graphsurgery.Model, out string, before int, report passes.Report) {
	var rows [][]string
	for _, s := range report {
		if s.Changed > 0 {
			rows = append(rows, []string{s.Pass, plural(s.Changed, "change"), plural(s.Nodes, "node") + " left"})
		}
	}
	table(a.stdout, rows...)
	if len(rows) == 0 {
		fmt.Fprintln(a.stdout, "nothing to change: the output is the input, byte for byte")
	}
	fmt.Fprintf(a.stdout, "wrote %s: %d nodes, %d before\n", out, len(m.Graph.Nodes()), before)
}

func transformJSON(m *graphsurgery.Model, out string, before int, report passes.Report) map[string]any {
	steps := make([]map[string]any, 0, len(report))
	for _, s := range report {
		steps = append(steps, map[string]any{"pass": s.Pass, "round": s.Round, "changed": s.Changed, "nodes": s.Nodes})
	}
	opset, _ := m.Opset("")
	return map[string]any{"output": out, "opset": opset, "nodes": len(m.Graph.Nodes()), "nodes_before": before, "digest": m.Digest(), "steps": steps}
}

func (a *app) listPasses() error {
	all := append(passes.All(), passes.ConvertOpset(passes.MaxOpset))
	if a.json {
		list := make([]map[string]any, 0, len(all))
		for _, p := range all {
			list = append(list, map[string]any{"name": p.Name, "doc": p.Doc})
		}
		rows := make([]map[string]any, 0, len(passes.Order()))
		for _, r := range passes.Order() {
			rows = append(rows, map[string]any{"before": r.Before, "after": r.After, "because": r.Because})
		}
		return a.printJSON(map[string]any{"passes": list, "order": rows})
	}
	for _, p := range all {
		fmt.Fprintf(a.stdout, "%s\n%s\n", p.Name, wrap(p.Doc, 78))
	}
	fmt.Fprintln(a.stdout, "order")
	for _, r := range passes.Order() {
		fmt.Fprintf(a.stdout, "  %s before %s: %s\n", r.Before, r.After, r.Because)
	}
	return nil
}

// wrap breaks text into indented lines.
func wrap(text string, width int) string {
	var b strings.Builder
	line := " "
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + word
	}
	return b.String() + line
}
