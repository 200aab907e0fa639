package pjrt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// noCUDA hides any GPU: an empty PATH, no variable. (A /dev/nvidia0 cannot be hidden;
// then the search runs and finds no Python.)
func noCUDA(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("AAT_ONNX_PYTHON", "")
	t.Setenv("AAT_ONNX_CUDA_PLUGIN", "")
}

func TestOpenGoComputes(t *testing.T) {
	b, info, err := Open(context.Background(), "go", OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	if info.Name != "go" || info.Notice != "" || info.Devices != 1 {
		t.Errorf("info is %+v", info)
	}
	if err := computeKnown(b); err != nil {
		t.Error(err)
	}
}

func TestOpenAutoWithoutPlugin(t *testing.T) {
	noCUDA(t)
	b, info, err := Open(context.Background(), "auto", OpenOptions{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	if info.Name != "go" || info.Notice == "" || strings.Contains(info.Notice, "\n") {
		t.Errorf("info is %+v, want go and a one-line notice", info)
	}
	if haveXLA && !strings.Contains(info.Notice, "aat-onnx backend install cpu") {
		t.Errorf("the notice does not say what to do: %q", info.Notice)
	}
	if err := computeKnown(b); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusals(t *testing.T) {
	noCUDA(t)
	text := writeFile(t, filepath.Join(t.TempDir(), "text_cpu.so"), []byte("no library"), 0o644)
	for _, c := range []struct{ spec, want string }{
		{"xla:cpu", "not installed"},
		{"xla:cuda", "no CUDA plugin found"},
		{"xla:" + text, "cannot be used"},
		{"xla:" + filepath.Join(t.TempDir(), "gone_cpu.so"), "cannot be used"},
	} {
		b, _, err := Open(context.Background(), c.spec, OpenOptions{CacheDir: t.TempDir()})
		var de *DownloadError
		if b != nil || !errors.As(err, &de) || de.Hint == "" || haveXLA && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v; want a DownloadError with %q and a hint", c.spec, b, err, c.want)
		}
	}
	for _, spec := range []string{"cuda", "xla", "xla:", "xla:tpu", "xla:relative/plugin.so", "GO", "xla:cpu,tf32"} {
		_, _, err := Open(context.Background(), spec, OpenOptions{CacheDir: t.TempDir()})
		var se *SpecError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), "auto, go, xla:cpu") {
			t.Errorf("%s: error is %v, want a SpecError with the choices", spec, err)
		}
	}
}

func TestOpenStopsWithItsContext(t *testing.T) {
	noCUDA(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	text := writeFile(t, filepath.Join(t.TempDir(), "text_cpu.so"), []byte("no library"), 0o644)
	if _, _, err := Open(ctx, "xla:"+text, OpenOptions{CacheDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want the context's", err)
	}
}

// TestOpenRefusesAlteredLibrary: a file that is in the right place with the right
// size, but other content, is refused by digest, before anything of it runs.
func TestOpenRefusesAlteredLibrary(t *testing.T) {
	a := fakeArtefact(fakeLib, nil)
	root := t.TempDir()
	lib := a.path(root)
	if err := os.MkdirAll(filepath.Dir(lib), 0o755); err != nil {
		t.Fatal(err)
	}
	altered := append([]byte{}, fakeLib...)
	altered[len(altered)-1]++
	writeFile(t, lib, altered, 0o644)
	_, _, err := openInstalled(context.Background(), a, root, Info{})
	if err == nil || !strings.Contains(err.Error(), "altered") || !strings.Contains(err.Error(), sum(altered)) {
		t.Errorf("error is %v, want one that says altered and names the digest", err)
	}
	writeFile(t, lib, fakeLib[:5], 0o644)
	_, _, err = openInstalled(context.Background(), a, root, Info{})
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error is %v for a truncated library, want damaged", err)
	}
	if s := a.state(root).State(); !strings.Contains(s, "damaged") {
		t.Errorf("state is %q, want damaged", s)
	}
}

func TestCUDASearch(t *testing.T) {
	site := t.TempDir()
	plugin := filepath.Join(site, "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	data := filepath.Join(site, "nvidia", "cu13")
	for _, d := range []string{filepath.Dir(plugin), data} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, plugin, []byte("no library"), 0o644)
	ctx := context.Background()
	check := func(how string) {
		t.Helper()
		got, err := findCUDA(ctx)
		if want := (cudaPlugin{plugin, data}); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", how, got, err, want)
		}
	}
	onPath(t, "echo '\""+plugin+"\"'\n")
	t.Setenv("AAT_ONNX_CUDA_PLUGIN", "")
	check("python")
	noCUDA(t)
	t.Setenv("AAT_ONNX_CUDA_PLUGIN", plugin)
	check("environment")
	t.Setenv("AAT_ONNX_CUDA_PLUGIN", filepath.Join(site, "gone.so"))
	if _, err := findCUDA(ctx); err == nil || !strings.Contains(err.Error(), "gone.so") {
		t.Errorf("error is %v, want one that names the file", err)
	}
	t.Setenv("AAT_ONNX_CUDA_PLUGIN", "")
	onPath(t, "exit 3\n")
	var de *DownloadError
	if _, err := findCUDA(ctx); !errors.As(err, &de) || !strings.Contains(de.Hint, "AAT_ONNX_CUDA_PLUGIN") {
		t.Errorf("error is %v, want a DownloadError with a hint", err)
	}
}

func TestCUDAFlags(t *testing.T) {
	for _, c := range []struct{ flags, dir, want string }{
		{"", "/nv/cu13", "--xla_gpu_cuda_data_dir=/nv/cu13"},
		{"--xla_x=1", "/nv/cu13", "--xla_x=1 --xla_gpu_cuda_data_dir=/nv/cu13"},
		{"--xla_gpu_cuda_data_dir=/mine", "/nv/cu13", "--xla_gpu_cuda_data_dir=/mine"},
		{"--xla_x=1", "", "--xla_x=1"},
	} {
		if got, _ := cudaFlags(c.flags, c.dir); got != c.want {
			t.Errorf("%q with %q gives %q, want %q", c.flags, c.dir, got, c.want)
		}
	}
}

func TestPluginName(t *testing.T) {
	tmp := t.TempDir()
	for _, c := range []struct {
		name, path, tmp string
		linked          bool
		fail            string
	}{
		{"ordinary", "/home/ann/.cache/aat-onnx/pjrt/cpu-0.0.1/pjrt_c_api_cpu_plugin.so", tmp, false, ""},
		{"a user called nvidia", "/home/nvidia/pjrt_c_api_cpu_plugin.so", tmp, true, ""},
		{"comma in the folder", "/home/a,b/pjrt_c_api_cpu_plugin.so", tmp, true, ""},
		{"cuda", "/opt/jax_plugins/xla_cuda13/xla_cuda_plugin.so", tmp, false, ""},
		{"cuda with comma", "/opt/a,b/xla_cuda_plugin.so", tmp, false, "move the plugin"},
		{"comma in the file", "/opt/my,cpu.so", tmp, false, "move the plugin"},
		{"misleading TMPDIR", "/home/nvidia/pjrt_c_api_cpu_plugin.so", filepath.Join(tmp, "cuda"), false, "TMPDIR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.MkdirAll(c.tmp, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", c.tmp)
			name, release, err := pluginName(c.path)
			if c.fail != "" {
				if err == nil || !strings.Contains(err.Error(), c.fail) {
					t.Errorf("error is %v, want one with %q", err, c.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if linked := name != c.path; linked != c.linked || nameKind(name) != nameKind(filepath.Base(c.path)) {
				t.Errorf("go-xla would be given %q", name)
			}
			release()
			if left, _ := filepath.Glob(filepath.Join(c.tmp, "plugin-*")); len(left) != 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// TestOpenWithoutCacheFolder: a process without a home computes all the same.
func TestOpenWithoutCacheFolder(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	b, info, err := Open(t.Context(), "auto", OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	if info.Name != "go" || !strings.Contains(info.Notice, "HOME") {
		t.Errorf("got %+v, want the Go backend and a notice that names HOME", info)
	}
	var missing *DownloadError
	if _, _, err := Open(t.Context(), "xla:cpu", OpenOptions{}); !errors.As(err, &missing) {
		t.Errorf("got %v, want a DownloadError", err)
	}
}
