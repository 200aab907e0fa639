package audio

import "math"

// kernel is a polyphase FIR filter for the rates o → n, which have no common
// divisor. Output m stands at input position m·o/n = base + rem/n. The filter's
// values at the inputs base-left … are row rem if there is a row for each of n
// phases, else a blend of the two nearest rows of a table of steps+1.
type kernel struct {
	o, n  int
	taps  int // of one row
	left  int // inputs before base that a row begins with
	rows  []float32
	exact bool
	steps int // rows between two inputs: n, or fewer
}

// Rates with few common factors have as many phases as the new rate has hertz.
// An HQ kernel of more than maxExact values, 4 MB, is tabled instead at
// tableSteps places between two samples of the lower rate, and interpolated
// linearly. The error, (π/tableSteps)²/8, is 131 dB down, below the filter's own
// stop band; the table has 390 000 values whatever the rates.
const (
	maxExact   = 1 << 20
	tableSteps = 2048
)

func newKernel(q Quality, o, n int) *kernel {
	if q == Sinc {
		return sincKernel(o, n)
	}
	return hqKernel(o, n)
}

// HQ in numbers: libsoxr's SOXR_HQ recipe has 20 bits, so (20+1)·6.02 dB of
// rejection, and a pass band up to 0.913 of the lower Nyquist frequency.
const (
	hqRejection = 126.4
	hqPassband  = 0.913
)

// hqKernel designs the filter by Kaiser's formulas (Oppenheim and Schafer,
// Discrete-Time Signal Processing, §7.5.3). Times are in input samples.
func hqKernel(o, n int) *kernel {
	narrow := math.Min(1, float64(n)/float64(o)) // the lower Nyquist, of the input's
	beta := 0.1102 * (hqRejection - 8.7)
	cutoff := (1 + hqPassband) / 2 * narrow
	half := (hqRejection - 7.95) / (2.285 * (1 - hqPassband) * math.Pi * narrow) / 2
	reach := int(math.Ceil(half))
	k := &kernel{o: o, n: n, taps: 2 * reach, left: reach - 1, exact: true, steps: n}
	phases := n
	if n*k.taps > maxExact {
		k.exact, k.steps = false, int(math.Ceil(tableSteps*narrow))
		phases = k.steps + 1 // the last blends with the row of the next input
	}
	k.rows = make([]float32, phases*k.taps)
	peak := bessel0(beta)
	row := make([]float64, k.taps)
	for p := range phases {
		var sum float64
		for i := range row {
			t := float64(i-k.left) - float64(p)/float64(k.steps)
			row[i] = 0
			if u := t / half; u > -1 && u < 1 {
				row[i] = sinc(cutoff*t) * bessel0(beta*math.Sqrt(1-u*u)) / peak
			}
			sum += row[i]
		}
		// Each phase by itself passes DC unchanged, so that a constant stays one.
		for i, v := range row {
			k.rows[p*k.taps+i] = float32(v / sum)
		}
	}
	return k
}

// sincKernel is torchaudio's _get_sinc_resample_kernel: lowpass_filter_width 6,
// rolloff 0.99, Hann window. Of its 2W+o taps only those inside the window are
// kept; the others are zero.
func sincKernel(o, n int) *kernel {
	const width, rolloff = 6, 0.99
	b := float64(min(o, n)) * rolloff
	reach := int(math.Ceil(width * float64(o) / b))
	k := &kernel{o: o, n: n, taps: 2 * reach, left: reach - 1, exact: true, steps: n}
	k.rows = make([]float32, n*k.taps)
	for p := range n {
		base, rem := p*o/n, p*o%n
		row := k.rows[rem*k.taps : (rem+1)*k.taps]
		// torchaudio divides -p by n in float32, all else is float64.
		phase := float64(float32(-p) / float32(n))
		for j := range row {
			t := (phase + float64(base-k.left+j)/float64(o)) * b
			if t <= -width || t >= width {
				continue
			}
			window := math.Cos(math.Pi * t / (2 * width))
			row[j] = float32(b / float64(o) * sinc(t) * window * window)
		}
	}
	return k
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of the first kind, order 0, by its
// power series; all terms are positive, so nothing cancels.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	q := x * x / 4
	for i := 1.0; term > 1e-17*sum; i++ {
		term *= q / (i * i)
		sum += term
	}
	return sum
}

// run filters all of x into y.
func (k *kernel) run(y, x []float32) {
	step, part := k.o/k.n, k.o%k.n
	base, rem := 0, 0
	for m := range y {
		y[m] = k.at(x, base, rem)
		base += step
		if rem += part; rem >= k.n {
			rem -= k.n
			base++
		}
	}
}

// at is the output at input position base + rem/n.
func (k *kernel) at(x []float32, base, rem int) float32 {
	// The taps that fall on samples; beyond its ends x is zero.
	start := base - k.left
	lo, hi := max(0, -start), min(k.taps, len(x)-start)
	if lo >= hi {
		return 0
	}
	x = x[start+lo : start+hi]
	if k.exact {
		return dot(k.rows[rem*k.taps+lo:rem*k.taps+hi], x)
	}
	where := float64(rem) / float64(k.n) * float64(k.steps)
	p := int(where)
	w := float32(where - float64(p))
	a := dot(k.rows[p*k.taps+lo:p*k.taps+hi], x)
	b := dot(k.rows[(p+1)*k.taps+lo:(p+1)*k.taps+hi], x)
	return a + w*(b-a)
}

// dot has four accumulators, which lets the processor overlap the additions
// and halves their rounding error.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		u, v := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += u[0] * v[0]
		s1 += u[1] * v[1]
		s2 += u[2] * v[2]
		s3 += u[3] * v[3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}
