package graphsurgery

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// field appends one field of bytes to a message.
func field(message []byte, number protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(message, number, protowire.BytesType), body)
}

func TestParseDatum(t *testing.T) {
	one, err := proto.Marshal(NewTensor([]int64{2}, []int64{4, 5}).pb)
	if err != nil {
		t.Fatal(err)
	}
	kind := func(n uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), n)
	}
	sequence := field(field(field(kind(1), 1, []byte("name")), 3, one), 3, one)
	deep := []byte{}
	for range maxNesting + 2 {
		deep = field(nil, 5, deep)
	}
	for _, c := range []struct {
		name  string
		data  []byte
		kind  Kind
		items int // of the outermost value
		fail  string
	}{
		{"tensor", one, KindTensor, 0, ""},
		{"sequence", sequence, KindSequence, 2, ""},
		{"empty sequence", kind(1), KindSequence, 0, ""},
		{"sequence of sequences", field(kind(3), 5, sequence), KindSequence, 1, ""},
		{"optional", field(kind(1), 3, one), KindOptional, 1, ""},
		{"optional sequence", field(kind(3), 5, sequence), KindOptional, 1, ""},
		{"optional without a value", kind(0), KindOptional, 0, ""},
		{"two in an optional", field(field(nil, 3, one), 3, one), KindOptional, 0, "an optional holds 2"},
		{"truncated", sequence[:len(sequence)-1], KindSequence, 0, "not a serialised sequence"},
		{"bad tensor", field(nil, 3, []byte{0xff}), KindSequence, 0, "not a serialised tensor"},
		{"too deep", deep, KindSequence, 0, "nested more than"},
		{"map in a sequence", field(nil, 6, nil), KindSequence, 0, "a map"},
		{"map", nil, KindMap, 0, "a map"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := ParseDatum(c.data, c.kind)
			if c.fail != "" {
				if err == nil || !strings.Contains(err.Error(), c.fail) {
					t.Fatalf("error is %v, want one with %q", err, c.fail)
				}
				return
			}
			if err != nil || d.Kind != c.kind || len(d.Items) != c.items {
				t.Fatalf("got kind %d with %d items, %v; want kind %d with %d", d.Kind, len(d.Items), err, c.kind, c.items)
			}
			for len(d.Items) > 0 {
				d = d.Items[len(d.Items)-1]
			}
			if d.Kind != KindTensor {
				return
			}
			if got, err := d.Tensor.Int64s(); err != nil || !slices.Equal(got, []int64{4, 5}) {
				t.Errorf("the last tensor holds %v, %v; want [4 5]", got, err)
			}
		})
	}
}

// FuzzParseDatum: no input panics, and a failure is an error of this package.
func FuzzParseDatum(f *testing.F) {
	one, err := proto.Marshal(NewTensor([]int64{1}, []float32{1}).pb)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(one, uint8(KindTensor))
	f.Add(field(nil, 5, field(nil, 3, one)), uint8(KindSequence))
	f.Add(field(nil, 7, field(nil, 3, one)), uint8(KindOptional))
	f.Fuzz(func(t *testing.T, data []byte, kind uint8) {
		_, err := ParseDatum(data, Kind(kind))
		var format *FormatError
		var unsupported *UnsupportedError
		if err != nil && !errors.As(err, &format) && !errors.As(err, &unsupported) {
			t.Errorf("error %v of type %T", err, err)
		}
	})
}

func TestValueKind(t *testing.T) {
	m, err := ParseText(`<ir_version: 8, opset_import: ["" : 17]>
		g (float[2] x, seq(float[2]) s, optional(float[2]) o, map(int64, float[2]) m, sparse_tensor(float[2]) z, u) => (float[2] y)
		<float[2] w = {1, 2}> { y = Add(x, w) }`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Kind{"x": KindTensor, "s": KindSequence, "o": KindOptional, "m": KindMap, "z": KindSparse, "u": KindTensor, "w": KindTensor} {
		if got := m.Graph.Value(name).Kind(); got != want {
			t.Errorf("%s is of kind %d, want %d", name, got, want)
		}
	}
}
