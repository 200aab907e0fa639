package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// file builds a version 1 array the way numpy writes it.
func file(descr, order, shape string, data any) []byte {
	h := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape)
	h += strings.Repeat(" ", 63-(10+len(h))%64) + "\n"
	b := binary.LittleEndian.AppendUint16([]byte(magic+"\x01\x00"), uint16(len(h)))
	b = append(b, h...)
	if raw, ok := data.([]byte); ok {
		return append(b, raw...)
	}
	b, err := binary.Append(b, binary.LittleEndian, data)
	if err != nil {
		panic(err)
	}
	return b
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want Array
	}{
		{"matrix", file("<i2", "False", "(2, 3)", []int16{1, 2, 3, 4, 5, 6}), Array{[]int{2, 3}, "i2", []byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0}}},
		{"fortran", file("<i2", "True", "(2, 3)", []int16{1, 4, 2, 5, 3, 6}), Array{[]int{2, 3}, "i2", []byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0}}},
		{"fortran, rank 3", file("|u1", "True", "(2, 1, 2)", []byte{1, 3, 2, 4}), Array{[]int{2, 1, 2}, "u1", []byte{1, 2, 3, 4}}},
		{"big endian", file(">i2", "False", "(1,)", []byte{1, 2}), Array{[]int{1}, "i2", []byte{2, 1}}},
		{"big endian complex", file(">c8", "False", "(1,)", []byte{1, 2, 3, 4, 5, 6, 7, 8}), Array{[]int{1}, "c8", []byte{4, 3, 2, 1, 8, 7, 6, 5}}},
		{"bfloat16", file("|V2", "False", "(1,)", []byte{0, 0x3f}), Array{[]int{1}, "V2", []byte{0, 0x3f}}},
		{"scalar", file("|b1", "False", "()", []byte{1}), Array{nil, "b1", []byte{1}}},
		{"empty", file("<f8", "True", "(0, 3)", []byte{}), Array{[]int{0, 3}, "f8", []byte{}}},
	} {
		if got, err := Parse(c.data); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"objects", file("|O", "False", "(1,)", []byte{1}), "cannot be read"},
		{"strings", file("<U3", "False", "(1,)", make([]byte, 12)), "type <U3, want one of"},
		{"structure", file("<f4", "False", "(1,)", make([]byte, 4))[:0], "without the magic"},
		{"no shape", file("<f4", "False", "None", []byte{}), "lacks"},
		{"short", file("<f4", "False", "(2,)", []byte{1, 2, 3, 4}), "got 4 bytes, want 8"},
		{"too large", file("<f4", "False", "(4294967296, 4294967296)", []byte{}), "too large"},
	} {
		if _, err := Parse(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", c.name, err, c.want)
		}
	}
}

// TestWriteArchive: what is written reads back, for every type; the same arrays
// give the same bytes; and numpy's rule that data begins at a multiple of 64 holds.
func TestWriteArchive(t *testing.T) {
	var arrays []Named
	for i, kind := range kinds {
		data := make([]byte, 6*Size(kind))
		for k := range data {
			data[k] = byte(k + i)
		}
		arrays = append(arrays, Named{"layer/" + kind, Array{[]int{2, 3}, kind, data}})
	}
	arrays = append(arrays, Named{"scalar", Array{nil, "f4", []byte{1, 2, 3, 4}}}, Named{"vector", Array{[]int{1}, "u1", []byte{9}}},
		Named{"empty", Array{[]int{0, 2}, "i8", []byte{}}})
	var first, second bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &second} {
		if err := WriteArchive(b, arrays); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same arrays give different bytes")
	}
	path := filepath.Join(t.TempDir(), "a.npz")
	if err := os.WriteFile(path, first.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := ReadArchive(path, 1<<20)
	if err != nil || len(got) != len(arrays) {
		t.Fatalf("got %d arrays, %v; want %d", len(got), err, len(arrays))
	}
	for _, a := range arrays {
		if g := got[a.Name]; g.Type != a.Type || !slices.Equal(g.Shape, a.Shape) || !bytes.Equal(g.Data, a.Data) {
			t.Errorf("%s: got %v, want %v", a.Name, g, a.Array)
		}
	}
	for shape, want := range map[string][]int{"()": nil, "(3,)": {3}, "(2, 0)": {2, 0}} {
		if got := tuple(want); got != shape {
			t.Errorf("shape %v is written %s, want %s", want, got, shape)
		}
	}
	if err := WriteArchive(&first, []Named{{"x", Array{[]int{2}, "f4", make([]byte, 4)}}}); err == nil {
		t.Error("an array without enough bytes was written")
	}
}

// FuzzParse: no input panics, and what parses has data for its shape.
func FuzzParse(f *testing.F) {
	f.Add(file("<f4", "True", "(2, 3)", make([]float32, 6)))
	f.Add(file(">c16", "False", "()", make([]byte, 16)))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Parse(data)
		if err != nil {
			return
		}
		n := Size(a.Type)
		for _, d := range a.Shape {
			n *= d
		}
		if len(a.Data) != n {
			t.Errorf("shape %v of %s with %d bytes", a.Shape, a.Type, len(a.Data))
		}
	})
}
