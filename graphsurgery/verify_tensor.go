package graphsurgery

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// narrow gives the bits of an element that is no whole number of bytes, or that
// this package has no values of; ok is false for a type the standard lacks.
func narrow(t int32) (bits int64, ok bool) {
	switch pb.TensorProto_DataType(t) {
	case pb.TensorProto_FLOAT8E4M3FN, pb.TensorProto_FLOAT8E4M3FNUZ, pb.TensorProto_FLOAT8E5M2,
		pb.TensorProto_FLOAT8E5M2FNUZ, pb.TensorProto_FLOAT8E8M0:
		return 8, true
	case pb.TensorProto_UINT4, pb.TensorProto_INT4, pb.TensorProto_FLOAT4E2M1:
		return 4, true
	case pb.TensorProto_UINT2, pb.TensorProto_INT2:
		return 2, true
	}
	return 0, false
}

// tensorSchema tests what the payload's own check leaves open: element types of
// less than two bytes, and where external data lies.
func (c *checker) tensorSchema(t *Tensor, s *spot) {
	if t.pb.GetDataLocation() == pb.TensorProto_EXTERNAL {
		c.external(t, s)
		return
	}
	if t.DType() == String || t.DType().Size() > 0 {
		return
	}
	bits, ok := narrow(t.pb.GetDataType())
	if !ok {
		c.report(s, ruleElementType, t.Name(), "tensor %q: element type %d is none of the standard's", t.Name(), t.pb.GetDataType())
		return
	}
	n := t.Len()
	want, got, unit := bytesFor(n, bits), int64(len(t.pb.RawData)), "bytes"
	if t.pb.RawData == nil { // packed as in the bytes, four of them a value; float8 has one a value
		got, unit = int64(len(t.pb.Int32Data)), "values"
		if want = n; bits < 8 {
			want = bytesFor(n, bits) / 4
			if bytesFor(n, bits)%4 != 0 {
				want++
			}
		}
	}
	if got < want || n == 0 && got > 0 {
		c.report(s, ruleElementType, t.Name(), "tensor %q: %d %s for shape %v, want %d", t.Name(), got, unit, t.Shape(), want)
	}
}

// bytesFor is n elements of less than or just eight bits, in whole bytes.
func bytesFor(n, bits int64) int64 {
	per := 8 / bits
	b := n / per
	if n%per != 0 {
		b++
	}
	return b
}

// external tests where a tensor's bytes are said to lie, and at the strict level
// that they are there.
func (c *checker) external(t *Tensor, s *spot) {
	location, found := "", false
	for _, e := range t.pb.ExternalData {
		if e.GetKey() == "location" && e.Value != nil {
			location, found = e.GetValue(), true
		}
	}
	switch {
	case !found:
		c.report(s, ruleExternal, t.Name(), "tensor %q: its external data has no location", t.Name())
	case !filepath.IsLocal(location) || strings.ContainsAny(location, "\\\x00"):
		c.report(s, ruleExternal, t.Name(), "tensor %q: external data at %q is not below the model's folder", t.Name(), location)
	case c.model.root != nil:
		c.externalFile(t, location, s)
	}
}

func (c *checker) externalFile(t *Tensor, location string, s *spot) {
	f, err := c.model.root.Open(location)
	if err != nil {
		c.report(s, ruleExternal, t.Name(), "tensor %q: external data: %v", t.Name(), err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		c.report(s, ruleExternal, t.Name(), "tensor %q: external data: %v", t.Name(), err)
		return
	}
	if what := externalRange(t, info.Size()); what != "" {
		c.report(s, ruleExternalRange, t.Name(), "tensor %q: external data: %s", t.Name(), what)
	}
}

// externalRange says what is wrong with offset and length of external data in a
// file of a given size, "" if nothing is.
func externalRange(t *Tensor, size int64) string {
	bits, _ := narrow(t.pb.GetDataType())
	if n := t.DType().Size(); n > 0 {
		bits = 8 * int64(n)
	}
	n, ok := product(t.pb.Dims)
	if !ok || bits == 0 || n > math.MaxInt64/max(bits, 8) {
		return fmt.Sprintf("%s of shape %v has no size in bytes", t.DType(), t.pb.Dims)
	}
	want := (n*bits + 7) / 8
	offset, length := int64(0), want
	for _, e := range t.pb.ExternalData {
		var err error
		switch e.GetKey() {
		case "offset":
			offset, err = strconv.ParseInt(e.GetValue(), 10, 64)
		case "length":
			length, err = strconv.ParseInt(e.GetValue(), 10, 64)
		}
		if err != nil {
			return fmt.Sprintf("%s %q, want a number", e.GetKey(), e.GetValue())
		}
	}
	if length != want {
		return fmt.Sprintf("%d bytes for shape %v of %s, want %d", length, t.pb.Dims, t.DType(), want)
	}
	if offset < 0 || offset > size || length > size-offset {
		return fmt.Sprintf("%d bytes at offset %d, the file has %d", length, offset, size)
	}
	return ""
}

// sparse tests a sparse tensor: its parts, and that indices ascend in range.
func (c *checker) sparse(sparse *pb.SparseTensorProto, s *spot) {
	values := sparse.GetValues()
	if values == nil {
		c.report(s, ruleSparse, "", "a sparse tensor has no values")
		return
	}
	c.tensor(values, s)
	if c.level < LevelSchema {
		return
	}
	name := values.GetName()
	broken := func(format string, args ...any) {
		c.report(s, ruleSparse, name, "sparse tensor %q: "+format, append([]any{name}, args...)...)
	}
	if len(values.Dims) != 1 {
		broken("values of shape %v, want one dimension", values.Dims)
		return
	}
	size, ok := product(sparse.Dims)
	if !ok || size <= 0 || len(sparse.Dims) == 0 {
		broken("shape %v is not possible", sparse.Dims)
		return
	}
	if sparse.Indices == nil {
		if values.Dims[0] != 0 {
			broken("no indices for %d values", values.Dims[0])
		}
		return
	}
	c.tensor(sparse.Indices, s)
	c.indices(sparse, broken)
}

// indices tests places in the dense tensor, given as one number each, or as one
// number a dimension.
func (c *checker) indices(sparse *pb.SparseTensorProto, broken func(string, ...any)) {
	indices, count := &Tensor{pb: sparse.Indices, model: c.model}, sparse.Values.Dims[0]
	shape := indices.Shape()
	dims := sparse.Dims
	switch {
	case indices.DType() != Int64:
		broken("indices of type %s, want int64", indices.DType())
		return
	case len(shape) == 1 && shape[0] == count:
		size, _ := product(dims)
		dims = []int64{size}
	case len(shape) == 2 && shape[0] == count && shape[1] == int64(len(dims)):
	default:
		broken("indices of shape %v for %d values of rank %d", shape, count, len(dims))
		return
	}
	at, err := indices.Int64s()
	if err != nil {
		broken("indices: %v", err)
		return
	}
	last := int64(-1)
	for i := 0; i+len(dims) <= len(at); i += len(dims) {
		linear := int64(0)
		for k, d := range dims {
			if at[i+k] < 0 || at[i+k] >= d {
				broken("index %d, want 0 to %d", at[i+k], d-1)
				return
			}
			linear = linear*d + at[i+k]
		}
		if linear <= last {
			broken("index %v is not behind the one before it", at[i:i+len(dims)])
			return
		}
		last = linear
	}
}
