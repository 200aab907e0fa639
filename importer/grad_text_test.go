package importer_test

// The gradient harness. A case is a small graph in ONNX's text syntax; its family
// lists it in grad_basic_test.go, grad_signal_test.go or grad_seq_test.go. Each
// case runs once per entry of shapes, in float64, and compares the gradient by
// every double input with central differences. TestGradientsAreComplete demands
// three shapes of each operator of the table that has a float gradient.
//
//	go test ./importer -run 'TestTextGradients/Softmax'

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// gradCase is a graph whose gradients are checked at several shapes.
type gradCase struct {
	// name is the operator, with its domain unless that is the default one, and
	// after a slash what is special: "Softmax/axis0", "com.microsoft.BiasGelu".
	name string
	// opset of the default domain; 0 is the newest that the importer knows.
	opset int
	// nodes in ONNX's text syntax; the result is y unless outputs names others.
	nodes   string
	outputs string
	// shapes declares the inputs, and after a semicolon the constants:
	// "double[2,3] x, double[3] b; int64[1] axes = {1}".
	shapes []string
	// Inputs are seeded random numbers from [low, high], by default [-2, 2].
	low, high float64
	// feeds fixes inputs by name; an input that is no double must be among them.
	feeds map[string][]float64
	// backend is xla:cpu where the Go backend cannot run the graph; "" is go. Such
	// a case needs xla:cpu in AAT_ONNX_TEST_BACKENDS.
	backend string
	// zero says that the gradient is zero by nature.
	zero bool
}

// gradCases collects the families.
func gradCases() []gradCase {
	var all []gradCase
	for _, family := range [][]gradCase{basicGradients(), signalGradients(), seqGradients(), coreGradients()} {
		all = append(all, family...)
	}
	return all
}

// operator is the case's operator.
func (c gradCase) operator() string {
	op, _, _ := strings.Cut(c.name, "/")
	return op
}

// model parses the case at one of its shapes.
func (c gradCase) model(t *testing.T, shapes string) *graphsurgery.Model {
	t.Helper()
	opset, outputs := c.opset, c.outputs
	if opset == 0 {
		opset = importer.NewestOpset
	}
	if outputs == "" {
		outputs = "y"
	}
	inputs, constants, _ := strings.Cut(shapes, ";")
	text := fmt.Sprintf(`<ir_version: 10, opset_import: ["" : %d, "com.microsoft" : 1]> g (%s) => (%s) <%s> { %s }`,
		opset, inputs, outputs, constants, c.nodes)
	m, err := graphsurgery.ParseText(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

// TestTextGradients checks every case at every shape.
func TestTextGradients(t *testing.T) {
	for _, c := range gradCases() {
		t.Run(c.name, func(t *testing.T) {
			config := "go"
			if c.backend != "" {
				if config = c.backend; !testBackend(config) {
					t.Logf("needs %s in AAT_ONNX_TEST_BACKENDS, as in `make test`", config)
					return
				}
			}
			for i, shapes := range c.shapes {
				t.Run(fmt.Sprint(i), func(t *testing.T) { c.check(t, backend(t, config), shapes) })
			}
		})
	}
}

// check differentiates the case at one of its shapes.
func (c gradCase) check(t *testing.T, b compute.Backend, shapes string) {
	m := c.model(t, shapes)
	low, high := c.low, c.high
	if low == 0 && high == 0 {
		low, high = -2, 2
	}
	feeds, dims := make(map[string][]float64), make(map[string][]int)
	for _, in := range m.Graph.Inputs() {
		n := 1
		for _, d := range in.Shape() {
			dims[in.Name()] = append(dims[in.Name()], int(d.Value))
			n *= int(d.Value)
		}
		x, given := c.feeds[in.Name()]
		switch {
		case given && len(x) != n:
			t.Fatalf("input %q: %d values for shape %v", in.Name(), len(x), dims[in.Name()])
		case !given && in.DType() != graphsurgery.Double:
			t.Fatalf("input %q of type %s has no values in feeds", in.Name(), in.DType())
		case !given:
			x = randomFloats(c.name+in.Name(), n, low, high)
		}
		feeds[in.Name()] = x
	}
	differentiate(t, b, m, feeds, dims, c.zero)
}

// randomFloats gives n numbers from [low, high] that depend on the seed only.
func randomFloats(seed string, n int, low, high float64) []float64 {
	h := fnv.New64a()
	h.Write([]byte(seed))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	x := make([]float64, n)
	for i := range x {
		x[i] = low + (high-low)*r.Float64()
	}
	return x
}

// argument makes the tensor of an input from numbers.
func argument(t *testing.T, in importer.Port, x []float64, dims []int) *tensors.Tensor {
	t.Helper()
	switch in.DType {
	case graphsurgery.Double:
		return tensors.FromFlatDataAndDimensions(x, dims...)
	case graphsurgery.Bool:
		bits := make([]bool, len(x))
		for i, v := range x {
			bits[i] = v != 0
		}
		return tensors.FromFlatDataAndDimensions(bits, dims...)
	case graphsurgery.Int64:
		return tensors.FromFlatDataAndDimensions(narrow[int64](x), dims...)
	case graphsurgery.Int32:
		return tensors.FromFlatDataAndDimensions(narrow[int32](x), dims...)
	case graphsurgery.Uint8:
		return tensors.FromFlatDataAndDimensions(narrow[uint8](x), dims...)
	case graphsurgery.Int8:
		return tensors.FromFlatDataAndDimensions(narrow[int8](x), dims...)
	case graphsurgery.Float:
		return tensors.FromFlatDataAndDimensions(narrow[float32](x), dims...)
	}
	t.Fatalf("input %q: no way to feed type %s", in.Name, in.DType)
	return nil
}

// narrow converts numbers from float64.
func narrow[T float32 | int64 | int32 | uint8 | int8](in []float64) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = T(v)
	}
	return out
}
