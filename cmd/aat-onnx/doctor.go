package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/internal/ort"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func doctorCommand(a *app) *cobra.Command {
	var spec string
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what this machine has, what is missing and how to get it",
		Example: "  aat-onnx doctor",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			r := pjrt.Inspect(c.Context())
			lib, ortErr := ort.Locate(c.Context(), "")
			backend, info, err := pjrt.Open(c.Context(), spec, pjrt.OpenOptions{})
			if err == nil {
				backend.Finalize()
			}
			if a.json && err == nil {
				return a.printJSON(map[string]any{"machine": r, "onnxruntime": lib, "backend": info, "notice": info.Notice})
			}
			if !a.json {
				a.printDoctor(r, info, lib, ortErr)
			}
			return err
		},
	}
	addBackendFlag(c, &spec)
	return c
}

func (a *app) printDoctor(r pjrt.Report, info pjrt.Info, lib string, ortErr error) {
	rows := [][]string{
		{"machine", fmt.Sprintf("%s/%s, %s, %s", r.OS, r.Arch, plural(r.CPUs, "CPU"), r.Go)},
		{"python", orMissing(r.Python)},
		{"pip", orMissing(r.Pip)},
		{"backend", orMissing(info.Name)},
		{"onnxruntime", orMissing(lib)},
	}
	for _, p := range r.Plugins {
		rows = append(rows, []string{"plugin " + p.Name, p.State() + " " + p.Path})
	}
	table(a.stdout, rows...)
	if info.Notice != "" {
		fmt.Fprintf(a.stdout, "note: %s\n", info.Notice)
	}
	var missing *ort.NotFoundError
	if errors.As(ortErr, &missing) {
		fmt.Fprintf(a.stdout, "note: %s; %s\n", missing, missing.Hint)
	}
}

func orMissing(s string) string {
	if s == "" {
		return "not found"
	}
	return s
}
