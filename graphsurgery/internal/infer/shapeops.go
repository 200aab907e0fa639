package infer

// shaping lists the operators that only rearrange, and those that make constants.
func shaping() map[string]Rule {
	return map[string]Rule{
		"Shape": shapeOf, "Size": sizeOf, "Reshape": reshape, "Flatten": flatten, "Squeeze": squeeze, "Unsqueeze": unsqueeze,
		"Transpose": transpose, "Expand": expand, "Tile": tile, "Concat": concat, "Split": split,
		"Constant": constant, "ConstantOfShape": constantOfShape, "Range": rangeOf, "EyeLike": eyeLike,
		"SpaceToDepth": spaceToDepth, "DepthToSpace": depthToSpace,
	}
}

// shapeOf gives the input's dimensions as elements; a slice of them since opset 15.
func shapeOf(n *Node) error {
	shape := n.shape(0)
	if shape == nil {
		n.set(0, Int64, unknowns(1))
		return nil
	}
	r := int64(len(shape))
	start, end := clampAxis(n.Int("start", 0), r), clampAxis(n.Int("end", r), r)
	shape = shape[start:max(start, end)]
	n.set(0, Int64, dims(int64(len(shape))))
	elems := make([]Elem, len(shape))
	for i, d := range shape {
		elems[i] = Elem{E: n.Ctx.Resolve(d)}
	}
	n.setElems(0, elems)
	return nil
}

func clampAxis(a, rank int64) int64 {
	if a < 0 {
		a += rank
	}
	return min(max(a, 0), rank)
}

func sizeOf(n *Node) error {
	n.set(0, Int64, []Expr{})
	if s := n.shape(0); s != nil {
		n.setElems(0, []Elem{{E: Product(s)}})
	}
	return nil
}

// reshape copies a dimension for 0 (unless allowzero) and solves one -1. Before
// opset 5 the shape is an attribute.
func reshape(n *Node) error {
	in := n.shape(0)
	n.set(0, n.dtype(0), nil)
	var want []Expr
	if n.Has("shape") && n.in(1) == nil {
		want = dims(n.Ints("shape")...)
	} else if list, ok := n.elems(1); ok {
		want = list
	} else {
		if r, ok := product(n.shape(1)); ok && len(n.shape(1)) == 1 && r <= 64 {
			n.setFiner(0, n.dtype(0), unknowns(int(r)))
		}
		return nil
	}
	out, err := n.reshapeTo(in, want, n.Int("allowzero", 0) != 0)
	n.set(0, n.dtype(0), out)
	n.keepElems()
	return err
}

// keepElems gives output 0 the first input's elements, in the same order.
func (n *Node) keepElems() {
	if v := n.in(0); v != nil {
		n.setElems(0, v.Elems)
	}
}

func (n *Node) reshapeTo(in, want []Expr, allowZero bool) ([]Expr, error) {
	out := clone(want)
	if out == nil {
		out = []Expr{}
	}
	hole, holes, named := -1, 0, 0
	for i, d := range want {
		switch {
		case d.Is(-1):
			hole, named = i, named+1
			out[i] = Unknown()
		case d.Is(0) && !allowZero:
			if in != nil && i >= len(in) {
				return nil, fail("the shape copies axis %d, the input is of shape %s", i, ShapeString(in))
			}
			out[i] = Unknown()
			if in != nil {
				out[i] = in[i]
			}
		case d.unknown:
			holes++
			if named == 0 {
				hole = i
			}
		}
	}
	if named > 1 {
		return out, fail("the shape has more than one -1")
	}
	if in == nil || holes+named > 1 {
		return out, nil
	}
	return out, n.solve(in, out, hole)
}

// solve finds the one unknown dimension of out from the number of elements; without
// one (hole below 0) it checks that number.
func (n *Node) solve(in, out []Expr, hole int) error {
	rest := make([]Expr, 0, len(in))
	for _, d := range in {
		rest = append(rest, n.Ctx.Resolve(d))
	}
	var known []Expr
	for i, d := range out {
		if i == hole {
			continue
		}
		d = n.Ctx.Resolve(d)
		if k := indexExpr(rest, d); k >= 0 && !d.Is(0) {
			rest = append(rest[:k], rest[k+1:]...)
		} else {
			known = append(known, d)
		}
	}
	if hole < 0 && len(rest) == 1 && len(known) == 1 {
		if _, ok := n.Ctx.Merge(rest[0], known[0]); !ok {
			return failFiner("shape %s does not hold the elements of %s", ShapeString(out), ShapeString(in))
		}
		return nil
	}
	have, got := Product(rest), Product(known)
	if hole < 0 {
		if contradict(have, got) && !have.unknown && !got.unknown {
			return failFiner("shape %s does not hold the elements of %s", ShapeString(out), ShapeString(in))
		}
		return nil
	}
	h, hok := have.Const()
	g, gok := got.Const()
	if hok && gok && g != 0 && h%g != 0 {
		return fail("shape %s cannot be reshaped to %s", ShapeString(in), ShapeString(out))
	}
	out[hole] = Div(have, got)
	return nil
}

func indexExpr(list []Expr, e Expr) int {
	for i, x := range list {
		if x.Equal(e) {
			return i
		}
	}
	return -1
}

// flatten makes a matrix of the axes before and from axis on.
func flatten(n *Node) error {
	n.set(0, n.dtype(0), unknowns(2))
	s := n.shape(0)
	if s == nil {
		return nil
	}
	a, r := n.Int("axis", 1), int64(len(s))
	if a < -r || a > r {
		return fail("axis %d is out of range for rank %d", a, r)
	}
	a = clampAxis(a, r)
	n.set(0, n.dtype(0), []Expr{Product(s[:a]), Product(s[a:])})
	n.keepElems()
	return nil
}

// squeeze has axes as an attribute before opset 13, then as an input.
func squeeze(n *Node) error {
	n.set(0, n.dtype(0), nil)
	s := n.shape(0)
	axes, given, ok := n.list("axes", 1)
	if s == nil {
		return nil
	}
	if !ok {
		if count, ok := product(n.shape(1)); ok && count <= int64(len(s)) {
			n.setFiner(0, n.dtype(0), unknowns(len(s)-int(count)))
		}
		return nil
	}
	gone := make([]bool, len(s))
	if given && len(axes) > 0 {
		var err error
		if gone, err = axisSet(axes, len(s)); err != nil {
			return err
		}
		for i, d := range s {
			if c, ok := d.Const(); gone[i] && ok && c != 1 {
				return fail("axis %d of %s is not 1", i, ShapeString(s))
			}
		}
	} else {
		for i, d := range s {
			if _, ok := d.Const(); !ok {
				return nil // it goes or stays with what is fed
			}
			gone[i] = d.Is(1)
		}
	}
	n.set(0, n.dtype(0), reduced(s, gone, false))
	n.keepElems()
	return nil
}

// unsqueeze counts its axes in the output.
func unsqueeze(n *Node) error {
	n.set(0, n.dtype(0), nil)
	s := n.shape(0)
	axes, _, ok := n.list("axes", 1)
	if s == nil {
		return nil
	}
	if !ok {
		if count, ok := product(n.shape(1)); ok && count < 64 {
			n.setFiner(0, n.dtype(0), unknowns(len(s)+int(count)))
		}
		return nil
	}
	if len(axes) > 64 {
		return fail("%d axes", len(axes))
	}
	added := make([]bool, len(s)+len(axes))
	for _, a := range axes {
		k, err := axis(a, len(added))
		if err != nil {
			return err
		}
		if added[k] {
			return fail("axis %d is given twice", a)
		}
		added[k] = true
	}
	out, i := make([]Expr, len(added)), 0
	for k := range out {
		if added[k] {
			out[k] = Const(1)
		} else {
			out[k] = s[i]
			i++
		}
	}
	n.set(0, n.dtype(0), out)
	n.keepElems()
	return nil
}

// transpose reverses the axes without perm.
func transpose(n *Node) error {
	n.set(0, n.dtype(0), nil)
	perm := n.Ints("perm")
	s := n.shape(0)
	if s == nil {
		if n.Has("perm") {
			n.set(0, n.dtype(0), unknowns(len(perm)))
		}
		return nil
	}
	if !n.Has("perm") {
		for i := range s {
			perm = append(perm, int64(len(s)-1-i))
		}
	}
	if len(perm) != len(s) { // onnx looks at the range of each alone, and goes on
		out := []Expr{}
		for _, p := range perm {
			if p < 0 || p >= int64(len(s)) {
				return fail("perm %v is no permutation of the %d axes", perm, len(s))
			}
			out = append(out, s[p])
		}
		n.set(0, n.dtype(0), out)
		return failFiner("perm %v is for rank %d, the input is of shape %s", perm, len(perm), ShapeString(s))
	}
	out, seen := make([]Expr, len(s)), make([]bool, len(s))
	for i, p := range perm {
		if p < 0 || p >= int64(len(s)) || seen[p] {
			return fail("perm %v is no permutation of the %d axes", perm, len(s))
		}
		seen[p] = true
		out[i] = s[p]
	}
	n.set(0, n.dtype(0), out)
	if v := n.in(0); v.Elems != nil {
		if sizes, ok := static(s); ok {
			step := strides(sizes)
			n.setElems(0, n.Ctx.gather(v.Elems, out, func(at []int64) int64 {
				k := int64(0)
				for i, p := range perm {
					k += at[i] * step[p]
				}
				return k
			}))
		}
	}
	return nil
}

// expand broadcasts the input with the shape that input 1 gives.
func expand(n *Node) error {
	n.set(0, n.dtype(0), nil)
	s := n.shape(0)
	want, ok := n.elems(1)
	if s == nil {
		return nil
	}
	if !ok {
		r, ok := product(n.shape(1))
		if !ok || r > 64 {
			return nil
		}
		want = unknowns(int(r))
	}
	rank := max(len(s), len(want))
	out := unknowns(rank)
	for i := range out {
		d, w := Const(1), Const(1)
		if k := i - rank + len(s); k >= 0 {
			d = s[k]
		}
		if k := i - rank + len(want); k >= 0 {
			w = want[k]
		}
		x, ok := n.Ctx.broadcastDim(d, w)
		if c, isConst := d.Const(); w.unknown && (!isConst || c == 1) {
			x, ok = Unknown(), true
		}
		if !ok {
			return fail("shape %s does not expand to %s", ShapeString(s), ShapeString(want))
		}
		out[i] = x
	}
	n.set(0, n.dtype(0), out)
	n.setElems(0, n.Ctx.spread(n.in(0), out))
	return nil
}

// tile repeats each axis; opset 1 repeats one axis.
func tile(n *Node) error {
	n.set(0, n.dtype(0), nil)
	s := n.shape(0)
	if s == nil {
		return nil
	}
	out := unknowns(len(s))
	if reps, ok := n.elems(1); ok && n.Version >= 6 {
		if len(reps) != len(s) {
			return fail("%d repeats for shape %s", len(reps), ShapeString(s))
		}
		for i := range out {
			out[i] = Mul(s[i], reps[i])
		}
	}
	n.set(0, n.dtype(0), out)
	sizes, ok := static(s)
	if v := n.in(0); ok && v.Elems != nil {
		step := strides(sizes)
		n.setElems(0, n.Ctx.gather(v.Elems, out, func(at []int64) int64 {
			k := int64(0)
			for i, size := range sizes {
				k += at[i] % max(size, 1) * step[i]
			}
			return k
		}))
	}
	return nil
}

func spaceToDepth(n *Node) error {
	n.set(0, n.dtype(0), unknowns(4))
	s, b := n.shape(0), n.Int("blocksize", 0)
	if s == nil {
		return nil
	}
	if len(s) != 4 || b < 1 || b > 1<<15 {
		return fail("shape %s and blocksize %d, want rank 4 and at least 1", ShapeString(s), b)
	}
	n.set(0, n.dtype(0), []Expr{s[0], scale(s[1], b*b), Div(s[2], Const(b)), Div(s[3], Const(b))})
	return nil
}

func depthToSpace(n *Node) error {
	n.set(0, n.dtype(0), unknowns(4))
	s, b := n.shape(0), n.Int("blocksize", 0)
	if s == nil {
		return nil
	}
	if len(s) != 4 || b < 1 || b > 1<<15 {
		return fail("shape %s and blocksize %d, want rank 4 and at least 1", ShapeString(s), b)
	}
	n.set(0, n.dtype(0), []Expr{s[0], Div(s[1], Const(b*b)), scale(s[2], b), scale(s[3], b)})
	return nil
}
