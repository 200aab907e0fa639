package graphsurgery

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// loadSeeds are models with something of everything, and some that are broken.
func loadSeeds(f *testing.F) [][]byte {
	seeds := [][]byte{encode(f, chain()), encode(f, withIf()), encode(f, limited()), encode(f, randomModel(1)), encode(f, randomModel(7)), []byte("not a model")}
	for _, c := range malicious {
		if c.kind == unsupported {
			continue // most are large
		}
		if b := c.file(); len(b) < 10_000 {
			seeds = append(seeds, b)
		}
	}
	small, err := os.ReadFile("../testdata/small/mlp.onnx")
	if err != nil {
		f.Fatal(err)
	}
	return append(seeds, small)
}

// fuzzLoad demands of any bytes: no panic, under a second, memory within bounds; and
// of what is accepted: the message the protobuf library decodes, bytes that are
// the library's, a copy that is the same, and a judgement by Verify.
func fuzzLoad(t *testing.T, data []byte) {
	begin := time.Now()
	var m *Model
	var err error
	// The scan lets through what it takes for 64 MiB and 16 times the file; growing
	// slices leave as much garbage at most.
	if got, limit := allocated(func() { m, err = Parse(data) }), 2*int64(decodedFloor+decodedFactor*len(data)); got > limit {
		t.Fatalf("%d bytes allocated %d, want at most %d", len(data), got, limit)
	}
	if d := time.Since(begin); d > time.Second {
		t.Fatalf("%d bytes took %v", len(data), d)
	}
	if err != nil {
		return
	}
	want := &pb.ModelProto{}
	if err := proto.Unmarshal(data, want); err != nil {
		t.Fatalf("accepted, but the library says %v", err)
	}
	once := encode(t, want)
	m.original = nil
	for _, model := range []*Model{m, m.Clone()} {
		got, err := model.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, once) {
			t.Fatal("written other bytes than the library writes")
		}
	}
	if _, err := Parse(once); err != nil {
		t.Fatalf("what was written is refused: %v", err)
	}
	useModel(m)
}

// useModel reads everything that can be read.
func useModel(m *Model) {
	_ = m.Verify()
	for _, v := range m.Graph.Inputs() {
		_, _ = v.DType(), v.Shape()
	}
	m.eachTensor(func(x *Tensor, _ bool) {
		_, _ = x.Raw()
		_, _ = x.Float32s()
		_, _ = x.Float64s()
		_, _ = x.Int64s()
		_, _ = x.Strings()
		_, _ = x.Digest()
	})
}

// FuzzParse tries any bytes.
func FuzzParse(f *testing.F) {
	for _, seed := range loadSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(fuzzLoad)
}

// FuzzMutate changes valid models in their structure: fields deleted, given again,
// moved to other messages, with other numbers or lengths.
func FuzzMutate(f *testing.F) {
	seeds := loadSeeds(f)
	for i := range seeds {
		f.Add(uint8(i), uint64(i), uint8(3))
	}
	f.Fuzz(func(t *testing.T, pick uint8, seed uint64, steps uint8) {
		r := rand.New(rand.NewPCG(seed, 2))
		data := bytes.Clone(seeds[int(pick)%len(seeds)])
		for range steps%8 + 1 {
			data = mutate(r, data, seeds[r.IntN(len(seeds))], 0)
		}
		fuzzLoad(t, data)
	})
}

// TestMutations runs some of what FuzzMutate tries.
func TestMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 500 {
		data := encode(t, randomModel(r.Uint64N(20)))
		for range r.IntN(4) + 1 {
			data = mutate(r, data, data, 0)
		}
		fuzzLoad(t, data)
		if _, err := Parse(data); err == nil {
			accepted++
		}
	}
	if accepted < 50 || accepted > 480 {
		t.Errorf("%d of 500 mutated models were accepted, want some of both", accepted)
	}
}

// fieldsOf splits a message into its fields; ok is false if it is none.
func fieldsOf(data []byte) (fields [][]byte, ok bool) {
	for len(data) > 0 {
		_, _, n := protowire.ConsumeField(data)
		if n < 0 {
			return nil, false
		}
		fields = append(fields, data[:n])
		data = data[n:]
	}
	return fields, true
}

// mutate makes one change, at a random depth.
func mutate(r *rand.Rand, data, donor []byte, depth int) []byte {
	fields, ok := fieldsOf(data)
	if !ok || len(fields) == 0 {
		return flip(r, data)
	}
	i := r.IntN(len(fields))
	if num, typ, n := protowire.ConsumeTag(fields[i]); typ == protowire.BytesType && r.IntN(4) > 0 && depth < 12 {
		body, _ := protowire.ConsumeBytes(fields[i][n:])
		fields[i] = protowire.AppendBytes(protowire.AppendTag(nil, num, typ), mutate(r, body, donor, depth+1))
		return bytes.Join(fields, nil)
	}
	switch r.IntN(7) {
	case 0:
		fields[i] = nil
	case 1:
		fields = append(fields, fields[i])
	case 2:
		j := r.IntN(len(fields))
		fields[i], fields[j] = fields[j], fields[i]
	case 3:
		fields[i] = flip(r, fields[i])
	case 4:
		if others, ok := fieldsOf(donor); ok && len(others) > 0 {
			fields[i] = others[r.IntN(len(others))]
		}
	case 5:
		num, _, n := protowire.ConsumeTag(fields[i])
		fields[i] = append(protowire.AppendTag(nil, num, protowire.Type(r.IntN(6))), fields[i][n:]...)
	case 6:
		_, typ, n := protowire.ConsumeTag(fields[i])
		fields[i] = append(protowire.AppendTag(nil, protowire.Number(r.IntN(30)+1), typ), fields[i][n:]...)
	}
	return bytes.Join(fields, nil)
}

// flip changes one byte, to one of the values that decide something in a varint.
func flip(r *rand.Rand, data []byte) []byte {
	if len(data) == 0 {
		return []byte{byte(r.Uint32())}
	}
	data = bytes.Clone(data)
	data[r.IntN(len(data))] = []byte{0, 1, 0x7f, 0x80, 0xff, byte(r.Uint32())}[r.IntN(6)]
	return data
}
