package importer_test

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// families are the fixtures that testdata/gen_ops.py writes.
var families = []string{"elementwise", "shape", "index", "reduce", "linear", "conv", "norm", "attention", "flow", "edge"}

// opCase is one operator of a fixture: its model in up to three forms, inputs
// and ONNX Runtime's outputs.
type opCase struct {
	name               string
	model, folded, f64 []byte
	inputs             map[string]testutil.Array
	outputs            map[int]testutil.Array
}

// opCases reads a family, sorted by name.
func opCases(t testing.TB, family string) []*opCase {
	t.Helper()
	cases := make(map[string]*opCase)
	arrays := npz(t, "testdata/"+family+".npz")
	for key, a := range arrays {
		name, rest, _ := strings.Cut(key, "/")
		c := cases[name]
		if c == nil {
			c = &opCase{name: name, inputs: map[string]testutil.Array{}, outputs: map[int]testutil.Array{}}
			cases[name] = c
		}
		kind, of, _ := strings.Cut(rest, "/")
		switch kind {
		case "model":
			c.model = unpack(a, arrays[name+"/len"])
		case "fold":
			c.folded = unpack(a, arrays[name+"/foldlen"])
		case "grad":
			c.f64 = unpack(a, arrays[name+"/gradlen"])
		case "in":
			c.inputs[of] = a
		case "out":
			c.outputs[int(of[0]-'0')] = a
		}
	}
	if len(cases) == 0 {
		t.Fatalf("fixture %s has no cases", family)
	}
	out := slices.Collect(maps.Values(cases))
	slices.SortFunc(out, func(a, b *opCase) int { return strings.Compare(a.name, b.name) })
	return out
}

// unpack gives the bytes of a model that is stored as int32 words.
func unpack(words, n testutil.Array) []byte {
	var out []byte
	for _, w := range words.Int64s() {
		out = binary.LittleEndian.AppendUint32(out, uint32(int32(w)))
	}
	return out[:n.Int64s()[0]]
}

// TestOperators compares every operator with ONNX Runtime, with its data fed at
// run time.
func TestOperators(t *testing.T) {
	for _, family := range families {
		cases := opCases(t, family)
		eachBackend(t, func(t *testing.T, b compute.Backend) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					c.check(t, b, c.model, c.inputs)
				})
			}
		})
	}
}

// TestFolding does the same with the data as constants, so that small tensors
// are computed on the host. One backend is enough: it only hands the result out.
func TestFolding(t *testing.T) {
	for _, family := range families {
		for _, c := range opCases(t, family) {
			if c.folded != nil {
				t.Run(c.name, func(t *testing.T) { c.check(t, backend(t, "go"), c.folded, nil) })
			}
		}
	}
}

// check runs one form of a case. The tolerance is relative to 1+|want|: a few
// dozen float32 roundings (6e-8 each), and XLA's polynomials for exp, tanh and
// erf, which are good to about 1e-6.
func (c *opCase) check(t *testing.T, b compute.Backend, data []byte, inputs map[string]testutil.Array) {
	const tolerance = 3e-6
	m, err := graphsurgery.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	feeds := make(map[string]*tensors.Tensor)
	for name, a := range inputs {
		feeds[name] = tensor(t, a)
	}
	got, err := newRunner(t, p, b).Run(feeds)
	if err != nil {
		t.Fatal(err)
	}
	for i, out := range p.Outputs() {
		want := c.outputs[i]
		if dims := got[out.Name].Shape().Dimensions; !slices.Equal(dims, want.Shape) {
			t.Errorf("output %d: shape %v, want %v", i, dims, want.Shape)
			continue
		}
		if wantType := tensor(t, want).DType(); got[out.Name].DType() != wantType {
			t.Errorf("output %d: type %s, want %s", i, got[out.Name].DType(), wantType)
		}
		if d := furthest(flat(t, got[out.Name]), want.Float64s()); d > tolerance {
			t.Errorf("output %d: differs by %g, want at most %g\ngot  %v\nwant %v", i, d, tolerance, flat(t, got[out.Name]), want.Float64s())
		}
	}
}
