package audio

import (
	"math"
	"math/cmplx"
	"testing"
)

// The FFT against the definition, for sizes whose half is an even and an odd
// power of 2.
func TestPowerFFT(t *testing.T) {
	for _, n := range []int{4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048} {
		wide, narrow := newPowerFFT[float64](n), newPowerFFT[float32](n)
		u := uint32(7)
		for i := range n {
			u = 1664525*u + 1013904223
			wide.in[i] = float64(float32(u)/(1<<32) - 0.5)
			narrow.in[i] = float32(wide.in[i])
		}
		got, got32 := make([]float64, n/2), make([]float32, n/2)
		wide.power(got)
		narrow.power(got32)
		for k := range got {
			var sum complex128
			for i, v := range wide.in {
				sum += complex(v, 0) * cmplx.Rect(1, -2*math.Pi*float64(k*i%n)/float64(n))
			}
			want := real(sum)*real(sum) + imag(sum)*imag(sum)
			// Powers are around n/12; rounding grows with log n only.
			if scale := float64(n); math.Abs(got[k]-want) > 1e-13*scale || math.Abs(float64(got32[k])-want) > 1e-5*scale {
				t.Fatalf("size %d bin %d: got %v and %v, want %v", n, k, got[k], got32[k], want)
			}
		}
	}
}

func TestLogOf(t *testing.T) {
	for x := 1e-300; x < 1e300; x *= 1.37 {
		for _, v := range []float64{x, math.Exp2(math.Round(math.Log2(x))), math.Nextafter(math.Sqrt2, 0), math.Sqrt2, math.Sqrt2 / 2, 1} {
			got, want := logOf(v), math.Log(v)
			// The series leaves 5e-13; the exponent's part is rounded to an ulp.
			if math.Abs(got-want) > 1e-12*math.Max(1, math.Abs(want)) {
				t.Fatalf("ln %g: got %.17g, want %.17g", v, got, want)
			}
		}
	}
}

// The shape of AST's mel bank: 504 weights, at most 10 in a row, filter 3 empty.
func TestKaldiMel(t *testing.T) {
	bank := kaldiMel[float64](16000, 512, 128)
	total, widest := 0, 0
	for b, f := range bank {
		total += len(f.weights)
		widest = max(widest, len(f.weights))
		if (len(f.weights) == 0) != (b == 3) {
			t.Errorf("filter %d has %d weights", b, len(f.weights))
		}
		if f.first+len(f.weights) > 256 {
			t.Errorf("filter %d reaches the Nyquist bin", b)
		}
		for i, w := range f.weights {
			// The triangle in float64; the bank is computed in float32, whose
			// steps at 2840 mel are 2.4e-4, a slope is 21.77 mel long.
			lo, hi := 31.748578, 2840.037712
			delta := (hi - lo) / 129
			mu := 1127 * math.Log(1+31.25*float64(f.first+i)/700)
			up := (mu - lo - float64(b)*delta) / delta
			if want := min(up, 2-up); math.Abs(w-want) > 5e-5 {
				t.Errorf("filter %d bin %d: got %v, want %v", b, f.first+i, w, want)
			}
		}
	}
	if total != 504 || widest != 10 {
		t.Errorf("got %d weights, at most %d in a row, want 504 and 10", total, widest)
	}
}
