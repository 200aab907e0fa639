// Package score runs the test cases that onnx-go ships for its back ends through
// ours and through Gorgonia's.
//
// testbackend's own RunTest needs a testing.T for each case and skips where it
// should fail; this judges as that does (shapes, and elements within 1e-6) and
// returns a Result.
package score

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend"
	"github.com/owulveryck/onnx-go/backend/testbackend"
	_ "github.com/owulveryck/onnx-go/backend/testbackend/onnx" // registers the cases
	"github.com/owulveryck/onnx-go/backend/x/gorgonnx"
	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/importer/onnxgo"
)

// Tolerance is testbackend's.
const Tolerance = 1e-6

// Result is the outcome of a case; Err is nil if it passed.
type Result struct {
	Op, Title string
	Err       error
}

// ByTitle orders results.
func ByTitle(a, b Result) int { return strings.Compare(a.Title, b.Title) }

// Failed counts the cases that did not pass.
func Failed(results []Result) int {
	n := 0
	for _, r := range results {
		if r.Err != nil {
			n++
		}
	}
	return n
}

// Ours runs all cases on a GoMLX backend.
func Ours(device compute.Backend) []Result {
	return all(func(c *testbackend.TestCase) error {
		b := onnxgo.NewBackend(onnxgo.Options{Compute: device})
		defer b.Close() //nolint:errcheck // the case has been judged by then
		return judge(c, b)
	})
}

// Gorgonnx runs all cases on onnx-go's own back end.
func Gorgonnx() []Result {
	return all(func(c *testbackend.TestCase) error { return judge(c, gorgonnx.NewGraph()) })
}

func all(run func(*testbackend.TestCase) error) []Result {
	var results []Result
	for _, construct := range testbackend.GetAllRegisteredTests() {
		c := construct()
		results = append(results, Result{Op: c.OpType, Title: c.Title, Err: guard(func() error { return run(c) })})
	}
	slices.SortFunc(results, ByTitle)
	return results
}

// guard makes an error of a panic: gorgonnx has many, and so has onnx-go's decoder.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

func judge(c *testbackend.TestCase, b backend.ComputationBackend) error {
	m := onnx.NewModel(b)
	if err := m.UnmarshalBinary(c.ModelB); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	for i, x := range c.Input {
		if err := m.SetInput(i, x); err != nil {
			return err
		}
	}
	if err := b.Run(); err != nil {
		return err
	}
	outputs, err := m.GetOutputTensors()
	if err != nil {
		return err
	}
	if len(outputs) != len(c.ExpectedOutput) {
		return fmt.Errorf("got %d outputs, want %d", len(outputs), len(c.ExpectedOutput))
	}
	for i, want := range c.ExpectedOutput {
		if err := compare(outputs[i], want); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

func compare(got, want tensor.Tensor) error {
	if got == nil {
		return fmt.Errorf("no value")
	}
	if !slices.Equal(got.Shape(), want.Shape()) {
		return fmt.Errorf("shape %v, want %v", got.Shape(), want.Shape())
	}
	g, w := numbers(got), numbers(want)
	if len(g) != len(w) {
		return fmt.Errorf("%d elements, want %d", len(g), len(w))
	}
	var worst *DifferenceError
	for i := range w {
		same := g[i] == w[i] || math.IsNaN(g[i]) && math.IsNaN(w[i])
		if same || math.Abs(g[i]-w[i]) <= Tolerance {
			continue
		}
		d := &DifferenceError{Element: i, Got: g[i], Want: w[i]}
		if worst == nil || !(d.Relative() <= worst.Relative()) {
			worst = d
		}
	}
	if worst != nil {
		return worst
	}
	return nil
}

// DifferenceError is the relatively greatest of an output's differences.
type DifferenceError struct {
	Element   int
	Got, Want float64
}

// Relative is the difference over the size of what was expected.
func (d *DifferenceError) Relative() float64 { return math.Abs((d.Got - d.Want) / d.Want) }

func (d *DifferenceError) Error() string {
	return fmt.Sprintf("element %d is %v, want %v within %v", d.Element, d.Got, d.Want, Tolerance)
}

// numbers gives the elements as float64; a scalar's Data is no slice.
func numbers(t tensor.Tensor) []float64 {
	v := reflect.ValueOf(t.Data())
	if v.Kind() != reflect.Slice {
		return []float64{number(v)}
	}
	out := make([]float64, v.Len())
	for i := range out {
		out[i] = number(v.Index(i))
	}
	return out
}

func number(v reflect.Value) float64 {
	switch {
	case v.CanFloat():
		return v.Float()
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.Kind() == reflect.Bool && v.Bool():
		return 1
	case v.Kind() == reflect.Bool:
		return 0
	}
	panic(fmt.Sprintf("elements of type %s are not numbers", v.Type()))
}
