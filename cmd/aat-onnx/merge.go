package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/export"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

func mergeCommand(a *app) *cobra.Command {
	var out, labels string
	var o export.Options
	c := &cobra.Command{
		Use:   "merge BASE.onnx ADAPTER -o OUT.onnx",
		Short: "Make the fused model of a base and an adapter file",
		Long: paragraphs(
			"Puts the adapter of 'aat-onnx export --form adapter' into its base again: byte for",
			"byte what --form fused writes. Another base than the adapter was made for is refused.",
			"ADAPTER can also be a folder in which PEFT saved a LoRA of Transformers' AST; where it",
			"saved a classifier too, --labels names its classes."),
		Example: "  aat-onnx merge model.onnx birds.safetensors -o birds.onnx",
		Args:    exactArgs("BASE.onnx", "ADAPTER"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needFlag(c, "output", out, "aat-onnx merge model.onnx birds.safetensors -o birds.onnx"); err != nil {
				return err
			}
			return a.merge(args[0], args[1], labels, out, o)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write the model here")
	c.Flags().StringVar(&labels, "labels", "", "one label a line, for the classifier of a PEFT adapter")
	c.Flags().BoolVar(&o.Force, "force", false, "replace the output if it exists")
	return c
}

func (a *app) merge(base, adapter, labels, out string, o export.Options) error {
	for _, in := range []string{base, adapter} {
		if atomicfile.SameFile(in, out) {
			return usage("the output "+out+" is an input file", "give another -o")
		}
	}
	m, err := loadFile(base)
	if err != nil {
		return err
	}
	fused, err := attach(m, adapter, labels)
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

// attach reads an adapter file, or PEFT's folder, and puts it into its base.
func attach(m *graphsurgery.Model, adapter, labelsFile string) (*graphsurgery.Model, error) {
	if !isFolder(adapter) {
		if labelsFile != "" {
			return nil, usage("--labels is for PEFT's adapters; an adapter file has its own", "leave it out")
		}
		data, err := readAdapter(adapter)
		if err != nil {
			return nil, err
		}
		return export.Attach(m, data)
	}
	config, err := readAdapter(filepath.Join(adapter, "adapter_config.json"))
	if err != nil {
		return nil, err
	}
	weights, err := readAdapter(filepath.Join(adapter, "adapter_model.safetensors"))
	if err != nil {
		return nil, err
	}
	var labels []string
	if labelsFile != "" {
		if labels, err = readLabels(labelsFile); err != nil {
			return nil, err
		}
	}
	return export.AttachPEFT(m, config, weights, labels)
}

// readAdapter reads a file; the error for a missing one says what was wanted.
func readAdapter(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no adapter at %q: %w", path, syscall.ENOENT)
	}
	return data, err
}

// inFile says in which file what is broken was found.
func inFile(err error, path string) error {
	var broken *graphsurgery.FormatError
	if errors.As(err, &broken) && broken.File == "" {
		broken.File = path
	}
	return err
}
