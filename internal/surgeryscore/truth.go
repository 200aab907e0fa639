package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// truth is what the generator of the corpus knows about one export: see
// testdata/gen/corpus. A role is the set of value names whose numbers are those
// of PyTorch's tensor; an empty set is not scored.
type truth struct {
	Family   string       `json:"family"`
	Group    string       `json:"group"`
	Variant  string       `json:"variant"`
	Exporter string       `json:"exporter"`
	Opset    int64        `json:"opset"`
	Float    bool         `json:"float"`   // false where another tool transformed the export
	Checker  string       `json:"checker"` // what onnx's checker says against the file, empty if nothing
	Blocks   []truthBlock `json:"blocks"`
	Note     string       `json:"note"`
}

type truthBlock struct {
	Index    int               `json:"index"`
	Kind     string            `json:"kind"`
	PreNorm  *bool             `json:"pre_norm"` // nil where neither word fits
	Heads    int               `json:"heads"`
	Width    int               `json:"width"`
	MLP      bool              `json:"mlp"`
	Q        []string          `json:"q"`
	K        []string          `json:"k"`
	V        []string          `json:"v"`
	O        []string          `json:"o"`
	FC1      []string          `json:"fc1"`
	FC2      []string          `json:"fc2"`
	Residual [2][]string       `json:"residual"`
	Softmax  []string          `json:"softmax"`
	Unscored map[string]string `json:"unscored"` // why a role has no name, or not the bias
}

// role is a named set of acceptable values.
type role struct {
	name string
	want []string
}

// roles are those that a right block must have right.
func (b truthBlock) roles() []role {
	all := []role{
		{"q", b.Q}, {"k", b.K}, {"v", b.V}, {"o", b.O},
		{"residual[0]", b.Residual[0]}, {"fc1", b.FC1}, {"fc2", b.FC2}, {"residual[1]", b.Residual[1]},
	}
	return slices.DeleteFunc(all, func(r role) bool { return len(r.want) == 0 })
}

// entry is one model of the corpus.
type entry struct {
	path  string // of the ONNX file
	truth truth
}

func (e entry) name() string { return e.truth.Family + "/" + e.truth.Variant }

// negative reports whether the model has no block.
func (e entry) negative() bool { return len(e.truth.Blocks) == 0 }

// readCorpus lists the models below dir, by family and variant. A model without
// its truth is left out: the generator is still at it.
func readCorpus(dir string) ([]entry, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all []entry
	for _, f := range files {
		base := filepath.Base(f)
		if base == "failed.json" || strings.HasPrefix(base, ".") {
			continue
		}
		e, err := readEntry(f)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no models below %s: run make corpus", dir)
	}
	return all, nil
}

func readEntry(file string) (entry, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return entry{}, err
	}
	e := entry{path: strings.TrimSuffix(file, ".json") + ".onnx"}
	if err := json.Unmarshal(data, &e.truth); err != nil {
		return entry{}, fmt.Errorf("%s: %w", file, err)
	}
	_, err = os.Stat(e.path)
	return e, err
}

// readFailed gives the exports that could not be written, as "family/variant:
// error", sorted.
func readFailed(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "failed.json")) // the pattern is well formed
	var out []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var variants map[string]string
		if json.Unmarshal(data, &variants) != nil {
			continue
		}
		for variant, why := range variants {
			out = append(out, filepath.Base(filepath.Dir(f))+"/"+variant+": "+why)
		}
	}
	slices.Sort(out)
	return out
}
