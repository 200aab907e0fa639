package conformance

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

func TestCompare(t *testing.T) {
	tol := tolerance{relative: 1e-3, absolute: 1e-7}
	f := func(x ...float32) graphsurgery.Datum {
		return graphsurgery.Datum{Tensor: graphsurgery.NewTensor([]int64{int64(len(x))}, x)}
	}
	i := func(x ...int64) graphsurgery.Datum {
		return graphsurgery.Datum{Tensor: graphsurgery.NewTensor([]int64{int64(len(x))}, x)}
	}
	seq := func(items ...graphsurgery.Datum) graphsurgery.Datum {
		return graphsurgery.Datum{Kind: graphsurgery.KindSequence, Items: items}
	}
	text := func(s string) graphsurgery.Datum {
		x, err := graphsurgery.NewStringTensor([]int64{1}, []string{s})
		if err != nil {
			t.Fatal(err)
		}
		return graphsurgery.Datum{Tensor: x}
	}
	small := func(b byte) graphsurgery.Datum {
		x, err := graphsurgery.NewTensorRaw(graphsurgery.Float8E5M2, []int64{1}, []byte{b})
		if err != nil {
			t.Fatal(err)
		}
		return graphsurgery.Datum{Tensor: x}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name      string
		got, want graphsurgery.Datum
		fail      string
	}{
		{"near", f(100.09), f(100), ""},
		{"not near", f(1, 100.11), f(1, 100), "1 of 2 elements differ, first [1]: got 100.11"},
		{"near zero", f(0.9e-7), f(0), ""},
		{"not near zero", f(2e-7), f(0), "differ"},
		{"nan", f(nan), f(nan), ""},
		{"nan for a number", f(nan), f(1), "differ"},
		{"number for nan", f(1), f(nan), "differ"},
		{"infinity", f(inf, -inf), f(inf, -inf), ""},
		{"other infinity", f(-inf), f(inf), "differ"},
		{"large for infinity", f(math.MaxFloat32), f(inf), "differ"},
		{"type", f(1), i(1), "type float32, want int64"},
		{"shape", f(1, 1), f(1), "shape [2], want [1]"},
		{"large integers", i(1_000_001), i(1_000_000), "got 1000001, want 1000000"},
		{"strings", text("a"), text("a"), ""},
		{"other string", text("a"), text("b"), "got a, want b"},
		{"small floats", small(1), small(1), ""},
		{"other small float", small(1), small(2), "got bytes 01, want 02"},
		{"sequence", seq(f(1), i(2)), seq(f(1), i(2)), ""},
		{"shorter sequence", seq(f(1)), seq(f(1), i(2)), "it holds 1 values, want 2"},
		{"other element", seq(f(1), i(3)), seq(f(1), i(2)), "its value 1: "},
		{"kind", seq(f(1)), f(1), "another kind"},
	} {
		what := tol.compare(c.got, c.want)
		if c.fail == "" && what != "" || !strings.Contains(what, c.fail) || c.fail != "" && what == "" {
			t.Errorf("%s: got %q, want %q", c.name, what, c.fail)
		}
	}
}

// TestTolerance: data.json overrides the tolerances, and a broken one is an error.
func TestTolerance(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data.json")
	for _, c := range []struct {
		text string
		want tolerance
		fail bool
	}{
		{"", tolerance{1e-3, 1e-7}, false},
		{`{"rtol": 0.05, "atol": 0}`, tolerance{0.05, 0}, false},
		{`{"atol": 1e-2, "url": "u"}`, tolerance{1e-3, 1e-2}, false},
		{`{"rtol": "much"}`, tolerance{}, true},
	} {
		if c.text != "" {
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readTolerance(dir)
		if (err != nil) != c.fail || !c.fail && got != c.want {
			t.Errorf("%q: got %v, %v; want %v", c.text, got, err, c.want)
		}
	}
}

func TestByOperator(t *testing.T) {
	groups := ByOperator([]Result{{Op: "B", Outcome: Passed}, {Op: "A", Outcome: Wrong}, {Op: "B", Outcome: Failed}})
	if len(groups) != 2 || groups[0].Op != "A" || Count(groups[1].Results).String() != "1 passed, 0 wrong, 0 refused, 1 failed" {
		t.Errorf("got %v", groups)
	}
}
