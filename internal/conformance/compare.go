package conformance

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// tolerance is how far floats may be off: absolute + relative·|want|.
type tolerance struct{ relative, absolute float64 }

// compare says how got differs from want; "" if it does not.
func (tol tolerance) compare(got, want graphsurgery.Datum) string {
	if got.Kind != want.Kind {
		return fmt.Sprintf("it is of another kind (%d) than the %d expected", got.Kind, want.Kind)
	}
	if got.Kind == graphsurgery.KindTensor {
		return tol.tensor(got.Tensor, want.Tensor)
	}
	if len(got.Items) != len(want.Items) {
		return fmt.Sprintf("it holds %d values, want %d", len(got.Items), len(want.Items))
	}
	for i := range got.Items {
		if what := tol.compare(got.Items[i], want.Items[i]); what != "" {
			return fmt.Sprintf("its value %d: %s", i, what)
		}
	}
	return ""
}

// tensor compares type, shape and elements.
func (tol tolerance) tensor(got, want *graphsurgery.Tensor) string {
	if got.DType() != want.DType() {
		return fmt.Sprintf("type %s, want %s", got.DType(), want.DType())
	}
	if !slices.Equal(got.Shape(), want.Shape()) {
		return fmt.Sprintf("shape %v, want %v", got.Shape(), want.Shape())
	}
	what, err := "", error(nil)
	switch {
	case want.DType().IsFloat():
		what, err = tol.floats(got, want)
	case want.DType() == graphsurgery.String:
		what, err = exact(got.Strings, want.Strings)
	case want.DType().Bits() <= 64 && !isSmallFloat(want.DType()) && want.DType() != graphsurgery.Complex64:
		what, err = exact(got.Int64s, want.Int64s)
	default:
		what, err = sameBytes(got, want)
	}
	if err != nil {
		return err.Error()
	}
	return what
}

// isSmallFloat tells the floats of eight bits and less: they are few enough to be
// demanded exactly.
func isSmallFloat(d graphsurgery.DType) bool {
	switch d {
	case graphsurgery.Float8E4M3FN, graphsurgery.Float8E4M3FNUZ, graphsurgery.Float8E5M2, graphsurgery.Float8E5M2FNUZ,
		graphsurgery.Float4E2M1, graphsurgery.Float8E8M0, graphsurgery.Float6E2M3, graphsurgery.Float6E3M2:
		return true
	}
	return false
}

// floats demands |got-want| ≤ absolute + relative·|want| of each element; NaN
// and infinities equal themselves only.
func (tol tolerance) floats(got, want *graphsurgery.Tensor) (string, error) {
	g, err := got.Float64s()
	if err != nil {
		return "", err
	}
	w, err := want.Float64s()
	if err != nil {
		return "", err
	}
	off, first := 0, 0
	for i := range w {
		if tol.close(g[i], w[i]) {
			continue
		}
		if off++; off == 1 {
			first = i
		}
	}
	if off == 0 {
		return "", nil
	}
	return fmt.Sprintf("%d of %d elements differ, first [%d]: got %g, want %g", off, len(w), first, g[first], w[first]), nil
}

// close compares two numbers.
func (tol tolerance) close(got, want float64) bool {
	switch {
	case got == want, math.IsNaN(got) && math.IsNaN(want):
		return true
	case math.IsInf(got, 0), math.IsInf(want, 0):
		return false
	}
	return math.Abs(got-want) <= tol.absolute+tol.relative*math.Abs(want)
}

// exact compares elements that have no tolerance.
func exact[T comparable](got, want func() ([]T, error)) (string, error) {
	g, err := got()
	if err != nil {
		return "", err
	}
	w, err := want()
	if err != nil {
		return "", err
	}
	off, first := 0, 0
	for i := range w {
		if g[i] == w[i] {
			continue
		}
		if off++; off == 1 {
			first = i
		}
	}
	if off == 0 {
		return "", nil
	}
	return fmt.Sprintf("%d of %d elements differ, first [%d]: got %v, want %v", off, len(w), first, g[first], w[first]), nil
}

// sameBytes compares what has no other form here.
func sameBytes(got, want *graphsurgery.Tensor) (string, error) {
	g, err := got.Raw()
	if err != nil {
		return "", err
	}
	w, err := want.Raw()
	if err != nil {
		return "", err
	}
	if !bytes.Equal(g, w) {
		return fmt.Sprintf("got bytes % x, want % x", g[:min(16, len(g))], w[:min(16, len(w))]), nil
	}
	return "", nil
}
