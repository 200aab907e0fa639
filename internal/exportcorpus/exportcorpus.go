// Package exportcorpus is what the programs that score the corpus of exports have in
// common: its folders, a child process for each family, and inputs for ONNX Runtime.
// The corpus is built by testdata/gen/corpus (make corpus).
package exportcorpus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes/float16"

	"github.com/aat-onnx/aat-onnx/internal/ort"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// Families lists the corpus's folders that keep lets through, by name.
func Families(corpus string, keep func(name string) bool) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(corpus, "*", "torch.npz"))
	if err != nil || len(paths) == 0 {
		return nil, errors.Join(err, fmt.Errorf("%s holds no FAMILY/torch.npz; make corpus writes them", corpus))
	}
	var names []string
	for _, p := range paths {
		if name := filepath.Base(filepath.Dir(p)); keep(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// MeasureInChild runs this program again with -child family, and gives the scores it
// printed, as JSON, and why it ended early if it did.
func MeasureInChild[Score any](family string, args []string) ([]Score, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append(slices.Clone(args), "-child", family)...)
	var errText strings.Builder
	cmd.Stderr = &errText
	out, runErr := cmd.Output()
	if runErr != nil {
		lines := strings.Split(strings.TrimSpace(errText.String()), "\n")
		runErr = fmt.Errorf("%w: %s", runErr, lines[len(lines)-1])
	}
	got, err := Decode[Score](strings.NewReader(string(out)))
	return got, errors.Join(runErr, err)
}

// Decode reads scores until the end.
func Decode[Score any](r io.Reader) ([]Score, error) {
	var got []Score
	for dec := json.NewDecoder(r); ; {
		var s Score
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			return got, nil
		} else if err != nil {
			return got, err
		}
		got = append(got, s)
	}
}

// Feed makes an input of ONNX Runtime of an array, in half precision if d says so.
func Feed(a testutil.Array, d ort.DType) ort.Tensor {
	t := ort.Tensor{Shape: make([]int64, len(a.Shape))}
	for i, d := range a.Shape {
		t.Shape[i] = int64(d)
	}
	switch a.DType {
	case "<i8":
		t.I64 = a.Int64s()
	case "|b1":
		t.Bool = a.Bools()
	default:
		t.F32 = a.Float32s()
	}
	if d == ort.Float16 {
		for _, x := range float16.FromFloat32s(t.F32...) {
			t.Raw = binary.LittleEndian.AppendUint16(t.Raw, x.Bits())
		}
		t.F32, t.Type = nil, d
	}
	return t
}
