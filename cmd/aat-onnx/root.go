package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// version is the tool version written into run folders and metadata.
const version = "0.1.0"

// app is what every command shares: where to write, and the global flags.
type app struct {
	stdout, stderr io.Writer
	json           bool
	partial        bool   // some input was skipped: exit code 3
	notice         string // backend notice already shown
	saved          string // what an interrupted training can be continued with
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "aat-onnx",
		Short: "Adapter tuning for audio Transformers, ONNX in and ONNX out",
		Long: paragraphs(
			"aat-onnx takes a pretrained audio Transformer as an ONNX file, splices small",
			"adapters into each Transformer block, trains only those on your recordings, and",
			"writes a deployable ONNX file.",
			"",
			"  inspect → inject → train → eval → export → verify → predict",
			"",
			exitCodes),
		Example: paragraphs(
			"  aat-onnx inject model.onnx -o adapted.onnx --labels labels.txt",
			"  aat-onnx train adapted.onnx --data recordings/ -o runs/birds",
			"  aat-onnx export runs/birds -o birds.onnx"),
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print the result (and any error) as one JSON object on standard output")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(err.Error(), "see '"+c.CommandPath()+" --help'")
	})
	root.AddCommand(
		quickstartCommand(a), doctorCommand(a), backendCommand(a),
		inspectCommand(a), checkCommand(a), injectCommand(a), ejectCommand(a), trainCommand(a), evalCommand(a),
		exportCommand(a), mergeCommand(a), verifyCommand(a), predictCommand(a), diffCommand(a), transformCommand(a),
		conformanceCommand(a), runCommand(a), benchCommand(a),
	)
	return root
}

// exactArgs is cobra.ExactArgs with our voice: it names what is missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		want := strings.Join(names, " ")
		if want == "" {
			want = "no argument"
		}
		return usage(
			c.CommandPath()+" takes "+want+": got "+plural(len(args), "argument"),
			"see '"+c.CommandPath()+" --help'")
	}
}

// needFlag refuses a command line without a required flag.
func needFlag(c *cobra.Command, name, value, example string) error {
	if value != "" {
		return nil
	}
	return usage(c.CommandPath()+" needs --"+name, "for example: "+example)
}

func paragraphs(lines ...string) string { return strings.Join(lines, "\n") }
