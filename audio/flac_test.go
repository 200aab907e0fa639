package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aat-onnx/aat-onnx/audio"
)

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// twins are FLAC files of testdata/gen.sh, written by the reference encoder
// from the WAV file of the same name.
var twins = []struct {
	name     string
	channels int
	bits     int
	frames   int
}{
	{"mono8", 1, 8, 800}, {"mono16", 1, 16, 800}, {"mono24", 1, 24, 800},
	{"stereo8", 2, 8, 882}, {"stereo16", 2, 16, 882}, {"stereo24", 2, 24, 882},
	{"frames", 1, 16, 1600}, {"silent", 1, 16, 400}, {"bits12", 1, 12, 424},
	{"rate24k", 2, 16, 1500},
}

func TestDecodeFLACTwins(t *testing.T) {
	for _, c := range twins {
		t.Run(c.name, func(t *testing.T) {
			got, err := audio.DecodeFile("testdata/" + c.name + ".flac")
			if err != nil {
				t.Fatal(err)
			}
			want, err := audio.DecodeFile("testdata/" + c.name + ".wav")
			if err != nil {
				t.Fatal(err)
			}
			if got.Format != "FLAC" || got.Rate != want.Rate || got.Channels != c.channels || got.Buffer.SourceBitDepth != c.bits || got.Frames() != c.frames {
				t.Errorf("got %s, %d Hz, %d channels, %d bits, %d frames, want FLAC, %d, %d, %d, %d",
					got.Format, got.Rate, got.Channels, got.Buffer.SourceBitDepth, got.Frames(), want.Rate, c.channels, c.bits, c.frames)
			}
			if !slices.Equal(got.Buffer.Data, want.Buffer.Data) {
				t.Error("the samples differ from the WAV twin's")
			}
			if got.Silent() != (c.name == "silent") {
				t.Errorf("got silent %v", got.Silent())
			}
		})
	}
}

// A FLAC stream written to a pipe has neither length nor MD5; an ID3 tag may
// stand in front of it, and anything behind a stream of known length.
func TestDecodeFLACVariants(t *testing.T) {
	want, err := audio.DecodeFile("testdata/mono16.wav")
	if err != nil {
		t.Fatal(err)
	}
	plain := readTestdata(t, "mono16.flac")
	tag := append([]byte("ID3\x04\x00\x00\x00\x00\x01\x02"), make([]byte, 130)...)
	for name, file := range map[string][]byte{
		"piped":         readTestdata(t, "piped.flac"),
		"ID3v2 tag":     append(slices.Clone(tag), plain...),
		"ID3v1 tag":     append(slices.Clone(plain), append([]byte("TAG"), make([]byte, 125)...)...),
		"picture block": withBlock(plain, 6, bytes.Repeat([]byte{0xFF}, 70000)),
		"unknown block": withBlock(plain, 100, []byte("what is this")),
		"huge comment":  withBlock(plain, 4, []byte{0xF0, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}),
	} {
		got, err := decode(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(got.Buffer.Data, want.Buffer.Data) {
			t.Errorf("%s: the samples differ from the WAV twin's", name)
		}
	}
}

// withBlock puts a metadata block behind STREAMINFO, which is never the last
// block of the fixtures.
func withBlock(file []byte, kind byte, body []byte) []byte {
	head := []byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}
	return slices.Concat(file[:42], head, body, file[42:])
}

// patched is a fixture with some bytes replaced.
func patched(t *testing.T, name string, at int, with ...byte) []byte {
	b := readTestdata(t, name)
	copy(b[at:], with)
	return b
}

func TestDecodeFLACRefuses(t *testing.T) {
	whole := readTestdata(t, "frames.flac")
	// STREAMINFO starts at byte 8: block sizes 0-3, frame sizes 4-9, then 20
	// bits of rate, 3 of channels, 5 of depth, 36 of length, and the MD5 at 18.
	for _, c := range []struct {
		name        string
		file        []byte
		unsupported bool
		want        string
	}{
		{"magic only", whole[:4], false, "cut short"},
		{"half a header", whole[:20], false, "cut short"},
		{"header only", whole[:42], false, "cut short"},
		{"cut inside a frame", whole[:len(whole)-10], false, "cut short"},
		{"last frame missing", whole[:frameStart(t, whole, 2)], false, "cut short"},
		{"middle frame missing", slices.Concat(whole[:frameStart(t, whole, 1)], whole[frameStart(t, whole, 2):]), false, "frames are missing"},
		{"length too small", patched(t, "frames.flac", 8+14, 0, 0, 0x03, 0x00), false, "header says 768"},
		{"length absurd", patched(t, "frames.flac", 8+13, 0x0F|whole[8+13], 0xFF, 0xFF, 0xFF, 0xFF), true, "68719476735 samples"},
		{"length beyond the file's", patched(t, "frames.flac", 8+14, 0x07, 0, 0, 0), false, "more than a file of this length can hold"},
		{"MD5", patched(t, "frames.flac", 8+18, 1, 2, 3), false, "MD5"},
		{"rate 0", patched(t, "frames.flac", 8+10, 0, 0, whole[8+12]&0x0F), false, "sample rate"},
		{"rate differs", patched(t, "frames.flac", 8+10, 0x03, 0xE8), false, "the stream has 16000"},
		{"channels differ", patched(t, "frames.flac", 8+12, whole[8+12]|0x02), false, "the stream has 2"},
		{"block size 0", patched(t, "frames.flac", 8, 0, 0), false, "block size"},
		{"32 bits", readTestdata(t, "bits32.flac"), true, "32 bits"},
		{"no frames, no length", append(slices.Clone(readTestdata(t, "piped.flac")[:42:42]), 0x81, 0, 0, 0), false, "no FLAC frame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(c.file)
			wantError(t, err, c.unsupported, c.want)
		})
	}
}

// frameStart finds the start of the n-th frame of frames.flac by its sync code
// and number: fixed blocks of 576 samples, so 0xFFF8, and n as its fifth byte.
func frameStart(t *testing.T, file []byte, n int) int {
	t.Helper()
	for i := 42; i+5 < len(file); i++ {
		if file[i] == 0xFF && file[i+1] == 0xF8 && int(file[i+4]) == n {
			return i
		}
	}
	t.Fatalf("frame %d not found", n)
	return 0
}

// The library prints a line for every frame of such a file; it must not reach
// the user, and the frame's checksum must count all the same.
func TestDecodeFLACQuiet(t *testing.T) {
	var printed bytes.Buffer
	log.SetOutput(&printed)
	defer log.SetOutput(os.Stderr)
	clip, err := audio.DecodeFile("testdata/rate24k.flac")
	if err != nil || clip.Rate != 24000 {
		t.Fatalf("got %+v, %v, want a clip of 24 kHz", clip, err)
	}
	if printed.Len() > 0 {
		t.Errorf("the standard logger got %q, want nothing", printed.String())
	}
	file := readTestdata(t, "rate24k.flac")
	clear(file[8+18 : 8+34])  // without the MD5 only the frame's checksum is left
	file[len(file)-2] ^= 0x10 // which is the file's end
	if _, err := decode(file); err == nil || !strings.Contains(err.Error(), "CRC-16") {
		t.Errorf("a wrong checksum: got error %v, want one with CRC-16", err)
	}
}

// A header may leave the sample depth to STREAMINFO. The reference encoder does
// not, so a frame is written here: 16 constant samples of -2 in 16 bits.
func TestDecodeFLACDepthFromStreamInfo(t *testing.T) {
	var info [34]byte
	binary.BigEndian.PutUint16(info[0:], 16)
	binary.BigEndian.PutUint16(info[2:], 16)
	// 8000 Hz, 1 channel, 16 bits, 16 samples.
	binary.BigEndian.PutUint64(info[10:], 8000<<44|0<<41|15<<36|16)
	header := []byte{0xFF, 0xF8, 0x60, 0x00, 0x00, 15}
	frame := append(header, crc8(header), 0x00, 0xFF, 0xFE)
	sum := crc16(frame)
	file := slices.Concat([]byte("fLaC\x80\x00\x00\x22"), info[:], frame, []byte{byte(sum >> 8), byte(sum)})
	clip, err := decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Repeat([]float32{-2.0 / 32768}, 16); !slices.Equal(clip.Buffer.Data, want) {
		t.Errorf("got %v, want 16 times -2/32768", clip.Buffer.Data)
	}
}

// crc8 and crc16 are FLAC's (RFC 9639 §9.1.8 and §9.3), bit by bit.
func crc8(b []byte) byte {
	var c byte
	for _, v := range b {
		c ^= v
		for range 8 {
			if c&0x80 != 0 {
				c = c<<1 ^ 0x07
			} else {
				c <<= 1
			}
		}
	}
	return c
}

func crc16(b []byte) uint16 {
	var c uint16
	for _, v := range b {
		c ^= uint16(v) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x8005
			} else {
				c <<= 1
			}
		}
	}
	return c
}

// bomb is a small file of valid frames that each hold 8 channels of 65 535
// constant samples: 17 000 samples a byte.
func bomb(frames int) []byte {
	var info [34]byte
	binary.BigEndian.PutUint16(info[0:], 65535)
	binary.BigEndian.PutUint16(info[2:], 65535)
	binary.BigEndian.PutUint64(info[10:], 8000<<44|7<<41|15<<36)
	file := slices.Concat([]byte("fLaC\x80\x00\x00\x22"), info[:])
	for n := range frames {
		frame := []byte{0xFF, 0xF8, 0x70, 0x78, byte(n), 0xFF, 0xFE}
		frame = append(frame, crc8(frame))
		for range 8 {
			frame = append(frame, 0, 0, 0)
		}
		sum := crc16(frame)
		file = append(file, append(frame, byte(sum>>8), byte(sum))...)
	}
	return file
}

func TestDecodeFLACBomb(t *testing.T) {
	if clip, err := decode(bomb(2)); err != nil || len(clip.Buffer.Data) != 2*8*65535 {
		t.Fatalf("2 dense frames: got %v, want 1048560 samples", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := decode(bomb(100))
	runtime.ReadMemStats(&after)
	wantError(t, err, false, "more than a file of this length can hold")
	// 3.5 kB may give 4 M samples and 7 M more: 45 MB as float32, twice that for
	// growing, as much again for the library's integers, and the packed bytes.
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 300<<20 {
		t.Errorf("%d bytes allocated", bytes)
	}
}

// Flipped bits and cuts give an error that names the file, or the same samples
// where a flip meets nothing that matters.
func TestDecodeFLACDamaged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	for _, name := range []string{"mono16.flac", "stereo24.flac", "frames.flac", "bits12.flac", "rate24k.flac"} {
		whole := readTestdata(t, name)
		want, err := decode(whole)
		if err != nil {
			t.Fatal(err)
		}
		for range 400 {
			file := slices.Clone(whole)
			file[rng.IntN(len(file))] ^= 1 << rng.IntN(8)
			clip, err := decode(file)
			if err == nil && !slices.Equal(clip.Buffer.Data, want.Buffer.Data) {
				t.Fatalf("%s with a flipped bit: other samples and no error", name)
			}
		}
		for n := range whole {
			if _, err := decode(whole[:n]); err == nil {
				t.Fatalf("%s cut at %d: no error", name, n)
			}
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, whole[:len(whole)/2], 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = audio.DecodeFile(path)
		var format *audio.FormatError
		if !errors.As(err, &format) || format.File != path || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s cut in half: got error %v, want one that names the file", name, err)
		}
	}
}

// brokenDisk fails behind the first bytes.
type brokenDisk struct{ head []byte }

func (d brokenDisk) ReadAt(b []byte, at int64) (int, error) {
	if at >= int64(len(d.head)) {
		return 0, &fs.PathError{Op: "read", Path: "disk", Err: syscall.EIO}
	}
	return copy(b, d.head[at:]), nil
}

// A disk that cannot be read is no fault of the file.
func TestDecodeFLACDiskError(t *testing.T) {
	whole := readTestdata(t, "frames.flac")
	_, err := audio.Decode(brokenDisk{whole[:500]}, int64(len(whole)))
	var format *audio.FormatError
	if !errors.Is(err, syscall.EIO) || errors.As(err, &format) {
		t.Errorf("got error %v of type %T, want the disk's", err, err)
	}
}

func FuzzDecodeFLAC(f *testing.F) {
	for _, c := range twins {
		f.Add(readTestdata(f, c.name+".flac"))
	}
	f.Add(readTestdata(f, "piped.flac"))
	f.Add(bomb(1))
	f.Fuzz(func(t *testing.T, file []byte) {
		clip, err := decode(append([]byte("fLaC"), file[min(4, len(file)):]...))
		if err != nil {
			return
		}
		for i, v := range clip.Buffer.Data {
			if !(v >= -1 && v < 1) {
				t.Fatalf("sample %d is %v, want it in [-1, 1)", i, v)
			}
		}
		if len(clip.Buffer.Data) > 1<<22+2048*(len(file)+4) {
			t.Errorf("%d samples from %d bytes", len(clip.Buffer.Data), len(file))
		}
	})
}

func BenchmarkDecodeFLAC(b *testing.B) {
	file := readTestdata(b, "stereo16.flac")
	for b.Loop() {
		if _, err := decode(file); err != nil {
			b.Fatal(err)
		}
	}
}
