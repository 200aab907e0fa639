package graphsurgery

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// knowledge counts what is known of a set of values.
type knowledge struct {
	values, dtype, rank, dims, static, complete int
}

func (s knowledge) String() string {
	return fmt.Sprintf("%d values: dtype %d, rank %d, all dimensions static %d, of %d dimensions %d static", s.values, s.dtype, s.rank, s.complete, s.dims, s.static)
}

// goldenType is a type as gen_infer.py writes it.
type goldenType struct {
	dtype  DType
	ranked bool
	dims   []string
	other  bool     // no tensor
	elems  []string // of a small integer tensor; nil if not given
}

func parseGolden(s string) goldenType {
	kind, dims, tensor := strings.Cut(s, ":")
	if !tensor {
		return goldenType{other: s != ""}
	}
	n, _ := strconv.Atoi(kind)
	dims, elems, given := strings.Cut(dims, "=")
	g := goldenType{dtype: DType(n), ranked: dims != "?"}
	if given && elems != "" {
		g.elems = strings.Split(elems, ",")
	}
	if g.ranked && dims != "" {
		g.dims = strings.Split(dims, ",")
	}
	return g
}

// add counts a type of which known tells what is known; truth gives the rank.
func (s *knowledge) add(dtype bool, ranked bool, static []bool, truth goldenType) {
	s.values++
	if dtype {
		s.dtype++
	}
	s.dims += len(truth.dims)
	if !ranked {
		return
	}
	s.rank++
	all := true
	for _, k := range static {
		if k {
			s.static++
		}
		all = all && k
	}
	if all {
		s.complete++
	}
}

func (s *knowledge) golden(g, truth goldenType) {
	var static []bool
	for _, d := range g.dims {
		_, err := strconv.Atoi(d)
		static = append(static, err == nil)
	}
	s.add(g.dtype != Undefined, g.ranked, static, truth)
}

func (s *knowledge) ours(t Type, truth goldenType) {
	var static []bool
	for _, d := range t.Shape {
		static = append(static, d.Value >= 0)
	}
	s.add(t.DType != Undefined, t.Shape != nil, static, truth)
}

// contradiction says where a type claims what is not true. sizes holds what the
// names of dimensions are so far: one name is one size throughout a model.
func contradiction(t Type, truth goldenType, sizes map[string]string) string {
	switch {
	case t.DType != Undefined && t.DType != truth.dtype:
		return fmt.Sprintf("element type %s, is %s", t.DType, truth.dtype)
	case t.Shape == nil:
		return ""
	case len(t.Shape) != len(truth.dims):
		return fmt.Sprintf("shape %v, is %v", t.Shape, truth.dims)
	}
	for i, d := range t.Shape {
		if d.Value >= 0 && strconv.FormatInt(d.Value, 10) != truth.dims[i] {
			return fmt.Sprintf("shape %v, is %v", t.Shape, truth.dims)
		}
		if d.Param == "" {
			continue
		}
		if old, seen := sizes[d.Param]; seen && old != truth.dims[i] {
			return fmt.Sprintf("shape %v, is %v, where %s was %s", t.Shape, truth.dims, d.Param, old)
		}
		sizes[d.Param] = truth.dims[i]
	}
	return ""
}

// wrongElement says where elements that we followed are not what they are.
func wrongElement(types *Types, v *Value, truth goldenType) string {
	list, ok := types.Ints(v)
	if !ok || truth.elems == nil {
		return ""
	}
	if len(list) != len(truth.elems) {
		return fmt.Sprintf("elements %v, are %v", list, truth.elems)
	}
	for i, d := range list {
		_, err := strconv.Atoi(d.String())
		if err == nil && d.String() != truth.elems[i] {
			return fmt.Sprintf("elements %v, are %v", list, truth.elems)
		}
	}
	return ""
}

// stripTypes removes what the file says of the types of computed values.
func stripTypes(t *testing.T, m *Model) {
	t.Helper()
	m.pb.Graph.ValueInfo = nil
	for _, o := range m.pb.Graph.Output {
		o.Type = nil
	}
	if err := m.reindex(); err != nil {
		t.Fatal(err)
	}
}

// bindInputs gives the sizes that the fed inputs give to symbols.
func bindInputs(m *Model, fed string) map[string]int64 {
	sizes := map[string]int64{}
	for i, s := range strings.Split(fed, ";") {
		g := parseGolden(s)
		if i >= len(m.Graph.inputs) {
			break
		}
		shape := m.Graph.inputs[i].Shape()
		for k, d := range g.dims {
			if k < len(shape) && shape[k].Param != "" {
				sizes[shape[k].Param], _ = strconv.ParseInt(d, 10, 64)
			}
		}
	}
	return sizes
}

// readGolden gives a file's tab-separated lines by their first field.
func readGolden(t *testing.T, file string) map[string][]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for _, l := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		fields := strings.Split(l, "\t")
		lines[fields[0]] = fields[1:]
	}
	return lines
}

// TestInferNodeTests scores inference on onnx's own test models, stripped of declared
// types, against onnx's inference and against what running them gives: nothing we
// claim is untrue, and of no value we know less than onnx does.
func TestInferNodeTests(t *testing.T) {
	golden := readGolden(t, "testdata/infer.golden.gz")
	var ours, theirs knowledge
	models := 0
	for _, kind := range []string{"node", "simple", "pytorch-converted", "pytorch-operator"} {
		dirs, ok := testutil.NodeTests(t, kind)
		if !ok {
			return
		}
		for _, dir := range dirs {
			models++
			scoreModel(t, kind+"/"+filepath.Base(dir), dir, golden, &ours, &theirs)
		}
	}
	t.Logf("%d models\nours: %s\nonnx: %s", models, ours, theirs)
	if ours.dtype < theirs.dtype || ours.rank < theirs.rank || ours.static < theirs.static || ours.complete < theirs.complete {
		t.Errorf("we know less than onnx:\nours: %s\nonnx: %s", ours, theirs)
	}
}

func scoreModel(t *testing.T, name, dir string, golden map[string][]string, ours, theirs *knowledge) {
	line, ok := golden[name]
	if !ok {
		t.Errorf("%s is not in infer.golden.gz: run gen_infer.py", name)
		return
	}
	m, err := Load(filepath.Join(dir, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	stripTypes(t, m)
	types, err := m.Infer()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range types.Problems() {
		t.Errorf("%s: %v", name, p)
	}
	types = types.Bind(bindInputs(m, line[0]))
	sizes := map[string]string{}
	k := 1
	for _, n := range m.Graph.Nodes() {
		for _, v := range n.Outputs() {
			if v == nil {
				continue
			}
			if k >= len(line) {
				t.Fatalf("%s has more values than infer.golden.gz", name)
			}
			known, is, _ := strings.Cut(line[k], "|")
			k++
			truth := parseGolden(is)
			if truth.other || is == "" {
				continue
			}
			got := types.Of(v)
			if c := contradiction(got, truth, sizes); c != "" {
				t.Errorf("%s: %s: %s", name, n, c)
			}
			if c := wrongElement(types, v, truth); c != "" {
				t.Errorf("%s: %s: %s", name, n, c)
			}
			ours.ours(got, truth)
			theirs.golden(parseGolden(known), truth)
			compare(t, name, n, got, parseGolden(known), truth)
		}
	}
}

// compare demands that we know no less of a value than onnx does, and logs what we do
// not know if AAT_INFER_GAPS is set.
func compare(t *testing.T, name string, n *Node, got Type, known, truth goldenType) {
	var a, b knowledge
	a.ours(got, truth)
	b.golden(known, truth)
	if a.static < b.static || a.rank < b.rank || a.dtype < b.dtype {
		t.Errorf("%s: %s: we know %s, onnx %v", name, n, got, known)
	}
	if os.Getenv("AAT_INFER_GAPS") != "" && (a.complete == 0 || a.dtype == 0) {
		t.Logf("gap: %s: %s %s: %s, is %v, onnx %v", name, n.Op(), n.Label(), got, truth, known)
	}
}
