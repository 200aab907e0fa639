package audio

import "fmt"

// Quality is a resampling filter.
type Quality int

// The filters. Which one made a model's training data matters more to its
// features than any rounding, so front ends name theirs.
const (
	// HQ is a linear-phase Kaiser filter with soxr's "high quality" numbers:
	// flat to 91 % of the new Nyquist frequency, 126 dB down above it.
	HQ Quality = iota
	// Sinc is torchaudio.functional.resample with its default arguments: a
	// Hann-windowed sinc of 6 zero crossings that lets some of the band just
	// above Nyquist through.
	Sinc
)

// String gives the name that front ends and flags use: "hq" or "sinc".
func (q Quality) String() string {
	switch q {
	case HQ:
		return "hq"
	case Sinc:
		return "sinc"
	}
	return fmt.Sprintf("Quality(%d)", int(q))
}

// ParseQuality reads "hq" or "sinc"; the empty string is HQ.
func ParseQuality(name string) (Quality, error) {
	switch name {
	case "hq", "":
		return HQ, nil
	case "sinc":
		return Sinc, nil
	}
	return 0, &UnsupportedError{What: fmt.Sprintf("resampler %q", name), Hint: "use hq or sinc"}
}

// maxRatio bounds how far two rates may lie apart: from 1 MHz down to 4 kHz
// is 250. A kernel grows with it.
const maxRatio = 256

// maxKernels bounds the kernels that a Resampler keeps. Usual ones are below
// 1 MB, HQ ones below 5 MB; Sinc between rates near 1 MHz without a common factor
// takes 56 MB.
const maxKernels = 4

// Resampler changes the sample rate of mono signals. It keeps the filters it
// computed, so one value should serve many clips; it is for one goroutine.
// The zero value is ready and uses HQ.
type Resampler struct {
	Quality Quality

	kernels map[kernelKey]*kernel
}

type kernelKey struct {
	quality  Quality
	from, to int // reduced
}

// Resample returns x, sampled at from Hz, as if sampled at to Hz: without
// delay, and ceil(len(x)·to/from) samples long. Beyond its ends x counts as
// zero. With equal rates it returns x itself. Rates must be 1 to 1 000 000 and
// at most 256 times apart.
func (r *Resampler) Resample(x []float32, from, to int) ([]float32, error) {
	if from < 1 || from > maxRate || to < 1 || to > maxRate || from > maxRatio*to || to > maxRatio*from {
		return nil, &UnsupportedError{
			What: fmt.Sprintf("resampling from %d to %d Hz, want 1 to %d Hz and at most %d times apart", from, to, maxRate, maxRatio),
			Hint: "see whether the recording's header gives its true rate",
		}
	}
	if from == to {
		return x, nil
	}
	g := gcd(from, to)
	o, n := from/g, to/g
	length := (int64(len(x))*int64(n) + int64(o) - 1) / int64(o) // below 2^31 · 2^20
	if length > maxValues {
		return nil, tooLong(uint64(length))
	}
	y := make([]float32, length)
	r.kernel(o, n).run(y, x)
	return y, nil
}

// Resample is [Resampler.Resample] with HQ, for a single clip.
func Resample(x []float32, from, to int) ([]float32, error) {
	return new(Resampler).Resample(x, from, to)
}

// kernel finds or computes the filter for a reduced pair of rates.
func (r *Resampler) kernel(o, n int) *kernel {
	key := kernelKey{r.Quality, o, n}
	if k, ok := r.kernels[key]; ok {
		return k
	}
	if r.kernels == nil || len(r.kernels) >= maxKernels {
		r.kernels = make(map[kernelKey]*kernel)
	}
	k := newKernel(r.Quality, o, n)
	r.kernels[key] = k
	return k
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
