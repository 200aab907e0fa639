package data

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/aat-onnx/aat-onnx/audio"
)

// frontEnd is a small AST front end.
func frontEnd() audio.FrontEnd {
	return audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 16, Frames: 20, Mean: -4, Std: 4}
}

// wav gives a mono 16-bit WAV file of n samples of a tone; hz 0 is silence.
func wav(n int, hz float64) []byte {
	var b bytes.Buffer
	le := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("RIFF")
	le(uint32(36 + 2*n))
	b.WriteString("WAVEfmt ")
	le(uint32(16))
	le([]uint16{1, 1})
	le([]uint32{16000, 32000})
	le([]uint16{2, 16})
	b.WriteString("data")
	le(uint32(2 * n))
	for i := range n {
		le(int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/16000)))
	}
	return b.Bytes()
}

// write makes a tree of files below a new folder.
func write(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func tone(hz float64) []byte { return wav(2000, hz) }
