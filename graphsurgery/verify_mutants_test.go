package graphsurgery

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
)

// Mutants on which LevelTypes may judge otherwise than full_check. Those we accept
// break demands of rare operators that inference does not make; those we refuse give
// a result another shape than the operator computes, which onnx does not work out.
const (
	weakerMutants   = 12
	stricterMutants = 7
)

// TestMutants compares verdicts on onnx's test models with one random change each:
// the same on all at LevelSchema, on all but a few at LevelTypes.
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
	refused, weaker, stricter := 0, 0, 0
	for _, c := range all.Cases {
		m, err := Parse(c.Model)
		verdict := func(level Level) error {
			if err != nil {
				return err
			}
			return m.VerifyLevel(level)
		}
		if got := verdict(LevelSchema); (got == nil) != (c.Default == "") {
			t.Errorf("%s: got %v, want onnx's verdict %q", c.Name, got, c.Default)
		}
		got := verdict(LevelTypes)
		switch {
		case c.full() != "" && got == nil:
			weaker++
			t.Logf("weaker: %s: onnx says %q", c.Name, c.full())
		case c.full() == "" && got != nil:
			stricter++
			t.Logf("stricter: %s: %v", c.Name, got)
		}
		if c.full() != "" {
			refused++
		}
	}
	if weaker > weakerMutants || stricter > stricterMutants {
		t.Errorf("%d accepted and %d refused against full_check's verdict, want at most %d and %d", weaker, stricter, weakerMutants, stricterMutants)
	}
	t.Logf("%d mutants, %d of them refused by full_check: %d of these we accept, %d of the rest we refuse", len(all.Cases), refused, weaker, stricter)
}
