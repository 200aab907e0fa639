package npy

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Array is one array.
type Array struct {
	Shape []int  // empty for a scalar
	Type  string // kind and bytes: "f4", "i8", "u1", "b1", "c8", "V2" and so on
	Data  []byte // little-endian, C order
}

// Limit bounds the bytes of one array that is read.
const Limit = 1 << 34

// ReadFile reads a .npy file.
func ReadFile(path string) (Array, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Array{}, err
	}
	if info.Size() > Limit {
		return Array{}, fmt.Errorf("%s: %d bytes, want at most %d", path, info.Size(), int64(Limit))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Array{}, err
	}
	a, err := Parse(data)
	if err != nil {
		return Array{}, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// ReadArchive reads all arrays of a .npz file; none may have more than limit bytes.
func ReadArchive(path string, limit int64) (map[string]Array, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer z.Close()
	arrays := make(map[string]Array, len(z.File))
	for _, f := range z.File {
		a, err := readEntry(f, limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, f.Name, err)
		}
		arrays[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	return arrays, nil
}

func readEntry(f *zip.File, limit int64) (Array, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return Array{}, fmt.Errorf("%d bytes, want at most %d", f.UncompressedSize64, limit)
	}
	r, err := f.Open()
	if err != nil {
		return Array{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return Array{}, err
	}
	return Parse(data)
}

// Parse reads one array in numpy's .npy format, versions 1 to 3. The array may
// share data.
func Parse(data []byte) (Array, error) {
	text, body, err := split(data)
	if err != nil {
		return Array{}, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return Array{}, err
	}
	want := h.size
	for _, d := range h.shape {
		if d > 0 && want > Limit/d {
			return Array{}, fmt.Errorf("shape %v is too large, want at most %d bytes", h.shape, int64(Limit))
		}
		want *= d
	}
	a := Array{Shape: h.shape, Type: h.kind}
	if len(body) != want {
		return Array{}, fmt.Errorf("shape %v of %s: got %d bytes, want %d", a.Shape, a.Type, len(body), want)
	}
	a.Data = body
	if h.big {
		a.Data = swapped(a.Data, h.unit)
	}
	if h.fortran {
		a.Data = rowMajor(a.Data, h.shape, h.size)
	}
	return a, nil
}

// split takes the text header and the data out of a .npy file. Version 1 has a
// 16-bit header length, versions 2 and 3 a 32-bit one.
func split(data []byte) (header string, body []byte, err error) {
	if len(data) < 10 || !bytes.HasPrefix(data, []byte(magic)) {
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

const magic = "\x93NUMPY"

// header is what a .npy file says of its data.
type header struct {
	shape        []int
	kind         string
	size, unit   int // bytes of an element, and of what has a byte order
	big, fortran bool
}

var (
	headerType  = regexp.MustCompile(`'descr':\s*'([<>|=])([a-zA-Z])(\d{1,2})'`)
	headerOrder = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	headerShape = regexp.MustCompile(`'shape':\s*\(([0-9, ]*)\)`)
)

// parseHeader reads the Python dictionary literal that numpy writes, for example
// {'descr': '<f4', 'fortran_order': False, 'shape': (98, 128), }.
func parseHeader(text string) (header, error) {
	descr, order, shape := headerType.FindStringSubmatch(text), headerOrder.FindStringSubmatch(text), headerShape.FindStringSubmatch(text)
	if order == nil || shape == nil || !strings.Contains(text, "'descr'") {
		return header{}, fmt.Errorf("npy header %q lacks descr, fortran_order or shape", text)
	}
	if descr == nil {
		return header{}, fmt.Errorf("npy header %q: elements of this type cannot be read", text)
	}
	h := header{kind: descr[2] + descr[3], big: descr[1] == ">", fortran: order[1] == "True"}
	if h.size = Size(h.kind); h.size == 0 {
		return header{}, fmt.Errorf("type %s, want one of %v", descr[1]+h.kind, kinds)
	}
	h.unit = h.size
	if descr[2] == "c" {
		h.unit /= 2
	}
	for _, s := range strings.Split(shape[1], ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		d, err := strconv.Atoi(s)
		if err != nil {
			return header{}, fmt.Errorf("npy shape (%s): %w", shape[1], err)
		}
		h.shape = append(h.shape, d)
	}
	return h, nil
}

// kinds are the types that are read and written.
var kinds = []string{"b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "V1", "V2"}

// Size is the bytes of an element of a type, 0 for one that is not known.
func Size(kind string) int {
	if !slices.Contains(kinds, kind) {
		return 0
	}
	n, err := strconv.Atoi(kind[1:])
	if err != nil {
		return 0
	}
	return n
}

// swapped turns the bytes of each unit round.
func swapped(data []byte, unit int) []byte {
	out := slices.Clone(data)
	for i := 0; i+unit <= len(out); i += unit {
		slices.Reverse(out[i : i+unit])
	}
	return out
}

// rowMajor brings elements of the given size from Fortran order to C order.
func rowMajor(data []byte, shape []int, size int) []byte {
	out := make([]byte, 0, len(data))
	index := make([]int, len(shape))
	for len(out) < len(data) {
		at, stride := 0, size
		for axis, n := range shape {
			at += index[axis] * stride
			stride *= n
		}
		out = append(out, data[at:at+size]...)
		for axis := len(shape) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return out
}
