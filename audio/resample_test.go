package audio_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/audio"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// tone is a sine of amplitude 1.
func tone(hz float64, rate, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(2 * math.Pi * hz * float64(i) / float64(rate)))
	}
	return x
}

// middleDB is the level of the middle half of y, in dB against a full sine, so
// that the ends' transients do not count.
func middleDB(y []float32) float64 {
	var sum float64
	mid := y[len(y)/4 : len(y)*3/4]
	for _, v := range mid {
		sum += float64(v) * float64(v)
	}
	return 10*math.Log10(2*sum/float64(len(mid))+1e-30) + 0
}

func TestResampleHQBands(t *testing.T) {
	for _, c := range []struct {
		from, to   int
		pass, stop []float64 // Hz
	}{
		// The pass band ends at 0.913 of the lower Nyquist frequency, the stop
		// band starts at it.
		{44100, 16000, []float64{50, 1000, 7000, 7300}, []float64{8001, 8200, 8500, 9000, 12000, 21000}},
		{48000, 16000, []float64{50, 7000, 7300}, []float64{8001, 8500, 12000, 23000}},
		{32000, 16000, []float64{50, 7300}, []float64{8001, 15000}},
		{22050, 16000, []float64{50, 7300}, []float64{8001, 10900}},
		{8000, 16000, []float64{50, 3000, 3650}, nil},
		{16000, 44100, []float64{50, 7300}, nil},
		// So many phases that they are interpolated from a table.
		{44100, 16001, []float64{50, 7300}, []float64{8001, 9000, 21000}},
		{16001, 44100, []float64{50, 7300}, nil},
		{250000, 16001, []float64{50, 7300}, []float64{8001, 9000, 30000, 120000}},
		{999999, 4000, []float64{50, 1800}, []float64{2000.5, 3000, 400000}},
	} {
		n := c.from / 2
		for _, hz := range c.pass {
			y := resample(t, audio.HQ, tone(hz, c.from, n), c.from, c.to)
			want := tone(hz, c.to, len(y))
			for i := range want {
				want[i] -= y[i]
			}
			// A pure tone comes out as the same tone, in phase: no delay. The
			// ripple of a 126 dB Kaiser filter is 4e-7; float32 sums of up to
			// 526 products add about as much. -100 dB is 1e-5.
			if db := middleDB(want); db > -100 {
				t.Errorf("%d → %d, %g Hz: error %.1f dB, want below -100", c.from, c.to, hz, db)
			}
		}
		for _, hz := range c.stop {
			db := middleDB(resample(t, audio.HQ, tone(hz, c.from, n), c.from, c.to))
			// Asked for: 100 dB. The design is for 126.
			if db > -115 {
				t.Errorf("%d → %d, %g Hz: %.1f dB, want below -115", c.from, c.to, hz, db)
			}
			t.Logf("%d → %d, %g Hz: %.1f dB", c.from, c.to, hz, db)
		}
	}
}

func TestResampleDC(t *testing.T) {
	for _, c := range []struct {
		q         audio.Quality
		from, to  int
		tolerance float64
	}{
		// HQ rows sum to 1; float32 rounding of up to 526 products remains.
		{audio.HQ, 44100, 16000, 1e-6}, {audio.HQ, 48000, 16000, 1e-6}, {audio.HQ, 8000, 16000, 1e-6},
		{audio.HQ, 44100, 16001, 1e-6}, {audio.HQ, 96000, 16000, 1e-6},
		// torchaudio does not normalise its rows: ripple up to 2e-3 is its own.
		{audio.Sinc, 44100, 16000, 2e-3}, {audio.Sinc, 48000, 16000, 2e-3}, {audio.Sinc, 8000, 16000, 2e-3},
	} {
		x := make([]float32, c.from/4)
		for i := range x {
			x[i] = 0.5
		}
		y := resample(t, c.q, x, c.from, c.to)
		for i, v := range y[len(y)/4 : len(y)*3/4] {
			if math.Abs(float64(v)-0.5) > c.tolerance {
				t.Errorf("%v %d → %d: sample %d is %v, want 0.5", c.q, c.from, c.to, i, v)
				break
			}
		}
	}
}

func TestResampleLengths(t *testing.T) {
	for _, c := range []struct{ n, from, to, want int }{
		{0, 44100, 16000, 0}, {1, 44100, 16000, 1}, {3, 48000, 16000, 1}, {4, 48000, 16000, 2},
		{44100, 44100, 16000, 16000}, {44101, 44100, 16000, 16001}, {4410, 44100, 16000, 1600},
		{100, 8000, 16000, 200}, {5, 1000, 256000, 1280}, {1000, 256000, 1000, 4},
	} {
		for _, q := range []audio.Quality{audio.HQ, audio.Sinc} {
			if y := resample(t, q, make([]float32, c.n), c.from, c.to); len(y) != c.want {
				t.Errorf("%v: %d samples %d → %d: got %d, want %d", q, c.n, c.from, c.to, len(y), c.want)
			}
		}
	}
}

func TestResampleSameRate(t *testing.T) {
	x := lcgSine(100, 16000)
	for _, q := range []audio.Quality{audio.HQ, audio.Sinc} {
		if y := resample(t, q, x, 16000, 16000); !slices.Equal(x, y) {
			t.Errorf("%v: equal rates changed the signal", q)
		}
	}
}

// TestResampleTorchaudio compares with torchaudio.functional.resample, made by
// testdata/gen/audio_golden.py.
func TestResampleTorchaudio(t *testing.T) {
	golden, err := testutil.ReadNPZ("../testdata/golden/resample.npz")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for key := range golden {
		if name, ok := strings.CutSuffix(key, "/in"); ok {
			names = append(names, name)
		}
	}
	if len(names) < 8 {
		t.Fatalf("%d signals in the golden file, want at least 8", len(names))
	}
	slices.Sort(names)
	for _, name := range names {
		rates := golden[name+"/rates"].Ints()
		want := golden[name+"/out"].Float32s()
		got := resample(t, audio.Sinc, golden[name+"/in"].Float32s(), rates[0], rates[1])
		if len(got) != len(want) {
			t.Errorf("%s: got %d samples, want %d", name, len(got), len(want))
			continue
		}
		var worst float64
		for i := range want {
			worst = max(worst, math.Abs(float64(got[i]-want[i])))
		}
		t.Logf("%s: largest difference %.2e", name, worst)
		// torchaudio builds its kernel in the signal's own type, float32 here,
		// so that it is itself this far from its float64 result; the sums are
		// ordered otherwise too.
		if worst > 1e-5 {
			t.Errorf("%s: largest difference %.2e, want at most 1e-5", name, worst)
		}
	}
}

// One Resampler serves several pairs of rates, more than it keeps kernels for.
func TestResamplerReuse(t *testing.T) {
	var r audio.Resampler
	x := lcgSine(2000, 16000)
	for range 2 {
		for _, rate := range []int{8000, 11025, 22050, 32000, 44100, 48000} {
			got, err := r.Resample(x, rate, 16000)
			if err != nil {
				t.Fatal(err)
			}
			want, err := audio.Resample(x, rate, 16000)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d Hz: a reused Resampler gives other samples than a fresh one (%v)", rate, err)
			}
		}
	}
}

func TestResampleRefuses(t *testing.T) {
	for _, c := range []struct{ from, to int }{{0, 16000}, {16000, 0}, {-8000, 16000}, {2_000_000, 16000}, {16, 16000}, {1_000_000, 3000}} {
		_, err := audio.Resample([]float32{1}, c.from, c.to)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("from %d to %d", c.from, c.to)) {
			t.Errorf("%d → %d: got error %v, want one that names both rates", c.from, c.to, err)
		}
	}
	if _, err := audio.Resample(make([]float32, 2<<20), 1000, 256000); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a result of 2^29 samples: got error %v, want one with the limit", err)
	}
}

func TestParseQuality(t *testing.T) {
	for _, c := range []struct {
		name string
		want audio.Quality
	}{{"", audio.HQ}, {"hq", audio.HQ}, {"sinc", audio.Sinc}} {
		if got, err := audio.ParseQuality(c.name); err != nil || got != c.want {
			t.Errorf("%q: got %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	if _, err := audio.ParseQuality("soxr"); err == nil || !strings.Contains(err.Error(), `"soxr"`) {
		t.Errorf("got error %v, want one that names soxr", err)
	}
	if audio.HQ.String() != "hq" || audio.Sinc.String() != "sinc" {
		t.Errorf("got names %v and %v", audio.HQ, audio.Sinc)
	}
}

func resample(t *testing.T, q audio.Quality, x []float32, from, to int) []float32 {
	t.Helper()
	r := audio.Resampler{Quality: q}
	y, err := r.Resample(x, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func ExampleResample() {
	y, err := audio.Resample(make([]float32, 44100), 44100, 16000)
	fmt.Println(len(y), err)
	// Output: 16000 <nil>
}

func ExampleResampler() {
	r := audio.Resampler{Quality: audio.Sinc} // keep it: it keeps its filters
	y, err := r.Resample([]float32{0, 0.5, 1, 0.5}, 8000, 16000)
	fmt.Println(len(y), err)
	// Output: 8 <nil>
}

func BenchmarkResample10s(b *testing.B) {
	x := lcgSine(441000, 44100)
	for _, q := range []audio.Quality{audio.HQ, audio.Sinc} {
		b.Run(q.String(), func(b *testing.B) {
			r := audio.Resampler{Quality: q}
			for b.Loop() {
				if _, err := r.Resample(x, 44100, 16000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkKernel(b *testing.B) {
	for b.Loop() {
		if _, err := audio.Resample([]float32{1}, 44100, 16000); err != nil {
			b.Fatal(err)
		}
	}
}
