package audio

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Sizes that writers leave in a header that they could not go back to.
const (
	sizeUnknown  = 0xFFFFFFFF // ffmpeg to a pipe; RF64's "see ds64"
	sizeStreamed = 0x7FFF0000 // from here up: sox (0x7FFFFFDB), espeak-ng (0x7FFFF000)
)

// maxChunks bounds the walk through a file that consists of empty chunks.
const maxChunks = 4096

// wav is what the walk through the chunks of a RIFF, RF64 or BW64 file found.
type wav struct {
	r    io.ReaderAt
	size int64

	riffSize int64 // as the header says
	longData int64 // data size of the ds64 chunk (EBU Tech 3306), -1 without
	format   *wavFormat
	dataAt   int64 // first byte of the samples, 0 until found
	dataLen  int64
	cut      bool // the data chunk claims more than the file has
	last     string
}

// decodeWAV reads a WAV file. Chunks may come in any order; the first data
// chunk counts.
func decodeWAV(r io.ReaderAt, size int64) (*Clip, error) {
	w := &wav{r: r, size: size, longData: -1}
	if err := w.walk(); err != nil {
		return nil, err
	}
	if w.format == nil || w.dataAt == 0 {
		return nil, w.missing()
	}
	data, err := w.samples()
	if err != nil {
		return nil, err
	}
	clip := newClip("WAV", data, w.format.rate, w.format.channels, 8*w.format.width)
	clip.Truncated = w.cut
	return clip, nil
}

// walk visits chunk after chunk until it has format and data. Every size is
// clamped to the bytes left, so the walk ends at the end of the file.
func (w *wav) walk() error {
	head := make([]byte, 12)
	if w.size < int64(len(head)) {
		return &FormatError{What: fmt.Sprintf("a WAV header needs 12 bytes, got %d", w.size)}
	}
	if err := readAt(w.r, head, 0); err != nil {
		return err
	}
	w.riffSize = int64(binary.LittleEndian.Uint32(head[4:]))
	at := int64(12)
	for range maxChunks {
		if w.size-at < 8 || w.format != nil && w.dataAt != 0 {
			return nil
		}
		next, err := w.chunk(at)
		if err != nil {
			return err
		}
		at = next
	}
	return nil
}

// chunk reads the chunk whose header is at the given byte and returns where the
// next one starts.
func (w *wav) chunk(at int64) (int64, error) {
	head := make([]byte, 8)
	if err := readAt(w.r, head, at); err != nil {
		return 0, err
	}
	id, claimed := string(head[:4]), binary.LittleEndian.Uint32(head[4:])
	body, left := at+8, w.size-at-8
	length := min(int64(claimed), left)
	if int64(claimed) > left {
		w.last = fmt.Sprintf("; the %q chunk at byte %d claims %d bytes, %d are left", id, at, claimed, left)
	}
	switch id {
	case "fmt ":
		b := make([]byte, min(length, 40))
		if err := readAt(w.r, b, body); err != nil {
			return 0, err
		}
		format, err := parseFormat(b, at)
		if err != nil {
			return 0, err
		}
		w.format = format
	case "ds64":
		if err := w.longSizes(body, length); err != nil {
			return 0, err
		}
	case "data":
		length = w.dataLength(claimed, left)
		if w.dataAt == 0 {
			w.dataAt, w.dataLen = body, length
		}
	}
	return w.after(body, length)
}

// longSizes reads the 64-bit data size of an RF64 or BW64 file.
func (w *wav) longSizes(body, length int64) error {
	if length < 16 {
		return &FormatError{What: fmt.Sprintf("ds64 chunk of %d bytes, want at least 16", length), Offset: body - 8}
	}
	b := make([]byte, 16)
	if err := readAt(w.r, b, body); err != nil {
		return err
	}
	// A size beyond 63 bits is as far past the end as any other.
	w.longData = int64(min(binary.LittleEndian.Uint64(b[8:]), 1<<62))
	return nil
}

// dataLength is how many bytes of samples there really are. Zero is a size
// that was never filled in, unless the RIFF size shows that the header was
// finished; the streaming sizes and everything past the end mean "to the end".
func (w *wav) dataLength(claimed uint32, left int64) int64 {
	length := int64(claimed)
	if claimed == sizeUnknown && w.longData >= 0 {
		length = w.longData
	}
	finished := w.riffSize+8 == w.size || w.riffSize+9 == w.size
	switch {
	case length == 0 && !finished:
		return left
	case length > left:
		w.cut = claimed < sizeStreamed || claimed == sizeUnknown && w.longData > left
		return left
	}
	return length
}

// after is where the chunk that follows starts. A chunk of odd length is padded
// by one byte, but some writers forget it: then the next chunk's name stands
// where the pad byte should.
func (w *wav) after(body, length int64) (int64, error) {
	next := body + length
	if length%2 == 0 || w.size-next < 5 {
		return next + length%2, nil
	}
	b := make([]byte, 5)
	if err := readAt(w.r, b, next); err != nil {
		return 0, err
	}
	if b[0] != 0 && !knownChunk(string(b[1:])) && (knownChunk(string(b[:4])) || printable(b[:4])) {
		return next, nil
	}
	return next + 1, nil
}

func knownChunk(id string) bool {
	switch id {
	case "fmt ", "data", "LIST", "fact", "bext", "id3 ", "ID3 ", "smpl", "cue ", "inst", "JUNK", "junk", "PEAK", "iXML", "ds64", "PAD ", "wamd", "guan":
		return true
	}
	return false
}

func printable(id []byte) bool {
	for _, c := range id {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// missing says which chunk was not found, and why it may be so.
func (w *wav) missing() error {
	what := "no data chunk"
	if w.format == nil {
		what = "no fmt chunk"
	}
	return &FormatError{What: what + " in this WAV file, want fmt and data" + w.last}
}

// samples converts the data chunk, dropping a last frame that is cut short.
func (w *wav) samples() ([]float32, error) {
	f := w.format
	frames := w.dataLen / int64(f.blockAlign())
	values := frames * int64(f.channels)
	if values > maxValues {
		return nil, tooLong(uint64(values))
	}
	convert := f.converter()
	out := make([]float32, values)
	perRead := max(1, (64<<10)/f.blockAlign()) * f.channels
	buf := make([]byte, min(int(values), perRead)*f.width)
	at := w.dataAt
	for done := 0; done < len(out); done += perRead {
		part := out[done:min(done+perRead, len(out))]
		b := buf[:len(part)*f.width]
		if err := readAt(w.r, b, at); err != nil {
			return nil, err
		}
		convert(part, b)
		if i := firstNonFinite(part); i >= 0 {
			return nil, &FormatError{
				What:   fmt.Sprintf("sample %d of channel %d is %v, want a finite number", (done+i)/f.channels, (done+i)%f.channels, part[i]),
				Offset: at + int64(i*f.width),
			}
		}
		at += int64(len(b))
	}
	return out, nil
}
