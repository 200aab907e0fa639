package eval

import (
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// constant is Constant in all its forms (value_* since opset 12).
func (c *call) constant() ([]*array, error) {
	n := c.node
	if t := n.Tensor("value"); t != nil {
		if _, err := c.size(t.Shape()); err != nil {
			return nil, err
		}
		return one(fromTensor(t))
	}
	switch {
	case n.HasAttr("value_float"):
		return []*array{newFloats(gs.Float, []int64{}, []float64{float64(n.Float("value_float", 0))})}, nil
	case n.HasAttr("value_floats"):
		var x []float64
		for _, f := range n.Floats("value_floats") {
			x = append(x, float64(f))
		}
		return []*array{newFloats(gs.Float, []int64{int64(len(x))}, x)}, nil
	case n.HasAttr("value_int"):
		return []*array{newInts(gs.Int64, []int64{}, []int64{n.Int("value_int", 0)})}, nil
	case n.HasAttr("value_ints"):
		x := n.Ints("value_ints")
		return []*array{newInts(gs.Int64, []int64{int64(len(x))}, x)}, nil
	case n.HasAttr("value_string"):
		return []*array{{dtype: gs.String, shape: []int64{}, strs: []string{n.Str("value_string", "")}}}, nil
	case n.HasAttr("value_strings"):
		s := n.Strs("value_strings")
		return []*array{{dtype: gs.String, shape: []int64{int64(len(s))}, strs: s}}, nil
	}
	return nil, c.unsupported("the constant has none of the known forms")
}

func (c *call) constantOfShape() ([]*array, error) {
	shape, err := c.ints(0)
	if err != nil {
		return nil, err
	}
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	fill := newFloats(gs.Float, []int64{1}, []float64{0})
	if t := c.node.Tensor("value"); t != nil {
		if t.Len() != 1 {
			return nil, c.broken("the value has %d elements, want 1", t.Len())
		}
		if fill, err = fromTensor(t); err != nil {
			return nil, err
		}
	}
	return []*array{fill.pick(shape, make([]int, n), nil)}, nil
}

// shapeOf is Shape; start and end came with opset 15.
func (c *call) shapeOf() ([]*array, error) {
	rank := int64(c.in[0].rank())
	clamp := func(i int64) int64 {
		if i < 0 {
			i += rank
		}
		return max(0, min(rank, i))
	}
	start, end := clamp(c.node.Int("start", 0)), clamp(c.node.Int("end", rank))
	dims := c.in[0].shape[start:max(start, end)]
	return []*array{newInts(gs.Int64, []int64{int64(len(dims))}, dims)}, nil
}

func (c *call) sizeOf() ([]*array, error) {
	return []*array{newInts(gs.Int64, []int64{}, []int64{int64(c.in[0].len())})}, nil
}

// dropout is Dropout at inference: the input, and a mask that is all true (the
// input's type until opset 9).
func (c *call) dropout() ([]*array, error) {
	training := c.input(2)
	if training != nil && (training.len() != 1 || training.raw[0] != 0) {
		return nil, c.unsupported("dropout in training mode is random")
	}
	x := c.in[0]
	mask := make([]bool, x.len())
	for i := range mask {
		mask[i] = true
	}
	m := newBools(x.shape, mask)
	if c.opset < 10 {
		m = c.toFloat(m, x.dtype)
	}
	return []*array{x, m}, nil
}

func (c *call) reshape() ([]*array, error) {
	x := c.in[0]
	want, err := c.ints(1)
	if err != nil {
		return nil, err
	}
	if c.input(1) == nil {
		return nil, c.broken("input 1 is missing")
	}
	shape, free, rest := slices.Clone(want), -1, int64(1)
	for i, d := range shape {
		switch {
		case d == 0 && c.node.Int("allowzero", 0) == 0:
			if i >= x.rank() {
				return nil, c.broken("dimension %d is to be copied from shape %v", i, x.shape)
			}
			shape[i] = x.shape[i]
		case d == -1 && free < 0:
			free = i
			continue
		case d < 0:
			return nil, c.broken("shape %v is not possible", want)
		}
		if shape[i] > 0 && rest > math.MaxInt32/shape[i] {
			return nil, c.broken("shape %v does not hold the %d elements of %v", want, x.len(), x.shape)
		}
		rest *= shape[i]
	}
	if free >= 0 {
		if rest == 0 {
			return nil, c.broken("shape %v leaves a dimension open and holds no element", want)
		}
		shape[free] = int64(x.len()) / rest
		rest *= shape[free]
	}
	if rest != int64(x.len()) {
		return nil, c.broken("shape %v does not hold the %d elements of %v", want, x.len(), x.shape)
	}
	return []*array{x.reshaped(shape)}, nil
}

// axes gives an operator's axes, from the input (i) or the attribute, made
// non-negative and sorted.
func (c *call) axes(i, rank int) ([]int, bool, error) {
	list, err := c.ints(i)
	if err != nil {
		return nil, false, err
	}
	given := c.input(i) != nil
	if !given {
		list, given = c.node.Ints("axes"), c.node.HasAttr("axes")
	}
	out := make([]int, len(list))
	for k, a := range list {
		if out[k], err = c.axis(a, rank); err != nil {
			return nil, false, err
		}
	}
	slices.Sort(out)
	return out, given, nil
}

// squeeze is Squeeze: axes as attribute until opset 12, as input from 13.
func (c *call) squeeze() ([]*array, error) {
	x := c.in[0]
	axes, given, err := c.axes(1, x.rank())
	if err != nil {
		return nil, err
	}
	shape := []int64{}
	for k, d := range x.shape {
		drop := !given && d == 1
		if slices.Contains(axes, k) {
			if d != 1 {
				return nil, c.broken("axis %d of shape %v is not of size 1", k, x.shape)
			}
			drop = true
		}
		if !drop {
			shape = append(shape, d)
		}
	}
	return []*array{x.reshaped(shape)}, nil
}

func (c *call) unsqueeze() ([]*array, error) {
	x := c.in[0]
	count := len(c.node.Ints("axes"))
	if a := c.input(1); a != nil {
		count = a.len()
	}
	axes, _, err := c.axes(1, x.rank()+count)
	if err != nil {
		return nil, err
	}
	if len(slices.Compact(slices.Clone(axes))) != len(axes) {
		return nil, c.broken("axes %v name one twice", axes)
	}
	shape := slices.Clone(x.shape)
	for _, k := range axes {
		shape = slices.Insert(shape, k, 1)
	}
	return []*array{x.reshaped(shape)}, nil
}

func (c *call) flatten() ([]*array, error) {
	x := c.in[0]
	a := c.node.Int("axis", 1)
	if a < -int64(x.rank()) || a > int64(x.rank()) {
		return nil, c.broken("axis %d of a tensor of rank %d", a, x.rank())
	}
	if a < 0 {
		a += int64(x.rank())
	}
	return []*array{x.reshaped([]int64{int64(volume(x.shape[:a])), int64(volume(x.shape[a:]))})}, nil
}

// arange is Range (opset 11): max(ceil((limit - start) / delta), 0) elements.
func (c *call) arange() ([]*array, error) {
	for _, a := range c.in[:3] {
		if a.len() != 1 || a.dtype != c.in[0].dtype {
			return nil, c.broken("bounds must be single numbers of one type")
		}
	}
	d := c.in[0].dtype
	start, limit, delta := c.in[0].numbers()[0], c.in[1].numbers()[0], c.in[2].numbers()[0]
	count := math.Ceil((limit - start) / delta)
	if delta == 0 || count != count || count > float64(c.limits.MaxElements) {
		return nil, c.unsupported("a range from %g to %g by %g", start, limit, delta)
	}
	n := int(max(0, count))
	shape := []int64{int64(n)}
	if d.IsFloat() {
		out := make([]float64, n)
		for i := range out {
			out[i] = start + float64(i)*delta
		}
		return []*array{newFloats(d, shape, out)}, nil
	}
	first, step := c.in[0].ints()[0], c.in[2].ints()[0]
	out := make([]int64, n)
	for i := range out {
		out[i] = first + int64(i)*step
	}
	return []*array{newInts(d, shape, out)}, nil
}

func (c *call) eyeLike() ([]*array, error) {
	x := c.in[0]
	if x.rank() != 2 {
		return nil, c.broken("shape is %v, want a matrix", x.shape)
	}
	k := int(c.node.Int("k", 0))
	out := make([]int64, x.len())
	walk(x.shape, func(i int, at []int) {
		if at[1] == at[0]+k {
			out[i] = 1
		}
	})
	to := x.dtype
	if c.node.HasAttr("dtype") {
		to = gs.DType(c.node.Int("dtype", 0))
	}
	return one(c.castTo(newInts(gs.Int64, x.shape, out), to))
}

// oneHot is OneHot: indices out of range give a row of off values. From opset 11
// on those below 0 count from depth. Before, they are out of range by the
// definition, which ONNX Runtime does not follow, and so they are refused.
func (c *call) oneHot() ([]*array, error) {
	indices, depth, values := c.in[0], c.in[1], c.in[2]
	if depth.len() != 1 || values.len() != 2 {
		return nil, c.broken("depth has %d and values %d elements, want 1 and 2", depth.len(), values.len())
	}
	d := int64(depth.numbers()[0])
	axis, err := c.axis(c.node.Int("axis", -1), indices.rank()+1)
	if err != nil {
		return nil, err
	}
	shape := slices.Insert(slices.Clone(indices.shape), axis, d)
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	at := make([]int, 0, n)
	hot, inner := indices.numbers(), volume(indices.shape[axis:])
	if c.opset < 11 && slices.ContainsFunc(hot, func(h float64) bool { return h < 0 }) {
		return nil, c.unsupported("an index below 0 before opset 11, for which runtimes disagree with the definition")
	}
	walk(shape, func(i int, pos []int) {
		outer := i / (inner * int(d))
		h := hot[outer*inner+i%inner]
		if h < 0 {
			h += float64(d)
		}
		pick := 0
		if float64(pos[axis]) == math.Trunc(h) {
			pick = 1
		}
		at = append(at, pick)
	})
	return []*array{values.pick(shape, at, nil)}, nil
}
