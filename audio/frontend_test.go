package audio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/audio"
)

// speechCommands is AST's front end for Speech Commands v2.
func speechCommands() audio.FrontEnd {
	return audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 128, Frames: 128, Mean: -6.845978, Std: 5.5654526}
}

func newExtractor(t testing.TB, f audio.FrontEnd) *audio.Extractor {
	t.Helper()
	e, err := f.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Padding and the empty filter, as AST's three published settings give them.
func TestFeaturesPublishedSettings(t *testing.T) {
	for _, c := range []struct {
		name      string
		mean, std float64
		frames    int
		padded    float64 // known value of a padded cell
	}{
		{"AudioSet", -4.2677393, 4.5689974, 1024, 0.467032},
		{"ESC-50", -6.6268077, 5.358466, 512, 0.618349},
		{"Speech Commands", -6.845978, 5.5654526, 128, 0.615042},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 128, Frames: c.frames, Mean: c.mean, Std: c.std}
			x := lcgSine(16000, 16000)
			got, err := newExtractor(t, f).Features(x)
			if err != nil {
				t.Fatal(err)
			}
			raw, rows, err := audio.Fbank(x, audio.FbankConfig{})
			if err != nil || len(got) != c.frames*128 {
				t.Fatalf("got %d values, %v, want %d", len(got), err, c.frames*128)
			}
			for i, v := range got {
				want := c.padded
				if i < rows*128 {
					want = (float64(raw[i]) - c.mean) / (2 * c.std)
				}
				// The padded value is given to 6 decimals.
				if math.Abs(float64(v)-want) > 1e-6 {
					t.Fatalf("row %d bin %d: got %v, want %v", i/128, i%128, v, want)
				}
			}
			if fit := f.Fit(len(x)); fit != (audio.Fit{Frames: 98, Padded: c.frames - 98}) {
				t.Errorf("got fit %+v, want 98 frames and %d padded", fit, c.frames-98)
			}
		})
	}
	// Filter 3 is the constant floor: -1.277594 with AudioSet's numbers.
	f := audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 128, Frames: 8, Mean: -4.2677393, Std: 4.5689974}
	got, err := newExtractor(t, f).Features(lcgSine(16000, 16000))
	if err != nil || math.Abs(float64(got[3])+1.277594) > 1e-6 {
		t.Errorf("filter 3: got %v, %v, want -1.277594", got[3], err)
	}
}

func TestFit(t *testing.T) {
	f := speechCommands()
	for _, c := range []struct {
		samples int
		want    audio.Fit
	}{
		{1, audio.Fit{Frames: 1, Padded: 127, Short: true}},
		{400, audio.Fit{Frames: 1, Padded: 127}},
		{400 + 127*160, audio.Fit{Frames: 128}},
		{400 + 130*160, audio.Fit{Frames: 128, Cut: 3}},
	} {
		if got := f.Fit(c.samples); got != c.want {
			t.Errorf("%d samples: got %+v, want %+v", c.samples, got, c.want)
		}
	}
}

// A long clip is cut at its end: its features are those of its beginning.
func TestFeaturesCut(t *testing.T) {
	e := newExtractor(t, speechCommands())
	x := lcgSine(40000, 16000)
	long, err := e.Features(x)
	if err != nil {
		t.Fatal(err)
	}
	cut, err := e.Features(x[:400+127*160])
	if err != nil || !slices.Equal(long, cut) {
		t.Errorf("a clip that is longer than the input differs from its beginning (%v)", err)
	}
}

func TestExtractorAllocations(t *testing.T) {
	e := newExtractor(t, speechCommands())
	x := lcgSine(16000, 16000)
	n := testing.AllocsPerRun(20, func() {
		if _, err := e.Features(x); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 { // the result itself
		t.Errorf("%g allocations for one clip, want 1", n)
	}
}

// writeFile gives a file of a test's own.
func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Mixing and resampling follow the front end, and a file gives what its steps
// give one by one.
func TestFrontEndFile(t *testing.T) {
	stereo := make([]int16, 2*8000)
	for i := range 8000 {
		stereo[2*i] = int16(8000 * math.Sin(float64(i)*0.3))
		stereo[2*i+1] = int16(8000 * math.Sin(float64(i)*0.9))
	}
	path := writeFile(t, "stereo.wav", riff(format(1, 2, 8000, 16), chunk("data", le(stereo))))
	clip, err := audio.DecodeFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		resampler, channel string
		quality            audio.Quality
		mono               []float32
	}{
		{"", "", audio.HQ, clip.Mono()},
		{"hq", "mean", audio.HQ, clip.Mono()},
		{"sinc", "first", audio.Sinc, clip.Channel(0)},
	} {
		f := speechCommands()
		f.Resampler, f.Channel = c.resampler, c.channel
		got, err := f.File(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := newExtractor(t, f).Features(resample(t, c.quality, c.mono, 8000, 16000))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("resampler %q, channel %q: the file's features differ from its steps' (%v)", c.resampler, c.channel, err)
		}
		again, err := newExtractor(t, f).Clip(clip)
		if err != nil || !slices.Equal(again, want) {
			t.Errorf("resampler %q, channel %q: the clip's features differ (%v)", c.resampler, c.channel, err)
		}
	}
}

func TestFrontEndFileErrors(t *testing.T) {
	f := speechCommands()
	empty := writeFile(t, "empty.wav", riff(mono16, chunk("data", nil)))
	_, err := f.File(empty)
	wantError(t, err, false, empty+": the recording holds no samples")
	slow := writeFile(t, "slow.wav", riff(format(1, 1, 4, 16), chunk("data", pcm16)))
	_, err = f.File(slow)
	wantError(t, err, true, slow+": resampling from 4 to 16000 Hz")
	if _, err = f.File(filepath.Join(t.TempDir(), "absent.wav")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: got %v, want fs.ErrNotExist", err)
	}
	if _, err = (audio.FrontEnd{}).File(empty); err == nil {
		t.Error("a front end without settings: no error")
	}
}

func TestFrontEndValidate(t *testing.T) {
	if err := speechCommands().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*audio.FrontEnd)
		want   string
	}{
		{"kind", func(f *audio.FrontEnd) { f.Kind = "clap" }, `kind "clap", want "ast"`},
		{"rate", func(f *audio.FrontEnd) { f.SampleRate = 0 }, "0 Hz"},
		{"bins", func(f *audio.FrontEnd) { f.MelBins = 0 }, "0 mel bins"},
		{"frames", func(f *audio.FrontEnd) { f.Frames = 0 }, "0 frames"},
		{"many frames", func(f *audio.FrontEnd) { f.Frames = 1 << 30 }, "1073741824 frames"},
		{"std", func(f *audio.FrontEnd) { f.Std = 0 }, "std 0"},
		{"std NaN", func(f *audio.FrontEnd) { f.Std = math.NaN() }, "std NaN"},
		{"mean", func(f *audio.FrontEnd) { f.Mean = math.Inf(1) }, "mean +Inf"},
		{"resampler", func(f *audio.FrontEnd) { f.Resampler = "soxr" }, `resampler "soxr"; use hq or sinc`},
		{"channel", func(f *audio.FrontEnd) { f.Channel = "left" }, `channel "left"; use mean or first`},
	} {
		f := speechCommands()
		c.change(&f)
		err := f.Validate()
		var u *audio.UnsupportedError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want an UnsupportedError with %q", c.name, err, c.want)
		}
		if _, err := f.NewExtractor(); err == nil {
			t.Errorf("%s: NewExtractor gives no error", c.name)
		}
	}
}

func TestFrontEndJSON(t *testing.T) {
	f := speechCommands()
	text, err := f.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"kind":"ast","sample_rate":16000,"mel_bins":128,"frames":128,"mean":-6.845978,"std":5.5654526,"resampler":"hq","channel":"mean"}`
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	f.Resampler, f.Channel = "hq", "mean"
	back, err := audio.ParseFrontEnd(text)
	if err != nil || back != f {
		t.Errorf("got %+v, %v, want %+v", back, err, f)
	}
	// As a part of another document it is an object too, not a string.
	type config struct {
		FrontEnd audio.FrontEnd `json:"frontend"`
	}
	whole, err := json.Marshal(config{f})
	if err != nil || string(whole) != `{"frontend":`+want+`}` {
		t.Errorf("got %s, %v", whole, err)
	}
	var c config
	if err := json.Unmarshal(whole, &c); err != nil || c.FrontEnd != f {
		t.Errorf("got %+v, %v, want %+v", c.FrontEnd, err, f)
	}
	if _, err := (audio.FrontEnd{}).MarshalText(); err == nil {
		t.Error("a front end without settings: no error")
	}
	var u audio.FrontEnd
	if err := u.UnmarshalText(text); err != nil || u != f {
		t.Errorf("got %+v, %v, want %+v", u, err, f)
	}
}

func TestParseFrontEndRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "front end settings"},
		{"{", "front end settings"},
		{`{"kind":"ast"} {}`, "front end settings"},
		{`{"kind":"ast","window":"povey"}`, `unknown field "window"`},
		{`{"kind":"ast","frames":"many"}`, "front end settings"},
		{`{}`, `kind "", want "ast"`},
	} {
		if _, err := audio.ParseFrontEnd([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.text, err, c.want)
		}
	}
}

// FuzzParseFrontEnd: what parses is valid and survives a round trip.
func FuzzParseFrontEnd(f *testing.F) {
	f.Add([]byte(`{"kind":"ast","sample_rate":16000,"mel_bins":128,"frames":128,"mean":-6.8,"std":5.5,"channel":"first"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := audio.ParseFrontEnd(text)
		if err != nil {
			return
		}
		again, err := a.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := audio.ParseFrontEnd(again); err != nil || a != b {
			t.Errorf("got %+v, %v, want %+v", b, err, a)
		}
	})
}

func ExampleFrontEnd_File() {
	f := audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 128, Frames: 128, Mean: -6.845978, Std: 5.5654526}
	features, err := f.File("testdata/stereo24.flac")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d rows of %d\n", len(features)/f.MelBins, f.MelBins)
	// Output: 128 rows of 128
}

func ExampleExtractor() {
	f := audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 128, Frames: 128, Mean: -6.845978, Std: 5.5654526}
	e, err := f.NewExtractor() // one for each goroutine
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, file := range []string{"testdata/mono16.wav", "testdata/piped.flac", "testdata/bits32.flac"} {
		features, err := e.File(file)
		fmt.Println(len(features), err)
	}
	// Output:
	// 16384 <nil>
	// 16384 <nil>
	// 0 testdata/bits32.flac: FLAC with 32 bits per sample is not decoded here; convert it to 24 bits: sox IN.flac -b 24 OUT.flac
}

func ExampleFrontEnd_Fit() {
	f := audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 128, Frames: 128, Mean: -6.845978, Std: 5.5654526}
	fmt.Printf("%+v\n", f.Fit(16000)) // one second
	// Output: {Frames:98 Padded:30 Cut:0 Short:false}
}
