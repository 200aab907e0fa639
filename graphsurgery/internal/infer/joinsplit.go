package infer

// concat joins along axis, which is 1 by default before opset 4.
func concat(n *Node) error {
	all := make([]int, len(n.In))
	for i := range all {
		all[i] = i
	}
	kind, err := n.sameType(all...)
	n.set(0, kind, nil)
	if err != nil {
		return err
	}
	var out []Expr
	total, complete := Const(0), len(all) > 0
	a := n.Int("axis", 1)
	for _, i := range all {
		s := n.shape(i)
		if s == nil {
			total, complete = Unknown(), false
			continue
		}
		k, err := axis(a, len(s))
		if err != nil {
			return err
		}
		total = Add(total, s[k])
		s = clone(s)
		s[k] = Unknown()
		if out, err = n.Ctx.mergeShapes(out, s); err != nil {
			return err
		}
	}
	if out != nil {
		k, _ := axis(a, len(out))
		out[k] = total
	}
	n.set(0, kind, out)
	if complete {
		k, _ := axis(a, len(out))
		n.concatElems(k)
	}
	return nil
}

// concatElems joins the elements; those of a part that is not followed are unknown.
func (n *Node) concatElems(axis int) {
	sizes, ok := static(n.Out[0].Shape)
	if !ok {
		return
	}
	count, ok := n.Ctx.count(sizes)
	if !ok || n.dtype(0) == String {
		return
	}
	outer, some := 1, false
	for _, s := range sizes[:axis] {
		outer *= int(s)
	}
	out := make([]Elem, 0, count)
	for o := range outer {
		for i, v := range n.In {
			c, ok := product(n.shape(i))
			if !ok || outer == 0 {
				return
			}
			block := int(c) / outer
			for k := range block {
				if v.Elems == nil {
					out = append(out, unknownElem())
				} else {
					some = true
					out = append(out, v.Elems[o*block+k])
				}
			}
		}
	}
	if some {
		n.setElems(0, out)
	}
}

// split has the sizes as an attribute, or as an input since opset 13; without them
// the parts are equal, the last one smaller if need be (num_outputs, opset 18).
func split(n *Node) error {
	for i := range n.Out {
		n.set(i, n.dtype(0), nil)
	}
	s := n.shape(0)
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("axis", 0), len(s))
	if err != nil {
		return err
	}
	parts := int64(len(n.Out))
	sizes := unknowns(len(n.Out))
	if n.Has("split") {
		sizes = dims(n.Ints("split")...)
	} else if n.in(1) != nil {
		if list, ok := n.elems(1); ok {
			sizes = list
		}
	} else if parts > 0 {
		chunk := Ceil(s[a], Const(max(n.Int("num_outputs", parts), 1)))
		if !n.Has("num_outputs") {
			chunk = Div(s[a], Const(parts))
		}
		rest := s[a]
		for i := range sizes {
			sizes[i] = Min(chunk, Max(rest, Const(0)))
			if _, ok := s[a].Const(); !ok && i < len(sizes)-1 {
				sizes[i] = chunk
			} else if !ok {
				sizes[i] = rest
			}
			rest = Sub(rest, chunk)
		}
	}
	if len(sizes) != len(n.Out) {
		return fail("%d sizes for %d outputs", len(sizes), len(n.Out))
	}
	start := Const(0)
	for i, size := range sizes {
		out := clone(s)
		out[a] = size
		n.set(i, n.dtype(0), out)
		n.takeElems(i, a, start, 1)
		start = Add(start, size)
	}
	if contradict(start, s[a]) && !start.unknown {
		return fail("the parts sum to %s, axis %d is of size %s", start, a, s[a])
	}
	return nil
}

// takeElems gives output i the elements of the first input from start on along an
// axis, in steps.
func (n *Node) takeElems(i, axis int, start Expr, step int64) {
	v := n.in(0)
	sizes, ok := static(n.shape(0))
	first, fok := start.Const()
	if v.Elems == nil || !ok || !fok {
		return
	}
	dist := strides(sizes)
	n.setElems(i, n.Ctx.gather(v.Elems, n.Out[i].Shape, func(at []int64) int64 {
		k := int64(0)
		for d := range at {
			x := at[d]
			if d == axis {
				x = first + x*step
			}
			k += x * dist[d]
		}
		return k
	}))
}
