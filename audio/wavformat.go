package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Format tags of a WAV file's fmt chunk (mmreg.h).
const (
	tagPCM        = 0x0001
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagMuLaw      = 0x0007
	tagExtensible = 0xFFFE
)

// Bounds beyond which a header is taken for damaged.
const (
	maxChannels = 256
	maxRate     = 1_000_000 // Hz; the fastest bat recorders write 500 kHz
)

// wavFormat is a fmt chunk that this package can decode.
type wavFormat struct {
	tag      int // extensible resolved
	channels int
	rate     int
	width    int // bytes of one sample of one channel
}

func (f *wavFormat) blockAlign() int { return f.channels * f.width }

// parseFormat reads the first bytes, at most 40, of a fmt chunk whose header is
// at the given byte of the file.
func parseFormat(b []byte, at int64) (*wavFormat, error) {
	if len(b) < 16 {
		return nil, &FormatError{What: fmt.Sprintf("fmt chunk of %d bytes, want at least 16", len(b)), Offset: at}
	}
	le := binary.LittleEndian
	tag, bits := int(le.Uint16(b)), int(le.Uint16(b[14:]))
	channels, rate := int(le.Uint16(b[2:])), le.Uint32(b[4:])
	if channels < 1 || channels > maxChannels {
		return nil, &FormatError{What: fmt.Sprintf("%d channels, want 1 to %d", channels, maxChannels), Offset: at}
	}
	if rate < 1 || rate > maxRate {
		return nil, &FormatError{What: fmt.Sprintf("sample rate %d Hz, want 1 to %d", rate, maxRate), Offset: at}
	}
	if tag == tagExtensible {
		var err error
		if tag, err = subFormat(b, at); err != nil {
			return nil, err
		}
	}
	f := &wavFormat{tag: tag, channels: channels, rate: int(rate), width: (bits + 7) / 8}
	if err := f.check(bits, at); err != nil {
		return nil, err
	}
	if align := int(le.Uint16(b[12:])); align != 0 && align != f.blockAlign() {
		return nil, &FormatError{What: fmt.Sprintf("block align %d, want %d for %d channels of %d bits", align, f.blockAlign(), channels, bits), Offset: at}
	}
	return f, nil
}

// subFormat is the real tag of an extensible header: the first two bytes of a
// GUID whose other bytes are fixed (KSDATAFORMAT_SUBTYPE_*).
func subFormat(b []byte, at int64) (int, error) {
	if len(b) < 40 {
		return 0, &FormatError{What: fmt.Sprintf("extensible fmt chunk of %d bytes, want 40", len(b)), Offset: at}
	}
	guid := b[24:40]
	if !bytes.Equal(guid[2:], []byte("\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")) {
		return 0, &UnsupportedError{What: fmt.Sprintf("WAV sub-format %x is not decoded here", guid), Hint: convertHint, Offset: at}
	}
	return int(binary.LittleEndian.Uint16(guid)), nil
}

// check refuses encodings that are valid somewhere but not decoded here. PCM
// of 9 to 32 bits is stored in whole bytes, its bits at the top, so that the
// scale is the container's.
func (f *wavFormat) check(bits int, at int64) error {
	ok := false
	switch f.tag {
	case tagPCM:
		ok = bits >= 8 && bits <= 32
	case tagFloat:
		ok = bits == 32 || bits == 64
	case tagALaw, tagMuLaw:
		ok = bits == 8
	}
	if ok {
		return nil
	}
	return &UnsupportedError{What: fmt.Sprintf("WAV with %s in %d bits is not decoded here", tagName(f.tag), bits), Hint: convertHint, Offset: at}
}

func tagName(tag int) string {
	switch tag {
	case tagPCM:
		return "PCM"
	case tagFloat:
		return "float"
	case tagALaw:
		return "A-law"
	case tagMuLaw:
		return "µ-law"
	case 0x0002:
		return "Microsoft ADPCM"
	case 0x0011:
		return "IMA ADPCM"
	case 0x0031:
		return "GSM 6.10"
	case 0x0050:
		return "MPEG audio"
	case 0x0055:
		return "MP3"
	case 0x00FF, 0x1600:
		return "AAC"
	}
	return fmt.Sprintf("format tag 0x%04x", tag)
}
