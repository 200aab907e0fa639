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

// lcgSine is the signal of the golden table: a 440 Hz tone and the noise of a
// 32-bit linear congruential generator.
func lcgSine(n, rate int) []float32 {
	x := make([]float32, n)
	u := uint32(1)
	for i := range x {
		u = 1664525*u + 1013904223
		x[i] = float32(0.3*math.Sin(2*math.Pi*440*float64(i)/float64(rate)) + 0.2*(float64(u)/(1<<32)-0.5))
	}
	return x
}

func TestGoldenSignal(t *testing.T) {
	x := lcgSine(16000, 16000)
	for i, want := range []float32{-0.0527089, 0.0254329, 0.1024698, 0.1896143} {
		if math.Abs(float64(x[i]-want)) > 5e-8 { // 7 decimals are given
			t.Errorf("x[%d]: got %.7f, want %.7f", i, x[i], want)
		}
	}
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	if math.Abs(sum+2.18783) > 5e-6 { // 5 decimals are given
		t.Errorf("sum: got %.5f, want -2.18783", sum)
	}
}

// goldenBins and goldenRows are torchaudio's float64 values for lcgSine.
var goldenBins = [...]int{0, 1, 2, 3, 4, 10, 31, 64, 100, 126, 127}

var goldenRows = []struct {
	frame  int
	values [len(goldenBins)]float64
}{
	{0, [...]float64{-7.89380, -10.51871, -7.07531, -15.94239, -7.42784, -8.26931, -3.77391, -0.59981, 0.83068, 2.81674, 2.30563}},
	{50, [...]float64{-8.61153, -11.31810, -7.87470, -15.94239, -7.40873, -5.44956, -6.45533, -1.41330, 1.82101, 2.02944, 1.76076}},
	{97, [...]float64{-9.25353, -11.39616, -7.95275, -15.94239, -7.15203, -6.26043, -3.84954, -1.34059, -0.56038, 2.07557, 1.90027}},
}

func TestFbankGoldenTable(t *testing.T) {
	for _, c := range []struct {
		name      string
		float32   bool
		tolerance float64
	}{
		// float64 differs from torchaudio's float64 by the order of its sums
		// and an ulp of its float32 mel bank; the table has 5 decimals.
		{"float64", false, 1e-4},
		// float32 rounding of near-cancelled bins: torchaudio's own float32
		// is up to 8.4e-4 from its float64.
		{"float32", true, 5e-3},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, frames, err := audio.Fbank(lcgSine(16000, 16000), audio.FbankConfig{Float32: c.float32})
			if err != nil {
				t.Fatal(err)
			}
			if frames != 98 || len(raw) != 98*128 {
				t.Fatalf("got %d frames and %d values, want 98 and %d", frames, len(raw), 98*128)
			}
			var worst float64
			for _, row := range goldenRows {
				for i, b := range goldenBins {
					diff := math.Abs(float64(raw[row.frame*128+b]) - row.values[i])
					worst = max(worst, diff)
					if diff > c.tolerance {
						t.Errorf("frame %d bin %d: got %.5f, want %.5f", row.frame, b, raw[row.frame*128+b], row.values[i])
					}
				}
			}
			mean, std := moments(raw)
			// 6 decimals are given; 12 544 values average single deviations away.
			if math.Abs(mean+1.603524) > 1e-5 || math.Abs(std-3.402666) > 1e-5 {
				t.Errorf("mean and std: got %.6f and %.6f, want -1.603524 and 3.402666", mean, std)
			}
			t.Logf("largest difference %.2e", worst)
		})
	}
}

// moments are the mean and the unbiased standard deviation.
func moments(x []float32) (mean, std float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		std += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, math.Sqrt(std / float64(len(x)-1))
}

// TestFbankTorchaudio compares whole matrices with torchaudio's, made by
// testdata/gen/audio_golden.py.
func TestFbankTorchaudio(t *testing.T) {
	golden, err := testutil.ReadNPZ("../testdata/golden/fbank.npz")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for key := range golden {
		if name, ok := strings.CutSuffix(key, "/wave"); ok {
			names = append(names, name)
		}
	}
	if len(names) < 8 {
		t.Fatalf("%d signals in the golden file, want at least 8", len(names))
	}
	slices.Sort(names)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			wave := golden[name+"/wave"].Float32s()
			exact, _, err := audio.Fbank(wave, audio.FbankConfig{})
			if err != nil {
				t.Fatal(err)
			}
			fast, _, err := audio.Fbank(wave, audio.FbankConfig{Float32: true})
			if err != nil {
				t.Fatal(err)
			}
			torch32, torch64 := golden[name+"/fbank"].Float32s(), golden[name+"/fbank64"].Float32s()

			// Against float64 only the order of sums and an ulp of the mel bank
			// are left: at most 1e-4 anywhere.
			check(t, "float64 against torchaudio's float64", compare(t, exact[:len(torch64)], torch64), deviation{1e-4, 1e-4})
			check(t, "float32 against torchaudio's float32", compare(t, fast, torch32), fastBudget(name))
			// Our float32 rounds no worse than torchaudio's, by their distances
			// from float64. Twice, because which bins suffer is chance.
			own, theirs := compare(t, fast, exact), compare(t, torch32, exact)
			check(t, "float32 against float64", own, deviation{2*theirs.p999 + 1e-5, 2*theirs.most + 1e-4})
		})
	}
}

// deviation is how far two matrices lie apart: 99.9 % of the cells, and all.
type deviation struct{ p999, most float64 }

// fastBudget is what two float32 computations must keep: 1e-4 and 5e-3. Where a
// pure tone or a sweep leaves most bins nearly empty, or sits on a constant 70
// times stronger, the rounding of the strong part fills them: there torchaudio's
// own float32 is up to 1.9e-3 (sine) and 1.4e-2 (chirp) from float64.
func fastBudget(name string) deviation {
	switch name {
	case "sine", "dc":
		return deviation{4e-3, 5e-3}
	case "chirp":
		return deviation{1e-2, 3e-2}
	}
	return deviation{1e-4, 5e-3}
}

func compare(t *testing.T, got, want []float32) deviation {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("got %d values, want %d", len(got), len(want))
	}
	diffs := make([]float64, len(want))
	for i := range want {
		diffs[i] = math.Abs(float64(got[i]) - float64(want[i]))
	}
	slices.Sort(diffs)
	return deviation{diffs[int(0.999*float64(len(diffs)-1))], diffs[len(diffs)-1]}
}

func check(t *testing.T, what string, got, want deviation) {
	t.Helper()
	t.Logf("%s: p99.9 %.1e, max %.1e", what, got.p999, got.most)
	if got.p999 > want.p999 || got.most > want.most {
		t.Errorf("%s: p99.9 %.2e, max %.2e, want at most %.1e and %.1e", what, got.p999, got.most, want.p999, want.most)
	}
}

// The filter that holds no FFT bin is part of the pretrained models.
func TestFbankEmptyFilter(t *testing.T) {
	raw, frames, err := audio.Fbank(lcgSine(4000, 16000), audio.FbankConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for f := range frames {
		// ln 2^-23, rounded to float32
		if got := raw[f*128+3]; got != float32(math.Log(1.0/(1<<23))) {
			t.Fatalf("frame %d, filter 3: got %v, want the floor", f, got)
		}
	}
}

func TestFbankFrames(t *testing.T) {
	for _, c := range []struct{ samples, rate, want int }{
		{1, 16000, 1}, {399, 16000, 1}, {400, 16000, 1}, {559, 16000, 1}, {560, 16000, 2},
		{16000, 16000, 98}, {160000, 16000, 998}, {8000, 8000, 98}, {44100, 44100, 98},
	} {
		raw, frames, err := audio.Fbank(make([]float32, c.samples), audio.FbankConfig{SampleRate: c.rate, MelBins: 40})
		if err != nil || frames != c.want || len(raw) != 40*c.want {
			t.Errorf("%d samples at %d Hz: got %d frames, %d values, %v; want %d frames", c.samples, c.rate, frames, len(raw), err, c.want)
		}
	}
}

// A clip shorter than a frame equals the same clip followed by zeros, and the
// buffer of one short clip does not leak into the next.
func TestFbankShortClip(t *testing.T) {
	x := lcgSine(250, 16000)
	padded, _, err := audio.Fbank(append(slices.Clone(x), make([]float32, 150)...), audio.FbankConfig{})
	if err != nil {
		t.Fatal(err)
	}
	short, frames, err := audio.Fbank(x, audio.FbankConfig{})
	if err != nil || frames != 1 || !slices.Equal(short, padded) {
		t.Errorf("250 samples: got %d frames, %v, or other values than with zeros appended", frames, err)
	}
	e := newExtractor(t, speechCommands())
	if _, err := e.Features(lcgSine(390, 16000)); err != nil {
		t.Fatal(err)
	}
	again, err := e.Features(x)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := newExtractor(t, speechCommands()).Features(x)
	if err != nil || !slices.Equal(again, fresh) {
		t.Errorf("a short clip after a longer short one: got other features than alone (%v)", err)
	}
}

func TestFbankRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		x    []float32
		cfg  audio.FbankConfig
		want string
	}{
		{"empty", nil, audio.FbankConfig{}, "no samples"},
		{"NaN", []float32{0, nan}, audio.FbankConfig{}, "sample 1 is NaN"},
		{"infinity", []float32{float32(math.Inf(-1))}, audio.FbankConfig{}, "sample 0 is -Inf"},
		{"rate", []float32{0}, audio.FbankConfig{SampleRate: 10}, "10 Hz"},
		{"bins", []float32{0}, audio.FbankConfig{MelBins: 4096}, "4096 mel bins"},
		{"negative bins", []float32{0}, audio.FbankConfig{MelBins: -1}, "-1 mel bins"},
	} {
		if _, _, err := audio.Fbank(c.x, c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func ExampleFbank() {
	raw, frames, err := audio.Fbank(lcgSine(16000, 16000), audio.FbankConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d frames of %d, frame 50 bin 64 = %.3f\n", frames, len(raw)/frames, raw[50*128+64])
	// Output: 98 frames of 128, frame 50 bin 64 = -1.413
}

func BenchmarkFbank10s(b *testing.B) {
	x := lcgSine(160000, 16000)
	e, err := audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 128, Frames: 1024, Mean: -4.2677393, Std: 4.5689974}.NewExtractor()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Features(x); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFbank10sFloat32(b *testing.B) {
	x := lcgSine(160000, 16000)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := audio.Fbank(x, audio.FbankConfig{Float32: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewExtractor(b *testing.B) {
	f := speechCommands()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.NewExtractor(); err != nil {
			b.Fatal(err)
		}
	}
}
