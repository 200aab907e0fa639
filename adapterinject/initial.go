package adapterinject

import (
	"hash/fnv"
	"math"
	"math/bits"
)

// pcg is PCG-XSL-RR 128/64 (O'Neill, 2014), written out so that the same seed
// gives the same bytes whatever the Go release.
type pcg struct{ hi, lo uint64 }

// newPCG seeds a generator for one tensor: each name has its own stream, so that
// leaving one adapter out does not change the others.
func newPCG(seed uint64, name string) *pcg {
	h := fnv.New64a()
	h.Write([]byte(name))
	p := &pcg{hi: seed, lo: h.Sum64()}
	p.next()
	p.next()
	return p
}

func (p *pcg) next() uint64 {
	// state = state·multiplier + increment, modulo 2^128.
	const multHi, multLo = 2549297995355413924, 4865540595714422341
	const incHi, incLo = 6364136223846793005, 1442695040888963407
	hi, lo := bits.Mul64(p.lo, multLo)
	hi += p.hi*multLo + p.lo*multHi
	lo, carry := bits.Add64(lo, incLo, 0)
	hi, _ = bits.Add64(hi, incHi, carry)
	p.hi, p.lo = hi, lo
	return bits.RotateLeft64(hi^lo, -int(hi>>58))
}

// uniform is in the open interval (0, 1).
func (p *pcg) uniform() float64 { return (float64(p.next()>>11) + 0.5) / (1 << 53) }

// truncNormal draws n numbers from a normal distribution of the given deviation,
// cut at two deviations, by the inverse of its distribution function.
func truncNormal(p *pcg, n int, deviation float64) []float32 {
	out := make([]float32, n)
	reach := math.Erf(math.Sqrt2) // Φ(2) - Φ(-2)
	for i := range out {
		x := math.Sqrt2 * math.Erfinv(reach*(2*p.uniform()-1))
		out[i] = float32(deviation * min(max(x, -2), 2))
	}
	return out
}

// Init says what a trainable tensor begins with.
type Init struct {
	draw func(random *pcg, n int) []float32
}

// Zeros begins with 0.
func Zeros() Init { return constant(0) }

// Ones begins with 1.
func Ones() Init { return constant(1) }

func constant(x float32) Init {
	return Init{func(_ *pcg, n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = x
		}
		return out
	}}
}

// TruncNormal draws from a normal distribution of the given deviation that is cut
// at two deviations.
func TruncNormal(deviation float64) Init {
	return Init{func(random *pcg, n int) []float32 { return truncNormal(random, n, deviation) }}
}

// Uniform draws evenly from between -bound and bound.
func Uniform(bound float64) Init {
	return Init{func(random *pcg, n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(bound * (2*random.uniform() - 1))
		}
		return out
	}}
}
