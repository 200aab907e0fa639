// Package narrow converts between float64 and the 16-bit floating-point types, with one
// rounding. It is the only place that does.
package narrow

import "math"

// FromHalf decodes IEEE 754 binary16.
func FromHalf(h uint16) float64 {
	sign, exp, frac := h>>15, int(h>>10)&31, float64(h&1023)
	var x float64
	switch exp {
	case 0:
		x = math.Ldexp(frac, -24)
	case 31:
		x = math.Inf(1)
		if frac != 0 {
			x = math.NaN()
		}
	default:
		x = math.Ldexp(1024+frac, exp-25)
	}
	if sign != 0 {
		return -x
	}
	return x
}

// ToHalf rounds to binary16, ties to even. Rounding a float64 once is exact
// rounding; going through float32 would round twice.
func ToHalf(x float64) uint16 {
	sign := uint16(math.Float64bits(x)>>63) << 15
	x = math.Abs(x)
	switch {
	case x != x:
		return sign | 0x7e00
	case x >= 65520: // halfway between the largest half and the next power of two
		return sign | 0x7c00
	case x < 0x1p-14: // subnormal: a multiple of 2^-24; 1024 of them is the smallest normal
		return sign | uint16(math.RoundToEven(x*0x1p24))
	}
	frac, exp := math.Frexp(x) // x = frac * 2^exp, frac in [1/2, 1)
	m := uint16(math.RoundToEven(math.Ldexp(frac, 11)))
	return sign | (uint16(exp+13)<<10 + m) // m has the leading one, which adds 1 to the exponent
}

// ToBFloat rounds to bfloat16, ties to even.
func ToBFloat(x float64) uint16 {
	if x != x {
		return uint16(math.Float64bits(x)>>63)<<15 | 0x7fc0
	}
	sign := uint16(math.Float64bits(x)>>63) << 15
	x = math.Abs(x)
	switch {
	case math.IsInf(x, 0):
		return sign | 0x7f80
	case x < 0x1p-126:
		return sign | uint16(math.RoundToEven(x*0x1p133))
	}
	frac, exp := math.Frexp(x)
	m := uint64(math.RoundToEven(math.Ldexp(frac, 8)))
	bits := uint64(exp+125)<<7 + m
	return sign | uint16(min(bits, 0x7f80))
}
