package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/ort"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// score is what was measured of one export.
type score struct {
	Family, Variant string
	Float           bool // PyTorch wrote it; else another tool transformed it
	Half            bool // it computes in half precision
	Refused         string
	Error           string  // any other failure
	Broken          string  // of a failure: ONNX Runtime cannot run the file either, and why
	Import          float64 // seconds of Load
	Compile         float64 // seconds of the first run
	Distance        float64 // from ONNX Runtime's result, see distance
	Torch           float64 // from PyTorch's result
	SameTop         bool
	Gradients       gradientScore
}

// quantized tells whether the export multiplies 8-bit integers.
func (s score) quantized() bool { return strings.HasPrefix(s.Variant, "int8") }

// truth is what the corpus says of an export.
type truth struct {
	Float bool `json:"float"`
}

// family is one network: what PyTorch computes, and where its exports lie.
type family struct {
	name, dir string
	torch     map[string]testutil.Array
	backend   compute.Backend
	runtime   *ort.Runtime
	gradients bool
	loadOnly  bool
}

// measureFamily prints one JSON score per export.
func measureFamily(o options, w io.Writer) error {
	ctx := context.Background()
	dir := filepath.Join(o.corpus, o.child)
	arrays, err := testutil.ReadNPZ(filepath.Join(dir, "torch.npz"))
	if err != nil {
		return err
	}
	backend, err := openBackend(ctx, o.backend)
	if err != nil {
		return err
	}
	lib, err := ort.Locate(ctx, "")
	if err != nil {
		return err
	}
	runtime, err := ort.Open(lib)
	if err != nil {
		return err
	}
	f := &family{name: o.child, dir: dir, torch: arrays, backend: backend, runtime: runtime, gradients: o.gradients, loadOnly: o.loadOnly}
	variants, err := o.variantsIn(dir)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	for _, v := range variants[min(o.skip, len(variants)):] {
		if err := enc.Encode(f.measure(v.name, v.truth)); err != nil {
			return err
		}
	}
	return nil
}

// openBackend opens a backend. The pure Go backend runs one operation at a time: with
// several at once it was seen to wait for ever.
func openBackend(ctx context.Context, name string) (compute.Backend, error) {
	if name == "go" {
		return compute.NewWithConfig("go:ops_sequential")
	}
	b, _, err := pjrt.Open(ctx, name, pjrt.OpenOptions{})
	return b, err
}

type variant struct {
	name  string
	truth truth
}

// variantsIn lists the exports of a family that the options ask for.
func (o options) variantsIn(dir string) ([]variant, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.onnx"))
	if err != nil {
		return nil, err
	}
	var out []variant
	for _, p := range paths {
		v := variant{name: strings.TrimSuffix(filepath.Base(p), ".onnx")}
		if strings.HasPrefix(v.name, ".") {
			continue // being written
		}
		data, err := os.ReadFile(strings.TrimSuffix(p, ".onnx") + ".json")
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &v.truth); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		if o.variants != "" && !slices.Contains(strings.Split(o.variants, ","), v.name) || o.floats && !v.truth.Float {
			continue
		}
		out = append(out, v)
	}
	return out, nil
}

// measure scores one export; what goes wrong becomes part of the score.
func (f *family) measure(name string, t truth) score {
	s := score{Family: f.name, Variant: name, Float: t.Float,
		Half: strings.HasPrefix(name, "fp16") || strings.HasSuffix(name, "half")}
	err := f.compare(filepath.Join(f.dir, name+".onnx"), &s)
	var refused *graphsurgery.UnsupportedError
	switch {
	case errors.As(err, &refused):
		s.Refused = refused.Error()
	case err != nil:
		s.Error = err.Error()
	}
	return s
}

// line is one score for the terminal.
func (s score) line() string {
	name := s.Family + "/" + s.Variant
	switch {
	case s.Refused != "":
		return name + ": refused: " + s.Refused
	case s.Broken != "":
		return name + ": not valid (ONNX Runtime stops too): " + s.Error
	case s.Error != "":
		return name + ": FAILED: " + s.Error
	}
	text := fmt.Sprintf("%s: import %.2f s, compile %.1f s, from ORT %.1e, from PyTorch %.1e, same top %v",
		name, s.Import, s.Compile, s.Distance, s.Torch, s.SameTop)
	if g := s.Gradients; g.Parameters > 0 {
		text += fmt.Sprintf(", gradients %d of %d, furthest %.1e %s", g.Compared, g.Parameters, g.Furthest, g.Worst)
	}
	return text
}
