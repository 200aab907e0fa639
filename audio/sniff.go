package audio

import (
	"bytes"
)

// sniff names the audio format that starts with head: "WAV", "FLAC", the name
// of a known format that is not decoded, or "" for anything else. tagged says
// that an ID3 tag stood before head.
func sniff(head []byte, tagged bool) string {
	form := func(at int) string {
		if len(head) < at+4 {
			return ""
		}
		return string(head[at : at+4])
	}
	switch id := form(0); id {
	case "RIFF", "RF64", "BW64":
		// A file that ends before its kind is a broken WAV file, most likely.
		if kind := form(8); kind != "WAVE" && kind != "" {
			return "a RIFF file of kind " + quoteKind(kind)
		}
		return "WAV"
	case "fLaC":
		return "FLAC"
	case "OggS":
		return sniffOgg(head)
	case "FORM":
		if kind := form(8); kind == "AIFF" || kind == "AIFC" {
			return kind
		}
	}
	for _, m := range magics() {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.magic)) {
			return m.name
		}
	}
	if name := sniffMPEG(head); name != "" || !tagged {
		return name
	}
	return "MP3 (MPEG audio)" // an ID3 tag in front of anything else is MP3's
}

type magic struct {
	at          int
	magic, name string
}

// magics are the formats told by fixed bytes at a fixed place.
func magics() []magic {
	return []magic{
		{0, "RIFX", "big-endian WAV (RIFX)"},
		{0, "riff\x2e\x91\xcf\x11", "Sony Wave64 (W64)"},
		{4, "ftyp", "MP4 or M4A (AAC, ALAC)"},
		{0, "caff", "Core Audio (CAF)"},
		{0, ".snd", "Sun AU"},
		{0, "wvpk", "WavPack"},
		{0, "MAC ", "Monkey's Audio (APE)"},
		{0, "TTA1", "True Audio (TTA)"},
		{0, "#!AMR", "AMR"},
		{0, "MThd", "MIDI, which holds notes and no sound,"},
		{0, "MPCK", "Musepack"},
		{0, "MP+", "Musepack"},
		{0, "NIST_1A", "NIST SPHERE"},
		{0, "\x1a\x45\xdf\xa3", "Matroska or WebM"},
		{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (WMA)"},
		{0, "ADIF", "AAC (ADIF)"},
	}
}

// sniffOgg looks at the first packet, which names the codec.
func sniffOgg(head []byte) string {
	for _, codec := range []struct{ mark, name string }{
		{"OpusHead", "Ogg Opus"}, {"\x01vorbis", "Ogg Vorbis"}, {"\x7fFLAC", "FLAC inside Ogg"}, {"Speex", "Ogg Speex"},
	} {
		if bytes.Contains(head, []byte(codec.mark)) {
			return codec.name
		}
	}
	return "Ogg"
}

// sniffMPEG tells an MPEG audio or ADTS frame header by its sync word and the
// bit patterns that are not reserved (ISO 11172-3 §2.4.2.3, ISO 13818-7 §6.2).
func sniffMPEG(head []byte) string {
	if len(head) < 3 || head[0] != 0xFF || head[1]&0xE0 != 0xE0 {
		return ""
	}
	if head[1]&0xF6 == 0xF0 {
		return "AAC (ADTS)"
	}
	version, layer, bitrate, rate := head[1]>>3&3, head[1]>>1&3, head[2]>>4, head[2]>>2&3
	if version == 1 || layer == 0 || bitrate == 15 || rate == 3 {
		return ""
	}
	if layer == 1 {
		return "MP3 (MPEG audio)"
	}
	return "MPEG audio layer 1 or 2"
}

// quoteKind shows the four bytes that name a RIFF file's content.
func quoteKind(kind string) string {
	for _, c := range []byte(kind) {
		if c < ' ' || c > '~' {
			return "unknown"
		}
	}
	return "'" + kind + "'"
}

// skipID3 returns where the recording starts: behind an ID3v2 tag, which also
// FLAC files carry now and then, or 0. The tag's length is 4 times 7 bits.
func skipID3(head []byte, size int64) (int64, error) {
	if len(head) < 10 || !bytes.HasPrefix(head, []byte("ID3")) {
		return 0, nil
	}
	var n int64
	for _, b := range head[6:10] {
		n = n<<7 | int64(b&0x7F)
	}
	n += 10
	if head[5]&0x10 != 0 {
		n += 10 // a footer repeats the header
	}
	if n >= size {
		return 0, &FormatError{What: "nothing follows the ID3 tag: the file is cut short", Offset: size}
	}
	return n, nil
}
