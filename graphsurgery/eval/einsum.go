package eval

import (
	"slices"
	"strings"
)

// einsum is Einsum (opset 12) with single-letter labels; an ellipsis is refused.
func (c *call) einsum() ([]*array, error) {
	terms, result, err := c.equation()
	if err != nil {
		return nil, err
	}
	size := map[byte]int64{}
	for i, term := range terms {
		a := c.in[i]
		if a == nil || !a.dtype.IsFloat() || a.dtype != c.in[0].dtype || a.rank() != len(term) {
			return nil, c.unsupported("input %d does not fit the term %q of floats", i, term)
		}
		for k, d := range a.shape {
			if old, ok := size[term[k]]; ok && old != d {
				return nil, c.broken("label %c has sizes %d and %d", term[k], old, d)
			}
			size[term[k]] = d
		}
	}
	loop := []byte(result) // result labels first, then the summed ones
	for _, term := range terms {
		for _, l := range []byte(term) {
			if !slices.Contains(loop, l) {
				loop = append(loop, l)
			}
		}
	}
	return c.contract(terms, loop, len(result), size)
}

// equation splits and completes the equation attribute.
func (c *call) equation() (terms []string, result string, err error) {
	eq := strings.ReplaceAll(c.node.Str("equation", ""), " ", "")
	left, right, explicit := strings.Cut(eq, "->")
	terms = strings.Split(left, ",")
	if strings.Contains(eq, ".") || len(terms) != len(c.in) {
		return nil, "", c.unsupported("equation %q for %d inputs", eq, len(c.in))
	}
	if explicit {
		for i := range right {
			if !strings.Contains(left, right[i:i+1]) || strings.Count(right, right[i:i+1]) > 1 {
				return nil, "", c.broken("equation %q", eq)
			}
		}
		return terms, right, nil
	}
	var once []byte
	for _, l := range []byte(strings.Join(terms, "")) {
		if strings.Count(left, string(l)) == 1 {
			once = append(once, l)
		}
	}
	slices.Sort(once)
	return terms, string(once), nil
}

func (c *call) contract(terms []string, loop []byte, kept int, size map[byte]int64) ([]*array, error) {
	full := make([]int64, len(loop))
	work := int64(1)
	for i, l := range loop {
		full[i] = size[l]
		if full[i] > 0 && work > c.limits.MaxWork/full[i] {
			return nil, c.unsupported("the sum is over the limit of %d multiplications", c.limits.MaxWork)
		}
		work *= full[i]
	}
	shape := full[:kept:kept]
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	values, step := make([][]float64, len(terms)), make([][]int, len(terms))
	for i, term := range terms {
		values[i], step[i] = c.in[i].floats(), make([]int, len(loop))
		for k, s := range strides(c.in[i].shape) {
			step[i][slices.Index(loop, term[k])] += s
		}
	}
	out := make([]float64, n)
	inner := max(1, volume(full[kept:]))
	walk(full, func(i int, at []int) {
		p := 1.0
		for t := range terms {
			pos := 0
			for k, x := range at {
				pos += x * step[t][k]
			}
			p *= values[t][pos]
		}
		out[i/inner] += p
	})
	return []*array{newFloats(c.in[0].dtype, shape, out)}, nil
}
