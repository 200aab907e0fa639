package audio

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// DecodeFile decodes a WAV or FLAC file, told by its content. Errors about the
// content are a *FormatError or an *UnsupportedError that name the file.
func DecodeFile(path string) (*Clip, error) {
	// Looked at before it is opened: opening a named pipe would wait for ever.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &UnsupportedError{File: path, What: "is not a regular file", Hint: "give a recording, not a folder or device"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	clip, err := Decode(f, info.Size())
	if err != nil {
		return nil, inFile(err, path)
	}
	return clip, nil
}

// Decode decodes the recording in the first size bytes of r. Memory stays in
// proportion to size, whatever the headers claim.
func Decode(r io.ReaderAt, size int64) (*Clip, error) {
	if size <= 0 {
		return nil, &FormatError{What: "is empty, want a recording"}
	}
	head := make([]byte, min(size, 64))
	if err := readAt(r, head, 0); err != nil {
		return nil, err
	}
	start, err := skipID3(head, size)
	if err != nil {
		return nil, err
	}
	if start > 0 {
		head = make([]byte, min(size-start, 64))
		if err := readAt(r, head, start); err != nil {
			return nil, err
		}
	}
	recording := io.NewSectionReader(r, start, size-start)
	switch name := sniff(head, start > 0); name {
	case "WAV":
		return decodeWAV(recording, size-start)
	case "FLAC":
		return decodeFLAC(recording, size-start)
	case "":
		return nil, &FormatError{What: fmt.Sprintf("no known audio format starts with % x, want WAV or FLAC", head[:min(len(head), 8)])}
	default:
		return nil, &UnsupportedError{What: name + " is not decoded here", Hint: convertHint}
	}
}

// convertHint is what to do with every format that is refused by name.
const convertHint = "convert it to WAV or FLAC first: ffmpeg -i IN OUT.wav, or sox IN OUT.flac"

// readAt fills b from offset. The caller has checked that the bytes are there,
// so an early end is the file's fault.
func readAt(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return &FormatError{What: fmt.Sprintf("ends after %d of %d bytes", n, len(b)), Offset: offset, Err: io.ErrUnexpectedEOF}
	}
	return err
}

// tooLong is the error for a clip beyond maxValues.
func tooLong(values uint64) error {
	return &UnsupportedError{
		What: fmt.Sprintf("holds %d samples over all channels, want at most %d", values, maxValues),
		Hint: "cut it into parts, for example: sox IN OUT.wav trim 0 3600",
	}
}
