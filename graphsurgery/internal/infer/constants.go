package infer

// constant has its value in one of several attributes.
func constant(n *Node) error {
	one := func(kind int32, list bool, elems ...Elem) error {
		shape := []Expr{}
		if list {
			shape = dims(int64(len(elems)))
		}
		n.set(0, kind, shape)
		if kind != String {
			n.setElems(0, elems)
		}
		return nil
	}
	switch {
	case n.Has("value"), n.Has("sparse_value"):
		name := "value"
		if !n.Has(name) {
			name = "sparse_value"
		}
		if v, ok := n.Tensor(name); ok && len(n.Out) > 0 {
			n.Out[0] = v
			return nil
		}
		return fail("attribute %s holds no tensor", name)
	case n.Has("value_int"):
		return one(Int64, false, Int(n.Int("value_int", 0)))
	case n.Has("value_float"):
		return one(Float, false, FloatElem(n.Float("value_float", 0)))
	case n.Has("value_string"):
		return one(String, false)
	case n.Has("value_ints"):
		return one(Int64, true, intElems(n.Ints("value_ints"))...)
	case n.Has("value_floats"):
		var elems []Elem
		for _, f := range n.Floats("value_floats") {
			elems = append(elems, FloatElem(f))
		}
		return one(Float, true, elems...)
	case n.Has("value_strings"):
		return one(String, true, make([]Elem, len(n.Strs("value_strings")))...)
	}
	return fail("it has no value")
}

func intElems(list []int64) []Elem {
	out := make([]Elem, len(list))
	for i, x := range list {
		out[i] = Int(x)
	}
	return out
}

// shapeFrom gives the shape that the elements of input i say; of unknown sizes or
// rank if they are not known.
func (n *Node) shapeFrom(i int) []Expr {
	if list, ok := n.elems(i); ok && len(n.shape(i)) == 1 {
		return clone(list)
	}
	if r, ok := product(n.shape(i)); ok && r <= 64 && len(n.shape(i)) == 1 {
		return unknowns(int(r))
	}
	return nil
}

func constantOfShape(n *Node) error {
	v, ok := n.Tensor("value")
	if !ok {
		v = Value{Type: Type{DType: Float}, Elems: []Elem{Int(0)}}
	}
	n.set(0, v.DType, n.shapeFrom(0))
	sizes, ok := static(n.Out[0].Shape)
	if !ok || len(v.Elems) != 1 {
		return nil
	}
	if count, ok := n.Ctx.count(sizes); ok {
		elems := make([]Elem, count)
		for i := range elems {
			elems[i] = v.Elems[0]
		}
		n.setElems(0, elems)
	}
	return nil
}

// rangeOf counts max(⌈(limit − start)/delta⌉, 0) elements.
func rangeOf(n *Node) error {
	kind, err := n.sameType(0, 1, 2)
	n.set(0, kind, unknowns(1))
	var at [3]Elem
	for i := range at {
		v := n.in(i)
		if v == nil || len(v.Elems) != 1 {
			return err
		}
		at[i] = v.Elems[0]
	}
	start, limit, delta := at[0], at[1], at[2]
	count := ceilElem(divFloat(subElem(limit, start), delta)).E
	if count.unknown {
		return err
	}
	if _, hi := count.bounds(); hi < 0 {
		count = Const(0)
	}
	n.set(0, kind, []Expr{count})
	if c, ok := count.Const(); ok && c <= int64(n.Ctx.MaxElements) {
		elems := make([]Elem, c)
		for i := range elems {
			elems[i] = addElem(start, mulElem(Int(int64(i)), delta))
		}
		n.setElems(0, elems)
	}
	return err
}

func eyeLike(n *Node) error {
	n.set(0, int32(n.Int("dtype", int64(n.dtype(0)))), n.shape(0))
	return nil
}
