package audio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/mewkiz/flac/frame"
)

// frameSource gives the FLAC library one frame after another. It is there for a
// defect: for every frame whose header codes 24 or 176.4 kHz by its short form,
// mewkiz/flac v1.0.14 prints a request for test files to the standard logger,
// six lines for each second of sound. Such a frame is handed over with the code
// for "as in the stream's header" and a checksum to match, and its own CRC-16,
// which then cannot match, is computed here over the bytes as they are.
type frameSource struct {
	r       *bufio.Reader
	rate    uint32
	changed bool
	head    []byte // what is still to be given instead of the bytes read
	sum     uint16 // CRC-16 of this frame's own bytes so far
}

// Codes of the sample rate in a frame header (RFC 9639 §9.1.2).
const (
	code176400 = 0x2
	code24000  = 0x7
)

// next reads a frame's header; io.EOF says that there is none.
func (s *frameSource) next() (*frame.Frame, error) {
	head, err := s.otherHead()
	if err != nil {
		return nil, err
	}
	s.sum, s.head, s.changed = 0, head, head != nil
	return frame.New(s)
}

// parse decodes the frame's samples and checks its CRC-16.
func (s *frameSource) parse(f *frame.Frame) error {
	err := f.Parse()
	if !s.changed {
		return err
	}
	for _, sub := range f.Subframes {
		if sub == nil || len(sub.Samples) != int(f.BlockSize) {
			return errors.Join(err, errors.New("a channel is incomplete"))
		}
	}
	// Over a whole frame, its CRC included, the sum is 0 (RFC 9639 §9.3).
	if s.sum != 0 {
		return errors.New("CRC-16 checksum mismatch")
	}
	return nil
}

// Read reads on, with the replaced header in front.
func (s *frameSource) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if s.changed {
		for _, v := range b[:n] {
			s.sum = addCRC16(s.sum, v)
		}
		s.head = s.head[copy(b[:n], s.head):]
	}
	return n, err
}

// otherHead is the replacement for the coming header, nil if it needs none. A
// header is 4 bytes, a number of 1 to 7 bytes in the manner of UTF-8, a block
// size of 0 to 2, and a CRC-8.
func (s *frameSource) otherHead() ([]byte, error) {
	b, _ := s.r.Peek(14) // near the end there may be fewer
	if len(b) < 5 || b[0] != 0xFF || b[1]&0xFE != 0xF8 {
		return nil, nil // whatever it is, the library says so
	}
	rate := uint32(24000)
	switch b[2] & 0x0F {
	case code24000:
	case code176400:
		rate = 176400
	default:
		return nil, nil
	}
	n := 5
	if b[4] >= 0xC0 {
		n += bits.LeadingZeros8(^b[4]) - 1
	}
	switch b[2] >> 4 {
	case 6:
		n++
	case 7:
		n += 2
	}
	switch {
	case n >= len(b):
		return nil, io.ErrUnexpectedEOF
	case checkCRC8(b[:n]) != b[n]:
		return nil, errors.New("CRC-8 checksum mismatch")
	case rate != s.rate:
		return nil, fmt.Errorf("sample rate %d Hz, the stream has %d", rate, s.rate)
	}
	head := append([]byte(nil), b[:n]...)
	head[2] &= 0xF0
	return append(head, checkCRC8(head)), nil
}

// checkCRC8 is the checksum of a frame header, polynomial x⁸+x²+x+1.
func checkCRC8(b []byte) byte {
	var c byte
	for _, v := range b {
		c ^= v
		for range 8 {
			c = c<<1 ^ c>>7*0x07
		}
	}
	return c
}

// addCRC16 adds a byte to a frame's checksum, polynomial x¹⁶+x¹⁵+x²+1.
func addCRC16(c uint16, v byte) uint16 {
	c ^= uint16(v) << 8
	for range 8 {
		c = c<<1 ^ c>>15*0x8005
	}
	return c
}
