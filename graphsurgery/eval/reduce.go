package eval

import (
	"math"
	"math/bits"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// reducer folds the elements of one group.
type reducer struct {
	floats func(group []float64) float64
	ints   func(group []int64, less func(a, b int64) bool) int64 // nil: floats only
}

func reduction(op string) *reducer {
	switch op {
	case "ReduceSum":
		return &reducer{sum, func(g []int64, _ func(a, b int64) bool) int64 { return sumInts(g) }}
	case "ReduceMean":
		return &reducer{func(g []float64) float64 { return sum(g) / float64(len(g)) }, meanInts}
	case "ReduceProd":
		return &reducer{product, func(g []int64, _ func(a, b int64) bool) int64 { return productInts(g) }}
	case "ReduceMax":
		return &reducer{func(g []float64) float64 { return fold(g, math.Inf(-1), math.Max) }, maxInts}
	case "ReduceMin":
		return &reducer{func(g []float64) float64 { return fold(g, math.Inf(1), math.Min) }, minInts}
	case "ReduceL1":
		return &reducer{func(g []float64) float64 { return sum(each(g, math.Abs)) }, absInts}
	case "ReduceL2":
		return &reducer{func(g []float64) float64 { return math.Sqrt(sum(each(g, square))) }, nil}
	case "ReduceSumSquare":
		return &reducer{func(g []float64) float64 { return sum(each(g, square)) }, squareInts}
	case "ReduceLogSum":
		return &reducer{func(g []float64) float64 { return math.Log(sum(g)) }, nil}
	case "ReduceLogSumExp":
		return &reducer{logSumExp, nil}
	}
	return nil
}

func sum(g []float64) float64     { return fold(g, 0, func(a, b float64) float64 { return a + b }) }
func product(g []float64) float64 { return fold(g, 1, func(a, b float64) float64 { return a * b }) }
func square(x float64) float64    { return x * x }

func fold(g []float64, start float64, f func(a, b float64) float64) float64 {
	for _, x := range g {
		start = f(start, x)
	}
	return start
}

func each(g []float64, f func(float64) float64) []float64 {
	for i := range g {
		g[i] = f(g[i])
	}
	return g
}

func logSumExp(g []float64) float64 {
	top := fold(g, math.Inf(-1), math.Max)
	if math.IsInf(top, 0) {
		return top
	}
	return top + math.Log(sum(each(g, func(x float64) float64 { return math.Exp(x - top) })))
}

func sumInts(g []int64) int64 {
	s := int64(0)
	for _, x := range g {
		s += x
	}
	return s
}

func productInts(g []int64) int64 {
	p := int64(1)
	for _, x := range g {
		p *= x
	}
	return p
}

// meanInts rounds towards 0. The sum of unsigned numbers may have 65 bits and more.
func meanInts(g []int64, less func(a, b int64) bool) int64 {
	if len(g) == 0 {
		return 0
	}
	if less(-1, 0) {
		return sumInts(g) / int64(len(g))
	}
	var high, low, carry uint64
	for _, x := range g {
		low, carry = bits.Add64(low, uint64(x), 0)
		high += carry
	}
	mean, _ := bits.Div64(high, low, uint64(len(g)))
	return int64(mean)
}

func absInts(g []int64, less func(a, b int64) bool) int64 {
	s := int64(0)
	for _, x := range g {
		if less(x, 0) {
			x = -x
		}
		s += x
	}
	return s
}

func squareInts(g []int64, _ func(a, b int64) bool) int64 {
	s := int64(0)
	for _, x := range g {
		s += x * x
	}
	return s
}

func maxInts(g []int64, less func(a, b int64) bool) int64 {
	m := g[0]
	for _, x := range g {
		if less(m, x) {
			m = x
		}
	}
	return m
}

func minInts(g []int64, less func(a, b int64) bool) int64 {
	return maxInts(g, func(a, b int64) bool { return less(b, a) })
}

// reduce is the Reduce family: axes as attribute, or as input from opset 13
// (ReduceSum) and 18 (the others).
func (c *call) reduce() ([]*array, error) {
	x := c.in[0]
	axes, given, err := c.axes(1, x.rank())
	if err != nil {
		return nil, err
	}
	if !given || len(axes) == 0 {
		if c.node.Int("noop_with_empty_axes", 0) != 0 {
			return c.reduceNothing(x)
		}
		axes = make([]int, x.rank())
		for k := range axes {
			axes[k] = k
		}
	}
	groups, shape := group(x.shape, axes, c.node.Int("keepdims", 1) != 0)
	return one(c.reduceGroups(x, groups, shape))
}

// reduceNothing is a reduction over no axis. The operators that transform each
// element first still do so.
func (c *call) reduceNothing(x *array) ([]*array, error) {
	groups := make([][]int, x.len())
	for i := range groups {
		groups[i] = []int{i}
	}
	return one(c.reduceGroups(x, groups, x.shape))
}

// group lists the elements that fall on each element of a reduced tensor.
func group(shape []int64, axes []int, keep bool) ([][]int, []int64) {
	full, out := slices.Clone(shape), []int64{}
	for k, d := range shape {
		if slices.Contains(axes, k) {
			full[k] = 1
			if keep {
				out = append(out, 1)
			}
			continue
		}
		out = append(out, d)
	}
	groups := make([][]int, volume(full))
	step := strides(full)
	walk(shape, func(i int, at []int) {
		p := 0
		for k, pos := range at {
			if full[k] != 1 {
				p += pos * step[k]
			}
		}
		groups[p] = append(groups[p], i)
	})
	return groups, out
}

func (c *call) reduceGroups(x *array, groups [][]int, shape []int64) (*array, error) {
	r := reduction(c.node.Op())
	switch {
	case x.dtype.IsFloat():
		values, out := x.floats(), make([]float64, len(groups))
		for i, g := range groups {
			out[i] = r.floats(takeAll(values, g))
		}
		return newFloats(x.dtype, shape, out), nil
	case isInt(x.dtype) && r.ints != nil, x.dtype == gs.Bool && (c.node.Op() == "ReduceMax" || c.node.Op() == "ReduceMin"):
		values, out, less := x.ints(), make([]int64, len(groups)), lessInts(x.dtype)
		for i, g := range groups {
			if len(g) == 0 {
				return nil, c.unsupported("integers of an empty group are reduced")
			}
			out[i] = r.ints(takeAll(values, g), less)
		}
		return newInts(x.dtype, shape, out), nil
	}
	return nil, c.unsupported("elements of type %s are not reduced on the host", x.dtype)
}

func takeAll[T any](values []T, at []int) []T {
	out := make([]T, len(at))
	for i, p := range at {
		out[i] = values[p]
	}
	return out
}

// arg is ArgMax and ArgMin (select_last_index since opset 12).
func (c *call) arg() ([]*array, error) {
	x := c.in[0]
	axis, err := c.axis(c.node.Int("axis", 0), x.rank())
	if err != nil {
		return nil, err
	}
	if x.shape[axis] == 0 || x.dtype == gs.String {
		return nil, c.broken("axis %d of %s%v", axis, x.dtype, x.shape)
	}
	groups, shape := group(x.shape, []int{axis}, c.node.Int("keepdims", 1) != 0)
	better := c.before(x, c.node.Op() == "ArgMax")
	last := c.node.Int("select_last_index", 0) != 0
	out := make([]int64, len(groups))
	for i, g := range groups {
		best := 0
		for k := range g {
			if better(g[k], g[best]) || last && !better(g[best], g[k]) {
				best = k
			}
		}
		out[i] = int64(best)
	}
	return []*array{newInts(gs.Int64, shape, out)}, nil
}

// before orders the elements of x: by value, the largest first if asked for.
func (c *call) before(x *array, largest bool) func(i, k int) bool {
	var less func(i, k int) bool
	if x.dtype.IsFloat() {
		v := x.floats()
		less = func(i, k int) bool { return v[i] < v[k] }
	} else {
		v, cmp := x.ints(), lessInts(x.dtype)
		less = func(i, k int) bool { return cmp(v[i], v[k]) }
	}
	if !largest {
		return less
	}
	return func(i, k int) bool { return less(k, i) }
}

// topK is TopK: k as attribute until opset 9, as input from 10; equal elements
// keep the order of their indices.
func (c *call) topK() ([]*array, error) {
	x := c.in[0]
	axis, err := c.axis(c.node.Int("axis", -1), x.rank())
	if err != nil {
		return nil, err
	}
	k := c.node.Int("k", 0)
	if c.opset >= 10 {
		if k, err = c.scalarInt(1, 0); err != nil {
			return nil, err
		}
	}
	if k < 0 || k > x.shape[axis] || !x.dtype.IsFloat() && !isInt(x.dtype) {
		return nil, c.broken("the %d best of axis %d of %s%v", k, axis, x.dtype, x.shape)
	}
	groups, _ := group(x.shape, []int{axis}, true)
	better := c.before(x, c.node.Int("largest", 1) != 0)
	shape := slices.Clone(x.shape)
	shape[axis] = k
	from, index := make([]int, volume(shape)), make([]int64, volume(shape))
	step := strides(shape)
	for i, g := range groups {
		order := make([]int, len(g)) // positions in the group
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return int(choose(better(g[a], g[b]), -1, choose(better(g[b], g[a]), 1, 0)))
		})
		base := i/step[axis]*step[axis]*int(k) + i%step[axis]
		for j := range int(k) {
			from[base+j*step[axis]] = g[order[j]]
			index[base+j*step[axis]] = int64(order[j])
		}
	}
	return []*array{x.pick(shape, from, nil), newInts(gs.Int64, shape, index)}, nil
}

// cumSum is CumSum (opset 11).
func (c *call) cumSum() ([]*array, error) {
	x := c.in[0]
	a, err := c.scalarInt(1, 0)
	if err != nil {
		return nil, err
	}
	axis, err := c.axis(a, x.rank())
	if err != nil {
		return nil, err
	}
	exclusive, reverse := c.node.Int("exclusive", 0) != 0, c.node.Int("reverse", 0) != 0
	groups, _ := group(x.shape, []int{axis}, true)
	if reverse {
		for _, g := range groups {
			slices.Reverse(g)
		}
	}
	switch {
	case x.dtype.IsFloat():
		v := x.floats()
		cumulate(v, groups, exclusive, func(a, b float64) float64 { return roundTo(x.dtype, a+b) })
		return []*array{newFloats(x.dtype, x.shape, v)}, nil
	case isInt(x.dtype):
		v := x.ints()
		cumulate(v, groups, exclusive, func(a, b int64) int64 { return a + b })
		return []*array{newInts(x.dtype, x.shape, v)}, nil
	}
	return nil, c.broken("input is %s, want numbers", x.dtype)
}

func cumulate[T any](v []T, groups [][]int, exclusive bool, add func(a, b T) T) {
	for _, g := range groups {
		var acc T
		for _, p := range g {
			next := add(acc, v[p])
			if exclusive {
				v[p] = acc
			} else {
				v[p] = next
			}
			acc = next
		}
	}
}
