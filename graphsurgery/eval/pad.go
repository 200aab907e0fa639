package eval

import (
	"slices"
)

// pad is Pad: attributes until opset 10, inputs from 11, axes from 18.
func (c *call) pad() ([]*array, error) {
	x := c.in[0]
	before, after, err := c.padding(x.rank())
	if err != nil {
		return nil, err
	}
	fill := c.padValue(x)
	if fill != nil && (fill.dtype != x.dtype || fill.len() != 1) {
		return nil, c.broken("the constant is %s%v, want one %s", fill.dtype, fill.shape, x.dtype)
	}
	source, ok := padSource(c.node.Str("mode", "constant"))
	if !ok {
		return nil, c.unsupported("mode %q", c.node.Str("mode", ""))
	}
	shape := slices.Clone(x.shape)
	for k := range shape {
		shape[k] += before[k] + after[k]
	}
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	from, step := make([]int, n), strides(x.shape)
	walk(shape, func(i int, at []int) {
		p := 0
		for k, pos := range at {
			s := source(int64(pos)-before[k], x.shape[k])
			if s < 0 {
				p = -1
				break
			}
			p += int(s) * step[k]
		}
		from[i] = p
	})
	return []*array{x.pick(shape, from, fill)}, nil
}

// padding gives the elements to add (or, below 0, remove) at each axis.
func (c *call) padding(rank int) (before, after []int64, err error) {
	pads := c.node.Ints("pads")
	if c.opset >= 11 {
		if pads, err = c.ints(1); err != nil {
			return nil, nil, err
		}
	}
	axes := make([]int64, rank)
	for k := range axes {
		axes[k] = int64(k)
	}
	if c.input(3) != nil {
		if axes, err = c.ints(3); err != nil {
			return nil, nil, err
		}
	}
	if len(pads) != 2*len(axes) {
		return nil, nil, c.broken("%d pads for %d axes", len(pads), len(axes))
	}
	before, after = make([]int64, rank), make([]int64, rank)
	for i, a := range axes {
		k, err := c.axis(a, rank)
		if err != nil {
			return nil, nil, err
		}
		lo, hi := pads[i], pads[len(axes)+i]
		if max(lo, hi) > c.limits.MaxElements || min(lo, hi) < -c.limits.MaxElements {
			return nil, nil, c.unsupported("pads %v", pads)
		}
		before[k], after[k] = lo, hi
	}
	return before, after, nil
}

// padValue is the constant to pad with, nil for zero.
func (c *call) padValue(x *array) *array {
	if c.opset >= 11 {
		return c.input(2)
	}
	if v := c.node.Float("value", 0); v != 0 {
		return newFloats(x.dtype, []int64{1}, []float64{float64(v)})
	}
	return nil
}

// padSource gives, for a mode, which element of an axis of size n stands at
// position p, which may be outside; -1 is the constant.
func padSource(mode string) (func(p, n int64) int64, bool) {
	inside := func(p, n int64) bool { return p >= 0 && p < n }
	switch mode {
	case "constant":
		return func(p, n int64) int64 {
			if inside(p, n) {
				return p
			}
			return -1
		}, true
	case "edge":
		return func(p, n int64) int64 { return max(0, min(n-1, p)) }, true
	case "wrap":
		return func(p, n int64) int64 {
			if n == 0 {
				return -1
			}
			return (p%n + n) % n
		}, true
	case "reflect":
		return func(p, n int64) int64 {
			if n <= 1 {
				return n - 1
			}
			period := 2 * (n - 1)
			p = (p%period + period) % period
			return min(p, period-p)
		}, true
	}
	return nil, false
}
