package diff_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/diff"
)

// compare is diff.Compare of models that can be read.
func compare(t testing.TB, a, b *graphsurgery.Model) diff.Diff {
	t.Helper()
	d, err := diff.Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// external saves a model with a weight, and one in an attribute, outside.
func external(t *testing.T) *graphsurgery.Model {
	t.Helper()
	m := parse(t, `<ir_version: 8, opset_import: ["" : 17]>
g (float[4] x) => (float[4] y) <float[4] w = {1, 2, 3, 4}> {
  c = Constant <value = float[4] {5, 6, 7, 8}> ()
  s = Add (x, w)
  y = Mul (s, c)
}`)
	path := filepath.Join(t.TempDir(), "m.onnx")
	o := graphsurgery.SaveOptions{External: graphsurgery.External{Layout: graphsurgery.OneFile, Name: "m.data", Threshold: 1, Align: 1, Attributes: true}}
	if err := m.SaveWith(path, o); err != nil {
		t.Fatal(err)
	}
	return load(t, path)
}

func load(t *testing.T, path string) *graphsurgery.Model {
	t.Helper()
	m, err := graphsurgery.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestUnreadable: a model whose values cannot be read equals none, not even itself.
func TestUnreadable(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(data string) error
	}{
		{"missing", os.Remove},
		{"truncated", func(data string) error { return os.Truncate(data, 3) }},
		{"the last value missing", func(data string) error { return os.Truncate(data, 28) }},
		{"a folder", func(data string) error { return errors.Join(os.Remove(data), os.Mkdir(data, 0o700)) }},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			sound, m := external(t), external(t)
			if d := compare(t, sound, m); !d.Empty() {
				t.Fatalf("before the data is spoilt they differ:\n%s", d)
			}
			if err := c.spoil(filepath.Join(filepath.Dir(m.Path()), "m.data")); err != nil {
				t.Fatal(err)
			}
			for _, pair := range [][2]*graphsurgery.Model{{sound, m}, {m, sound}, {m, m.Clone()}, {m, load(t, m.Path())}} {
				var format *graphsurgery.FormatError
				if d, err := diff.Compare(pair[0], pair[1]); !errors.As(err, &format) {
					t.Errorf("Compare gave %v and %q, want a FormatError", err, d)
				}
				if err := diff.Isomorphic(pair[0], pair[1]); !errors.As(err, &format) {
					t.Errorf("Isomorphic gave %v, want a FormatError", err)
				}
				if err := diff.Assert(pair[0], pair[1], diff.Only{}); !errors.As(err, &format) {
					t.Errorf("Assert gave %v, want a FormatError", err)
				}
			}
		})
	}
}

func TestNoModel(t *testing.T) {
	m := parse(t, base)
	for _, pair := range [][2]*graphsurgery.Model{{m, nil}, {nil, m}, {nil, nil}} {
		if _, err := diff.Compare(pair[0], pair[1]); err == nil {
			t.Error("Compare took a nil model")
		}
		if err := diff.Isomorphic(pair[0], pair[1]); err == nil {
			t.Error("Isomorphic took a nil model")
		}
		if err := diff.Assert(pair[0], pair[1], diff.Only{}); err == nil {
			t.Error("Assert took a nil model")
		}
	}
}
