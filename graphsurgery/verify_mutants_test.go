package graphsurgery

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
)

// TestMutants compares verdicts on onnx's test models with one random change each:
// the same on all.
func TestMutants(t *testing.T) {
	f, err := os.Open("testdata/faulty/mutants.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []faulty }
	if err := json.NewDecoder(unpacked).Decode(&all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Cases {
		m, err := Parse(c.Model)
		for level, want := range map[Level]string{LevelSchema: c.Default, LevelTypes: c.full()} {
			got := err
			if got == nil {
				got = m.VerifyLevel(level)
			}
			if (got == nil) != (want == "") {
				t.Errorf("%s, level %s: got %v, want onnx's verdict %q", c.Name, level, got, want)
			}
		}
	}
}
