package importer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// textCase is a model in ONNX's text form, what is fed, and the first output's
// shape and elements.
type textCase struct {
	name, text string
	feed       map[string]*tensors.Tensor
	shape      []int
	want       []float64
}

// check runs the case on each backend; the results are exact.
func (c textCase) check(t *testing.T, o importer.Options) {
	t.Helper()
	p := loadText(t, c.text, o)
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		feed := make(map[string]*tensors.Tensor)
		for name, x := range c.feed { // a tensor belongs to the backend that it was used on
			clone, err := x.LocalClone()
			if err != nil {
				t.Fatal(err)
			}
			feed[name] = clone
		}
		got, err := newRunner(t, p, b).Run(feed)
		if err != nil {
			t.Fatal(err)
		}
		out := got[p.Outputs()[0].Name]
		if !slices.Equal(out.Shape().Dimensions, c.shape) || !slices.Equal(flat(t, out), c.want) {
			t.Errorf("got %v %v, want %v %v", out.Shape().Dimensions, flat(t, out), c.shape, c.want)
		}
	})
}

// loadText makes a program of a model in text form.
func loadText(t testing.TB, text string, o importer.Options) *importer.Program {
	t.Helper()
	m, err := graphsurgery.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// vector makes a float32 vector.
func vector(values ...float32) *tensors.Tensor { return tensors.FromValue(values) }

// TestDemandedConstants: what decides a shape may come from constants of any
// size, through initialisers that are parameters, and through results that are
// larger than what is computed on the host unasked.
func TestDemandedConstants(t *testing.T) {
	for _, c := range []textCase{
		{"NonZero of an initialiser", `<ir_version: 8, opset_import: ["": 17]>
			g (float[n] x) => (float[1, m] y) <float[4] mask = {0, 2, 0, 3}> {
				at = NonZero(mask)
				y = Gather(x, at)
			}`, map[string]*tensors.Tensor{"x": vector(5, 6, 7, 8)}, []int{1, 2}, []float64{6, 8}},
		{"a sum over a large constant", `<ir_version: 8, opset_import: ["": 17]>
			g (float[n] x) => (float[m, k] y) <int64[1] n = {6}, float[1] one = {1}, int64[2] rest = {-1, 2}> {
				ones = Expand(one, n)
				sum = ReduceSum<keepdims = 0>(ones)
				half = Cast<to = 7>(sum)
				two = Constant<value_int = 2>()
				rows = Div(half, two)
				axis = Constant<value_ints = [0]>()
				head = Unsqueeze(rows, axis)
				tail = Constant<value_ints = [-1]>()
				shape = Concat<axis = 0>(head, tail)
				y = Reshape(x, shape)
			}`, map[string]*tensors.Tensor{"x": vector(1, 2, 3, 4, 5, 6)}, []int{3, 2}, []float64{1, 2, 3, 4, 5, 6}},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, importer.Options{MaxHostElements: 4}) })
	}
}

// TestTrainedShape: a trained initialiser is data, whatever its value at first.
func TestTrainedShape(t *testing.T) {
	p := loadText(t, `<ir_version: 8, opset_import: ["": 17]>
		g (float[n] x) => (float[1, m] y) <float[4] mask = {0, 2, 0, 3}> {
			at = NonZero(mask)
			y = Gather(x, at)
		}`, importer.Options{Trainable: func(string) bool { return true }})
	_, err := newRunner(t, p, backend(t, "go")).Run(map[string]*tensors.Tensor{"x": vector(1, 2, 3, 4)})
	var unsupported *graphsurgery.UnsupportedError
	if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "depends on data") || unsupported.Op != "NonZero" {
		t.Errorf("got %v, want a refusal of NonZero because its input depends on data", err)
	}
}
