package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

func ejectCommand(a *app) *cobra.Command {
	var out string
	var force bool
	c := &cobra.Command{
		Use:   "eject MODEL.onnx -o OUT.onnx",
		Short: "Give back the base of a model with adapters",
		Long: paragraphs(
			"Takes the adapters and the new head out of a model, trained or not, and writes the",
			"base as it was, byte for byte. The model alone is needed: it holds a record of what",
			"inject changed. If other tools changed the frozen parts since, eject refuses."),
		Example: "  aat-onnx eject adapted.onnx -o base.onnx",
		Args:    exactArgs("MODEL.onnx"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "output", out, "aat-onnx eject adapted.onnx -o base.onnx"); err != nil {
				return err
			}
			return a.eject(args[0], out, force)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the base here")
	c.Flags().BoolVar(&force, "force", false, "replace the output if it exists")
	return c
}

func (a *app) eject(path, out string, force bool) error {
	if atomicfile.SameFile(path, out) {
		return usage("the output "+out+" is the input file", "give another -o")
	}
	m, err := loadFile(path)
	if err != nil {
		return err
	}
	base, err := adapterinject.Eject(m)
	if err != nil {
		return err
	}
	if err := saveModel(base, out, force); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"output": out, "digest": base.Digest()})
	}
	fmt.Fprintf(a.stdout, "wrote %s, the base as it was: %s\n", out, base.Digest())
	return nil
}
