package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

func mergeCommand(a *app) *cobra.Command {
	var out string
	var o export.Options
	c := &cobra.Command{
		Use:   "merge BASE.onnx ADAPTER -o OUT.onnx",
		Short: "Make the fused model of a base and an adapter file",
		Long: paragraphs(
			"Puts the adapter of 'aat-onnx export --form adapter' into its base again: byte for",
			"byte what --form fused writes. Another base than the adapter was made for is refused."),
		Example: "  aat-onnx merge model.onnx birds.safetensors -o birds.onnx",
		Args:    exactArgs("BASE.onnx", "ADAPTER"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "output", out, "aat-onnx merge model.onnx birds.safetensors -o birds.onnx"); err != nil {
				return err
			}
			return a.merge(args[0], args[1], out, o)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the model here")
	c.Flags().BoolVar(&o.Force, "force", false, "replace the output if it exists")
	return c
}

func (a *app) merge(base, adapter, out string, o export.Options) error {
	for _, in := range []string{base, adapter} {
		if atomicfile.SameFile(in, out) {
			return usage("the output "+out+" is an input file", "give another -o")
		}
	}
	m, err := loadFile(base)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(adapter)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no adapter at %q: %w", adapter, syscall.ENOENT)
	}
	if err != nil {
		return err
	}
	fused, err := export.Attach(m, data)
	if err != nil {
		return inFile(err, adapter)
	}
	if err := fused.Verify(); err != nil {
		return err
	}
	if err := saveModel(fused, out, o.Force); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"output": out, "digest": fused.Digest()})
	}
	fmt.Fprintf(a.stdout, "wrote %s: %s\n", out, fused.Digest())
	return nil
}

// inFile says in which file what is broken was found.
func inFile(err error, path string) error {
	var broken *graphsurgery.FormatError
	if errors.As(err, &broken) && broken.File == "" {
		broken.File = path
	}
	return err
}
