package graphsurgery

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// scanner walks the bytes of an encoded model before (when loading) or after
// (when writing) the protobuf library sees them. It counts what decoding would
// allocate, and cuts the tensors' raw bytes out or puts them back in, so that
// the library never copies them.
type scanner struct {
	data   []byte
	file   string
	limits *Limits                        // nil: nothing is limited
	swap   func(at int, raw []byte) piece // what stands in raw's place; raw itself for no change
	cuts   []cut

	depth, graphs int
	counts        [tallies]int64
	memory        int64
	unknown       int64
	message       wireMessage // the one being walked
}

// wireMessage is what the scanner knows of one message.
type wireMessage struct {
	rank, elements int64
	product        int64 // of the dimensions that are not 0
	plain          int64 // bytes of fields that are not messages
}

// cut replaces data[from:to].
type cut struct {
	from, to int
	put      piece
}

// scan walks the whole model. grown is the change in length that the cuts make.
func (s *scanner) scan() (grown int64, err error) { return s.walk(modelMsg, 0, len(s.data)) }

func (s *scanner) broken(at int, format string, args ...any) error {
	return &FormatError{File: s.file, Offset: int64(at), What: fmt.Sprintf(format, args...)}
}

// walk visits the fields of the message of kind k in data[from:to].
func (s *scanner) walk(k wireKind, from, to int) (int64, error) {
	if s.depth == maxRecursion {
		return 0, s.broken(from, "messages are nested more than %d deep", maxRecursion)
	}
	outer := s.message
	s.message = wireMessage{product: 1}
	s.depth++
	var grown int64
	for at := from; at < to; {
		next, g, err := s.field(k, at, to)
		if err != nil {
			return 0, err
		}
		at, grown = next, grown+g
	}
	if m := s.message; k == tensorMsg && m.elements > 2*min(m.product, math.MaxInt64/2) && s.limits != nil {
		return 0, s.broken(from, "a tensor has %d values, more than its shape holds", m.elements)
	}
	s.depth--
	s.message = outer
	return grown, nil
}

// field visits one field of a message of kind k and gives the place behind it.
func (s *scanner) field(k wireKind, at, to int) (next int, grown int64, err error) {
	num, typ, n := protowire.ConsumeTag(s.data[at:to])
	if n < 0 {
		return 0, 0, s.cutShort(at, n)
	}
	start := at + n
	var from int // of the value
	if typ == protowire.BytesType {
		var size uint64
		if from, next, size, n = s.span(start, to); n == endOfInput && size > 0 {
			return 0, 0, s.broken(at, "not an ONNX file, or cut short: a field reaches past the end: it declares %d bytes, and %d are left", size, to-from)
		}
	} else {
		n = protowire.ConsumeFieldValue(num, typ, s.data[start:to])
		from, next = start, start+n
	}
	switch {
	case typ == protowire.StartGroupType:
		return 0, 0, s.broken(at, "not an ONNX file: field %d is a group, which no ONNX version has", num)
	case n < 0:
		return 0, 0, s.cutShort(at, n)
	}
	f := k.lookup(num)
	if !f.fits(typ) {
		s.unknown += int64(next - at)
		return next, 0, s.within("bytes of fields that are not ONNX's", s.unknown, func(l *Limits) int64 { return l.UnknownBytes })
	}
	if !f.kind.isMessage() && k == attributeMsg {
		s.message.plain += f.decodedLen(s.data[from:next])
		if err := s.within("bytes of one attribute", s.message.plain, func(l *Limits) int64 { return l.AttributeBytes }); err != nil {
			return 0, 0, err
		}
	}
	if typ != protowire.BytesType {
		return next, 0, s.numbers(k, f, s.data[start:next])
	}
	grown, err = s.bytes(k, f, start, from, next)
	return next, grown, err
}

// span finds the value of a length-delimited field; n is negative if it does not
// lie before to. size is the length that it declares.
func (s *scanner) span(start, to int) (from, end int, size uint64, n int) {
	size, n = protowire.ConsumeVarint(s.data[start:to])
	if n < 0 {
		return 0, 0, 0, n
	}
	from = start + n
	if size > uint64(to-from) {
		return from, 0, size, endOfInput
	}
	return from, from + int(size), size, n
}

// endOfInput is protowire's code for it.
const endOfInput = -1

func (s *scanner) cutShort(at, code int) error {
	if code == endOfInput {
		return s.broken(at, "not an ONNX file, or cut short: a field reaches past the end")
	}
	return s.broken(at, "not an ONNX file, or damaged: a field has no valid form")
}

// bytes visits a length-delimited field: its length at data[at:from], its value at
// data[from:to].
func (s *scanner) bytes(k wireKind, f wireField, at, from, to int) (int64, error) {
	body := s.data[from:to]
	switch {
	case f.kind.isMessage():
		if err := s.count(f, 1); err != nil {
			return 0, err
		}
		return s.nested(f.kind, at, from, to)
	case f.kind == formRaw:
		if err := s.count(f, 1); err != nil {
			return 0, err
		}
		return s.raw(at, from, to), nil
	case f.kind == formName:
		if err := s.within("bytes of one name", int64(len(body)), func(l *Limits) int64 { return int64(l.NameBytes) }); err != nil {
			return 0, err
		}
		return 0, s.count(f, 1)
	case f.kind == formBytes:
		return 0, s.count(f, 1)
	}
	return 0, s.numbers(k, f, body)
}

// nested walks a message and, if it changes in length, its length too.
func (s *scanner) nested(k wireKind, at, from, to int) (int64, error) {
	if k == graphMsg {
		// The main graph is the first.
		if s.graphs++; s.limits != nil && s.graphs > s.limits.Nesting+1 {
			return 0, s.broken(at, "graphs are nested more than %d deep", s.limits.Nesting)
		}
		defer func() { s.graphs-- }()
	}
	place := len(s.cuts)
	s.cuts = append(s.cuts, cut{from: at, to: from})
	grown, err := s.walk(k, from, to)
	if err != nil {
		return 0, err
	}
	if len(s.cuts) == place+1 {
		s.cuts = s.cuts[:place] // nothing inside changed
		return 0, nil
	}
	return grown + s.setLength(place, int64(to-from)+grown), nil
}

// setLength makes a cut a new length, and gives by how much that is longer.
func (s *scanner) setLength(place int, n int64) int64 {
	c := &s.cuts[place]
	c.put = piece{bytes: protowire.AppendVarint(nil, uint64(n))}
	return c.put.size() - int64(c.to-c.from)
}

// raw swaps the raw bytes of a tensor.
func (s *scanner) raw(at, from, to int) int64 {
	body := s.data[from:to:to]
	put := s.swap(from, body)
	if put.same(body) {
		return 0
	}
	place := len(s.cuts)
	s.cuts = append(s.cuts, cut{from: at, to: from}, cut{from: from, to: to, put: put})
	return put.size() - int64(to-from) + s.setLength(place, put.size())
}

// numbers counts the elements of a field of numbers, packed or not.
func (s *scanner) numbers(k wireKind, f wireField, body []byte) error {
	n := int64(1)
	switch f.kind {
	case formVarints:
		n = countVarints(body)
	case formFixed4:
		n = int64(len(body) / 4)
	case formFixed8:
		n = int64(len(body) / 8)
	}
	if err := s.count(f, n); err != nil {
		return err
	}
	for k == tensorMsg && f.tally == tallyRank && len(body) > 0 {
		d, n := protowire.ConsumeVarint(body)
		if n < 0 {
			return s.broken(0, "a tensor's shape is cut short")
		}
		body = body[n:]
		s.message.multiply(int64(d))
	}
	return nil
}

func (m *wireMessage) multiply(d int64) {
	switch {
	case d <= 0:
	case m.product > math.MaxInt64/d:
		m.product = math.MaxInt64
	default:
		m.product *= d
	}
}

// decodedLen is the length of a plain value in memory, for each string its header.
func (f wireField) decodedLen(body []byte) int64 {
	if f.kind == formVarints {
		return 8 * countVarints(body)
	}
	return int64(len(body)) + 16
}

// countVarints counts the bytes that end a varint.
func countVarints(b []byte) int64 {
	n := 0
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(^binary.LittleEndian.Uint64(b) & 0x8080808080808080)
	}
	for _, c := range b {
		if c < 0x80 {
			n++
		}
	}
	return int64(n)
}

// count adds n occurrences of a field.
func (s *scanner) count(f wireField, n int64) error {
	if s.limits == nil {
		return nil
	}
	s.memory += int64(f.cost) * n
	if budget := decodedFloor + decodedFactor*int64(len(s.data)); s.memory > budget {
		return beyondLimit(s.file, "bytes of memory its messages take", s.memory, budget)
	}
	switch f.tally {
	case tallyNone:
		return nil
	case tallyRank:
		s.message.rank += n
		return s.within("dimensions of one shape", s.message.rank, func(l *Limits) int64 { return int64(l.Rank) })
	case tallyElements:
		s.message.elements += n
		return nil
	}
	s.counts[f.tally] += n
	return s.within(tallyNames[f.tally], s.counts[f.tally], func(l *Limits) int64 { return l.of(f.tally) })
}

var tallyNames = [...]string{tallyNodes: "nodes", tallyInitializers: "initialisers", tallyValues: "values", tallyFunctions: "functions", tallyMetadata: "metadata entries", tallyElements: ""}

// of is the limit of a tally over the whole model.
func (l *Limits) of(t tally) int64 {
	switch t {
	case tallyNodes:
		return int64(l.Nodes)
	case tallyInitializers:
		return int64(l.Initializers)
	case tallyValues:
		return int64(l.Values)
	case tallyFunctions:
		return int64(l.Functions)
	}
	return int64(l.Metadata)
}

// within is an error if got is beyond the limit.
func (s *scanner) within(what string, got int64, limit func(*Limits) int64) error {
	if s.limits == nil {
		return nil
	}
	if l := limit(s.limits); got > l {
		return beyondLimit(s.file, what, got, l)
	}
	return nil
}
