package narrow

import (
	"math"
	"testing"
)

// TestHalfRounding converts every binary16 and bfloat16 there and back, and values
// between them to the nearer, ties to even.
func TestHalfRounding(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		if f := FromHalf(h); f == f && ToHalf(f) != h {
			t.Fatalf("binary16 %#04x is %v and comes back as %#04x", h, f, ToHalf(f))
		}
		if f := float64(math.Float32frombits(uint32(h) << 16)); f == f && ToBFloat(f) != h {
			t.Fatalf("bfloat16 %#04x is %v and comes back as %#04x", h, f, ToBFloat(f))
		}
	}
	nan := math.NaN()
	if h := ToHalf(nan); !math.IsNaN(FromHalf(h)) {
		t.Errorf("NaN became %#04x", h)
	}
	if h := ToBFloat(nan); h&0x7f == 0 {
		t.Errorf("a NaN became %#04x, infinity", h)
	}
	for f, want := range map[float64]uint16{
		1 + 1.0/2048: 0x3c00, 1 + 3.0/2048: 0x3c02, 1 + 1.5/2048: 0x3c01, // ties to even, and past one
		65519: 0x7bff, 65520: 0x7c00, -65520: 0xfc00, 1.0 / (1 << 25): 0, 1.5 / (1 << 25): 1, 3.0 / (1 << 25): 2, 1e-30: 0,
		6.1035e-5:            0x0400, // 2^-14 - 6e-10: rounds up to the smallest normal number
		1 + 1.0/2048 + 1e-15: 0x3c01, // by way of float32 it would become a tie
	} {
		if got := ToHalf(f); got != want {
			t.Errorf("binary16 of %v is %#04x, want %#04x", f, got, want)
		}
	}
	for f, want := range map[float64]uint16{1 + 1.0/256: 0x3f80, 1 + 3.0/256: 0x3f82, math.MaxFloat32: 0x7f80} {
		if got := ToBFloat(f); got != want {
			t.Errorf("bfloat16 of %v is %#04x, want %#04x", f, got, want)
		}
	}
}
