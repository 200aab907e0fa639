package infer

// count gives the number of elements of a static shape, and whether they are few
// enough to follow.
func (c *Context) count(sizes []int64) (int, bool) {
	n := int64(1)
	for _, s := range sizes {
		if s < 0 {
			return 0, false
		}
		if s == 0 {
			return 0, true
		}
		if s > int64(c.MaxElements)/n { // the product may not fit an int64
			return 0, false
		}
		n *= s
	}
	return int(n), true
}

// gather makes the elements of a tensor of the shape by asking from, for each
// place, which element of in it is; a negative answer is an unknown one.
func (c *Context) gather(in []Elem, shape []Expr, from func(at []int64) int64) []Elem {
	sizes, ok := static(shape)
	if !ok {
		return nil
	}
	n, ok := c.count(sizes)
	if !ok {
		return nil
	}
	out := make([]Elem, n)
	at := make([]int64, len(sizes))
	for i := range out {
		if k := from(at); k >= 0 && k < int64(len(in)) {
			out[i] = in[k]
		} else {
			out[i] = unknownElem()
		}
		next(at, sizes)
	}
	return out
}

// next counts at up by one in a tensor of those sizes, last axis first.
func next(at, sizes []int64) {
	for d := len(at) - 1; d >= 0; d-- {
		if at[d]++; at[d] < sizes[d] {
			return
		}
		at[d] = 0
	}
}

// strides gives the row-major distances of a static shape.
func strides(sizes []int64) []int64 {
	out := make([]int64, len(sizes))
	s := int64(1)
	for d := len(sizes) - 1; d >= 0; d-- {
		out[d] = s
		s *= max(sizes[d], 1)
	}
	return out
}

// spread repeats the elements of v over the broadcast shape.
func (c *Context) spread(v *Value, shape []Expr) []Elem {
	if v == nil || v.Elems == nil || shape == nil {
		return nil
	}
	sizes, ok := static(v.Shape)
	if !ok || len(sizes) > len(shape) {
		return nil
	}
	if len(sizes) == len(shape) {
		same := true
		for d := range shape {
			same = same && shape[d].Is(sizes[d])
		}
		if same {
			return v.Elems
		}
	}
	step := strides(sizes)
	off := len(shape) - len(sizes)
	return c.gather(v.Elems, shape, func(at []int64) int64 {
		k := int64(0)
		for d, s := range sizes {
			if s != 1 {
				k += at[off+d] * step[d]
			}
		}
		return k
	})
}
