package conformance

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// folder is one test: a model and its sets of data.
type folder struct {
	model     *graphsurgery.Model
	sets      []dataSet
	tolerance tolerance
}

// dataSet is what goes into a model and what must come out, in the order of its
// ports.
type dataSet struct {
	name            string
	inputs, outputs []graphsurgery.Datum
}

// Find lists the folders below root, root included, that have the layout of
// onnx's backend tests, sorted.
func Find(root string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() != modelFile || d.IsDir() {
			return nil
		}
		dir := filepath.Dir(path)
		sets, err := dataSets(dir)
		if err == nil && len(sets) > 0 {
			dirs = append(dirs, dir)
		}
		return err
	})
	slices.Sort(dirs)
	return dirs, err
}

const modelFile = "model.onnx"

// dataSets lists the folders of data beside a model.
func dataSets(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var sets []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "test_data_set_") {
			sets = append(sets, e.Name())
		}
	}
	return sets, err
}

// read loads a test's model and data.
func read(dir string) (*folder, error) {
	m, err := graphsurgery.Load(filepath.Join(dir, modelFile))
	if err != nil {
		return nil, err
	}
	f := &folder{model: m}
	if f.tolerance, err = readTolerance(dir); err != nil {
		return nil, err
	}
	names, err := dataSets(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no test_data_set_0", dir)
	}
	for _, name := range names {
		set := dataSet{name: name}
		if set.inputs, err = readData(filepath.Join(dir, name), "input", m.Graph.Inputs()); err != nil {
			return nil, err
		}
		if set.outputs, err = readData(filepath.Join(dir, name), "output", m.Graph.Outputs()); err != nil {
			return nil, err
		}
		f.sets = append(f.sets, set)
	}
	return f, nil
}

// readData reads input_0.pb, input_1.pb and so on, one for each port.
func readData(dir, what string, ports []*graphsurgery.Value) ([]graphsurgery.Datum, error) {
	data := make([]graphsurgery.Datum, len(ports))
	for i, port := range ports {
		path := filepath.Join(dir, fmt.Sprintf("%s_%d.pb", what, i))
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if data[i], err = graphsurgery.ParseDatum(b, port.Kind()); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return data, nil
}

// loose are the absolute tolerances that onnx's own test of its reference
// implementation has for single tests (onnx/test/test_backend_reference.py of
// 1.22): their data holds the rounding errors of another algorithm.
var loose = map[string]float64{
	"test_dft": 1e-6, "test_dft_opset19": 1e-6,
	"test_dft_axis": 1e-6, "test_dft_axis_opset19": 1e-6,
	"test_dft_inverse": 1e-6, "test_dft_inverse_opset19": 1e-6,
}

// readTolerance gives the tolerances of a folder: those that its data.json names,
// if there is one.
func readTolerance(dir string) (tolerance, error) {
	tol := tolerance{relative: 1e-3, absolute: 1e-7}
	if a, ok := loose[filepath.Base(dir)]; ok {
		tol.absolute = a
	}
	path := filepath.Join(dir, "data.json")
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return tol, nil
	}
	var named struct{ Rtol, Atol *float64 }
	if err == nil {
		err = json.Unmarshal(b, &named)
	}
	if err != nil {
		return tol, fmt.Errorf("%s: %w", path, err)
	}
	if named.Rtol != nil {
		tol.relative = *named.Rtol
	}
	if named.Atol != nil {
		tol.absolute = *named.Atol
	}
	return tol, nil
}
