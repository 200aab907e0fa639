package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// brokenError says that a model breaks rules of a level.
type brokenError struct {
	what   string
	report checkReport
}

func (e *brokenError) Error() string { return e.what }

// checkReport is the result of check as JSON.
type checkReport struct {
	Level    string         `json:"level"`
	Problems []checkProblem `json:"problems"`
}

type checkProblem struct {
	Rule  string `json:"rule"`
	Level string `json:"level"`
	Graph string `json:"graph,omitempty"`
	Node  string `json:"node,omitempty"`
	Op    string `json:"op,omitempty"`
	Value string `json:"value,omitempty"`
	What  string `json:"what"`
}

// maxProblems bounds what is listed: one mistake can break a rule at every node.
const maxProblems = 1000

type checkOptions struct {
	level   string
	domains []string
}

func checkCommand(a *app) *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check MODEL.onnx",
		Short: "Test whether an ONNX file is valid, and say where it is not",
		Long: paragraphs(
			"Lists every broken rule with its place. The levels, each with those before it:",
			"",
			"  structure  names are defined once and before use",
			"  schema     what the ONNX project's checker demands by default",
			"  types      what its full check demands: element types and shapes fit",
			"  runnable   faults the checker lets through and no runtime gets past, such as",
			"             tensors that do not fill their shape",
			"  strict     what runtimes may get past, such as unknown custom operators",
			"",
			"The exit code is 10 if a rule is broken."),
		Example: "  aat-onnx check model.onnx\n  aat-onnx check model.onnx --level strict --domain com.example --json",
		Args:    exactArgs("MODEL.onnx"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.check(args[0], o)
		},
	}
	c.Flags().StringVar(&o.level, "level", graphsurgery.LevelRunnable.String(), "how much is tested: structure, schema, types, runnable or strict")
	c.Flags().StringArrayVar(&o.domains, "domain", nil, "operator domain to allow at level strict (repeatable)")
	return c
}

func (a *app) check(path string, o checkOptions) error {
	level, err := graphsurgery.ParseLevel(o.level)
	if err != nil {
		return usage("--"+err.Error(), "see 'aat-onnx check --help'")
	}
	m, err := graphsurgery.Load(path)
	if err != nil {
		return err
	}
	problems := m.Check(graphsurgery.CheckOptions{Level: level, Domains: o.domains, Max: maxProblems})
	report := checkReport{Level: level.String(), Problems: []checkProblem{}}
	for _, p := range problems {
		report.Problems = append(report.Problems, checkProblem{p.Rule, p.Level.String(), p.Graph, p.Node, p.Op, p.Value, p.What})
	}
	if len(problems) == 0 {
		if a.json {
			return a.printJSON(report)
		}
		fmt.Fprintf(a.stdout, "%s keeps the rules of level %s\n", path, level)
		return nil
	}
	if !a.json {
		for _, p := range problems {
			fmt.Fprintln(a.stdout, oneLine(p.String()))
		}
	}
	count := plural(len(problems), "problem")
	if len(problems) == maxProblems {
		count += " or more"
	}
	return &brokenError{fmt.Sprintf("%s: %s at level %s", path, count, level), report}
}
