package audio

import "math"

// float is what the feature pipeline computes in.
type float interface{ float32 | float64 }

// powerFFT computes |X[k]|² of real frames. The n real samples are taken as n/2
// complex ones; a radix-4 Stockham transform (no bit reversal, each pass reads
// one buffer and writes the other) is followed by the usual split into the
// spectrum of the real signal. Its buffers make it one goroutine's own.
type powerFFT[T float] struct {
	half    int // n/2
	in      []T // the frame, n samples, for the caller to fill
	re, im  [2][]T
	passes  []pass[T]
	cos     []T // of 2πk/n, k = 0 … n/2-1
	sin     []T
	lastTwo bool // half is an odd power of 2: one radix-2 pass at the end
}

// pass is one radix-4 pass over blocks of length n = 4·len(w1).
type pass[T float] struct {
	stride int
	w      []twiddle[T]
}

// twiddle holds w, w² and w³ for w = exp(-2πip/n).
type twiddle[T float] struct{ r1, i1, r2, i2, r3, i3 T }

// newPowerFFT plans transforms of n real samples; n is a power of 2, at least 4.
func newPowerFFT[T float](n int) *powerFFT[T] {
	f := &powerFFT[T]{half: n / 2, in: make([]T, n), cos: make([]T, n/2), sin: make([]T, n/2)}
	for i := range 2 {
		f.re[i], f.im[i] = make([]T, n/2), make([]T, n/2)
	}
	for k := range n / 2 {
		s, c := math.Sincos(2 * math.Pi * float64(k) / float64(n))
		f.cos[k], f.sin[k] = T(c), T(s)
	}
	length, stride := n/2, 1
	for ; length >= 4; length, stride = length/4, stride*4 {
		p := pass[T]{stride: stride, w: make([]twiddle[T], length/4)}
		for i := range p.w {
			root := func(power int) (re, im T) {
				s, c := math.Sincos(-2 * math.Pi * float64(i*power) / float64(length))
				return T(c), T(s)
			}
			w := &p.w[i]
			w.r1, w.i1 = root(1)
			w.r2, w.i2 = root(2)
			w.r3, w.i3 = root(3)
		}
		f.passes = append(f.passes, p)
	}
	f.lastTwo = length == 2
	return f
}

// power transforms f.in and writes |X[k]|² for k = 0 … n/2-1; the Nyquist bin
// n/2 has weight 0 in every Kaldi filter and is left out.
func (f *powerFFT[T]) power(out []T) {
	re, im := f.re[0], f.im[0]
	for i := range re {
		re[i], im[i] = f.in[2*i], f.in[2*i+1]
	}
	from := 0
	for i := range f.passes {
		p, to := &f.passes[i], 1-from
		if p.stride == 1 {
			p.runSingle(f.re[from], f.im[from], f.re[to], f.im[to])
		} else {
			p.run(f.re[from], f.im[from], f.re[to], f.im[to])
		}
		from = to
	}
	re, im = f.re[from], f.im[from]
	if f.lastTwo {
		h := f.half / 2
		for i := range h {
			re[i], re[i+h] = re[i]+re[i+h], re[i]-re[i+h]
			im[i], im[i+h] = im[i]+im[i+h], im[i]-im[i+h]
		}
	}
	f.split(out[:f.half], re, im)
}

// run is one pass: y[q+s(4p+j)] = w^(jp) Σ_m (-i)^(jm) x[q+s(p+m·n/4)].
func (p *pass[T]) run(xr, xi, yr, yi []T) {
	s, quarter := p.stride, p.stride*len(p.w)
	for i := range p.w {
		w, at := &p.w[i], s*i
		ar, ai := xr[at:at+s], xi[at:at+s]
		br, bi := xr[at+quarter:][:s], xi[at+quarter:][:s]
		cr, ci := xr[at+2*quarter:][:s], xi[at+2*quarter:][:s]
		dr, di := xr[at+3*quarter:][:s], xi[at+3*quarter:][:s]
		y0r, y0i := yr[4*at:][:s], yi[4*at:][:s]
		y1r, y1i := yr[4*at+s:][:s], yi[4*at+s:][:s]
		y2r, y2i := yr[4*at+2*s:][:s], yi[4*at+2*s:][:s]
		y3r, y3i := yr[4*at+3*s:][:s], yi[4*at+3*s:][:s]
		for q := range s {
			sumACr, sumACi := ar[q]+cr[q], ai[q]+ci[q]
			subACr, subACi := ar[q]-cr[q], ai[q]-ci[q]
			sumBDr, sumBDi := br[q]+dr[q], bi[q]+di[q]
			// i·(b-d)
			rotr, roti := di[q]-bi[q], br[q]-dr[q]
			y0r[q], y0i[q] = sumACr+sumBDr, sumACi+sumBDi
			y1r[q], y1i[q] = times(w.r1, w.i1, subACr-rotr, subACi-roti)
			y2r[q], y2i[q] = times(w.r2, w.i2, sumACr-sumBDr, sumACi-sumBDi)
			y3r[q], y3i[q] = times(w.r3, w.i3, subACr+rotr, subACi+roti)
		}
	}
}

// runSingle is run for stride 1, the first pass, where slices of one element
// would cost more than the arithmetic.
func (p *pass[T]) runSingle(xr, xi, yr, yi []T) {
	n := len(p.w)
	ar, br, cr, dr := xr[:n], xr[n:][:n], xr[2*n:][:n], xr[3*n:][:n]
	ai, bi, ci, di := xi[:n], xi[n:][:n], xi[2*n:][:n], xi[3*n:][:n]
	for i := range p.w {
		w := &p.w[i]
		outR, outI := yr[4*i:4*i+4:4*i+4], yi[4*i:4*i+4:4*i+4]
		sumACr, sumACi := ar[i]+cr[i], ai[i]+ci[i]
		subACr, subACi := ar[i]-cr[i], ai[i]-ci[i]
		sumBDr, sumBDi := br[i]+dr[i], bi[i]+di[i]
		rotr, roti := di[i]-bi[i], br[i]-dr[i]
		outR[0], outI[0] = sumACr+sumBDr, sumACi+sumBDi
		outR[1], outI[1] = times(w.r1, w.i1, subACr-rotr, subACi-roti)
		outR[2], outI[2] = times(w.r2, w.i2, sumACr-sumBDr, sumACi-sumBDi)
		outR[3], outI[3] = times(w.r3, w.i3, subACr+rotr, subACi+roti)
	}
}

// times is a complex product. The conversions keep compilers that have a fused
// multiply-add from using it, so that results are the same on every machine.
func times[T float](ar, ai, br, bi T) (re, im T) {
	return T(ar*br) - T(ai*bi), T(ar*bi) + T(ai*br)
}

// split turns the transform Z of n/2 complex samples into the power of the
// spectrum of n real ones: X[k] = (Z[k]+Z*[n/2-k])/2 - i·w^k·(Z[k]-Z*[n/2-k])/2.
func (f *powerFFT[T]) split(out, re, im []T) {
	dc := re[0] + im[0]
	out[0] = dc * dc
	for k := 1; k < f.half; k++ {
		j := f.half - k
		evenR, evenI := (re[k]+re[j])/2, (im[k]-im[j])/2
		oddR, oddI := (im[k]+im[j])/2, (re[j]-re[k])/2
		turnR, turnI := times(f.cos[k], -f.sin[k], oddR, oddI)
		xr, xi := evenR+turnR, evenI+turnI
		out[k] = T(xr*xr) + T(xi*xi)
	}
}
