package eval

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// view picks the elements of x at from0 + sum(coordinate * step).
func (x *array) view(shape []int64, start int, step []int) *array {
	from := make([]int, volume(shape))
	walk(shape, func(i int, at []int) {
		p := start
		for k, c := range at {
			p += c * step[k]
		}
		from[i] = p
	})
	return x.pick(shape, from, nil)
}

func (c *call) transpose() ([]*array, error) {
	x := c.in[0]
	perm := c.node.Ints("perm")
	if !c.node.HasAttr("perm") {
		for k := x.rank() - 1; k >= 0; k-- {
			perm = append(perm, int64(k))
		}
	}
	return one(c.permute(x, perm))
}

func (c *call) permute(x *array, perm []int64) (*array, error) {
	shape, step, all := make([]int64, len(perm)), make([]int, len(perm)), strides(x.shape)
	seen := map[int64]bool{}
	for k, p := range perm {
		if p < 0 || int(p) >= x.rank() || seen[p] || len(perm) != x.rank() {
			return nil, c.broken("permutation %v of a tensor of rank %d", perm, x.rank())
		}
		seen[p] = true
		shape[k], step[k] = x.shape[p], all[p]
	}
	return x.view(shape, 0, step), nil
}

// expand is Expand (opset 8): broadcasting in both directions.
func (c *call) expand() ([]*array, error) {
	want, err := c.ints(1)
	if err != nil {
		return nil, err
	}
	if _, err := c.size(want); err != nil {
		return nil, err
	}
	shape, index, err := c.broadcast(c.in[0], &array{dtype: gs.Bool, shape: want})
	if err != nil {
		return nil, err
	}
	return []*array{c.in[0].pick(shape, index[0], nil)}, nil
}

func (c *call) tile() ([]*array, error) {
	x := c.in[0]
	repeats, err := c.ints(1)
	if err != nil {
		return nil, err
	}
	if len(repeats) != x.rank() {
		return nil, c.broken("%d repeats for shape %v", len(repeats), x.shape)
	}
	shape := slices.Clone(x.shape)
	for k, r := range repeats {
		if r < 0 || r > c.limits.MaxElements {
			return nil, c.unsupported("%d repeats", r)
		}
		shape[k] *= r
	}
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	from, step := make([]int, n), strides(x.shape)
	walk(shape, func(i int, at []int) {
		for k, p := range at {
			from[i] += p % int(x.shape[k]) * step[k]
		}
	})
	return []*array{x.pick(shape, from, nil)}, nil
}

func (c *call) concat() ([]*array, error) {
	first := c.in[0]
	axis, err := c.axis(c.node.Int("axis", 0), first.rank())
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(first.shape)
	shape[axis] = 0
	for i, a := range c.in {
		if a == nil || a.dtype != first.dtype || a.rank() != first.rank() {
			return nil, c.broken("input %d does not fit the first one", i)
		}
		for k, d := range a.shape {
			if k != axis && d != first.shape[k] {
				return nil, c.broken("input %d has shape %v, the first one %v", i, a.shape, first.shape)
			}
		}
		shape[axis] += a.shape[axis]
	}
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	return []*array{join(c.in...).pick(shape, c.concatIndex(axis, n), nil)}, nil
}

// concatIndex lists where each element of the result lies among the inputs'
// elements put behind one another.
func (c *call) concatIndex(axis, n int) []int {
	from := make([]int, 0, n)
	outer := volume(c.in[0].shape[:axis])
	for o := range outer {
		base := 0
		for _, a := range c.in {
			run := volume(a.shape[axis:])
			for k := range run {
				from = append(from, base+o*run+k)
			}
			base += a.len()
		}
	}
	return from
}

// slice is Slice: attributes until opset 9, inputs with steps from 10.
func (c *call) slice() ([]*array, error) {
	x := c.in[0]
	starts, ends, axes, steps, err := c.sliceBounds()
	if err != nil {
		return nil, err
	}
	if len(starts) != len(ends) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, c.broken("starts, ends, axes and steps are not of one length")
	}
	shape, step, base := slices.Clone(x.shape), strides(x.shape), 0
	seen := map[int]bool{}
	for i := range starts {
		axis, by := i, int64(1)
		if axes != nil {
			if axis, err = c.axis(axes[i], x.rank()); err != nil {
				return nil, err
			}
		}
		if steps != nil {
			by = steps[i]
		}
		if axis >= x.rank() || by == 0 || seen[axis] {
			return nil, c.broken("slice of axis %d by step %d of shape %v", axis, by, x.shape)
		}
		seen[axis] = true
		from, count := sliceRange(starts[i], ends[i], by, x.shape[axis])
		base += int(from) * step[axis]
		shape[axis] = count
		if count > 1 {
			step[axis] *= int(by)
		}
	}
	return []*array{x.view(shape, base, step)}, nil
}

func (c *call) sliceBounds() (starts, ends, axes, steps []int64, err error) {
	if c.opset < 10 {
		return c.node.Ints("starts"), c.node.Ints("ends"), c.node.Ints("axes"), nil, nil
	}
	lists := make([][]int64, 4)
	for i := range lists {
		if lists[i], err = c.ints(i + 1); err != nil {
			return nil, nil, nil, nil, err
		}
	}
	return lists[0], lists[1], lists[2], lists[3], nil
}

// sliceRange gives the first index and the count of a slice of an axis of size n,
// bounds clamped as numpy does.
func sliceRange(start, end, step, n int64) (from, count int64) {
	if start < 0 {
		start = max(start, -n-1) + n
	}
	if end < 0 {
		end = max(end, -n-1) + n
	}
	if step > 0 {
		start, end = max(0, min(n, start)), max(0, min(n, end))
		if start >= end {
			return 0, 0
		}
		return start, (end-start-1)/step + 1
	}
	start, end = max(-1, min(n-1, start)), max(-1, min(n-1, end))
	if end >= start {
		return 0, 0
	}
	step = max(step, -n-1)
	return start, (start-end-1)/(-step) + 1
}

// split is Split: sizes as attribute until opset 12, as input from 13, or equal
// parts; with num_outputs (opset 18) the last one may be smaller.
func (c *call) split() ([]*array, error) {
	x := c.in[0]
	axis, err := c.axis(c.node.Int("axis", 0), x.rank())
	if err != nil {
		return nil, err
	}
	sizes, err := c.splitSizes(x.shape[axis])
	if err != nil {
		return nil, err
	}
	var out []*array
	step, at := strides(x.shape), int64(0)
	for _, s := range sizes {
		shape := slices.Clone(x.shape)
		shape[axis] = s
		out = append(out, x.view(shape, int(at)*step[axis], step))
		at += s
	}
	return out, nil
}

func (c *call) splitSizes(n int64) ([]int64, error) {
	sizes, err := c.ints(1)
	if err != nil {
		return nil, err
	}
	if sizes == nil {
		sizes = c.node.Ints("split")
	}
	if sizes == nil {
		parts := int64(len(c.node.Outputs()))
		if parts == 0 {
			return nil, c.broken("it has no output")
		}
		part := (n + parts - 1) / parts
		for range parts {
			size := min(part, n)
			sizes, n = append(sizes, size), n-size
		}
		return sizes, nil
	}
	for _, s := range sizes {
		if s < 0 || s > n {
			return nil, c.broken("parts of sizes %v", sizes)
		}
		n -= s
	}
	if n != 0 {
		return nil, c.broken("parts of sizes %v do not make up the axis", sizes)
	}
	return sizes, nil
}

// trilu is Trilu (opset 14).
func (c *call) trilu() ([]*array, error) {
	x := c.in[0]
	if x.rank() < 2 {
		return nil, c.broken("shape is %v, want matrices", x.shape)
	}
	k, err := c.scalarInt(1, 0)
	if err != nil {
		return nil, err
	}
	upper := c.node.Int("upper", 1) != 0
	from := make([]int, x.len())
	walk(x.shape, func(i int, at []int) {
		row, col := int64(at[len(at)-2]), int64(at[len(at)-1])
		keep := col-row >= k
		if !upper {
			keep = col-row <= k
		}
		from[i] = i
		if !keep {
			from[i] = -1
		}
	})
	return []*array{x.pick(x.shape, from, nil)}, nil
}

// depthSpace is DepthToSpace (both modes) and SpaceToDepth.
func (c *call) depthSpace() ([]*array, error) {
	x, b := c.in[0], c.node.Int("blocksize", 0)
	if x.rank() != 4 || b <= 0 {
		return nil, c.broken("shape %v and block size %d", x.shape, b)
	}
	n, ch, h, w := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
	var split, perm, shape []int64
	if c.node.Op() == "SpaceToDepth" {
		if h%b != 0 || w%b != 0 {
			return nil, c.broken("shape %v and block size %d", x.shape, b)
		}
		split, perm = []int64{n, ch, h / b, b, w / b, b}, []int64{0, 3, 5, 1, 2, 4}
		shape = []int64{n, ch * b * b, h / b, w / b}
	} else {
		if ch%(b*b) != 0 {
			return nil, c.broken("shape %v and block size %d", x.shape, b)
		}
		split, perm = []int64{n, b, b, ch / (b * b), h, w}, []int64{0, 3, 4, 1, 5, 2}
		if c.node.Str("mode", "DCR") == "CRD" {
			split, perm = []int64{n, ch / (b * b), b, b, h, w}, []int64{0, 1, 4, 2, 5, 3}
		}
		shape = []int64{n, ch / (b * b), h * b, w * b}
	}
	moved, err := c.permute(x.reshaped(split), perm)
	if err != nil {
		return nil, err
	}
	return []*array{moved.reshaped(shape)}, nil
}
