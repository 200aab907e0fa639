package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/finetune"
)

func exportCommand(a *app) *cobra.Command {
	var out string
	var o export.Options
	c := &cobra.Command{
		Use:     "export RUN -o MODEL.onnx",
		Short:   "Write a run's best weights as one deployable ONNX file",
		Long:    "Writes one ONNX file with the trained adapters inside and the labels and front end in\nits metadata. It runs in any ONNX runtime.",
		Example: "  aat-onnx export runs/birds -o birds.onnx",
		Args:    exactArgs("RUN"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "output", out, "aat-onnx export runs/birds -o birds.onnx"); err != nil {
				return err
			}
			if !isFolder(args[0]) {
				return usage(args[0]+" is not a run folder", "give the -o folder of 'aat-onnx train'")
			}
			if insideRun(out, args[0]) {
				return usage(out+" is inside the run folder, whose files must stay", "write somewhere else")
			}
			run, err := finetune.OpenRun(args[0])
			if err != nil {
				return err
			}
			if err := export.Fused(run, out, o); err != nil {
				return err
			}
			info, err := os.Stat(out)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"output": out, "bytes": info.Size(), "form": "fused"})
			}
			fmt.Fprintf(a.stdout, "wrote %s (%s, epoch %d, val accuracy %s)\n", out, mebibytes(info.Size()), run.Result.BestEpoch, percent(run.Result.Val.Accuracy))
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the model here")
	c.Flags().BoolVar(&o.Force, "force", false, "replace the output if it exists")
	return c
}

// insideRun reports whether a file would be written into the run folder itself.
func insideRun(file, run string) bool { return atomicfile.SameFile(filepath.Dir(file), run) }
