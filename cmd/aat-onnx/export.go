package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/finetune"
)

func exportCommand(a *app) *cobra.Command {
	var out, form string
	var o export.Options
	c := &cobra.Command{
		Use:   "export RUN -o MODEL.onnx",
		Short: "Write a run's best weights in a form to deploy",
		Long: paragraphs(
			"Writes a run's best weights, with the labels and the front end in the metadata:",
			"  fused   one ONNX file with the adapters as nodes inside",
			"  merged  one ONNX file with the adapters in the base's weights where that is exact",
			"          but for rounding; the others stay nodes, and are named",
			"  adapter one safetensors file with what was trained only, and all that 'aat-onnx merge'",
			"          needs to make the fused model of it and the base",
			"  swap    the base with untrained adapters as optional inputs, and beside it the trained",
			"          ones as .onnx_adapter, which ONNX Runtime (1.20 on) activates for a run; with an",
			"          -o that ends in .onnx_adapter, that file only",
			"Fused and merged models run in any ONNX runtime."),
		Example: paragraphs(
			"  aat-onnx export runs/birds -o birds.onnx",
			"  aat-onnx export runs/birds -o birds.onnx --form merged",
			"  aat-onnx export runs/birds -o birds.safetensors --form adapter"),
		Args: exactArgs("RUN"),
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
			return a.export(run, form, out, o)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the model here")
	c.Flags().StringVar(&form, "form", "fused", "fused, merged, adapter or swap, see above")
	c.Flags().BoolVar(&o.Force, "force", false, "replace the output if it exists")
	return c
}

// export writes one form and says what was written.
func (a *app) export(run *finetune.Run, form, out string, o export.Options) error {
	result := map[string]any{"output": out, "form": form}
	var text string
	switch form {
	case "fused":
		if err := export.Fused(run, out, o); err != nil {
			return err
		}
	case "merged":
		merged, err := export.Merged(run, out, o)
		if err != nil {
			return err
		}
		result["folded"], result["kept"], result["relative_bound"] = merged.Folded, keptNames(merged), merged.RelativeBound()
		text = mergedText(merged)
	case "adapter":
		if err := export.Adapter(run, out, o); err != nil {
			return err
		}
	case "swap":
		model, adapter := swapFiles(out)
		if err := export.Swap(run, model, adapter, o); err != nil {
			return err
		}
		result["adapter"] = adapter
		if model != "" {
			text = fmt.Sprintf("wrote %s, to be made active in its runs\n", adapter)
		}
	default:
		return usage("unknown form "+form, "forms are fused, merged, adapter and swap")
	}
	info, err := os.Stat(out)
	if err != nil {
		return err
	}
	if a.json {
		result["bytes"] = info.Size()
		return a.printJSON(result)
	}
	fmt.Fprintf(a.stdout, "wrote %s (%s, epoch %d, val accuracy %s)\n%s", out, mebibytes(info.Size()), run.Result.BestEpoch, percent(run.Result.Val.Accuracy), text)
	return nil
}

// swapFiles are the model and the adapter that an output's name stands for.
func swapFiles(out string) (model, adapter string) {
	const ending = ".onnx_adapter"
	if strings.HasSuffix(out, ending) {
		return "", out
	}
	return out, strings.TrimSuffix(out, ".onnx") + ending
}

func keptNames(m *adapterinject.Merged) []string {
	names := []string{}
	for _, k := range m.Kept {
		names = append(names, k.Name)
	}
	return names
}

// mergedText says what became of the adapters: the kept ones by reason.
func mergedText(m *adapterinject.Merged) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s folded into the base's weights; rounding moves a changed sum of up to %d terms by at most %.2g of its terms' magnitudes\n",
		plural(len(m.Folded), "adapter"), m.Terms, m.RelativeBound())
	var reasons []string
	of := map[string][]string{}
	for _, k := range m.Kept {
		if of[k.Why] == nil {
			reasons = append(reasons, k.Why)
		}
		of[k.Why] = append(of[k.Why], k.Name)
	}
	for _, why := range reasons {
		fmt.Fprintf(&b, "kept as nodes, as %s: %s\n", why, strings.Join(of[why], ", "))
	}
	return b.String()
}

// insideRun reports whether a file would be written into the run folder itself.
func insideRun(file, run string) bool { return atomicfile.SameFile(filepath.Dir(file), run) }
