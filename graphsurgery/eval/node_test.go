package eval_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/eval"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// loose is the tolerance of onnx's own backend test runner; operators that only
// move or count are compared exactly, which follows from their element types.
const (
	looseRel = 1e-3
	looseAbs = 1e-7
)

// TestNodeTests runs every onnx node test whose operator eval knows. A test may
// end in UnsupportedError only where the list below says why.
func TestNodeTests(t *testing.T) {
	dirs, ok := testutil.NodeTests(t, "node")
	if !ok {
		return // the committed cases of the other tests are run alone
	}
	passed, total, refused := 0, 0, map[string]int{}
	for _, dir := range dirs {
		m, err := gs.Load(filepath.Join(dir, "model.onnx"))
		if err != nil || len(m.Graph.Nodes()) != 1 || !tensorsOnly(m) || !eval.Knows(m.Graph.Nodes()[0].Domain(), m.Graph.Nodes()[0].Op()) {
			continue
		}
		total++
		err = runNodeTest(m, filepath.Join(dir, "test_data_set_0"))
		var unsupported *gs.UnsupportedError
		switch {
		case err == nil:
			passed++
		case errors.As(err, &unsupported):
			refused[unsupported.Op]++
			if os.Getenv("AAT_ONNX_EVAL_VERBOSE") != "" {
				t.Logf("%s: %v", filepath.Base(dir), err)
			}
		default:
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
	}
	if floor := 751; passed < floor {
		t.Errorf("%d node tests computed right, want at least %d", passed, floor)
	}
	t.Logf("%d of %d node tests computed right; refused: %v", passed, total, refused)
}

// tensorsOnly reports whether no input is a sequence or an optional.
func tensorsOnly(m *gs.Model) bool {
	return !slices.ContainsFunc(m.Graph.Inputs(), func(v *gs.Value) bool { return v.DType() == gs.Undefined })
}

func runNodeTest(m *gs.Model, dir string) error {
	n := m.Graph.Nodes()[0]
	var fed []*gs.Tensor
	for i := range m.Graph.Inputs() {
		x, err := readTensor(filepath.Join(dir, "input_"+strconv.Itoa(i)+".pb"))
		if err != nil {
			return err
		}
		fed = append(fed, x)
	}
	inputs := make([]*gs.Tensor, len(n.Inputs()))
	for i, v := range n.Inputs() {
		if v == nil {
			continue
		}
		inputs[i] = v.Initializer()
		if at := slices.Index(m.Graph.Inputs(), v); at >= 0 {
			inputs[i] = fed[at]
		}
	}
	outputs, err := eval.Node(n, inputs, eval.Limits{})
	if err != nil {
		return err
	}
	for i, v := range m.Graph.Outputs() {
		want, err := readTensor(filepath.Join(dir, "output_"+strconv.Itoa(i)+".pb"))
		if err != nil {
			return err
		}
		if err := same(outputs[v.OutputIndex()], want); err != nil {
			return err
		}
	}
	return nil
}

func readTensor(path string) (*gs.Tensor, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return gs.ParseTensor(data)
}

// same compares two tensors: floats within the tolerance, all else exactly.
func same(got, want *gs.Tensor) error {
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		return errors.New("got " + describe(got) + ", want " + describe(want))
	}
	if want.DType() == gs.String {
		g, err := got.Strings()
		w, err2 := want.Strings()
		if err != nil || err2 != nil || !slices.Equal(g, w) {
			return errors.New("got " + strings.Join(g, ",") + ", want " + strings.Join(w, ","))
		}
		return nil
	}
	if want.DType().IsFloat() {
		return near(got, want)
	}
	g, err := got.Raw()
	w, err2 := want.Raw()
	if err != nil || err2 != nil || !slices.Equal(g, w) {
		return errors.New("integers differ")
	}
	return nil
}

func describe(t *gs.Tensor) string {
	s := t.DType().String()
	for _, d := range t.Shape() {
		s += " " + strconv.FormatInt(d, 10)
	}
	return s
}

func near(got, want *gs.Tensor) error {
	g, err := got.Float32s()
	if err != nil {
		return err
	}
	w, err := want.Float32s()
	if err != nil {
		return err
	}
	for i := range w {
		a, b := float64(g[i]), float64(w[i])
		if a == b || a != a && b != b || math.Abs(a-b) <= looseAbs+looseRel*math.Abs(b) {
			continue
		}
		return errors.New("element " + strconv.Itoa(i) + ": got " + strconv.FormatFloat(a, 'g', -1, 32) + ", want " + strconv.FormatFloat(b, 'g', -1, 32))
	}
	return nil
}
