package graphsurgery

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestInferExports: every value of small real exports has an element type and a whole
// shape, and these and the elements that are followed are those of a run on inputs of other sizes than it was exported with.
// The models are stripped of declared types of computed values.
func TestInferExports(t *testing.T) {
	models, values, followed, ours := 0, 0, 0, knowledge{}
	for name, line := range readGolden(t, "testdata/infer_exports.golden.gz") {
		models++
		data, err := base64.StdEncoding.DecodeString(line[0])
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		types, err := m.InferWith(InferOptions{Strict: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, fed, _ := strings.Cut(line[1], "=")
		bound := types.Bind(bindInputs(m, fed))
		sizes := map[string]string{}
		k := 2
		for _, n := range m.Graph.Nodes() {
			for _, v := range n.Outputs() {
				if v == nil {
					continue
				}
				is := line[k]
				k++
				if is == "" {
					continue
				}
				values++
				truth := parseGolden(is)
				if got := types.Of(v); !complete(got) {
					t.Errorf("%s: %s is %s", name, n, got)
				}
				if c := contradiction(bound.Of(v), truth, sizes); c != "" {
					t.Errorf("%s: %s: %s", name, n, c)
				}
				if _, ok := bound.Ints(v); ok && truth.elems != nil {
					followed++
				}
				if c := wrongElement(bound, v, truth); c != "" {
					t.Errorf("%s: %s: %s", name, n, c)
				}
				ours.ours(bound.Of(v), truth)
			}
		}
		if k != len(line) {
			t.Errorf("%s has %d values, infer_exports.golden.gz %d", name, k-2, len(line)-2)
		}
	}
	t.Logf("%d models, with the sizes fed: %s; elements of %d followed", models, ours, followed)
	if models < 25 || values < 5000 || followed < 2000 {
		t.Errorf("only %d models of %d values, the elements of %d followed", models, values, followed)
	}
}
