package adapterinject

import gs "github.com/aat-onnx/aat-onnx/graphsurgery"

// group are axes of a value and the axes that a Reshape makes of them.
type group struct{ in, out []int }

// reshaped follows a Reshape: axes are matched from both ends, by their sizes.
func (f *facts) reshaped(n *gs.Node, x spot) (spot, bool) {
	sizes := f.sizes(n.Input(0), x)
	shape := f.sizes(n.Output(0), spot{})
	if sizes == nil || shape == nil {
		return x.dissolved(), true
	}
	f.complete(n, sizes, shape)
	groups, middle := match(sizes, shape)
	out := spot{base: x.base, axes: make([][]int, len(shape))}
	for _, a := range middle.in {
		if x.axes[a] != nil {
			return x.dissolved(), true
		}
	}
	for _, g := range groups {
		if !out.regroup(x, g, sizes, shape) {
			return x.dissolved(), true
		}
	}
	return out, true
}

// sizes are a value's sizes, -1 where one is not known; nil if the rank is not.
func (f *facts) sizes(v *gs.Value, x spot) []int {
	dims := f.Type(v).Shape
	if dims == nil {
		return nil
	}
	out := make([]int, len(dims))
	for i, d := range dims {
		out[i] = int(max(d.Value, -1))
		if x.axes != nil && i < len(x.axes) && x.axes[i] != nil {
			out[i] = len(x.axes[i])
		}
	}
	return out
}

// complete fills in sizes that a Reshape is asked for where inference knows none,
// and the one size it works out where all others of the last axes are known.
func (f *facts) complete(n *gs.Node, sizes, shape []int) {
	if is(n, "Reshape") {
		if asked := f.target(n.Input(1)); len(asked) == len(shape) {
			for i, d := range asked {
				if shape[i] < 0 && d > 0 {
					shape[i] = int(d)
				}
			}
		}
	}
	last, open := sizes[max(0, len(sizes)-1):], -1
	if len(last) == 0 || last[0] < 0 {
		return
	}
	rest := last[0]
	for i := len(shape) - 1; i >= len(sizes)-1 && i >= 0; i-- {
		switch {
		case shape[i] < 0 && open < 0:
			open = i
		case shape[i] > 0 && rest%shape[i] == 0:
			rest /= shape[i]
		default:
			return
		}
	}
	if open >= 0 {
		shape[open] = rest
	}
}

// match pairs axes before and after a Reshape, in groups of one number of elements,
// from the last axis on and from the first on, as far as sizes are known.
func match(sizes, shape []int) (groups []group, middle group) {
	i, j := len(sizes), len(shape)
	for i > 0 && j > 0 {
		g, a, b, ok := grow(sizes[:i], shape[:j], true)
		if !ok {
			break
		}
		groups = append(groups, g)
		i, j = a, b
	}
	first, at := 0, 0
	for first < i && at < j {
		g, a, b, ok := grow(sizes[first:i], shape[at:j], false)
		if !ok {
			break
		}
		for k := range g.in {
			g.in[k] += first
		}
		for k := range g.out {
			g.out[k] += at
		}
		groups = append(groups, g)
		first, at = first+a, at+b
	}
	for ; first < i; first++ {
		middle.in = append(middle.in, first)
	}
	for ; at < j; at++ {
		middle.out = append(middle.out, at)
	}
	return groups, middle
}

// grow takes the shortest group from one end; a and b are what is left, or from the
// first axis on what was taken.
func grow(sizes, shape []int, last bool) (g group, a, b int, ok bool) {
	n, m := 0, 0
	next := func(xs []int, taken int) (at int) {
		if last {
			return len(xs) - 1 - taken
		}
		return taken
	}
	take := func(xs []int, taken *int, list *[]int) int {
		at := next(xs, *taken)
		if at < 0 || at >= len(xs) || xs[at] < 0 {
			return 0
		}
		*taken++
		if last {
			*list = append([]int{at}, *list...)
		} else {
			*list = append(*list, at)
		}
		return xs[at]
	}
	p, q := take(sizes, &n, &g.in), take(shape, &m, &g.out)
	for p != q && p > 0 && q > 0 {
		if p < q {
			p *= take(sizes, &n, &g.in)
		} else {
			q *= take(shape, &m, &g.out)
		}
	}
	if p == 0 || q == 0 {
		return g, 0, 0, false
	}
	if last {
		return g, len(sizes) - n, len(shape) - m, true
	}
	return g, n, m, true
}

// regroup sets the new axes of a group; false if they do not choose columns one by
// one.
func (s *spot) regroup(x spot, g group, sizes, shape []int) bool {
	flat, some := []int{0}, false
	for _, a := range g.in {
		axis := x.axes[a]
		if axis == nil {
			axis = make([]int, sizes[a])
		} else {
			some = true
		}
		if len(flat)*len(axis) > maxWidth {
			return !some
		}
		next := make([]int, 0, len(flat)*len(axis))
		for _, c := range flat {
			for _, d := range axis {
				next = append(next, c+d)
			}
		}
		flat = next
	}
	if !some {
		return true
	}
	s.base += flat[0]
	first := flat[0]
	step := len(flat)
	for _, a := range g.out {
		step /= shape[a]
		s.axes[a] = make([]int, shape[a])
		for i := range s.axes[a] {
			s.axes[a][i] = flat[i*step] - first
		}
	}
	for i, c := range flat { // the sum over the new axes must give it back
		sum, rest := first, i
		for k := len(g.out) - 1; k >= 0; k-- {
			a := g.out[k]
			sum += s.axes[a][rest%shape[a]]
			rest /= shape[a]
		}
		if sum != c {
			return false
		}
	}
	return true
}
