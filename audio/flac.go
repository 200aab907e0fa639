package audio

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// How many samples a FLAC file may hold for its length. The densest that common
// encoders write is digital silence, about 1500 samples a byte; a hostile file
// could claim 17 000. Small files are given some room.
const (
	flacValuesPerByte = 2048
	flacValuesFree    = 1 << 22
)

// flacReader collects the samples of one FLAC stream.
type flacReader struct {
	info   *meta.StreamInfo
	source *frameSource
	limit  uint64 // most samples over all channels
	out    []float32
	sum    hash.Hash // over the samples, as STREAMINFO defines it
	packed []byte    // one frame's samples, reused
	frames int
	first  uint64 // number of the first frame
}

// decodeFLAC reads a whole FLAC stream of size bytes. Anything that does not
// add up is an error: checksums of frames and of the whole, missing frames, a
// count that differs from the header's. No part of a damaged file is returned.
func decodeFLAC(r io.Reader, size int64) (*Clip, error) {
	// The library uses a large enough bufio.Reader as it is, so that after the
	// header this one stands at the first frame.
	source := &frameSource{r: bufio.NewReaderSize(r, 64<<10)}
	stream, err := flac.New(source.r)
	if err != nil {
		return nil, flacError("the FLAC header cannot be read", err)
	}
	source.rate = stream.Info.SampleRate
	d := &flacReader{info: stream.Info, source: source, sum: md5.New()}
	d.limit = min(maxValues, flacValuesFree+flacValuesPerByte*uint64(size))
	if err := d.checkInfo(); err != nil {
		return nil, err
	}
	channels := int(d.info.NChannels)
	// The header's count is only a hint for the first allocation, 16 MiB at most.
	d.out = make([]float32, 0, min(d.info.NSamples*uint64(channels), 4<<20))
	for d.info.NSamples == 0 || d.count() < d.info.NSamples {
		f, err := source.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = d.frame(f)
		}
		if err != nil {
			return nil, flacError(fmt.Sprintf("FLAC frame %d, after %d samples, is damaged", d.frames, d.count()), err)
		}
		d.frames++
	}
	if err := d.checkWhole(); err != nil {
		return nil, err
	}
	return newClip("FLAC", d.out, int(d.info.SampleRate), channels, int(d.info.BitsPerSample)), nil
}

// flacError makes a FormatError, and says of an early end that it is one.
// Errors of this package and of the disk pass unchanged.
func flacError(what string, err error) error {
	var unsupported *UnsupportedError
	var format *FormatError
	var disk *fs.PathError
	if errors.As(err, &unsupported) || errors.As(err, &format) || errors.As(err, &disk) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &FormatError{What: what + ": the file is cut short", Err: io.ErrUnexpectedEOF}
	}
	return &FormatError{What: what, Err: err}
}

// count is the number of samples per channel so far.
func (d *flacReader) count() uint64 { return uint64(len(d.out)) / uint64(d.info.NChannels) }

func (d *flacReader) checkInfo() error {
	i := d.info
	if i.BitsPerSample < 4 {
		return &FormatError{What: fmt.Sprintf("FLAC with %d bits per sample, want 4 to 32", i.BitsPerSample)}
	}
	if i.BitsPerSample > 24 {
		return &UnsupportedError{What: fmt.Sprintf("FLAC with %d bits per sample is not decoded here", i.BitsPerSample), Hint: "convert it to 24 bits: sox IN.flac -b 24 OUT.flac"}
	}
	if i.SampleRate > maxRate {
		return &FormatError{What: fmt.Sprintf("FLAC sample rate %d Hz, want 1 to %d", i.SampleRate, maxRate)}
	}
	return d.checkLimit(i.NSamples * uint64(i.NChannels)) // 36 + 4 bits, no overflow
}

func (d *flacReader) checkLimit(values uint64) error {
	switch {
	case values <= d.limit:
		return nil
	case values > maxValues:
		return tooLong(values)
	}
	return &FormatError{What: fmt.Sprintf("the FLAC header or frames claim %d samples, more than a file of this length can hold", values)}
}

// frame checks a frame's header against the stream's, decodes it and appends
// its samples.
func (d *flacReader) frame(f *frame.Frame) error {
	if err := d.checkFrame(f); err != nil {
		return err
	}
	// A header may leave the bits to STREAMINFO; the library would take 0.
	f.BitsPerSample = d.info.BitsPerSample
	if err := d.source.parse(f); err != nil {
		return err
	}
	n, full := int(f.BlockSize), int32(1)<<(d.info.BitsPerSample-1)
	for _, s := range f.Subframes {
		if len(s.Samples) != n {
			return fmt.Errorf("a channel has %d samples, want %d", len(s.Samples), n)
		}
	}
	d.packed = d.packed[:0]
	for i := range n {
		for _, s := range f.Subframes {
			v := s.Samples[i]
			if v < -full || v >= full {
				return fmt.Errorf("sample %d does not fit %d bits", v, d.info.BitsPerSample)
			}
			d.out = append(d.out, float32(v)/float32(full))
			d.pack(v)
		}
	}
	d.sum.Write(d.packed)
	return nil
}

// pack adds a sample to the bytes that the MD5 of STREAMINFO is over:
// little-endian, in as many whole bytes as it needs (RFC 9639 §8.2).
func (d *flacReader) pack(v int32) {
	d.packed = append(d.packed, byte(v))
	if d.info.BitsPerSample > 8 {
		d.packed = append(d.packed, byte(v>>8))
	}
	if d.info.BitsPerSample > 16 {
		d.packed = append(d.packed, byte(v>>16))
	}
}

func (d *flacReader) checkFrame(f *frame.Frame) error {
	i := d.info
	switch {
	case f.BlockSize == 0: // 65536 in the file; RFC 9639 §9.1.6 forbids it
		return errors.New("block size 65536, want at most 65535")
	case f.Channels.Count() != int(i.NChannels):
		return fmt.Errorf("%d channels, the stream has %d", f.Channels.Count(), i.NChannels)
	case f.SampleRate != 0 && f.SampleRate != i.SampleRate:
		return fmt.Errorf("sample rate %d Hz, the stream has %d", f.SampleRate, i.SampleRate)
	case f.BitsPerSample != 0 && f.BitsPerSample != i.BitsPerSample:
		return fmt.Errorf("%d bits per sample, the stream has %d", f.BitsPerSample, i.BitsPerSample)
	}
	// Frames are numbered: by frame if blocks are of fixed size, else by sample.
	// A stream that was recorded from its middle on starts at another number.
	so := uint64(d.frames)
	if !f.HasFixedBlockSize {
		so = d.count()
	}
	if d.frames == 0 {
		d.first = f.Num
	}
	if f.Num != d.first+so {
		return fmt.Errorf("its number is %d, want %d: frames are missing", f.Num, d.first+so)
	}
	return d.checkLimit(uint64(len(d.out)) + uint64(f.BlockSize)*uint64(i.NChannels))
}

// checkWhole holds the decoded samples against the stream's count and MD5,
// both of which an encoder that could not go back leaves at zero.
func (d *flacReader) checkWhole() error {
	got, want := d.count(), d.info.NSamples
	switch {
	case d.frames == 0:
		return &FormatError{What: "no FLAC frame follows the header: the file is empty or cut short"}
	case want != 0 && got < want:
		return &FormatError{What: fmt.Sprintf("the FLAC file is cut short: %d samples, want %d", got, want), Err: io.ErrUnexpectedEOF}
	case want != 0 && got > want:
		return &FormatError{What: fmt.Sprintf("the FLAC frames hold %d samples, the header says %d", got, want)}
	}
	if d.info.MD5sum != [md5.Size]byte{} && !bytes.Equal(d.sum.Sum(nil), d.info.MD5sum[:]) {
		return &FormatError{What: "the decoded samples do not have the MD5 that the FLAC header gives: the file is damaged"}
	}
	return nil
}
