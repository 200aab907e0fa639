package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func backendCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "backend",
		Short:   "Install and list what models run on",
		Example: "  aat-onnx backend install cpu",
		Args:    cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			return usage("backend needs a word more", "one of install and list")
		},
	}
	c.AddCommand(backendInstallCommand(a), backendListCommand(a))
	return c
}

func backendInstallCommand(a *app) *cobra.Command {
	var o pjrt.InstallOptions
	c := &cobra.Command{
		Use:   "install NAME",
		Short: "Fetch the XLA CPU plugin (cpu) or ONNX Runtime (onnxruntime) through pip",
		Long: paragraphs(
			"Fetches one exact version with 'python3 -m pip download', checks its SHA-256, keeps",
			"only the library in your cache folder and tries it in a child process. Later runs",
			"find it by themselves. NAME is cpu (the XLA plugin) or onnxruntime (for verify)."),
		Example: paragraphs(
			"  aat-onnx backend install cpu",
			"  aat-onnx backend install cpu --from xla_cpu_pjrt-0.0.1-….whl   # without network"),
		Args: exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Progress = a.stderr
			p, err := pjrt.Install(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(p)
			}
			fmt.Fprintf(a.stdout, "%s %s is ready: %s\n", p.Name, p.Version, p.Path)
			return nil
		},
	}
	c.Flags().StringVar(&o.From, "from", "", "take this wheel or library instead of asking pip (same digest check)")
	c.Flags().BoolVar(&o.Force, "force", false, "fetch again even when it is installed")
	return c
}

func backendListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the backends and whether each is installed",
		Example: "  aat-onnx backend list --json",
		Args:    exactArgs(),
		RunE: func(_ *cobra.Command, _ []string) error {
			list, err := pjrt.List()
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"backends": list})
			}
			rows := [][]string{{"NAME", "VERSION", "STATE", "PATH"}}
			for _, p := range list {
				rows = append(rows, []string{p.Name, p.Version, p.State(), p.Path})
			}
			table(a.stdout, rows...)
			return nil
		},
	}
}

// addBackendFlag registers --backend.
func addBackendFlag(c *cobra.Command, spec *string) {
	c.Flags().StringVar(spec, "backend", "auto", "where to compute: auto, xla:cpu, xla:cuda, go, or xla:/path/to/plugin.so")
}

// openBackend opens the chosen backend and prints, once, what a fallback lost.
func (a *app) openBackend(ctx context.Context, spec string) (pjrt.Backend, pjrt.Info, error) {
	b, info, err := pjrt.Open(ctx, spec, pjrt.OpenOptions{})
	if err != nil {
		return nil, info, err
	}
	if info.Notice != "" && info.Notice != a.notice {
		fmt.Fprintf(a.stderr, "note: %s\n", info.Notice)
		a.notice = info.Notice
	}
	return b, info, nil
}
