package audio

import "math"

// melFilter is one triangle of a mel bank, without its zeros: weights for the
// FFT bins first, first+1, … . A filter too narrow to hold any bin is empty.
type melFilter[T float] struct {
	first   int
	weights []T
}

// kaldiLow is the lower edge of the lowest filter in Hz, Kaldi's default.
const kaldiLow = 20.0

// kaldiMel builds torchaudio's get_mel_banks: bins triangles, linear in mel,
// between 20 Hz and the Nyquist frequency, over the first size/2 bins of an FFT
// of the given size. No area normalisation, no vocal tract warping.
//
// With 128 bins on 512 points at 16 kHz filter 3 holds no FFT bin and stays
// empty; pretrained models have seen that constant column, so it is kept.
//
// torchaudio computes the bank in float32, step by step, also for float64
// signals. The same is done here: it lies within 2.8e-5 of torchaudio in log
// units, where a float64 bank is off by up to 8.5e-5. The conversions around
// products stop compilers from fusing them with sums.
func kaldiMel[T float](rate, size, bins int) []melFilter[T] {
	low, high := mel(kaldiLow), mel(float64(rate)/2)
	delta := float32((high - low) / float64(bins+1))
	points := make([]float32, size/2)
	for k := range points {
		hz := float32(float64(rate)/float64(size)) * float32(k)
		points[k] = 1127 * float32(math.Log(float64(1+hz/700)))
	}
	bank := make([]melFilter[T], bins)
	for b := range bank {
		left := float32(low) + float32(float32(b)*delta)
		centre := float32(low) + float32(float32(b+1)*delta)
		right := float32(low) + float32(float32(b+2)*delta)
		for k, m := range points {
			w := min((m-left)/(centre-left), (right-m)/(right-centre))
			if w <= 0 {
				continue
			}
			if len(bank[b].weights) == 0 {
				bank[b].first = k
			}
			bank[b].weights = append(bank[b].weights, T(w))
		}
	}
	return bank
}

// mel is Kaldi's mel scale.
func mel(hz float64) float64 { return 1127 * math.Log(1+hz/700) }
