package infer

// broadcast gives the shape that the shapes broadcast to by the multidirectional
// rule of the standard; nil if one is unknown.
func (c *Context) broadcast(shapes ...[]Expr) ([]Expr, error) {
	rank := 0
	for _, s := range shapes {
		if s == nil {
			return nil, nil
		}
		rank = max(rank, len(s))
	}
	out := make([]Expr, rank)
	for i := range out {
		out[i] = Const(1)
	}
	for _, s := range shapes {
		for i, d := range s {
			k := rank - len(s) + i
			x, ok := c.broadcastDim(out[k], d)
			if !ok {
				return nil, fail("shapes %s and %s do not broadcast: %s against %s", ShapeString(shapes[0]), ShapeString(s), out[k], d)
			}
			out[k] = x
		}
	}
	return out, nil
}

// broadcastDim gives the larger of two sizes of which one is 1 or both are equal.
// Of two names either may be 1, so neither stands for the result, which is the larger.
func (c *Context) broadcastDim(a, b Expr) (Expr, bool) {
	a, b = c.Resolve(a), c.Resolve(b)
	ac, aok := a.Const()
	bc, bok := b.Const()
	switch {
	case aok && ac == 1:
		return b, true
	case bok && bc == 1 || a.Equal(b):
		return a, true
	case aok && bok:
		return a, false
	case aok:
		return a, true
	case bok:
		return b, true
	}
	return Max(a, b), true
}

// mergeShapes gives the better of two shapes that are known to be equal.
func (c *Context) mergeShapes(a, b []Expr) ([]Expr, error) {
	if a == nil {
		return b, nil
	}
	if b == nil {
		return a, nil
	}
	if len(a) != len(b) {
		return a, fail("shapes %s and %s differ in rank", ShapeString(a), ShapeString(b))
	}
	out := clone(a)
	for i := range out {
		x, ok := c.Merge(a[i], b[i])
		if !ok {
			return a, fail("shapes %s and %s differ: %s against %s", ShapeString(a), ShapeString(b), a[i], b[i])
		}
		out[i] = x
	}
	return out, nil
}

// MergeTypes gives the better of two types that are known to be the same.
func (c *Context) MergeTypes(a, b Type) (Type, error) {
	if b.Kind != a.Kind {
		if a.Kind == Tensor && a.DType == Undefined && a.Shape == nil {
			return b, nil
		}
		if b.Kind == Tensor && b.DType == Undefined && b.Shape == nil {
			return a, nil
		}
		return a, fail("types differ in kind")
	}
	out := a
	if a.DType == Undefined {
		out.DType = b.DType
	} else if b.DType != Undefined && a.DType != b.DType {
		return a, fail("element types %s and %s differ", typeName(a.DType), typeName(b.DType))
	}
	if a.Elem == nil {
		out.Elem = b.Elem
	} else if b.Elem != nil {
		e, err := c.MergeTypes(*a.Elem, *b.Elem)
		if err != nil {
			return a, err
		}
		out.Elem = &e
	}
	var err error
	out.Shape, err = c.mergeShapes(a.Shape, b.Shape)
	return out, err
}

// Join gives what is known of a value that is of one type or of the other.
func Join(a, b Value) Value {
	out := Value{Type: JoinTypes(a.Type, b.Type), Finer: a.Finer || b.Finer}
	if len(a.Elems) != len(b.Elems) || a.Elems == nil || b.Elems == nil || len(a.Shape) != len(b.Shape) {
		return out
	}
	for i := range a.Shape {
		if !a.Shape[i].Equal(b.Shape[i]) {
			return out
		}
	}
	out.Elems = make([]Elem, len(a.Elems))
	for i, x := range a.Elems {
		out.Elems[i] = unknownElem()
		if y := b.Elems[i]; x.IsF && y.IsF && x.F == y.F || !x.IsF && !y.IsF && x.den() == y.den() && x.E.Equal(y.E) {
			out.Elems[i] = x
		}
	}
	return out
}

// JoinTypes is [Join] for types.
func JoinTypes(a, b Type) Type {
	if a.Kind != b.Kind {
		return Type{}
	}
	out := Type{Kind: a.Kind}
	if a.DType == b.DType {
		out.DType = a.DType
	}
	if a.Elem != nil && b.Elem != nil {
		e := JoinTypes(*a.Elem, *b.Elem)
		out.Elem = &e
	}
	if a.Shape == nil || b.Shape == nil || len(a.Shape) != len(b.Shape) {
		return out
	}
	out.Shape = make([]Expr, len(a.Shape))
	for i := range a.Shape {
		out.Shape[i] = Unknown()
		if a.Shape[i].Equal(b.Shape[i]) {
			out.Shape[i] = a.Shape[i]
		}
	}
	return out
}
