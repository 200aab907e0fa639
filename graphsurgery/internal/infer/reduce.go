package infer

// reductions lists the operators that reduce over axes.
func reductions() map[string]Rule {
	rules := map[string]Rule{"ArgMax": argReduce, "ArgMin": argReduce}
	for op, f := range map[string]func(a, b Elem) Elem{
		"ReduceSum": addElem, "ReduceProd": mulElem, "ReduceMax": maxElem, "ReduceMin": minElem,
		"ReduceMean": nil, "ReduceL1": nil, "ReduceL2": nil, "ReduceLogSum": nil, "ReduceLogSumExp": nil, "ReduceSumSquare": nil,
	} {
		rules[op] = func(n *Node) error { return reduce(n, f) }
	}
	return rules
}

// reduce has its axes as an attribute, later (opset 13 for ReduceSum, 18 for the
// others) as an input; without axes it reduces all, or none if noop_with_empty_axes.
func reduce(n *Node, f func(a, b Elem) Elem) error {
	n.set(0, n.dtype(0), nil)
	shape := n.shape(0)
	axes, _, ok := n.list("axes", 1)
	keep := n.Int("keepdims", 1) == 1
	if shape == nil {
		if ok && len(axes) == 0 && !keep && n.Int("noop_with_empty_axes", 0) == 0 {
			n.set(0, n.dtype(0), []Expr{})
		}
		return nil
	}
	if !ok {
		if keep {
			n.setFiner(0, n.dtype(0), unknowns(len(shape)))
		} else if count, ok := product(n.shape(1)); ok && count > 0 && count <= int64(len(shape)) {
			n.setFiner(0, n.dtype(0), unknowns(len(shape)-int(count)))
		}
		return nil
	}
	if len(axes) == 0 && n.Int("noop_with_empty_axes", 0) != 0 {
		n.set(0, n.dtype(0), shape)
		return nil
	}
	gone, err := axisSet(axes, len(shape))
	if err != nil {
		return err
	}
	n.set(0, n.dtype(0), reduced(shape, gone, keep))
	n.reduceElems(f, gone)
	return nil
}

// product is the number of elements of a shape, if it is known and can be one.
func product(shape []Expr) (int64, bool) {
	if shape == nil {
		return 0, false
	}
	n, ok := Product(shape).Const()
	return n, ok && n >= 0
}

// axisSet marks the axes, all of them if none is given.
func axisSet(axes []int64, rank int) ([]bool, error) {
	set := make([]bool, rank)
	for _, a := range axes {
		k, err := axis(a, rank)
		if err != nil {
			return nil, err
		}
		set[k] = true
	}
	if len(axes) == 0 {
		for i := range set {
			set[i] = true
		}
	}
	return set, nil
}

func reduced(shape []Expr, gone []bool, keep bool) []Expr {
	out := []Expr{}
	for i, d := range shape {
		switch {
		case !gone[i]:
			out = append(out, d)
		case keep:
			out = append(out, Const(1))
		}
	}
	return out
}

// reduceElems follows the elements when all axes go.
func (n *Node) reduceElems(f func(a, b Elem) Elem, gone []bool) {
	v := n.in(0)
	if f == nil || v.Elems == nil || len(v.Elems) == 0 {
		return
	}
	for _, g := range gone {
		if !g {
			return
		}
	}
	sum := v.Elems[0]
	for _, e := range v.Elems[1:] {
		sum = f(sum, e)
	}
	n.setElems(0, []Elem{sum})
}

func argReduce(n *Node) error {
	n.set(0, Int64, nil)
	shape := n.shape(0)
	if shape == nil {
		return nil
	}
	gone, err := axisSet([]int64{n.Int("axis", 0)}, len(shape))
	if err != nil {
		return err
	}
	n.set(0, Int64, reduced(shape, gone, n.Int("keepdims", 1) == 1))
	return nil
}
