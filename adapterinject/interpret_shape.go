package adapterinject

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// dimsOf are a tensor's dimensions, not nil for a scalar either.
func dimsOf(t *gs.Tensor) []int64 { return append([]int64{}, t.Shape()...) }

// dims are a value's dimensions as they are inferred; nil if one is not known.
func (c *noop) dims(v *gs.Value) []int64 {
	if c.own == nil {
		return nil
	}
	shape := c.own.Of(v).Shape
	out := make([]int64, len(shape))
	for i, d := range shape {
		if d.Value < 0 {
			return nil
		}
		out[i] = d.Value
	}
	if shape == nil {
		return nil
	}
	return out
}

// interpretMoved knows that moved zeros are zeros, and moved ones are ones; and the
// dimensions of what is joined, turned and picked, where the operands' are known.
func (c *noop) interpretMoved(n *gs.Node) meaning {
	x := c.of(n.Input(0))
	m := meaning{zero: x.zero, one: x.one}
	axis := int(n.Int("axis", 0))
	if axis < 0 {
		axis += len(x.dims)
	}
	switch n.Op() {
	case "Concat":
		m.dims = slices.Clone(x.dims)
		for _, in := range n.Inputs()[1:] {
			y := c.of(in)
			m.zero, m.one = m.zero && y.zero, m.one && y.one
			if axis >= len(m.dims) || len(y.dims) != len(m.dims) {
				m.dims = nil
				continue
			}
			m.dims[axis] += y.dims[axis]
		}
	case "Transpose":
		if perm := n.Ints("perm"); len(perm) == len(x.dims) {
			for _, p := range perm {
				m.dims = append(m.dims, x.dims[p])
			}
		}
	case "Gather":
		if at := c.of(n.Input(1)).dims; at != nil && axis < len(x.dims) {
			m.dims = slices.Concat(x.dims[:axis], at, x.dims[axis+1:])
		}
	}
	return m
}

// fits reports whether an injected value, added to another, leaves that one's shape;
// known is false where inference does not tell.
func (c *noop) fits(added, to *gs.Value) (fits, known bool) {
	if c.own == nil || added == nil || to == nil {
		return false, false
	}
	a, b := c.own.Of(added).Shape, c.own.Of(to).Shape
	if a == nil || b == nil {
		return false, false
	}
	if len(a) > len(b) {
		return false, true
	}
	fits, known = true, true
	for i, d := range a {
		e := b[len(b)-len(a)+i]
		switch {
		case d.Value == 1, d.Value >= 0 && d.Value == e.Value, d.Value < 0 && e.Value < 0 && d.Param != "" && d.Param == e.Param:
		case d.Value >= 0 && e.Value >= 0:
			return false, true
		default:
			known = false
		}
	}
	return fits, known
}

// joined2 are the dimensions of an elementwise operation on tensors of a and b; nil
// if one is not known.
func spread(a, b []int64) []int64 {
	if a == nil || b == nil {
		return nil
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i, d := range b {
		if at := len(a) - len(b) + i; out[at] == 1 {
			out[at] = d
		}
	}
	return out
}

// spreads reports whether a tensor of these dimensions, combined with a base value,
// gives the value's shape.
func (c *noop) spreads(dims []int64, value string) bool {
	shape := typeOf(c.types, c.base.Value(value)).Shape
	if len(dims) > len(shape) {
		return false
	}
	for i, d := range dims {
		if d != 1 && d != shape[len(shape)-len(dims)+i].Value {
			return false
		}
	}
	return true
}
