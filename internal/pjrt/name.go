package pjrt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// pluginName gives the path under which go-xla should load the plugin, and a
// function that must be called once it is loaded.
//
// go-xla takes the whole absolute path for the plugin's name: "cuda" or "nvidia"
// anywhere in it makes a GPU plugin, "cpu" a CPU one, and a comma begins options.
// So a CPU plugin under /home/nvidia would be given GPU options. Where the folder
// says something else than the file name, the plugin is loaded through a link
// of the same file name in a temporary folder.
func pluginName(path string) (name string, release func(), err error) {
	file := filepath.Base(path)
	if nameKind(path) == nameKind(file) && !strings.Contains(path, ",") {
		return path, func() {}, nil
	}
	if nameKind(file) == "cuda" || strings.Contains(file, ",") {
		// A CUDA plugin finds its libraries relative to its own folder: no link.
		return "", nil, fmt.Errorf("the path %q has a comma or a misleading name in it: move the plugin", path)
	}
	dir, err := os.MkdirTemp("", "plugin-")
	if err != nil {
		return "", nil, err
	}
	release = func() { os.RemoveAll(dir) }
	link := filepath.Join(dir, file)
	if nameKind(link) != nameKind(file) || strings.Contains(link, ",") {
		release()
		return "", nil, fmt.Errorf("the temporary folder %q has a comma or a misleading name: set TMPDIR to another", dir)
	}
	if err := os.Symlink(path, link); err != nil {
		release()
		return "", nil, err
	}
	return link, release, nil
}

// nameKind repeats go-xla's guess from a name: "cuda", "cpu" or "".
func nameKind(name string) string {
	n := strings.ToUpper(name)
	switch {
	case strings.Contains(n, "CUDA"), strings.Contains(n, "NVIDIA"):
		return "cuda"
	case strings.Contains(n, "CPU"):
		return "cpu"
	}
	return ""
}
