package eval

import (
	"math"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// indices decodes an index input, each index made non-negative and held below
// the size that limit gives for its place.
func (c *call) indices(i int, limit func(k int) int64) ([]int, error) {
	raw, err := c.ints(i)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(raw))
	for k, x := range raw {
		n := limit(k)
		if x < -n || x >= n {
			return nil, c.broken("index %d into an axis of size %d", x, n)
		}
		if x < 0 {
			x += n
		}
		out[k] = int(x)
	}
	return out, nil
}

func (c *call) gather() ([]*array, error) {
	x, where := c.in[0], c.in[1]
	axis, err := c.axis(c.node.Int("axis", 0), x.rank())
	if err != nil {
		return nil, err
	}
	idx, err := c.indices(1, func(int) int64 { return x.shape[axis] })
	if err != nil {
		return nil, err
	}
	shape := slices.Concat(x.shape[:axis], where.shape, x.shape[axis+1:])
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	from := make([]int, 0, n)
	outer, inner := volume(x.shape[:axis]), volume(x.shape[axis+1:])
	for o := range outer {
		for _, k := range idx {
			for j := range inner {
				from = append(from, (o*int(x.shape[axis])+k)*inner+j)
			}
		}
	}
	return []*array{x.pick(shape, from, nil)}, nil
}

// alongAxis lists, for every element of an index tensor as GatherElements and
// ScatterElements have it, the element of data it names.
func (c *call) alongAxis() ([]int, error) {
	data, where := c.in[0], c.in[1]
	if data.rank() != where.rank() {
		return nil, c.broken("indices have shape %v, the data %v", where.shape, data.shape)
	}
	axis, err := c.axis(c.node.Int("axis", 0), data.rank())
	if err != nil {
		return nil, err
	}
	for k, d := range where.shape {
		if k != axis && d > data.shape[k] {
			return nil, c.broken("indices have shape %v, the data %v", where.shape, data.shape)
		}
	}
	idx, err := c.indices(1, func(int) int64 { return data.shape[axis] })
	if err != nil {
		return nil, err
	}
	at, step := make([]int, len(idx)), strides(data.shape)
	walk(where.shape, func(i int, pos []int) {
		for k, p := range pos {
			if k == axis {
				p = idx[i]
			}
			at[i] += p * step[k]
		}
	})
	return at, nil
}

func (c *call) gatherElements() ([]*array, error) {
	at, err := c.alongAxis()
	if err != nil {
		return nil, err
	}
	return []*array{c.in[0].pick(c.in[1].shape, at, nil)}, nil
}

// scatterElements is ScatterElements (opset 11; reduction 16) and Scatter.
func (c *call) scatterElements() ([]*array, error) {
	if !slices.Equal(c.in[1].shape, c.in[2].shape) {
		return nil, c.broken("updates have shape %v, indices %v", c.in[2].shape, c.in[1].shape)
	}
	at, err := c.alongAxis()
	if err != nil {
		return nil, err
	}
	return one(c.scatter(at))
}

// byTuple lists the first element that each index tuple of the last axis of
// input 1 names, and the number of elements behind each.
func (c *call) byTuple(batch int) (at []int, run int, err error) {
	data, where := c.in[0], c.in[1]
	if where.rank() == 0 || batch < 0 || batch >= min(data.rank(), where.rank()) && batch > 0 {
		return nil, 0, c.broken("indices of shape %v, %d batch dimensions", where.shape, batch)
	}
	depth := int(where.shape[where.rank()-1])
	if depth+batch > data.rank() || !slices.Equal(data.shape[:batch], where.shape[:batch]) {
		return nil, 0, c.broken("indices of shape %v into data of shape %v", where.shape, data.shape)
	}
	step := strides(data.shape)
	run = volume(data.shape[batch+depth:])
	at = make([]int, volume(where.shape[:where.rank()-1]))
	per := max(1, volume(where.shape[batch:where.rank()-1])) // tuples a batch
	for i := range at {
		at[i] = i / per * volume(data.shape[batch:])
	}
	if depth == 0 {
		return at, run, nil
	}
	idx, err := c.indices(1, func(k int) int64 { return data.shape[batch+k%depth] })
	if err != nil {
		return nil, 0, err
	}
	for k, x := range idx {
		at[k/depth] += x * step[batch+k%depth]
	}
	return at, run, nil
}

func spread(at []int, run int) []int {
	out := make([]int, 0, len(at)*run)
	for _, p := range at {
		for j := range run {
			out = append(out, p+j)
		}
	}
	return out
}

// gatherND is GatherND (opset 11; batch_dims 12).
func (c *call) gatherND() ([]*array, error) {
	batch := int(c.node.Int("batch_dims", 0))
	at, run, err := c.byTuple(batch)
	if err != nil {
		return nil, err
	}
	data, where := c.in[0], c.in[1]
	depth := int(where.shape[where.rank()-1])
	shape := slices.Concat(where.shape[:where.rank()-1], data.shape[batch+depth:])
	if _, err := c.size(shape); err != nil {
		return nil, err
	}
	return []*array{data.pick(shape, spread(at, run), nil)}, nil
}

// scatterND is ScatterND (opset 11; reduction 16).
func (c *call) scatterND() ([]*array, error) {
	at, run, err := c.byTuple(0)
	if err != nil {
		return nil, err
	}
	where := c.in[1]
	depth := int(where.shape[where.rank()-1])
	want := slices.Concat(where.shape[:where.rank()-1], c.in[0].shape[depth:])
	if !slices.Equal(want, c.in[2].shape) {
		return nil, c.broken("updates have shape %v, want %v", c.in[2].shape, want)
	}
	return one(c.scatter(spread(at, run)))
}

// scatter writes the updates (input 2) at the listed elements of input 0.
func (c *call) scatter(at []int) (*array, error) {
	data, updates := c.in[0], c.in[2]
	if data.dtype != updates.dtype {
		return nil, c.broken("updates are %s, the data %s", updates.dtype, data.dtype)
	}
	mode := c.node.Str("reduction", "none")
	if mode == "none" {
		from := make([]int, data.len())
		for i := range from {
			from[i] = i
		}
		for k, p := range at {
			from[p] = data.len() + k
		}
		return join(data, updates).pick(data.shape, from, nil), nil
	}
	if !slices.Contains([]string{"add", "mul", "min", "max"}, mode) {
		return nil, c.unsupported("reduction %q", mode)
	}
	switch {
	case data.dtype.IsFloat():
		x, u := data.floats(), updates.floats()
		for k, p := range at {
			x[p] = roundTo(data.dtype, combineFloat(mode, x[p], u[k]))
		}
		return newFloats(data.dtype, data.shape, x), nil
	case isInt(data.dtype):
		x, u, less := data.ints(), updates.ints(), lessInts(data.dtype)
		for k, p := range at {
			x[p] = combineInt(mode, x[p], u[k], less)
		}
		return newInts(data.dtype, data.shape, x), nil
	}
	return nil, c.unsupported("reduction of %s", data.dtype)
}

func combineFloat(mode string, a, b float64) float64 {
	switch mode {
	case "add":
		return a + b
	case "mul":
		return a * b
	case "min":
		return math.Min(a, b)
	}
	return math.Max(a, b)
}

func combineInt(mode string, a, b int64, less func(a, b int64) bool) int64 {
	switch {
	case mode == "add":
		return a + b
	case mode == "mul":
		return a * b
	case mode == "min" && less(b, a), mode == "max" && less(a, b):
		return b
	}
	return a
}

// nonZero is NonZero: one row an axis, one column an element.
func (c *call) nonZero() ([]*array, error) {
	x := c.in[0]
	if x.dtype == gs.String {
		return nil, c.unsupported("elements of type string")
	}
	values := x.numbers()
	rows := make([][]int64, max(1, x.rank()))
	walk(x.shape, func(i int, at []int) {
		if values[i] == 0 {
			return
		}
		for k, p := range at {
			rows[k] = append(rows[k], int64(p))
		}
		if len(at) == 0 {
			rows[0] = append(rows[0], 0)
		}
	})
	n := int64(len(rows[0]))
	if x.rank() == 0 {
		return nil, c.unsupported("the result for a scalar is not defined alike everywhere")
	}
	return []*array{newInts(gs.Int64, []int64{int64(x.rank()), n}, slices.Concat(rows...))}, nil
}

// compress is Compress: the slices of an axis (or the elements) whose condition holds.
func (c *call) compress() ([]*array, error) {
	x, cond := c.in[0], c.in[1]
	if cond.dtype != gs.Bool || cond.rank() != 1 {
		return nil, c.broken("the condition is %s%v, want a list of bool", cond.dtype, cond.shape)
	}
	axis := 0
	if !c.node.HasAttr("axis") {
		x = x.reshaped([]int64{int64(x.len())})
	} else {
		var err error
		if axis, err = c.axis(c.node.Int("axis", 0), x.rank()); err != nil {
			return nil, err
		}
	}
	var keep []int
	for k := range min(cond.len(), int(x.shape[axis])) {
		if cond.raw[k] != 0 {
			keep = append(keep, k)
		}
	}
	shape := slices.Clone(x.shape)
	shape[axis] = int64(len(keep))
	step := strides(x.shape)
	from := make([]int, volume(shape))
	walk(shape, func(i int, at []int) {
		for k, p := range at {
			if k == axis {
				p = keep[p]
			}
			from[i] += p * step[k]
		}
	})
	return []*array{x.pick(shape, from, nil)}, nil
}

// reverseSequence is ReverseSequence (opset 10).
func (c *call) reverseSequence() ([]*array, error) {
	x := c.in[0]
	batch, timeAxis := int(c.node.Int("batch_axis", 1)), int(c.node.Int("time_axis", 0))
	lengths, err := c.ints(1)
	if err != nil {
		return nil, err
	}
	if x.rank() < 2 || batch == timeAxis || batch|timeAxis < 0 || batch > 1 || timeAxis > 1 || int64(len(lengths)) != x.shape[batch] {
		return nil, c.broken("shape %v with %d lengths", x.shape, len(lengths))
	}
	for _, n := range lengths {
		if n < 0 || n > x.shape[timeAxis] {
			return nil, c.broken("a length of %d in shape %v", n, x.shape)
		}
	}
	from, step := make([]int, x.len()), strides(x.shape)
	walk(x.shape, func(i int, at []int) {
		n := int(lengths[at[batch]])
		from[i] = i
		if t := at[timeAxis]; t < n {
			from[i] += (n - 1 - 2*t) * step[timeAxis]
		}
	})
	return []*array{x.pick(x.shape, from, nil)}, nil
}
