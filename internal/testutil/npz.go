package testutil

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// maxEntry bounds one array of an archive, in bytes. Golden files are small; a
// larger one is a mistake worth an error.
const maxEntry = 1 << 28

// Array is one numpy array: row-major (C order), little-endian.
type Array struct {
	Shape []int  // empty for a scalar
	DType string // numpy's name: "<f4", "<f8", "<i8", "<i4" or "|b1"

	raw []byte
}

// ReadNPZ reads a numpy archive (np.savez or np.savez_compressed) and returns
// its arrays by key. It accepts float32, float64, int64, int32 and bool arrays
// in C order, and refuses everything else by key and type.
func ReadNPZ(path string) (map[string]Array, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer z.Close()
	arrays := make(map[string]Array, len(z.File))
	for _, f := range z.File {
		a, err := readEntry(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, f.Name, err)
		}
		arrays[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	return arrays, nil
}

func readEntry(f *zip.File) (Array, error) {
	if f.UncompressedSize64 > maxEntry {
		return Array{}, fmt.Errorf("%d bytes, want at most %d", f.UncompressedSize64, maxEntry)
	}
	r, err := f.Open()
	if err != nil {
		return Array{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxEntry+1))
	if err != nil {
		return Array{}, err
	}
	return ParseNPY(data)
}

// ParseNPY reads one array in numpy's .npy format, versions 1 to 3.
func ParseNPY(data []byte) (Array, error) {
	header, body, err := splitNPY(data)
	if err != nil {
		return Array{}, err
	}
	a, err := parseHeader(header)
	if err != nil {
		return Array{}, err
	}
	want := a.itemSize()
	for _, d := range a.Shape {
		if d > 0 && want > maxEntry/d {
			return Array{}, fmt.Errorf("shape %v is too large, want at most %d bytes", a.Shape, maxEntry)
		}
		want *= d
	}
	if len(body) != want {
		return Array{}, fmt.Errorf("shape %v of %s: got %d bytes, want %d", a.Shape, a.DType, len(body), want)
	}
	a.raw = body
	return a, nil
}

// splitNPY takes the text header and the data out of a .npy file. Version 1
// has a 16-bit header length, versions 2 and 3 a 32-bit one.
func splitNPY(data []byte) (header string, body []byte, err error) {
	if len(data) < 10 || !bytes.HasPrefix(data, []byte("\x93NUMPY")) {
		return "", nil, fmt.Errorf("not an npy array: %d bytes without the magic", len(data))
	}
	start, n := 10, uint64(binary.LittleEndian.Uint16(data[8:]))
	switch major := data[6]; major {
	case 1:
	case 2, 3:
		if len(data) < 12 {
			return "", nil, fmt.Errorf("npy header cut at %d bytes", len(data))
		}
		start, n = 12, uint64(binary.LittleEndian.Uint32(data[8:]))
	default:
		return "", nil, fmt.Errorf("npy version %d, want 1 to 3", major)
	}
	if n > uint64(len(data)-start) {
		return "", nil, fmt.Errorf("npy header of %d bytes, %d left", n, len(data)-start)
	}
	return string(data[start : start+int(n)]), data[start+int(n):], nil
}

// parseHeader reads the Python dictionary literal that numpy writes, for
// example {'descr': '<f4', 'fortran_order': False, 'shape': (98, 128), }.
func parseHeader(text string) (Array, error) {
	descr := regexp.MustCompile(`'descr':\s*'([^']*)'`).FindStringSubmatch(text)
	order := regexp.MustCompile(`'fortran_order':\s*(True|False)`).FindStringSubmatch(text)
	shape := regexp.MustCompile(`'shape':\s*\(([0-9, ]*)\)`).FindStringSubmatch(text)
	if descr == nil || order == nil || shape == nil {
		return Array{}, fmt.Errorf("npy header %q lacks descr, fortran_order or shape", text)
	}
	a := Array{DType: descr[1]}
	if a.itemSize() == 0 {
		return Array{}, fmt.Errorf("type %s, want <f4, <f8, <i8, <i4 or |b1", a.DType)
	}
	if order[1] == "True" {
		return Array{}, fmt.Errorf("fortran order, want C order: save np.ascontiguousarray(x)")
	}
	for _, s := range strings.Split(shape[1], ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		d, err := strconv.Atoi(s)
		if err != nil {
			return Array{}, fmt.Errorf("npy shape (%s): %w", shape[1], err)
		}
		a.Shape = append(a.Shape, d)
	}
	return a, nil
}

// itemSize is the bytes of one element, 0 for a type this reader does not know.
func (a Array) itemSize() int {
	switch a.DType {
	case "<f8", "<i8":
		return 8
	case "<f4", "<i4":
		return 4
	case "|b1":
		return 1
	}
	return 0
}

// Len is the number of elements.
func (a Array) Len() int {
	if a.itemSize() == 0 {
		return 0
	}
	return len(a.raw) / a.itemSize()
}

// Float64s returns the elements as float64; exact for every type but large int64.
func (a Array) Float64s() []float64 {
	return convert(a, func(v float64) float64 { return v }, func(v int64) float64 { return float64(v) })
}

// Float32s returns the elements as float32; float64 and integers are rounded.
func (a Array) Float32s() []float32 {
	return convert(a, func(v float64) float32 { return float32(v) }, func(v int64) float32 { return float32(v) })
}

// Int64s returns the elements as int64; floats are truncated towards zero.
func (a Array) Int64s() []int64 {
	return convert(a, func(v float64) int64 { return int64(v) }, func(v int64) int64 { return v })
}

// Ints returns the elements as int, for lengths and indices.
func (a Array) Ints() []int {
	return convert(a, func(v float64) int { return int(v) }, func(v int64) int { return int(v) })
}

// Bools returns the elements as bool: true where they are not zero.
func (a Array) Bools() []bool {
	return convert(a, func(v float64) bool { return v != 0 }, func(v int64) bool { return v != 0 })
}

// convert applies fromFloat or fromInt to each element, as its type asks.
func convert[T any](a Array, fromFloat func(float64) T, fromInt func(int64) T) []T {
	out := make([]T, a.Len())
	le := binary.LittleEndian
	for i := range out {
		switch a.DType {
		case "<f4":
			out[i] = fromFloat(float64(math.Float32frombits(le.Uint32(a.raw[4*i:]))))
		case "<f8":
			out[i] = fromFloat(math.Float64frombits(le.Uint64(a.raw[8*i:])))
		case "<i4":
			out[i] = fromInt(int64(int32(le.Uint32(a.raw[4*i:]))))
		case "<i8":
			out[i] = fromInt(int64(le.Uint64(a.raw[8*i:])))
		case "|b1":
			out[i] = fromInt(int64(a.raw[i]))
		}
	}
	return out
}
