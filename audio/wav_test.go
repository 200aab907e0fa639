package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aat-onnx/aat-onnx/audio"
)

// le packs values little-endian.
func le(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if s, ok := v.(string); ok {
			v = []byte(s)
		}
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// chunk is a RIFF chunk, padded to even length.
func chunk(id string, body []byte) []byte {
	b := le(id, uint32(len(body)), body)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// riff is a RIFF file with a true size.
func riff(chunks ...[]byte) []byte {
	body := bytes.Join(chunks, nil)
	return le("RIFF", uint32(4+len(body)), "WAVE", body)
}

// format is a 16-byte fmt chunk.
func format(tag, channels, rate, bits int) []byte {
	width := (bits + 7) / 8
	return chunk("fmt ", le(uint16(tag), uint16(channels), uint32(rate), uint32(rate*channels*width), uint16(channels*width), uint16(bits)))
}

const mediaGUID = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

// extensible is a 40-byte fmt chunk.
func extensible(tag, channels, rate, bits, valid int) []byte {
	plain := format(0xFFFE, channels, rate, bits)[8:]
	return chunk("fmt ", le(plain, uint16(22), uint16(valid), uint32(3), uint16(tag), mediaGUID))
}

// sized is a chunk that claims another size than it has.
func sized(id string, claimed uint32, body []byte) []byte {
	return le(id, claimed, body)
}

var (
	pcm16     = le([]int16{0, 16384, -32768, 32767})
	pcm16Want = []float32{0, 0.5, -1, 32767.0 / 32768}
	mono16    = format(1, 1, 16000, 16)
	list      = chunk("LIST", le("INFOISFT", uint32(4), "test"))
)

var wavCases = []struct {
	name     string
	file     []byte
	channels int
	bits     int
	want     []float32
}{
	{"u8", riff(format(1, 1, 16000, 8), chunk("data", []byte{0, 64, 128, 192, 255})), 1, 8, []float32{-1, -0.5, 0, 0.5, 127.0 / 128}},
	{"s16", riff(mono16, chunk("data", pcm16)), 1, 16, pcm16Want},
	{"s16 stereo", riff(format(1, 2, 16000, 16), chunk("data", pcm16)), 2, 16, pcm16Want},
	{"s24", riff(format(1, 1, 16000, 24), chunk("data", []byte{0, 0, 0x80, 0xFF, 0xFF, 0x7F, 0, 0, 0x40, 1, 0, 0, 0xFF, 0xFF, 0xFF})), 1, 24,
		[]float32{-1, 8388607.0 / 8388608, 0.5, 1.0 / 8388608, -1.0 / 8388608}},
	{"s32", riff(format(1, 1, 16000, 32), chunk("data", le([]int32{math.MinInt32, 1 << 30, -1 << 8}))), 1, 32, []float32{-1, 0.5, -1.0 / (1 << 23)}},
	{"f32, above full scale too", riff(format(3, 1, 16000, 32), chunk("data", le([]float32{0.25, -1.5, 1e-30}))), 1, 32, []float32{0.25, -1.5, 1e-30}},
	{"f64", riff(format(3, 1, 16000, 64), chunk("data", le([]float64{0.25, -1, 0.1}))), 1, 64, []float32{0.25, -1, 0.1}},
	// Values of ITU-T G.711 at 16 bits.
	{"A-law", riff(format(6, 1, 8000, 8), chunk("data", []byte{0x55, 0xD5, 0x2A, 0xAA, 0x54})), 1, 8,
		[]float32{-8.0 / 32768, 8.0 / 32768, -32256.0 / 32768, 32256.0 / 32768, -24.0 / 32768}},
	{"µ-law", riff(format(7, 1, 8000, 8), chunk("data", []byte{0x00, 0x80, 0xFF, 0x7F, 0xFE})), 1, 8,
		[]float32{-32124.0 / 32768, 32124.0 / 32768, 0, 0, 8.0 / 32768}},
	{"12 bits in 16", riff(format(1, 1, 16000, 12), chunk("data", le([]int16{0x7FF0, -0x8000, 0x10}))), 1, 16, []float32{2047.0 / 2048, -1, 1.0 / 2048}},
	{"20 bits in 24", riff(format(1, 1, 16000, 20), chunk("data", []byte{0xF0, 0xFF, 0x7F, 0, 0, 0x80})), 1, 24, []float32{524287.0 / 524288, -1}},
	{"extensible s16", riff(extensible(1, 1, 16000, 16, 16), chunk("data", pcm16)), 1, 16, pcm16Want},
	{"extensible 24 valid of 32", riff(extensible(1, 1, 16000, 32, 24), chunk("data", le([]int32{1 << 30, 1 << 8}))), 1, 32, []float32{0.5, 1.0 / 8388608}},
	{"extensible f32", riff(extensible(3, 2, 16000, 32, 32), chunk("data", le([]float32{0.5, -0.5}))), 2, 32, []float32{0.5, -0.5}},
	{"extensible µ-law", riff(extensible(7, 1, 8000, 8, 8), chunk("data", []byte{0x80})), 1, 8, []float32{32124.0 / 32768}},
	{"fmt of 18 bytes", riff(chunk("fmt ", append(format(1, 1, 16000, 16)[8:], 0, 0)), chunk("data", pcm16)), 1, 16, pcm16Want},
	{"block align left at 0", riff(chunk("fmt ", le(uint16(1), uint16(1), uint32(16000), uint32(0), uint16(0), uint16(16))), chunk("data", pcm16)), 1, 16, pcm16Want},
	{"LIST before data", riff(mono16, list, chunk("data", pcm16)), 1, 16, pcm16Want},
	{"LIST before fmt", riff(list, mono16, chunk("data", pcm16)), 1, 16, pcm16Want},
	{"bext before fmt", riff(chunk("bext", make([]byte, 602)), mono16, chunk("data", pcm16)), 1, 16, pcm16Want},
	{"data before fmt", riff(chunk("data", pcm16), mono16), 1, 16, pcm16Want},
	{"odd data before fmt", riff(chunk("data", []byte{128, 255, 0}), format(1, 1, 16000, 8)), 1, 8, []float32{0, 127.0 / 128, -1}},
	{"LIST after data", riff(mono16, chunk("data", pcm16), list), 1, 16, pcm16Want},
	{"odd chunk with pad byte", riff(mono16, chunk("LIST", []byte("abc")), chunk("data", pcm16)), 1, 16, pcm16Want},
	{"odd chunk without pad byte", riff(mono16, sized("LIST", 3, []byte("abc")), chunk("data", pcm16)), 1, 16, pcm16Want},
	{"odd chunk, pad byte not zero", riff(mono16, sized("LIST", 3, []byte("abcX")), chunk("data", pcm16)), 1, 16, pcm16Want},
	{"odd chunk without pad byte, unknown chunk next", riff(mono16, sized("LIST", 3, []byte("abc")), chunk("xyzw", pcm16), chunk("data", pcm16)), 1, 16, pcm16Want},
	{"odd data is not padded out", riff(format(1, 1, 16000, 24), sized("data", 3, []byte{0, 0, 0x40, 0})), 1, 24, []float32{0.5}},
	{"junk after the last chunk", append(riff(mono16, chunk("data", pcm16)), "trailing bytes"...), 1, 16, pcm16Want},
	{"two data chunks, the first counts", riff(mono16, chunk("data", pcm16), chunk("data", le([]int16{1}))), 1, 16, pcm16Want},
	{"streaming size 0xFFFFFFFF", le("RIFF", uint32(math.MaxUint32), "WAVE", mono16, sized("data", math.MaxUint32, pcm16)), 1, 16, pcm16Want},
	{"streaming size 0x7FFFF000", le("RIFF", uint32(0x7FFFF024), "WAVE", mono16, sized("data", 0x7FFFF000, pcm16)), 1, 16, pcm16Want},
	{"streaming size 0", le("RIFF", uint32(0), "WAVE", mono16, sized("data", 0, pcm16)), 1, 16, pcm16Want},
	{"truly no data", riff(mono16, chunk("data", nil), list), 1, 16, []float32{}},
	{"last frame cut short", riff(format(1, 2, 16000, 16), chunk("data", le([]int16{1024, 2048, 4096}))), 2, 16, []float32{1.0 / 32, 1.0 / 16}},
	{"RF64", le("RF64", uint32(math.MaxUint32), "WAVE", chunk("ds64", le(uint64(100), uint64(8), uint64(4), uint32(0))), mono16, sized("data", math.MaxUint32, pcm16), list), 1, 16, pcm16Want},
	{"RF64 without sizes", le("RF64", uint32(math.MaxUint32), "WAVE", mono16, sized("data", math.MaxUint32, pcm16)), 1, 16, pcm16Want},
	{"BW64", le("BW64", uint32(math.MaxUint32), "WAVE", chunk("ds64", le(uint64(100), uint64(4), uint64(2), uint32(0))), mono16, sized("data", math.MaxUint32, pcm16)), 1, 16, pcm16Want[:2]},
}

func TestDecodeWAV(t *testing.T) {
	for _, c := range wavCases {
		t.Run(c.name, func(t *testing.T) {
			clip, err := decode(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if clip.Channels != c.channels || clip.Buffer.SourceBitDepth != c.bits || clip.Format != "WAV" || clip.Truncated {
				t.Errorf("got %d channels, %d bits, %s, truncated %v, want %d, %d, WAV, false",
					clip.Channels, clip.Buffer.SourceBitDepth, clip.Format, clip.Truncated, c.channels, c.bits)
			}
			if !slices.Equal(clip.Buffer.Data, c.want) {
				t.Errorf("got samples %v, want %v", clip.Buffer.Data, c.want)
			}
		})
	}
}

func TestDecodeWAVTruncated(t *testing.T) {
	for name, file := range map[string][]byte{
		"RIFF": riff(mono16, sized("data", 1000, pcm16)),
		"RF64": le("RF64", uint32(math.MaxUint32), "WAVE", chunk("ds64", le(uint64(0), uint64(math.MaxUint64), uint64(0), uint32(0))), mono16, sized("data", math.MaxUint32, pcm16)),
	} {
		clip, err := decode(file)
		if err != nil || !clip.Truncated || !slices.Equal(clip.Buffer.Data, pcm16Want) {
			t.Errorf("%s that promises more than it has: got %+v, %v, want its 4 samples, truncated", name, clip, err)
		}
	}
}

func decode(file []byte) (*audio.Clip, error) {
	return audio.Decode(bytes.NewReader(file), int64(len(file)))
}

func TestDecodeWAVRefuses(t *testing.T) {
	data := chunk("data", pcm16)
	for _, c := range []struct {
		name        string
		file        []byte
		unsupported bool
		want        string
	}{
		{"no fmt", riff(data), false, "no fmt chunk"},
		{"no data", riff(mono16), false, "no data chunk"},
		{"short fmt", riff(chunk("fmt ", make([]byte, 14)), data), false, "fmt chunk of 14 bytes"},
		{"0 channels", riff(format(1, 0, 16000, 16), data), false, "0 channels"},
		{"5000 channels", riff(format(1, 5000, 16000, 16), data), false, "5000 channels"},
		{"rate 0", riff(format(1, 1, 0, 16), data), false, "sample rate 0 Hz"},
		{"rate 2^31", riff(format(1, 1, 1<<31, 16), data), false, "sample rate 2147483648 Hz"},
		{"0 bits", riff(format(1, 1, 16000, 0), data), true, "PCM in 0 bits"},
		{"4 bits", riff(format(1, 1, 16000, 4), data), true, "PCM in 4 bits"},
		{"64-bit integers", riff(format(1, 1, 16000, 64), data), true, "PCM in 64 bits"},
		{"half floats", riff(format(3, 1, 16000, 16), data), true, "float in 16 bits"},
		{"Microsoft ADPCM", riff(format(2, 1, 16000, 4), data), true, "Microsoft ADPCM"},
		{"IMA ADPCM", riff(format(0x11, 1, 16000, 4), data), true, "IMA ADPCM"},
		{"MP3 in WAV", riff(format(0x55, 1, 16000, 0), data), true, "MP3"},
		{"unknown tag", riff(format(0x1234, 1, 16000, 16), data), true, "0x1234"},
		{"block align", riff(chunk("fmt ", le(uint16(1), uint16(2), uint32(16000), uint32(0), uint16(3), uint16(16))), data), false, "block align 3, want 4"},
		{"extensible of 18 bytes", riff(chunk("fmt ", append(format(0xFFFE, 1, 16000, 16)[8:], 0, 0)), data), false, "extensible fmt chunk of 18 bytes"},
		{"foreign GUID", riff(chunk("fmt ", le(format(0xFFFE, 1, 16000, 16)[8:], uint16(22), uint16(16), uint32(0), "0123456789abcdef")), data), true, "sub-format 3031"},
		{"NaN", riff(format(3, 2, 16000, 32), chunk("data", le([]float32{0, 0, 0, float32(math.NaN())}))), false, "sample 1 of channel 1 is NaN"},
		{"infinity", riff(format(3, 1, 16000, 64), chunk("data", le([]float64{math.Inf(1)}))), false, "sample 0 of channel 0 is +Inf"},
		{"beyond float32", riff(format(3, 1, 16000, 64), chunk("data", le([]float64{1e300}))), false, "is +Inf"},
		{"ds64 cut", le("RF64", uint32(0), "WAVE", chunk("ds64", make([]byte, 8))), false, "ds64 chunk of 8 bytes"},
		{"only empty chunks", riff(make([]byte, 8*5000), mono16, data), false, "no fmt chunk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(c.file)
			wantError(t, err, c.unsupported, c.want)
		})
	}
}

// wantError holds an error against its kind and a part of its text.
func wantError(t *testing.T, err error, unsupported bool, text string) {
	t.Helper()
	var f *audio.FormatError
	var u *audio.UnsupportedError
	if unsupported && !errors.As(err, &u) || !unsupported && !errors.As(err, &f) {
		t.Errorf("got error %v of type %T, want unsupported %v", err, err, unsupported)
		return
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got error %q, want one with %q", err, text)
	}
	if unsupported && u.Hint == "" {
		t.Errorf("error %q says nothing about what to do", err)
	}
}

// hostile are 64 kB files whose headers lie.
func hostile() map[string][]byte {
	const huge = 0xFFFFFFF0
	files := map[string][]byte{}
	for _, id := range []string{"LIST", "smpl", "fmt ", "junk", "bext", "cue ", "ds64"} {
		body := le("INFO", "ISFT", uint32(huge), make([]byte, 64<<10))
		files[id] = le("RIFF", uint32(huge), "WAVE", sized(id, huge, body))
		files[id+" after fmt"] = le("RIFF", uint32(huge), "WAVE", mono16, sized(id, huge, body))
		files[id+" after data"] = riff(chunk("data", pcm16), sized(id, huge, body))
	}
	return files
}

// Some lying headers still hold a true format and samples; most do not. None
// may cost more than the file is worth.
func TestDecodeWAVHostile(t *testing.T) {
	for name, file := range hostile() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		clip, err := decode(file)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err == nil && len(clip.Buffer.Data) > len(file) {
			t.Errorf("%s: got %d samples from %d bytes", name, len(clip.Buffer.Data), len(file))
		}
		// A file of 64 kB gives at most 64 k samples of 4 bytes, and a buffer.
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, bytes)
		}
		// It takes microseconds; a walk through 4 GiB takes a minute.
		if took > 2*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestDecodeWAVBehindID3(t *testing.T) {
	clip, err := decode(append([]byte("ID3\x04\x00\x00\x00\x00\x00\x03abc"), riff(mono16, chunk("data", pcm16))...))
	if err != nil || !slices.Equal(clip.Buffer.Data, pcm16Want) {
		t.Errorf("got %+v, %v, want the four samples", clip, err)
	}
}

// A file cut at any byte gives an error or the whole frames that are there. The
// file without data is left out: cut, it looks like one that was streamed.
func TestDecodeWAVPrefixes(t *testing.T) {
	for _, c := range wavCases {
		for n := range c.file {
			clip, err := decode(c.file[:n])
			if err != nil {
				var f *audio.FormatError
				if !errors.As(err, &f) {
					t.Errorf("%s cut at %d: got %v of type %T, want a FormatError", c.name, n, err, err)
				}
				continue
			}
			got := clip.Buffer.Data
			if c.name != "truly no data" && (len(got) > len(c.want) || !slices.Equal(got, c.want[:len(got)])) {
				t.Errorf("%s cut at %d: got samples %v, want the first of %v", c.name, n, got, c.want)
			}
		}
	}
}

func TestDecodeShortReader(t *testing.T) {
	file := riff(mono16, chunk("data", make([]byte, 1000)))
	_, err := audio.Decode(bytes.NewReader(file[:500]), int64(len(file)))
	wantError(t, err, false, "ends after")
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want it to be io.ErrUnexpectedEOF", err)
	}
}

// zeros is a reader of endless zeros behind a header.
type zeros struct{ head []byte }

func (z zeros) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(z.head)) {
		copy(b, z.head[at:])
	}
	return len(b), nil
}

func TestDecodeWAVTooLong(t *testing.T) {
	head := le("RF64", uint32(math.MaxUint32), "WAVE", chunk("ds64", le(uint64(0), uint64(1<<40), uint64(0), uint32(0))), mono16, sized("data", math.MaxUint32, nil))
	_, err := audio.Decode(zeros{head}, 1<<41)
	wantError(t, err, true, "549755813888 samples")
}

// Every code of G.711, against sox's decoder.
func TestDecodeG711(t *testing.T) {
	for _, law := range []string{"a-law", "mu-law"} {
		got, err := audio.DecodeFile("testdata/" + law + ".wav")
		if err != nil {
			t.Fatal(err)
		}
		want, err := audio.DecodeFile("testdata/" + law + "-twin.wav")
		if err != nil {
			t.Fatal(err)
		}
		if len(want.Buffer.Data) != 256 || !slices.Equal(got.Buffer.Data, want.Buffer.Data) {
			t.Errorf("%s: the samples differ from sox's", law)
		}
	}
}

func FuzzDecodeWAV(f *testing.F) {
	for _, c := range wavCases {
		f.Add(c.file)
	}
	for _, file := range hostile() {
		f.Add(file[:200])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		clip, err := decode(file)
		if err != nil {
			return
		}
		// What decodes can be written as float WAV and read back unchanged.
		data := clip.Buffer.Data
		again, err := decode(riff(format(3, clip.Channels, clip.Rate, 32), chunk("data", le(data))))
		if err != nil || again.Rate != clip.Rate || !slices.Equal(again.Buffer.Data, data) {
			t.Errorf("%d samples of %d channels do not survive a round trip: %v", len(data), clip.Channels, err)
		}
		if len(data) > 2*len(file) && clip.Format == "WAV" {
			t.Errorf("%d samples from %d bytes", len(data), len(file))
		}
	})
}

func ExampleDecode() {
	file := riff(format(1, 2, 8000, 16), chunk("data", le([]int16{16384, 0, -16384, 0})))
	clip, err := audio.Decode(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(clip.Rate, clip.Channels, clip.Mono(), clip.Peak())
	// Output: 8000 2 [0.25 -0.25] 0.5
}

func BenchmarkDecodeWAV10s(b *testing.B) {
	file := riff(mono16, chunk("data", make([]byte, 320000)))
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := decode(file); err != nil {
			b.Fatal(err)
		}
	}
}
