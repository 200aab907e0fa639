package data

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/aat-onnx/aat-onnx/audio"
)

// reader turns files into features; each worker has its own.
type reader struct {
	frontEnd  audio.FrontEnd
	extractor *audio.Extractor
}

func newReader(f audio.FrontEnd) (*reader, error) {
	x, err := f.NewExtractor()
	if err != nil {
		return nil, fmt.Errorf("front end: %w", err)
	}
	return &reader{frontEnd: f, extractor: x}, nil
}

// read decodes by content, mixes to mono, resamples and extracts.
func (r *reader) read(path string) loaded {
	content, err := readFile(path)
	if err != nil {
		return loaded{err: err}
	}
	clip, err := audio.Decode(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return loaded{err: err}
	}
	r.reduce(clip)
	result := loaded{digest: sha256.Sum256(content), silent: isSilent(clip.Buffer.Data)}
	mono, err := r.extractor.Mono(clip)
	if err != nil {
		return loaded{err: err}
	}
	result.cut = r.frontEnd.Fit(len(mono)).Cut > 0
	if result.features, err = r.extractor.Features(mono); err != nil {
		return loaded{err: err}
	}
	if want := r.frontEnd.Frames * r.frontEnd.MelBins; len(result.features) != want {
		return loaded{err: fmt.Errorf("gave %d features, want %d", len(result.features), want)}
	}
	return result
}

// reduce leaves the one channel of clip that the front end takes. Silence is
// judged on it before it is resampled, which would turn an offset into ripples.
func (r *reader) reduce(clip *audio.Clip) {
	if clip.Channels == 1 {
		return
	}
	mono := clip.Mono
	if r.frontEnd.Channel == "first" {
		mono = func() []float32 { return clip.Channel(0) }
	}
	clip.Buffer.Data = mono()
	clip.Channels, clip.Buffer.Format.NumChannels = 1, 1
}

// isSilent says whether no two samples differ by more than two steps of 16-bit
// audio, which is what a disconnected microphone gives, offset included.
func isSilent(x []float32) bool {
	const step = 1.0 / 32768
	if len(x) == 0 {
		return true
	}
	lo, hi := x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return hi-lo <= 2*step
}
