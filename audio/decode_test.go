package audio_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/audio"
)

func TestDecodeRefusesByName(t *testing.T) {
	pad := strings.Repeat("\x00", 64)
	for _, c := range []struct {
		head, want string
	}{
		{"ID3\x04\x00\x00\x00\x00\x00\x05hello\xFF\xFB\x90\x00", "MP3"},
		{"ID3\x04\x00\x00\x00\x00\x00\x05hello\x00\x00\x00\x00", "MP3"},
		{"ID3\x04\x00\x10\x00\x00\x00\x05hello3DI\x04\x00\x10\x00\x00\x00\x05\xFF\xFB\x90\x00", "MP3"},
		{"\xFF\xFB\x90\x00", "MP3"}, {"\xFF\xF3\x40\x00", "MP3"}, {"\xFF\xFD\x90\x00", "layer 1 or 2"},
		{"\xFF\xF1\x50\x80", "AAC (ADTS)"}, {"ADIF", "AAC"},
		{"OggS\x00\x02" + pad[:20] + "\x01\x13OpusHead", "Ogg Opus"}, {"OggS\x00\x02" + pad[:22] + "\x01vorbis", "Ogg Vorbis"},
		{"OggS\x00\x02" + pad[:22] + "\x7fFLAC", "FLAC inside Ogg"}, {"OggS\x00\x02" + pad[:22] + "Speex", "Ogg Speex"}, {"OggS", "Ogg"},
		{"FORM\x00\x00\x00\x10AIFF", "AIFF"}, {"FORM\x00\x00\x00\x10AIFC", "AIFC"},
		{"\x00\x00\x00\x20ftypM4A ", "M4A"}, {"caff", "CAF"}, {".snd", "AU"}, {"wvpk", "WavPack"}, {"MAC ", "Monkey"},
		{"TTA1", "TTA"}, {"#!AMR\n", "AMR"}, {"MThd", "MIDI"}, {"MPCK", "Musepack"}, {"MP+", "Musepack"}, {"NIST_1A\n", "SPHERE"},
		{"\x1A\x45\xDF\xA3", "Matroska"}, {"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "Windows Media"},
		{"RIFX\x00\x00\x00\x00WAVE", "RIFX"}, {"riff\x2E\x91\xCF\x11", "W64"},
		{"RIFF\x00\x00\x00\x00AVI ", "kind 'AVI '"}, {"RIFF\x00\x00\x00\x00\x01\x02\x03\x04", "kind unknown"},
	} {
		_, err := decode([]byte(c.head + pad))
		wantError(t, err, true, c.want)
		if err != nil && !strings.Contains(err.Error(), "convert it to WAV or FLAC") {
			t.Errorf("%q: error %q does not say what to do", c.want, err)
		}
	}
}

func TestDecodeRefusesUnknown(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "is empty"},
		{"text", "file,label\nyes.wav,yes\n", "no known audio format starts with 66 69 6c 65"},
		{"one byte", "R", "no known audio format starts with 52"},
		{"reserved MPEG bits", "\xFF\xFF\xFF\xFF", "no known audio format"},
		{"RIFF only", "RIFF", "WAV header needs 12 bytes, got 4"},
		{"ID3 tag only", "ID3\x04\x00\x00\x00\x00\x7F\x7Fabc", "nothing follows the ID3 tag"},
	} {
		_, err := decode([]byte(c.file))
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		wantError(t, err, false, c.want)
	}
}

func TestDecodeFileErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := audio.DecodeFile(filepath.Join(dir, "absent.wav")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: got %v, want fs.ErrNotExist", err)
	}
	_, err := audio.DecodeFile(dir)
	wantError(t, err, true, dir+": is not a regular file")
	for name, content := range map[string]string{"empty.wav": "", "song.wav": "ID3\x03\x00\x00\x00\x00\x00\x00" + strings.Repeat("\xFF\xFB\x90\x00", 9)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := audio.DecodeFile(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: got error %v, want one that starts with the file", name, err)
		}
	}
}

// The content decides, not the name.
func TestDecodeFileByContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "really-a.mp3")
	if err := os.WriteFile(path, readTestdata(t, "mono16.flac"), 0o644); err != nil {
		t.Fatal(err)
	}
	if clip, err := audio.DecodeFile(path); err != nil || clip.Format != "FLAC" {
		t.Errorf("a FLAC file named .mp3: got %+v, %v", clip, err)
	}
}

func ExampleDecodeFile() {
	clip, err := audio.DecodeFile("testdata/stereo16.flac")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, %d Hz, %d channels, %.3f s, silent %v\n", clip.Format, clip.Rate, clip.Channels, clip.Seconds(), clip.Silent())
	// Output: FLAC, 44100 Hz, 2 channels, 0.020 s, silent false
}

func TestClip(t *testing.T) {
	file := riff(format(1, 2, 8000, 16), chunk("data", le([]int16{16384, 0, -32768, 0, 0, 8192})))
	c, err := decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Frames() != 3 || c.Seconds() != 3.0/8000 || c.Rate != 8000 {
		t.Errorf("got %d frames, %g s at %d Hz, want 3 at 8000", c.Frames(), c.Seconds(), c.Rate)
	}
	if got, want := c.Mono(), []float32{0.25, -0.5, 0.125}; !slices.Equal(got, want) {
		t.Errorf("mono: got %v, want %v", got, want)
	}
	if got, want := c.Channel(1), []float32{0, 0, 0.25}; !slices.Equal(got, want) {
		t.Errorf("channel 1: got %v, want %v", got, want)
	}
	if c.Peak() != 1 || c.Silent() {
		t.Errorf("got peak %g, silent %v, want 1, false", c.Peak(), c.Silent())
	}
	if f := c.Buffer.PCMFormat(); f.NumChannels != 2 || f.SampleRate != 8000 || c.Buffer.NumFrames() != 3 {
		t.Errorf("go-audio format: got %+v, want 2 channels at 8000 Hz", f)
	}
	empty, err := decode(riff(mono16, chunk("data", nil)))
	if err != nil || !empty.Silent() || empty.Frames() != 0 {
		t.Errorf("no samples: got %v, %v, want a silent clip", empty, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("channel 2 of 2: no panic")
		}
	}()
	c.Channel(2)
}
