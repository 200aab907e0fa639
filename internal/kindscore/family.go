package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes/float16"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"

	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/internal/exportcorpus"
	"github.com/aat-onnx/aat-onnx/internal/ort"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// score is what came of one kind in one export.
type score struct {
	Family, Variant, Method string
	Refused                 string            `json:",omitempty"` // why the kind does not go into the model
	Failed                  map[string]string `json:",omitempty"` // check to what is wrong
	Adapters                int
	Parameters              int64
	Share                   float64
	ORT                     bool // the base runs in ONNX Runtime, so both were compared there
	Gradients               int  // trainable tensors whose gradients were taken
}

// family is one network: inputs for it, and what runs it.
type family struct {
	options
	name, dir string
	arrays    map[string]testutil.Array
	runtime   *ort.Runtime    // nil: do not compare
	backend   compute.Backend // nil: no gradients
}

// measureFamily prints one JSON score for every kind in every export.
func measureFamily(o options, w io.Writer) error {
	f, err := openFamily(o)
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(f.dir, "*.onnx"))
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	for _, path := range paths {
		variant := strings.TrimSuffix(filepath.Base(path), ".onnx")
		if strings.HasPrefix(variant, ".") || !among(o.variants, variant) {
			continue
		}
		base, err := gs.Load(path)
		if err != nil {
			return err
		}
		c := &candidate{family: f, base: base, half: strings.Contains(variant, "fp16") || strings.Contains(variant, "half")}
		if c.bytes, err = os.ReadFile(path); err != nil {
			return err
		}
		for _, k := range kinds.All() {
			if !among(o.methods, k.Method) {
				continue
			}
			s := c.measure(k)
			s.Variant = variant
			if err := enc.Encode(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func openFamily(o options) (*family, error) {
	ctx := context.Background()
	f := &family{options: o, name: o.child, dir: filepath.Join(o.corpus, o.child)}
	var err error
	if f.arrays, err = testutil.ReadNPZ(filepath.Join(f.dir, "torch.npz")); err != nil {
		return nil, err
	}
	if o.ort {
		lib, err := ort.Locate(ctx, "")
		if err != nil {
			return nil, err
		}
		if f.runtime, err = ort.Open(lib); err != nil {
			return nil, err
		}
	}
	switch o.backend {
	case "":
	case "go": // one operation at a time: with several at once it was seen to wait for ever
		f.backend, err = compute.NewWithConfig("go:ops_sequential")
	default:
		f.backend, _, err = pjrt.Open(ctx, o.backend, pjrt.OpenOptions{})
	}
	return f, err
}

// levels are ONNX Runtime's, by name.
var levels = []struct {
	name  string
	level ort.OptLevel
}{{"none", ort.OptNone}, {"basic", ort.OptBasic}, {"extended", ort.OptExtended}, {"all", ort.OptAll}}

// runORT gives a model's results at one level, on one thread: how work is shared
// out decides the order of sums.
func (f *family) runORT(model []byte, level ort.OptLevel) (map[string]ort.Tensor, error) {
	session, err := f.runtime.NewSession(model, ort.SessionOptions{OptLevel: level, Threads: 1})
	if err != nil {
		return nil, err
	}
	defer session.Close()
	feeds := map[string]ort.Tensor{}
	for _, in := range session.Inputs() {
		feeds[in.Name] = exportcorpus.Feed(f.arrays["input/"+in.Name], in.DType)
	}
	out, err := session.Run(feeds)
	for name, t := range out {
		if t.Type == ort.Float16 { // these numbers are float32's too
			for i := 0; i < len(t.Raw); i += 2 {
				t.F32 = append(t.F32, float16.FromBits(binary.LittleEndian.Uint16(t.Raw[i:])).Float32())
			}
			out[name] = ort.Tensor{Shape: t.Shape, F32: t.F32}
		}
	}
	return out, err
}

// methods are all methods there are scores of, in the order of the kinds.
func methods(scores []score) []string {
	var names []string
	for _, k := range kinds.All() {
		if slices.ContainsFunc(scores, func(s score) bool { return s.Method == k.Method }) {
			names = append(names, k.Method)
		}
	}
	return names
}
