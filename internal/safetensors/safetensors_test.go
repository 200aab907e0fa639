package safetensors

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

func sample() *File {
	return &File{
		Metadata: map[string]string{"format": "pt", "a": "b"},
		Tensors: []Tensor{
			{Name: "w", DType: "F32", Shape: []int64{2, 1}, Data: []byte{0, 0, 128, 63, 0, 0, 0, 64}},
			{Name: "b", DType: "F16", Shape: []int64{}, Data: []byte{0, 60}},
			{Name: "none", DType: "I64", Shape: []int64{0}, Data: []byte{}},
		},
	}
}

// file is a file of that header, followed by n zeros.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func TestRoundTrip(t *testing.T) {
	data, err := sample().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sample()) {
		t.Errorf("got %v, want %v", got, sample())
	}
	want := `{"__metadata__":{"a":"b","format":"pt"},"b":{"dtype":"F16","shape":[],"data_offsets":[8,10]},` +
		`"none":{"dtype":"I64","shape":[0],"data_offsets":[10,10]},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}`
	n := binary.LittleEndian.Uint64(data)
	if text := strings.TrimRight(string(data[8:8+n]), " "); text != want || n%8 != 0 {
		t.Errorf("header of %d bytes %s, want %s and a multiple of 8", n, text, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"short":       {[]byte{1}, "want at least 8"},
		"long header": {binary.LittleEndian.AppendUint64(nil, 9), "a header of 9 bytes"},
		"not JSON":    {file("{", 0), "cannot be read"},
		"type":        {file(`{"a":{"dtype":"F7","shape":[1],"data_offsets":[0,1]}}`, 1), "unknown type"},
		"size":        {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "has 4 bytes, want 8"},
		"gap":         {file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}`, 2), "want it from 0 on"},
		"outside":     {file(`{"a":{"dtype":"I8","shape":[3],"data_offsets":[0,3]}}`, 2), "up to 2 at most"},
		"rest":        {file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, 2), "1 bytes behind"},
		"overflow":    {file(`{"a":{"dtype":"I8","shape":[9223372036854775807,9],"data_offsets":[0,1]}}`, 1), "has the shape"},
		"negative":    {file(`{"a":{"dtype":"I8","shape":[-1],"data_offsets":[0,1]}}`, 1), "has the shape"},
	} {
		if _, err := Parse(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestBytesRefuses(t *testing.T) {
	for _, f := range []*File{
		{Tensors: []Tensor{{Name: "a", DType: "I8", Data: []byte{1}}, {Name: "a", DType: "I8", Data: []byte{1}}}},
		{Tensors: []Tensor{{Name: "__metadata__", DType: "I8", Data: []byte{1}}}},
		{Tensors: []Tensor{{Name: "a", DType: "I8", Shape: []int64{2}, Data: []byte{1}}}},
	} {
		if _, err := f.Bytes(); err == nil {
			t.Errorf("%v was written", f)
		}
	}
}

// FuzzParse: whatever is read is written and read as the same.
func FuzzParse(f *testing.F) {
	data, err := sample().Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(file(`{}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := Parse(data)
		if err != nil {
			return
		}
		again, err := first.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		second, err := Parse(again)
		if err != nil {
			t.Fatal(err)
		}
		for i := range first.Tensors {
			if !bytes.Equal(first.Tensors[i].Data, second.Tensors[i].Data) {
				t.Fatalf("tensor %q changed", first.Tensors[i].Name)
			}
		}
	})
}
