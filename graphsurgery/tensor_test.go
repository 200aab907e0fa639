package graphsurgery

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// TestDTypesAreThoseOfTheProto holds names and numbers to the standard's enum.
func TestDTypesAreThoseOfTheProto(t *testing.T) {
	if got, want := len(dtypeNames), len(pb.TensorProto_DataType_name); got != want || len(dtypeBits) != want {
		t.Errorf("%d names and %d sizes for %d types", got, len(dtypeBits), want)
	}
	for d, want := range map[DType]string{
		Undefined: "UNDEFINED", Float: "FLOAT", Uint8: "UINT8", Int8: "INT8", Uint16: "UINT16", Int16: "INT16", Int32: "INT32",
		Int64: "INT64", String: "STRING", Bool: "BOOL", Float16: "FLOAT16", Double: "DOUBLE", Uint32: "UINT32", Uint64: "UINT64",
		Complex64: "COMPLEX64", Complex128: "COMPLEX128", BFloat16: "BFLOAT16", Float8E4M3FN: "FLOAT8E4M3FN",
		Float8E4M3FNUZ: "FLOAT8E4M3FNUZ", Float8E5M2: "FLOAT8E5M2", Float8E5M2FNUZ: "FLOAT8E5M2FNUZ", Uint4: "UINT4", Int4: "INT4",
		Float4E2M1: "FLOAT4E2M1", Float8E8M0: "FLOAT8E8M0", Uint2: "UINT2", Int2: "INT2", Float6E2M3: "FLOAT6E2M3", Float6E3M2: "FLOAT6E3M2",
	} {
		if got := pb.TensorProto_DataType_name[int32(d)]; got != want {
			t.Errorf("type %d (%s) is %s in the standard, want %s", d, d, got, want)
		}
	}
}

// TestRawSizes: for each type, how many bytes 3 and 4 elements take, and how many
// values of a typed field.
func TestRawSizes(t *testing.T) {
	for d := Float; int(d) < len(dtypeNames); d++ {
		if d == String {
			continue
		}
		for _, n := range []int64{0, 1, 3, 4, 5, 8, 9} {
			bits := int64(d.Bits())
			want := (n*bits + 7) / 8
			x, err := NewTensorRaw(d, []int64{n}, make([]byte, want))
			if err != nil {
				t.Errorf("%s: %d elements in %d bytes: %v", d, n, want, err)
				continue
			}
			if raw, err := x.Raw(); err != nil || int64(len(raw)) != want {
				t.Errorf("%s: %d elements give %d bytes (%v), want %d", d, n, len(raw), err, want)
			}
			if _, err := NewTensorRaw(d, []int64{n}, make([]byte, want+1)); err == nil {
				t.Errorf("%s: %d elements in %d bytes were accepted, want %d", d, n, want+1, want)
			}
		}
	}
	var broken *FormatError
	if _, err := NewTensorRaw(Int4, []int64{-3}, nil); !errors.As(err, &broken) {
		t.Errorf("got %v, want a FormatError", err)
	}
	var not *UnsupportedError
	if _, err := NewTensorRaw(String, []int64{1}, []byte("a")); !errors.As(err, &not) {
		t.Errorf("got %v, want an UnsupportedError", err)
	}
}

// TestPackedTypes reads elements of fewer than eight bits in both forms. The bytes
// are worked out by hand from the comments on raw_data and int32_data.
func TestPackedTypes(t *testing.T) {
	for _, c := range []struct {
		d     DType
		n     int64
		typed []int32
		raw   []byte
		want  []int64 // nil for types without integers
	}{
		{Uint4, 3, []int32{0x21, 0x0f}, []byte{0x21, 0x0f}, []int64{1, 2, 15}},
		{Int4, 3, []int32{0x8f, 0x07}, []byte{0x8f, 0x07}, []int64{-1, -8, 7}},
		{Uint2, 5, []int32{0b11_10_01_00, 0b01}, []byte{0b11_10_01_00, 1}, []int64{0, 1, 2, 3, 1}},
		{Int2, 4, []int32{0b11_10_01_00}, []byte{0b11_10_01_00}, []int64{0, 1, -2, -1}},
		{Float4E2M1, 2, []int32{0x21}, []byte{0x21}, nil},
		{Float8E5M2, 2, []int32{0x3c, 0xbc}, []byte{0x3c, 0xbc}, nil},
		// 1, 2, 3, 63 in six bits each: 0b111111_000011_000010_000001, lowest byte first.
		{Float6E2M3, 4, []int32{1, 2, 3, 63}, []byte{0b10_000001, 0b0011_0000, 0b111111_00}, nil},
		{Float6E3M2, 5, []int32{1, 2, 3, 63, 5}, []byte{0b10_000001, 0b0011_0000, 0b111111_00, 5}, nil},
	} {
		typed := &Tensor{pb: &pb.TensorProto{DataType: proto.Int32(int32(c.d)), Dims: []int64{c.n}, Int32Data: c.typed}}
		raw, err := typed.Raw()
		if err != nil || !bytes.Equal(raw, c.raw) {
			t.Errorf("%s: bytes %#v (%v), want %#v", c.d, raw, err, c.raw)
		}
		if c.want == nil {
			continue
		}
		packed, err := NewTensorRaw(c.d, []int64{c.n}, c.raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []*Tensor{typed, packed} {
			if got, err := x.Int64s(); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s: elements %v (%v), want %v", c.d, got, err, c.want)
			}
		}
	}
}

func TestNewFloatTensor(t *testing.T) {
	for _, d := range []DType{Float, Double, Float16, BFloat16} {
		x, err := NewFloatTensor(d, []int64{2}, []float32{1.5, -2})
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Float64s()
		if err != nil || !slices.Equal(got, []float64{1.5, -2}) || x.DType() != d {
			t.Errorf("%s: got %v of %s (%v)", d, got, x.DType(), err)
		}
	}
	if _, err := NewFloatTensor(Int8, []int64{1}, []float32{1}); err == nil {
		t.Error("an integer tensor was made of floats")
	}
	if _, err := NewFloatTensor(Float, []int64{3}, []float32{1}); err == nil {
		t.Error("one value filled three places")
	}
	m := load(t, chain())
	half, err := NewFloatTensor(Float16, []int64{2, 2}, make([]float32, 4))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetInitializer("w", half); err == nil {
		t.Error("another element type was accepted")
	}
}

func TestStrings(t *testing.T) {
	x := &Tensor{pb: &pb.TensorProto{DataType: proto.Int32(int32(String)), Dims: []int64{2}, StringData: [][]byte{[]byte("owl"), {}}}}
	if got, err := x.Strings(); err != nil || !slices.Equal(got, []string{"owl", ""}) {
		t.Errorf("got %q, %v", got, err)
	}
	x.pb.Dims = []int64{3}
	if _, err := x.Strings(); err == nil {
		t.Error("two strings filled three places")
	}
	if _, err := NewTensor([]int64{1}, []float32{1}).Strings(); err == nil {
		t.Error("a float was read as a string")
	}
}
