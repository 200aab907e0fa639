package adapterinject

import (
	"slices"
	"strconv"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// turned is a spot behind a Transpose.
func (s spot) turned(perm []int64) (spot, bool) {
	out := spot{base: s.base, axes: make([][]int, len(s.axes))}
	if perm == nil {
		for i := range s.axes {
			out.axes[i] = s.axes[len(s.axes)-1-i]
		}
		return out, true
	}
	if len(perm) != len(s.axes) {
		return s, false
	}
	for i, p := range perm {
		if p < 0 || int(p) >= len(s.axes) {
			return s, false
		}
		out.axes[i] = s.axes[p]
	}
	return out, true
}

// pick keeps some of the indices of an axis; a single one becomes part of the base.
func (s spot) pick(axis int, at []int) (spot, bool) {
	out := spot{base: s.base, axes: slices.Clone(s.axes)}
	if s.axes[axis] == nil {
		return out, true
	}
	out.axes[axis] = nil
	kept := make([]int, 0, len(at))
	for _, i := range at {
		if i < 0 {
			i += len(s.axes[axis])
		}
		if i < 0 || i >= len(s.axes[axis]) {
			return s, false
		}
		kept = append(kept, s.axes[axis][i])
	}
	if len(kept) == 0 {
		return s, false
	}
	out.axes[axis] = kept
	return out, true
}

// dropped takes an axis of one index away.
func (s spot) dropped(axis int) spot {
	out := spot{base: s.base, axes: slices.Delete(slices.Clone(s.axes), axis, axis+1)}
	if a := s.axes[axis]; len(a) == 1 {
		out.base += a[0]
	}
	return out
}

func axisOf(n *gs.Node, def int64, rank int) (int, bool) {
	axis := int(n.Int("axis", def))
	if axis < 0 {
		axis += rank
	}
	return axis, axis >= 0 && axis < rank
}

func (f *facts) gathered(n *gs.Node, x spot) (spot, bool) {
	axis, ok := axisOf(n, 0, len(x.axes))
	at, known := f.numbers(n.Input(1))
	if !ok || x.axes[axis] != nil && !known {
		return x, false
	}
	rank := f.Rank(n.Input(1))
	if x.axes[axis] == nil {
		if rank == 0 {
			return x.dropped(axis), true
		}
		return x, rank == 1
	}
	x, ok = x.pick(axis, ints(at))
	switch {
	case !ok || rank > 1:
		return x, false
	case rank == 0:
		return x.dropped(axis), len(at) == 1
	}
	return x, true
}

func ints(xs []int64) []int {
	out := make([]int, len(xs))
	for i, x := range xs {
		out[i] = int(x)
	}
	return out
}

func (f *facts) sliced(n *gs.Node, x spot) (spot, bool) {
	starts, ends, axes, steps := n.Ints("starts"), n.Ints("ends"), n.Ints("axes"), []int64(nil)
	if n.Input(1) != nil {
		var ok1, ok2 bool
		starts, ok1 = f.numbers(n.Input(1))
		ends, ok2 = f.numbers(n.Input(2))
		if n.Input(3) != nil {
			axes, _ = f.numbers(n.Input(3))
		}
		if n.Input(4) != nil {
			steps, _ = f.numbers(n.Input(4))
		}
		if !ok1 || !ok2 {
			return x, f.untouched(x, axes)
		}
	}
	for i := range starts {
		axis, step := i, 1
		if i < len(axes) {
			axis = int(axes[i])
		}
		if axis < 0 {
			axis += len(x.axes)
		}
		if i < len(steps) {
			step = int(steps[i])
		}
		if axis < 0 || axis >= len(x.axes) || i >= len(ends) || step < 1 {
			return x, false
		}
		size := len(x.axes[axis])
		if size == 0 {
			continue
		}
		var at []int
		for k := within(starts[i], size); k < within(ends[i], size); k += step {
			at = append(at, k)
		}
		var ok bool
		if x, ok = x.pick(axis, at); !ok {
			return x, false
		}
	}
	return x, true
}

// numbers are those of a small vector that is fixed, or that inference works out
// from shapes.
func (f *facts) numbers(v *gs.Value) ([]int64, bool) {
	if v == nil {
		return nil, false
	}
	if xs, ok := f.Ints(v); ok || f.types == nil {
		return xs, ok
	}
	dims, ok := f.types.Ints(v)
	out := make([]int64, len(dims))
	for i, d := range dims {
		out[i] = d.Value
		if d.Value < 0 { // a number below 0 is told by its text
			x, err := strconv.ParseInt(d.Param, 10, 64)
			out[i], ok = x, ok && err == nil
		}
	}
	return out, ok
}

// untouched reports whether none of the axes chooses columns.
func (f *facts) untouched(x spot, axes []int64) bool {
	for _, a := range axes {
		if a < 0 {
			a += int64(len(x.axes))
		}
		if a < 0 || int(a) >= len(x.axes) || x.axes[a] != nil {
			return false
		}
	}
	return len(axes) > 0
}

// within is an end of a slice as an index from 0 to size.
func within(at int64, size int) int {
	if at < 0 {
		at += int64(size)
	}
	return int(min(max(at, 0), int64(size)))
}

func (f *facts) parted(n *gs.Node, x spot, spots map[*gs.Value]spot) bool {
	axis, ok := axisOf(n, 0, len(x.axes))
	if !ok {
		return false
	}
	sizes := n.Ints("split")
	if in, ok := f.numbers(n.Input(1)); ok {
		sizes = in
	}
	parts, size := len(n.Outputs()), len(x.axes[axis])
	if sizes == nil && parts > 0 {
		for range parts {
			sizes = append(sizes, int64((size+parts-1)/parts))
		}
	}
	first := 0
	for i, out := range n.Outputs() {
		if i >= len(sizes) {
			return false
		}
		end := min(first+int(sizes[i]), max(size, first))
		if out != nil {
			s := x
			if size > 0 {
				if s, ok = x.pick(axis, ints(countFrom(first, end))); !ok {
					return false
				}
			}
			spots[out] = s
		}
		first = end
	}
	return true
}

func countFrom(first, end int) []int64 {
	var out []int64
	for i := first; i < end; i++ {
		out = append(out, int64(i))
	}
	return out
}
