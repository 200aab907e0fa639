package pjrt

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// cudaPlugin is where the CUDA plugin of a JAX installation lies.
type cudaPlugin struct {
	plugin  string // …/jax_plugins/xla_cuda13/xla_cuda_plugin.so
	dataDir string // …/nvidia/cu13, with ptxas and libdevice; "" if not there
}

// mayHaveCUDA is a cheap test that avoids starting Python on other machines.
func mayHaveCUDA() bool {
	if os.Getenv("AAT_ONNX_CUDA_PLUGIN") != "" {
		return true
	}
	if m, _ := filepath.Glob("/dev/nvidia[0-9]*"); len(m) > 0 {
		return true
	}
	_, err := exec.LookPath("nvidia-smi")
	return err == nil
}

// locateCUDA asks Python for its package folders. It imports nothing of JAX.
const locateCUDA = `import json, os, sys
for base in sys.path:
    for v in ("cuda13", "cuda12"):
        f = os.path.join(base, "jax_plugins", "xla_" + v, "xla_cuda_plugin.so")
        if os.path.isfile(f):
            print(json.dumps(os.path.abspath(f)))
            sys.exit(0)
sys.exit(3)
`

// findCUDA looks at $AAT_ONNX_CUDA_PLUGIN, then in the packages of Python.
func findCUDA(ctx context.Context) (cudaPlugin, error) {
	if file := os.Getenv("AAT_ONNX_CUDA_PLUGIN"); file != "" {
		fi, err := os.Stat(file)
		if err != nil || !fi.Mode().IsRegular() || !filepath.IsAbs(file) {
			return cudaPlugin{}, &DownloadError{
				What: fmt.Sprintf("AAT_ONNX_CUDA_PLUGIN names %q, which is not an absolute path of a file", file),
				Hint: "set it to the absolute path of xla_cuda_plugin.so",
			}
		}
		return beside(file), nil
	}
	hint := "install it with 'python3 -m pip install jax-cuda13-plugin[with-cuda]', or set AAT_ONNX_CUDA_PLUGIN to its xla_cuda_plugin.so"
	python, err := findPython("")
	if err != nil {
		return cudaPlugin{}, &DownloadError{What: "no CUDA plugin found: there is no python3 to look for it with", Hint: hint}
	}
	out, _, err := runPython(ctx, python, string(filepath.Separator), "-c", locateCUDA)
	if ctx.Err() != nil {
		return cudaPlugin{}, context.Cause(ctx)
	}
	var file string
	if err != nil || json.Unmarshal([]byte(out), &file) != nil {
		return cudaPlugin{}, &DownloadError{What: "no CUDA plugin found in the packages of " + python, Hint: hint}
	}
	return beside(file), nil
}

// beside finds NVIDIA's libraries as JAX lays them out: two folders up from the
// plugin, in nvidia/cu13 (CUDA 12 has one folder per library; nvcc holds ptxas).
func beside(file string) cudaPlugin {
	nvidia := filepath.Join(filepath.Dir(file), "..", "..", "nvidia")
	for _, sub := range []string{"cu13", "cuda_nvcc"} {
		dir := filepath.Join(nvidia, sub)
		if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
			return cudaPlugin{plugin: file, dataDir: dir}
		}
	}
	return cudaPlugin{plugin: file}
}

// prepareCUDA sets what the plugin and go-xla read from the environment. The
// probe's child inherits it. A value the user has set stays.
func prepareCUDA(c cudaPlugin) error {
	flags, changed := cudaFlags(os.Getenv("XLA_FLAGS"), c.dataDir)
	if changed {
		if err := os.Setenv("XLA_FLAGS", flags); err != nil {
			return err
		}
	}
	if _, set := os.LookupEnv("GOPJRT_CUDA_CHECKS"); !set {
		// Its check looks one folder up only, and warns about a layout that works.
		return os.Setenv("GOPJRT_CUDA_CHECKS", "0")
	}
	return nil
}

func cudaFlags(flags, dataDir string) (string, bool) {
	const option = "--xla_gpu_cuda_data_dir="
	if dataDir == "" || strings.Contains(flags, option) {
		return flags, false
	}
	return strings.TrimSpace(flags + " " + option + dataDir), true
}
