package adapterinject

import (
	"math"
	"slices"
	"testing"
)

// TestTruncNormal compares with the distribution: a normal one cut at two
// deviations has the standard deviation sqrt(1 - 4·φ(2)/(2Φ(2)-1)) = 0.87963.
func TestTruncNormal(t *testing.T) {
	const n, sigma = 200_000, 0.02
	xs := truncNormal(newPCG(9, "w"), n, sigma)
	var sum, squares float64
	for _, x := range xs {
		if math.Abs(float64(x)) > 2*sigma*(1+1e-7) {
			t.Fatalf("%g is beyond two deviations", x)
		}
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	mean, deviation := sum/n, math.Sqrt(squares/n)
	// Four standard errors: σ/√n for the mean, σ/√(2n) bounds the deviation's.
	if math.Abs(mean) > 4*sigma/math.Sqrt(n) {
		t.Errorf("mean %g, want 0", mean)
	}
	if want := 0.87963 * sigma; math.Abs(deviation-want) > 4*sigma/math.Sqrt(2*n) {
		t.Errorf("deviation %g, want %g", deviation, want)
	}
	// Kolmogorov–Smirnov against the cut normal; 1.95/√n is its 0.1 % bound.
	slices.Sort(xs)
	cut := math.Erf(math.Sqrt2)
	worst := 0.0
	for i, x := range xs {
		p := 0.5 * (1 + math.Erf(float64(x)/sigma/math.Sqrt2)/cut)
		worst = max(worst, math.Abs(p-float64(i)/n), math.Abs(p-float64(i+1)/n))
	}
	if bound := 1.95 / math.Sqrt(n); worst > bound {
		t.Errorf("distance to the distribution %g, want at most %g", worst, bound)
	}
}
