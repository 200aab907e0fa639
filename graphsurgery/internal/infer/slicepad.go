package infer

import "math"

// slicing lists Slice and Pad.
func slicing() map[string]Rule {
	return map[string]Rule{"Slice": slice, "Pad": pad, "CenterCropPad": centerCropPad}
}

// span is what Slice takes of one axis.
type span struct{ start, end, step Expr }

// slice has starts, ends and axes as attributes before opset 10, then as inputs.
func slice(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	out := clone(s)
	axes, starts, ends, steps, ok := n.sliceArgs()
	if !ok {
		n.set(0, n.dtype(0), unknowns(len(s)))
		return nil
	}
	if len(starts) != len(axes) || len(ends) != len(axes) || len(steps) != len(axes) {
		return fail("%d axes, %d starts, %d ends and %d steps", len(axes), len(starts), len(ends), len(steps))
	}
	firsts := make([]Expr, len(s))
	for i, a := range axes {
		k, err := axis(a, len(s))
		if err != nil {
			return err
		}
		if steps[i].Is(0) {
			return fail("the step of axis %d is 0", k)
		}
		firsts[k], out[k] = span{starts[i], ends[i], steps[i]}.of(n.Ctx.Resolve(s[k]))
	}
	n.set(0, n.dtype(0), out)
	n.sliceElems(axes, firsts, steps)
	return nil
}

// sliceArgs reads the arguments in either form; ok is false if the axes are not
// known.
func (n *Node) sliceArgs() (axes []int64, starts, ends, steps []Expr, ok bool) {
	if n.Has("starts") {
		starts, ends, axes = dims(n.Ints("starts")...), dims(n.Ints("ends")...), n.Ints("axes")
	} else {
		starts, ends = n.argList(1), n.argList(2)
		if starts == nil && ends == nil {
			return nil, nil, nil, nil, false
		}
		if starts == nil {
			starts = unknowns(len(ends))
		}
		if ends == nil {
			ends = unknowns(len(starts))
		}
		if n.in(3) != nil {
			if axes, ok = n.consts(3); !ok {
				return nil, nil, nil, nil, false
			}
		}
	}
	if axes == nil {
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	steps = n.argList(4)
	if n.in(4) == nil {
		for range axes {
			steps = append(steps, Const(1))
		}
	} else if steps == nil {
		steps = unknowns(len(axes))
	}
	return axes, starts, ends, steps, true
}

// argList gives the elements of input i, unknown ones if only their number is
// known, nil if not even that is.
func (n *Node) argList(i int) []Expr {
	if list, ok := n.elems(i); ok {
		return list
	}
	if c, ok := product(n.shape(i)); ok && c <= 64 {
		return unknowns(int(c))
	}
	return nil
}

// far is beyond any size: exporters write such numbers for "to the end".
const far = math.MaxInt32 - 1

// of gives the first index and the number of elements taken of an axis of size d.
// Where a symbol leaves open whether a bound lies beyond the axis, it is taken to
// lie inside, as it does when the model runs on what it was made for.
func (s span) of(d Expr) (first, count Expr) {
	step, ok := s.step.Const()
	if !ok || step == math.MinInt64 {
		return Unknown(), Unknown()
	}
	if step < 0 {
		first = s.bound(s.start, d, Sub(d, Const(1)), Const(0))
		end := s.bound(s.end, d, Sub(d, Const(1)), Const(-1))
		return first, atLeast0(Ceil(Sub(first, end), Const(-step)))
	}
	end := s.bound(s.end, d, d, Const(0))
	c, known := s.start.Const()
	if _, static := d.Const(); known && !static && c > -far && c < far {
		if c >= 0 {
			return s.start, atLeast0(Ceil(Sub(end, s.start), Const(step)))
		}
		if end.Equal(d) { // the last −c elements, or all there are
			return Unknown(), Ceil(Min(Const(-c), d), Const(step))
		}
	}
	first = s.bound(s.start, d, d, Const(0))
	return first, atLeast0(Ceil(Sub(end, first), Const(step)))
}

func atLeast0(e Expr) Expr {
	if _, hi := e.bounds(); hi < 0 && !e.unknown {
		return Const(0)
	}
	return e
}

// bound clamps an index of an axis of size d; top and bottom are its limits.
func (s span) bound(x, d, top, bottom Expr) Expr {
	if x.unknown {
		return x
	}
	if c, ok := x.Const(); ok {
		switch {
		case c >= far:
			return top
		case c <= -far:
			return bottom
		case c < 0:
			x = Add(d, x)
		}
		if _, ok := d.Const(); ok {
			return Max(Min(x, top), bottom)
		}
		if c > 0 {
			return Min(x, top)
		}
		return x
	}
	if _, hi := x.bounds(); hi < 0 {
		x = Add(d, x)
	}
	gap := Sub(top, x)
	if _, hi := gap.bounds(); hi <= 0 {
		return top
	}
	if _, ok := d.Const(); ok || gap.AtLeast(0) || !x.AtLeast(0) {
		return x
	}
	return Min(x, top)
}

func (n *Node) sliceElems(axes []int64, firsts, steps []Expr) {
	v := n.in(0)
	sizes, ok := static(n.shape(0))
	if !ok || v.Elems == nil {
		return
	}
	first, step := make([]int64, len(sizes)), make([]int64, len(sizes))
	for i := range step {
		step[i] = 1
	}
	for i, a := range axes {
		k, _ := axis(a, len(sizes))
		var fok, sok bool
		if first[k], fok = firsts[k].Const(); !fok {
			return
		}
		if step[k], sok = steps[i].Const(); !sok {
			return
		}
	}
	dist := strides(sizes)
	n.setElems(0, n.Ctx.gather(v.Elems, n.Out[0].Shape, func(at []int64) int64 {
		k := int64(0)
		for d := range at {
			k += (first[d] + at[d]*step[d]) * dist[d]
		}
		return k
	}))
}

// pad has its pads as an attribute before opset 11 ("paddings" in opset 1), then as
// an input, for chosen axes since opset 18.
func pad(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	n.set(0, n.dtype(0), unknowns(len(s)))
	pads, ok := n.padList()
	if !ok {
		return nil
	}
	axes := make([]int64, len(s))
	for i := range axes {
		axes[i] = int64(i)
	}
	if n.in(3) != nil && n.Domain == "" {
		if axes, ok = n.consts(3); !ok {
			return nil
		}
	}
	if len(pads) != 2*len(axes) {
		return fail("%d pads for %d axes", len(pads), len(axes))
	}
	out := clone(s)
	for i, a := range axes {
		k, err := axis(a, len(s))
		if err != nil {
			return err
		}
		out[k] = Add(s[k], Add(pads[i], pads[i+len(axes)]))
	}
	n.set(0, n.dtype(0), out)
	return nil
}

func (n *Node) padList() ([]Expr, bool) {
	for _, name := range []string{"pads", "paddings"} {
		if n.Has(name) {
			return dims(n.Ints(name)...), true
		}
	}
	return n.elems(1)
}

// centerCropPad makes the chosen axes as long as input 1 says.
func centerCropPad(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	out := clone(s)
	axes := n.Ints("axes")
	if !n.Has("axes") {
		for i := range s {
			axes = append(axes, int64(i))
		}
	}
	want := n.shapeFrom(1)
	if want == nil {
		want = unknowns(len(axes))
	}
	if len(want) != len(axes) {
		return fail("%d sizes for %d axes", len(want), len(axes))
	}
	for i, a := range axes {
		k, err := axis(a, len(s))
		if err != nil {
			return AsFiner(err)
		}
		out[k] = want[i]
	}
	n.setFiner(0, n.dtype(0), out)
	return nil
}
