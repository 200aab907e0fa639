package audio

import (
	goaudio "github.com/go-audio/audio"
)

// maxValues is the most samples, over all channels, that one clip may hold:
// 1 GiB as float32, an hour and a half of 48 kHz mono.
const maxValues = 1 << 28

// Clip is one decoded recording.
type Clip struct {
	// Buffer holds the samples, channels interleaved. Integers of b bits are
	// divided by 2^(b-1), so full scale is [-1, 1); float samples are kept as
	// they are, above full scale too. SourceBitDepth is the bits of a sample
	// in the file.
	Buffer *goaudio.Float32Buffer

	Rate      int    // samples per second and channel
	Channels  int    // at least 1
	Format    string // "WAV" or "FLAC"
	Truncated bool   // a WAV header promised more samples than the file holds
}

func newClip(format string, data []float32, rate, channels, bits int) *Clip {
	return &Clip{
		Buffer: &goaudio.Float32Buffer{
			Format:         &goaudio.Format{NumChannels: channels, SampleRate: rate},
			Data:           data,
			SourceBitDepth: bits,
		},
		Rate: rate, Channels: channels, Format: format,
	}
}

// Frames is the number of samples of each channel.
func (c *Clip) Frames() int { return len(c.Buffer.Data) / c.Channels }

// Seconds is how long the recording lasts.
func (c *Clip) Seconds() float64 { return float64(c.Frames()) / float64(c.Rate) }

// Mono returns the mean of all channels, one value per frame; for a mono clip
// it is the clip's own data, not a copy.
//
// The mean is what HTS-AT's data preparation and librosa do, and it keeps a
// sound that only one side picked up. The original AST code takes channel 0;
// [Clip.Channel] gives that, and a front end chooses with its Channel field.
func (c *Clip) Mono() []float32 {
	data, n := c.Buffer.Data, c.Channels
	if n == 1 {
		return data
	}
	mono := make([]float32, c.Frames())
	for i := range mono {
		var sum float64
		for _, v := range data[i*n : (i+1)*n] {
			sum += float64(v)
		}
		mono[i] = float32(sum / float64(n))
	}
	return mono
}

// Channel returns one channel, counted from 0. It panics if the clip has no
// such channel, as indexing a slice does.
func (c *Clip) Channel(i int) []float32 {
	data, n := c.Buffer.Data, c.Channels
	if i < 0 || i >= n {
		panic("audio: channel out of range")
	}
	one := make([]float32, c.Frames())
	for f := range one {
		one[f] = data[f*n+i]
	}
	return one
}

// Peak is the largest magnitude of any sample; 1 is full scale. Integer
// recordings that touch 1 are most likely clipped.
func (c *Clip) Peak() float32 {
	var peak float32
	for _, v := range c.Buffer.Data {
		peak = max(peak, v, -v)
	}
	return peak
}

// Silent says that every sample is zero, or that there is none.
func (c *Clip) Silent() bool { return c.Peak() == 0 }
