package graphsurgery

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// pageBytes is what is read from a file at least.
const pageBytes = 4096

// sparseFile is a file of which only some pages are in memory: all but the insides
// of the main graph's large initialisers.
type sparseFile struct {
	file *heldFile
	data []byte      // as long as the file; a page that was not read is not to be looked at
	read []bool      // by page
	held map[int]int // place and length of the raw bytes that were left out
	err  error       // of reading
}

// readSparse reads the file but for those bytes. Where it is no proper model, all
// that follows is read, for the scanner to say so.
func readSparse(h *heldFile, data []byte) (*sparseFile, error) {
	s := &sparseFile{file: h, data: data, read: make([]bool, (len(data)+pageBytes-1)/pageBytes), held: map[int]int{}}
	if at := s.walk(modelMsg, 0, len(data)); at < len(data) {
		s.need(at, len(data))
	}
	return s, s.err
}

// need reads the pages of data[from:to] that are not there yet.
func (s *sparseFile) need(from, to int) {
	for page := from / pageBytes; page*pageBytes < to && s.err == nil; page++ {
		first := page
		for page*pageBytes < to && !s.read[page] {
			s.read[page] = true
			page++
		}
		if page > first {
			at := first * pageBytes
			s.err = s.file.fill(s.data[at:min(page*pageBytes, len(s.data))], int64(at))
		}
	}
}

// walk reads a message of kind k, and gives the place where that ended: before to
// if a field has no valid form.
func (s *sparseFile) walk(k wireKind, from, to int) int {
	for at := from; at < to; {
		next, ok := s.field(k, at, to)
		if !ok || s.err != nil {
			return at
		}
		at = next
	}
	return to
}

// field reads one field.
func (s *sparseFile) field(k wireKind, at, to int) (next int, ok bool) {
	head := min(to, at+3*protowire.SizeVarint(1<<63)) // a tag, and a length or a number
	s.need(at, head)
	num, typ, n := protowire.ConsumeTag(s.data[at:head])
	if n < 0 || typ == protowire.StartGroupType {
		return 0, false
	}
	at += n
	if typ != protowire.BytesType {
		n = protowire.ConsumeFieldValue(num, typ, s.data[at:head])
		return at + n, n >= 0
	}
	size, n := protowire.ConsumeVarint(s.data[at:head])
	if n < 0 || size > uint64(to-at-n) {
		return 0, false
	}
	from := at + n
	next = from + int(size)
	f := k.lookup(num)
	switch {
	case k == modelMsg && f.kind == graphMsg, k == graphMsg && f.kind == tensorMsg:
		return next, s.walk(f.kind, from, next) == next
	case k == tensorMsg && f.kind == formRaw && size >= holdFrom:
		s.held[from] = int(size)
	default:
		s.need(from, next)
	}
	return next, true
}

// swap is the scanner's, for data of which parts were not read.
func (s *sparseFile) swap(kept *payloads) func(at int, raw []byte) piece {
	return func(at int, raw []byte) piece {
		if n, ok := s.held[at]; ok && n == len(raw) {
			return piece{bytes: kept.token(piece{from: window{s.file, int64(at), int64(n)}})}
		}
		p := kept.cut(at, raw)
		if !p.same(raw) { // what the token stands for outlives data
			last := &kept.list[len(kept.list)-1]
			last.bytes = slices.Clone(last.bytes)
		}
		return p
	}
}
