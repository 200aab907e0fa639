package importer_test

import (
	"path"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/importer"
)

// FuzzVariablePath: the encoding is reversible, makes exactly one path element
// and survives GoMLX's cleaning of paths.
func FuzzVariablePath(f *testing.F) {
	for _, name := range []string{"", ".", "..", "a/b", "a|b", "a%2Fb", "onnx::MatMul_811", "aat/block0/attn/down_weight", "ü 語\x00\xff", "../../x", "a//b/"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p := importer.VariablePath(name)
		if got, ok := importer.InitializerName(p); !ok || got != name {
			t.Errorf("%q becomes %q and comes back as %q, %v", name, p, got, ok)
		}
		if name != "" && (path.Clean(p) != p || strings.Count(p, "/") != 2) {
			t.Errorf("%q becomes %q, which GoMLX would change", name, p)
		}
	})
}

// TestInitializerNameForeign: other variables of a store are not taken for
// initialisers.
func TestInitializerNameForeign(t *testing.T) {
	for _, p := range []string{"/AdamOptimizer/onnx/a", "/onnx", "/onnx/a/b", "/onnx/%zz", "#rngState"} {
		if name, ok := importer.InitializerName(p); ok {
			t.Errorf("%q was taken for initialiser %q", p, name)
		}
	}
}
