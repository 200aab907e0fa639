package testutil_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// npy builds a version 1 array the way numpy writes it: the header is padded
// with blanks so that the data starts at a multiple of 64.
func npy(descr, order, shape string, data any) []byte {
	h := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape)
	h += strings.Repeat(" ", 63-(10+len(h))%64) + "\n"
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	binary.Write(&b, binary.LittleEndian, uint16(len(h)))
	b.WriteString(h)
	binary.Write(&b, binary.LittleEndian, data)
	return b.Bytes()
}

func writeNPZ(t testing.TB, method uint16, entries map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: method})
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "golden.npz")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadNPZ(t *testing.T) {
	entries := map[string][]byte{
		"f4":     npy("<f4", "False", "(2, 3)", []float32{1, -2, 3.5, 0, 5, 6}),
		"f8":     npy("<f8", "False", "(2,)", []float64{math.Pi, -1}),
		"i8":     npy("<i8", "False", "(3,)", []int64{-5, 1 << 40, 0}),
		"i4":     npy("<i4", "False", "(1, 1)", []int32{-7}),
		"b1":     npy("|b1", "False", "(2,)", []uint8{0, 1}),
		"scalar": npy("<i8", "False", "()", []int64{16000}),
		"empty":  npy("<f4", "False", "(0, 128)", []float32{}),
	}
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		got, err := testutil.ReadNPZ(writeNPZ(t, method, entries))
		if err != nil {
			t.Fatalf("method %d: %v", method, err)
		}
		if a := got["f4"]; !slices.Equal(a.Shape, []int{2, 3}) || !slices.Equal(a.Float32s(), []float32{1, -2, 3.5, 0, 5, 6}) {
			t.Errorf("f4: got %v %v", a.Shape, a.Float32s())
		}
		if a := got["f8"]; !slices.Equal(a.Float64s(), []float64{math.Pi, -1}) || a.Float32s()[0] != float32(math.Pi) {
			t.Errorf("f8: got %v", a.Float64s())
		}
		if a := got["i8"]; !slices.Equal(a.Int64s(), []int64{-5, 1 << 40, 0}) {
			t.Errorf("i8: got %v", a.Int64s())
		}
		if a := got["i4"]; !slices.Equal(a.Ints(), []int{-7}) || a.Float64s()[0] != -7 {
			t.Errorf("i4: got %v", a.Ints())
		}
		if a := got["b1"]; !slices.Equal(a.Bools(), []bool{false, true}) || a.DType != "|b1" {
			t.Errorf("b1: got %v", a.Bools())
		}
		if a := got["scalar"]; len(a.Shape) != 0 || a.Len() != 1 || a.Ints()[0] != 16000 {
			t.Errorf("scalar: got shape %v, %d elements", a.Shape, a.Len())
		}
		if a := got["empty"]; a.Len() != 0 || !slices.Equal(a.Shape, []int{0, 128}) {
			t.Errorf("empty: got shape %v, %d elements", a.Shape, a.Len())
		}
	}
}

func TestParseNPYRefuses(t *testing.T) {
	good := npy("<f4", "False", "(2,)", []float32{1, 2})
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"no magic", []byte("PK\x03\x04 something else"), "without the magic"},
		{"short", good[:8], "without the magic"},
		{"version 9", append([]byte("\x93NUMPY\x09\x00"), good[8:]...), "version 9"},
		{"header past the end", good[:40], "left"},
		{"data cut", good[:len(good)-1], "got 7 bytes, want 8"},
		{"data long", append(slices.Clone(good), 0), "got 9 bytes, want 8"},
		{"complex", npy("<c8", "False", "(1,)", []float32{1, 2}), "type <c8"},
		{"no shape", npy("<f4", "False", "None", []float32{}), "lacks"},
		{"shape too large", npy("<f4", "False", "(4294967296, 4294967296)", []float32{}), "too large"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := testutil.ParseNPY(c.data)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestReadNPZRefuses(t *testing.T) {
	if _, err := testutil.ReadNPZ(filepath.Join(t.TempDir(), "absent.npz")); err == nil {
		t.Error("got no error for a file that does not exist")
	}
	bad := writeNPZ(t, zip.Store, map[string][]byte{"mel": []byte("text")})
	if _, err := testutil.ReadNPZ(bad); err == nil || !strings.Contains(err.Error(), "mel.npy") {
		t.Errorf("got error %v, want one that names mel.npy", err)
	}
}

// FuzzParseNPY: no input panics, and what parses has data for its shape.
func FuzzParseNPY(f *testing.F) {
	f.Add(npy("<f4", "False", "(2, 3)", make([]float32, 6)))
	f.Add(npy("|b1", "False", "()", []uint8{1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := testutil.ParseNPY(data)
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.Shape {
			n *= d
		}
		if len(a.Float64s()) != n {
			t.Errorf("shape %v with %d elements", a.Shape, len(a.Float64s()))
		}
	})
}

func ExampleParseNPY() {
	a, err := testutil.ParseNPY(npy("<f4", "False", "(2, 2)", []float32{1, 2, 3, 4}))
	fmt.Println(a.Shape, a.DType, a.Float32s(), err)
	// Output: [2 2] <f4 [1 2 3 4] <nil>
}
