package importrules

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/aat-onnx/aat-onnx/"

// rule says what one package of ours may import beyond the standard library.
// Own packages are named without the module prefix; third-party entries are
// module path prefixes. A package without a row may import nothing at all.
type rule struct {
	pkg   string
	own   []string
	third []string
	why   string
}

// Do not relax a row to make a build pass: move the code instead.
var rules = []rule{
	{"internal/trainbench", nil, []string{"golang.org/x/sys"}, "drives processes and counts; knows no model"},
	{"internal/surgerybench", []string{"graphsurgery", "adapterinject"}, nil, "a program for make bench-surgery; uses what users use"},
	{"internal/onnxpb", nil, []string{"google.golang.org/protobuf"}, "generated ONNX messages"},
	{"internal/atomicfile", nil, []string{"golang.org/x/sys"}, "crash-safe writes, a leaf"},
	{"internal/safefile", []string{"internal/atomicfile"}, []string{"golang.org/x/sys"}, "reads and writes inside a root"},
	{"internal/importrules", nil, nil, "this table"},
	{"internal/npy", nil, nil, "numpy's files, a leaf"},
	{"internal/testutil", []string{"internal/npy"}, nil, "fixtures for tests"},
	{"graphsurgery", []string{"internal/onnxpb", "internal/opschema", "internal/safefile", "internal/atomicfile", "graphsurgery/internal"}, []string{"google.golang.org/protobuf", "golang.org/x/sys"}, "knows ONNX only; the one place that sees protobuf"},
	{"internal/opschema", nil, nil, "the standard's operator table, a leaf"},
	{"graphsurgery/internal/infer", nil, nil, "inference rules; knows no model"},
	{"graphsurgery/internal/narrow", nil, nil, "rounds to 16 bits, a leaf"},
	{"graphsurgery/eval", []string{"graphsurgery", "graphsurgery/internal/narrow"}, nil, "single nodes on constants"},
	{"graphsurgery/pattern", []string{"graphsurgery", "graphsurgery/eval"}, nil, "matches, never changes; computes constants with eval"},
	{"graphsurgery/recognize", []string{"graphsurgery", "graphsurgery/pattern"}, nil, "recognisers written as patterns"},
	{"graphsurgery/passes", []string{"graphsurgery", "internal/opschema", "graphsurgery/pattern", "graphsurgery/recognize", "graphsurgery/eval"}, nil, "whole-model transformations through patches"},
	{"graphsurgery/diff", []string{"graphsurgery"}, nil, "compares, never changes"},
	{"graphsurgery/draw", []string{"graphsurgery"}, nil, "pictures"},
	{"models", []string{"graphsurgery"}, nil, "families are recognised on the graph"},
	{"models/ast", []string{"graphsurgery", "models"}, nil, "one family"},
	{"adapterinject", []string{"graphsurgery", "graphsurgery/pattern", "graphsurgery/recognize", "graphsurgery/passes"}, nil, "knows no optimiser, no GoMLX, no files"},
	{"adapterinject/aat", []string{"adapterinject"}, nil, "one kind"},
	{"adapterinject/houlsby", []string{"adapterinject"}, nil, "one kind"},
	{"adapterinject/pfeiffer", []string{"adapterinject"}, nil, "one kind"},
	{"adapterinject/parallel", []string{"adapterinject", "graphsurgery"}, nil, "one kind"},
	{"adapterinject/convpass", []string{"adapterinject", "graphsurgery"}, nil, "one kind"},
	{"adapterinject/conformer", []string{"adapterinject", "graphsurgery"}, nil, "one kind"},
	{"adapterinject/headonly", []string{"adapterinject"}, nil, "one kind"},
	{"adapterinject/lora", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/prompt", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/prefix", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/bitfit", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/full", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/lastk", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/norms", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/dora", []string{"graphsurgery", "adapterinject", "adapterinject/lora"}, nil, "LoRA with magnitudes"},
	{"adapterinject/ia3", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/ssf", []string{"graphsurgery", "adapterinject"}, nil, "one kind"},
	{"adapterinject/kinds", []string{"graphsurgery", "adapterinject"}, nil, "the list of kinds"},
	{"adapterinject/internal/nets", []string{"graphsurgery", "internal/testutil"}, nil, "small Transformers for tests"},
	{"adapterinject/internal/kindtest", []string{"graphsurgery", "adapterinject", "importer"}, []string{"github.com/gomlx"}, "tests that kinds share; runs models"},
	{"audio", nil, []string{"github.com/go-audio", "github.com/mewkiz/flac"}, "stands beside graphsurgery; knows no models, no labels"},
	{"importer", []string{"internal/opschema", "graphsurgery", "graphsurgery/pattern", "graphsurgery/recognize"}, []string{"github.com/gomlx"}, "lowering; knows no data, losses, flags"},
	{"backend", []string{"internal/pjrt"}, []string{"github.com/gomlx"}, "opens backends for users of the library"},
	{"internal/pjrt", nil, []string{"github.com/gomlx", "k8s.io/klog/v2"}, "opens XLA plugins"},
	{"internal/ort", nil, []string{"github.com/yalue/onnxruntime_go"}, "the one place that sees ONNX Runtime"},
	{"internal/conformance", []string{"graphsurgery", "importer"}, []string{"github.com/gomlx"}, "runs onnx's own tests through importer"},
	{"internal/conformancedoc", []string{"internal/conformance", "internal/atomicfile"}, nil, "a program for make conformance"},
	{"internal/surgeryscore", []string{"graphsurgery", "adapterinject"}, nil, "scores both from outside, on the corpus"},
	{"internal/exportcorpus", []string{"internal/ort", "internal/testutil"}, []string{"github.com/gomlx"}, "what the programs over the corpus share"},
	{"internal/importscore", []string{"internal/exportcorpus", "graphsurgery", "importer", "internal/ort", "internal/pjrt", "internal/testutil"}, []string{"github.com/gomlx"}, "scores the importer from outside, on the corpus"},
	{"internal/kindscore", []string{"internal/exportcorpus", "graphsurgery", "graphsurgery/diff", "adapterinject", "importer", "internal/ort", "internal/pjrt", "internal/testutil"}, []string{"github.com/gomlx"}, "scores the kinds of adapters from outside, on the corpus"},
	{"importer/onnxgo", []string{"graphsurgery", "importer", "internal/opschema", "internal/pjrt"}, []string{"github.com/gomlx", "github.com/owulveryck/onnx-go", "gorgonia.org/tensor", "gonum.org/v1/gonum"}, "a backend for onnx-go; nothing else of ours imports it"},
	{"importer/onnxgo/internal/score", []string{"importer/onnxgo"}, []string{"github.com/gomlx", "github.com/owulveryck/onnx-go", "gorgonia.org/tensor"}, "runs onnx-go's own tests"},
	{"importer/onnxgo/internal/scoredoc", []string{"importer/onnxgo/internal/score", "internal/atomicfile", "internal/pjrt"}, nil, "a program for make conformance"},
	{"importer/onnxgo/internal/bench", []string{"graphsurgery", "importer/onnxgo", "internal/pjrt"}, []string{"github.com/owulveryck/onnx-go", "gorgonia.org/tensor", "golang.org/x/sys"}, "a program for make bench-onnxgo"},
	{"finetune/data", []string{"audio", "internal/safefile"}, nil, "labels and splits of recordings"},
	{"finetune", []string{"graphsurgery", "importer", "audio", "finetune/data", "internal/atomicfile"}, []string{"github.com/gomlx", "github.com/gofrs/flock", "golang.org/x/sys"}, "the training loop"},
	{"internal/tort", nil, nil, "ONNX Runtime's adapter files, a leaf"},
	{"internal/safetensors", nil, nil, "tensors in a file, a leaf"},
	{"export", []string{"graphsurgery", "adapterinject", "finetune", "internal/ort", "internal/atomicfile", "internal/safetensors", "internal/tort"}, nil, "artefacts and their check in a second runtime"},
	{"cmd/aat-onnx", []string{"graphsurgery", "graphsurgery/draw", "models", "adapterinject", "importer", "audio", "finetune", "export", "internal"}, []string{"github.com/spf13"}, "flags, terminal, exit codes; no algorithms"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsGoOneWay(t *testing.T) {
	table := map[string]rule{}
	for _, r := range rules {
		table[module+r.pkg] = r
	}
	for _, p := range list(t) {
		r, ok := table[p.ImportPath]
		if !ok {
			t.Errorf("%s has no row in the import table: add one with its reason", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if !allowed(r, imp) {
				t.Errorf("%s imports %s, which its row does not allow (%s)", r.pkg, imp, r.why)
			}
		}
	}
}

func TestTableHasNoStaleRows(t *testing.T) {
	var have []string
	for _, p := range list(t) {
		have = append(have, p.ImportPath)
	}
	for _, r := range rules {
		if !slices.Contains(have, module+r.pkg) {
			t.Errorf("row %s names a package that does not exist", r.pkg)
		}
	}
}

func allowed(r rule, imp string) bool {
	if rest, own := strings.CutPrefix(imp, module); own {
		return slices.ContainsFunc(r.own, func(p string) bool { return within(rest, p) })
	}
	first, _, _ := strings.Cut(imp, "/")
	if !strings.Contains(first, ".") { // standard library, and cgo's "C"
		return true
	}
	return slices.ContainsFunc(r.third, func(p string) bool { return within(imp, p) })
}

// within reports whether path is prefix or lies below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list output: %v", err)
		}
		all = append(all, p)
	}
}

// TestSurgeryIsPureGo: whoever edits ONNX files needs neither GoMLX nor a C
// compiler.
func TestSurgeryIsPureGo(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"graphsurgery/...", module+"adapterinject").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"graphsurgery") {
		t.Fatal("go list -deps does not list graphsurgery itself")
	}
	for _, d := range deps {
		if d == "runtime/cgo" || strings.HasPrefix(d, "github.com/gomlx") || strings.HasPrefix(d, "github.com/yalue") {
			t.Errorf("graphsurgery or adapterinject depends on %s", d)
		}
	}
}

// TestProgramWithoutOnnxGo: the program links neither onnx-go nor Gorgonia.
func TestProgramWithoutOnnxGo(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"cmd/aat-onnx").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"importer") {
		t.Fatal("go list -deps does not list the importer")
	}
	for _, d := range deps {
		if strings.HasPrefix(d, "github.com/owulveryck") || strings.HasPrefix(d, "gorgonia.org") || strings.HasPrefix(d, "gonum.org") {
			t.Errorf("the program links %s", d)
		}
	}
}
