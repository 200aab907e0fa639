package importer_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/importer"
)

// shapesPerOperator is how many shapes an operator's gradient is checked at.
const shapesPerOperator = 3

// TestGradientsAreComplete: each operator of the table has its gradient checked at
// three shapes, or stands in its family's list of those that have none, because
// their output, or all their inputs, are no floats.
func TestGradientsAreComplete(t *testing.T) {
	checked := checkedShapes(t)
	none := slices.Concat(basicNoGradient, signalNoGradient, seqNoGradient, coreNoGradient)
	table := importer.Operators()
	for _, op := range table {
		n := len(checked[op])
		if n > 0 {
			t.Logf("gradient of %s: %d shapes", op, n) // read by internal/conformancedoc
		}
		switch {
		case slices.Contains(none, op) && n > 0:
			t.Errorf("%s stands among those without a gradient and has a case", op)
		case slices.Contains(none, op), n >= shapesPerOperator:
		default:
			t.Errorf("the gradient of %s is checked at %d shapes, want %d", op, n, shapesPerOperator)
		}
	}
	for _, op := range slices.Concat(none, slices.Sorted(maps.Keys(checked))) {
		if !slices.Contains(table, op) {
			t.Errorf("%s has a gradient case or an excuse, and is not in the table", op)
		}
	}
}

// checkedShapes lists by operator the different shapes of its gradient cases, of
// the fixtures and of the texts.
func checkedShapes(t *testing.T) map[string]map[string]bool {
	shapes := make(map[string]map[string]bool)
	add := func(op, shape string) {
		if shapes[op] == nil {
			shapes[op] = make(map[string]bool)
		}
		shapes[op][shape] = true
	}
	for _, family := range families {
		for _, c := range opCases(t, family) {
			op, _, _ := strings.Cut(c.name, "-")
			if c.f64 == nil || !slices.Contains(importer.Operators(), op) {
				continue
			}
			text := ""
			for _, name := range slices.Sorted(maps.Keys(c.inputs)) {
				text += fmt.Sprint(name, c.inputs[name].Shape)
			}
			add(op, text)
		}
	}
	for _, c := range gradCases() {
		for _, s := range c.shapes {
			inputs, _, _ := strings.Cut(s, ";")
			add(c.operator(), inputs)
		}
	}
	return shapes
}

// readFile reads a file of the tests.
func readFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
