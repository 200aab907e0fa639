// Package safetensors reads and writes files of that format: eight bytes, little-
// endian, with the length of a JSON header, the header, and the tensors' bytes. The
// header gives each tensor's type, shape and place, and under __metadata__ strings.
//
// Start with [Parse] and [File.Bytes].
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// File is what one file holds.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor // in the order of their bytes
}

// Tensor is one of its tensors.
type Tensor struct {
	Name  string
	DType string // F32, F16, BF16, F64, I64, …
	Shape []int64
	Data  []byte // little-endian, row-major
}

// Tensor gives the tensor of that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// entry is a tensor in the header.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

const (
	metadataKey = "__metadata__"
	maxHeader   = 100 << 20 // bytes; the limit of the format's own reader
)

// Bytes is the file, the same for the same contents. The error names a tensor whose
// bytes are not those of its type and shape, or a name that is used twice.
func (f *File) Bytes() ([]byte, error) {
	header := map[string]any{}
	if len(f.Metadata) > 0 {
		header[metadataKey] = f.Metadata
	}
	end := int64(0)
	for _, t := range f.Tensors {
		if _, twice := header[t.Name]; twice || t.Name == metadataKey {
			return nil, fmt.Errorf("safetensors: the name %q cannot be used, or is used twice", t.Name)
		}
		if err := checkSize(t.Name, t.DType, t.Shape, int64(len(t.Data))); err != nil {
			return nil, err
		}
		shape := append([]int64{}, t.Shape...) // a scalar's is [], not null
		header[t.Name] = entry{t.DType, shape, [2]int64{end, end + int64(len(t.Data))}}
		end += int64(len(t.Data))
	}
	text, err := json.Marshal(header) // sorts the names
	if err != nil {
		return nil, err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ') // so that the tensors begin at a multiple of 8 bytes
	}
	out := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+int64(len(text))+end), uint64(len(text)))
	out = append(out, text...)
	for _, t := range f.Tensors {
		out = append(out, t.Data...)
	}
	return out, nil
}

// Parse reads a file. The tensors' bytes are parts of data. The error says what does
// not fit: every length is checked against the bytes there are, and the tensors must
// fill them without a gap or an overlap.
func Parse(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("safetensors: %d bytes, want at least 8", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("safetensors: a header of %d bytes, in a file of %d", n, len(data))
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+n], &header); err != nil {
		return nil, fmt.Errorf("safetensors: the header cannot be read: %w", err)
	}
	f := &File{}
	if text, ok := header[metadataKey]; ok {
		if err := json.Unmarshal(text, &f.Metadata); err != nil {
			return nil, fmt.Errorf("safetensors: the metadata cannot be read: %w", err)
		}
		delete(header, metadataKey)
	}
	return f, f.place(header, data[8+n:])
}

// place gives the tensors of a header their bytes.
func (f *File) place(header map[string]json.RawMessage, data []byte) error {
	places := map[string]entry{}
	for name, text := range header {
		var e entry
		d := json.NewDecoder(bytes.NewReader(text))
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("safetensors: tensor %q: the header cannot be read: %w", name, err)
		}
		places[name] = e
		f.Tensors = append(f.Tensors, Tensor{Name: name, DType: e.DType, Shape: e.Shape})
	}
	slices.SortFunc(f.Tensors, func(a, b Tensor) int {
		x, y := places[a.Name].Offsets, places[b.Name].Offsets
		if x != y {
			return slices.Compare(x[:], y[:])
		}
		return strings.Compare(a.Name, b.Name)
	})
	end := int64(0)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		at := places[t.Name].Offsets
		if at[0] != end || at[1] < at[0] || at[1] > int64(len(data)) {
			return fmt.Errorf("safetensors: tensor %q is at bytes %d to %d, want it from %d on and up to %d at most", t.Name, at[0], at[1], end, len(data))
		}
		if err := checkSize(t.Name, t.DType, t.Shape, at[1]-at[0]); err != nil {
			return err
		}
		t.Data, end = data[at[0]:at[1]:at[1]], at[1]
	}
	if end != int64(len(data)) {
		return fmt.Errorf("safetensors: %d bytes behind the last tensor", int64(len(data))-end)
	}
	return nil
}

// sizes are the bytes of one number.
func sizes() map[string]int64 {
	return map[string]int64{"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}
}

func checkSize(name, dtype string, shape []int64, n int64) error {
	want, known := sizes()[dtype]
	if !known {
		return fmt.Errorf("safetensors: tensor %q has the unknown type %q", name, dtype)
	}
	for _, d := range shape {
		const most = 1 << 48 // bytes; no file is larger
		if d < 0 || d > 0 && want > most/d {
			return fmt.Errorf("safetensors: tensor %q has the shape %v", name, shape)
		}
		want *= d
	}
	if n != want {
		return fmt.Errorf("safetensors: tensor %q, %s%v, has %d bytes, want %d", name, dtype, shape, n, want)
	}
	return nil
}
