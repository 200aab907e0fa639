package pjrt

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/internal/ort"
)

func TestTable(t *testing.T) {
	digest := regexp.MustCompile(`^[0-9a-f]{64}$`)
	seen := map[string]string{}
	for _, a := range table() {
		id := a.name + " " + a.os + "/" + a.arch
		for what, sum := range map[string]string{"wheel": a.wheelSHA, "library": a.sha} {
			if !digest.MatchString(sum) {
				t.Errorf("%s: the %s digest %q is not 64 hexadecimal digits", id, what, sum)
			}
			if other, twice := seen[sum]; twice {
				t.Errorf("%s: the %s digest is also that of %s", id, what, other)
			}
			seen[sum] = id
		}
		if a.size <= 0 || !filepath.IsLocal(filepath.FromSlash(a.dir())) || filepath.Base(a.file) != a.file {
			t.Errorf("%s: size %d, folder %q, file %q", id, a.size, a.dir(), a.file)
		}
		if !strings.Contains(a.wheel, a.version) || !strings.HasSuffix(a.wheel, ".whl") {
			t.Errorf("%s: wheel %q does not carry version %s", id, a.wheel, a.version)
		}
		// What go-xla reads out of the name: gomlx.md has the rules.
		if kept := a.dir() + "/" + a.file; a.kind == kindPJRT && (nameKind(kept) != "cpu" || strings.Contains(kept, "amd") ||
			!regexp.MustCompile(`^pjrt_c_api_(.+)_plugin\.so$`).MatchString(a.file)) {
			t.Errorf("%s: go-xla would misread %q", id, kept)
		}
	}
	for _, name := range installable() {
		if Title(name) == name {
			t.Errorf("%s has no row", name)
		}
	}
}

func TestLookupUnknownName(t *testing.T) {
	_, _, err := lookup("tpu")
	if _, ok := err.(*SpecError); !ok {
		t.Errorf("error is %v (%T), want a SpecError", err, err)
	}
}

// TestProbedWithIsCurrent fails when a binding is upgraded and old probe records
// would still be believed.
func TestProbedWithIsCurrent(t *testing.T) {
	for _, module := range []string{"github.com/gomlx/go-xla", "github.com/yalue/onnxruntime_go"} {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module).Output()
		if err != nil {
			t.Fatalf("go list -m %s: %v", module, err)
		}
		want := filepath.Base(module) + " " + strings.TrimSpace(string(out))
		if !strings.Contains(probedWith, want) {
			t.Errorf("probedWith is %q and does not name %q", probedWith, want)
		}
	}
}

// TestORTIsInstalledWhereItIsLookedFor holds this table against ort.Locate.
func TestORTIsInstalledWhereItIsLookedFor(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", "")
	root, err := cacheRoot("")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range table() {
		if a.kind != kindORT || a.arch != runtime.GOARCH {
			continue
		}
		want := a.path(root)
		if err := os.MkdirAll(filepath.Dir(want), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(want, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := ort.Locate(context.Background(), ""); err != nil || got != want {
			t.Errorf("ort.Locate gives %q, %v; this package installs %q", got, err, want)
		}
		if a.version != ort.Pinned {
			t.Errorf("the table has version %s, internal/ort recommends %s", a.version, ort.Pinned)
		}
	}
}
