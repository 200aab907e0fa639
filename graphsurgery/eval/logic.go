package eval

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// ordering is the outcome of a comparison that an operator accepts.
type ordering struct{ less, equal, greater bool }

func compare(op string) *ordering {
	switch op {
	case "Less":
		return &ordering{less: true}
	case "LessOrEqual":
		return &ordering{less: true, equal: true}
	case "Greater":
		return &ordering{greater: true}
	case "GreaterOrEqual":
		return &ordering{greater: true, equal: true}
	}
	return nil
}

func (c *call) compare(o *ordering) (*array, error) {
	shape, ia, ib, err := c.pair()
	if err != nil {
		return nil, err
	}
	a, b := c.in[0], c.in[1]
	out := make([]bool, len(ia))
	switch {
	case a.dtype.IsFloat():
		x, y := a.floats(), b.floats()
		for i := range out {
			p, q := x[ia[i]], y[ib[i]]
			out[i] = o.less && p < q || o.equal && p == q || o.greater && p > q
		}
	case isInt(a.dtype):
		x, y, less := a.ints(), b.ints(), lessInts(a.dtype)
		for i := range out {
			p, q := x[ia[i]], y[ib[i]]
			out[i] = o.less && less(p, q) || o.equal && p == q || o.greater && less(q, p)
		}
	default:
		return nil, c.broken("inputs are %s, want numbers", a.dtype)
	}
	return newBools(shape, out), nil
}

// equal is Equal, for strings too (opset 19).
func (c *call) equal() ([]*array, error) {
	if c.in[0].dtype.IsFloat() || isInt(c.in[0].dtype) {
		return one(c.compare(&ordering{equal: true}))
	}
	shape, ia, ib, err := c.pair()
	if err != nil {
		return nil, err
	}
	a, b := c.in[0], c.in[1]
	out := make([]bool, len(ia))
	switch a.dtype {
	case gs.String:
		for i := range out {
			out[i] = a.strs[ia[i]] == b.strs[ib[i]]
		}
	case gs.Bool:
		for i := range out {
			out[i] = (a.raw[ia[i]] != 0) == (b.raw[ib[i]] != 0)
		}
	default:
		return nil, c.unsupported("elements of type %s are not compared", a.dtype)
	}
	return []*array{newBools(shape, out)}, nil
}

func (c *call) not() ([]*array, error) {
	a := c.in[0]
	if a.dtype != gs.Bool {
		return nil, c.broken("input is %s, want bool", a.dtype)
	}
	out := make([]bool, a.len())
	for i := range out {
		out[i] = a.raw[i] == 0
	}
	return []*array{newBools(a.shape, out)}, nil
}

func (c *call) logic() ([]*array, error) {
	shape, ia, ib, err := c.pair()
	if err != nil {
		return nil, err
	}
	a, b := c.in[0], c.in[1]
	if a.dtype != gs.Bool {
		return nil, c.broken("inputs are %s, want bool", a.dtype)
	}
	out := make([]bool, len(ia))
	for i := range out {
		p, q := a.raw[ia[i]] != 0, b.raw[ib[i]] != 0
		switch c.node.Op() {
		case "And":
			out[i] = p && q
		case "Or":
			out[i] = p || q
		case "Xor":
			out[i] = p != q
		}
	}
	return []*array{newBools(shape, out)}, nil
}

func (c *call) bitwise() ([]*array, error) {
	shape, ia, ib, err := c.pair()
	if err != nil {
		return nil, err
	}
	a := c.in[0]
	if !isInt(a.dtype) {
		return nil, c.broken("inputs are %s, want integers", a.dtype)
	}
	x, y := a.ints(), c.in[1].ints()
	right := c.node.Str("direction", "") == "RIGHT"
	out := make([]int64, len(ia))
	for i := range out {
		p, q := x[ia[i]], y[ib[i]]
		switch c.node.Op() {
		case "BitwiseAnd":
			out[i] = p & q
		case "BitwiseOr":
			out[i] = p | q
		case "BitwiseXor":
			out[i] = p ^ q
		case "BitShift":
			out[i] = shift(uint64(p), uint64(q), right)
		}
	}
	return []*array{newInts(a.dtype, shape, out)}, nil
}

func shift(x, by uint64, right bool) int64 {
	if right {
		return int64(x >> by)
	}
	return int64(x << by)
}

func (c *call) bitwiseNot() ([]*array, error) {
	a := c.in[0]
	if !isInt(a.dtype) {
		return nil, c.broken("input is %s, want integers", a.dtype)
	}
	x := a.ints()
	for i := range x {
		x[i] = ^x[i]
	}
	return []*array{newInts(a.dtype, a.shape, x)}, nil
}

// where is Where: elements of two tensors of one type, whatever it is.
func (c *call) where() ([]*array, error) {
	cond, a, b := c.in[0], c.in[1], c.in[2]
	if cond.dtype != gs.Bool || a.dtype != b.dtype {
		return nil, c.broken("inputs are %s, %s and %s, want bool and one type", cond.dtype, a.dtype, b.dtype)
	}
	shape, index, err := c.broadcast(cond, a, b)
	if err != nil {
		return nil, err
	}
	joined := join(a, b)
	from := make([]int, len(index[0]))
	for i := range from {
		from[i] = index[1][i]
		if cond.raw[index[0][i]] == 0 {
			from[i] = a.len() + index[2][i]
		}
	}
	return []*array{joined.pick(shape, from, nil)}, nil
}

// join puts the elements of arrays of one type behind one another.
func join(arrays ...*array) *array {
	out := &array{dtype: arrays[0].dtype}
	n := 0
	for _, a := range arrays {
		out.raw = append(out.raw, a.raw...)
		out.strs = append(out.strs, a.strs...)
		n += a.len()
	}
	out.shape = []int64{int64(n)}
	return out
}
