package graphsurgery

import (
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// tensorSchema tests what the payload's own check leaves open: that the element
// type is known, and that external data is there.
func (c *checker) tensorSchema(t *Tensor, s *spot) {
	switch {
	case t.DType().Bits() == 0 && t.DType() != String:
		c.report(s, ruleElementType, t.Name(), "tensor %q: element type %d is none of the standard's", t.Name(), t.pb.GetDataType())
	case t.isExternal() && c.model.root != nil:
		c.external(t, s)
	}
}

// external tests that a tensor's bytes are where they are said to lie.
func (c *checker) external(t *Tensor, s *spot) {
	name, err := t.location()
	if err != nil {
		return // a matter of the structure
	}
	size, err := (&fileRange{reference: reference{name: name}, root: c.model.root}).fileSize()
	if err != nil {
		c.report(s, ruleExternal, t.Name(), "tensor %q: external data: %v", t.Name(), err)
		return
	}
	if !c.asked(ruleExternalRange) {
		return
	}
	r, err := t.fileRange()
	if err != nil {
		return // a matter of its size
	}
	if err := r.fits(size); err != nil {
		c.report(s, ruleExternalRange, t.Name(), "tensor %q: external data: %v", t.Name(), err)
	}
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
