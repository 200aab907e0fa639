package infer

// sequences lists the operators on sequences and optional values.
func sequences() map[string]Rule {
	return map[string]Rule{
		"SequenceEmpty": sequenceEmpty, "SequenceConstruct": sequenceConstruct, "SequenceInsert": sequenceInsert,
		"SequenceErase": identity, "SequenceAt": sequenceAt, "SequenceLength": sequenceLength, "SequenceMap": sequenceMap,
		"SplitToSequence": splitToSequence, "ConcatFromSequence": concatFromSequence,
		"Optional": optional, "OptionalGetElement": optionalGetElement, "OptionalHasElement": optionalHasElement,
	}
}

func sequenceOf(elem Type) Value { return Value{Type: Type{Kind: Sequence, Elem: &elem}} }

// element gives the type of the elements of input i.
func (n *Node) element(i int) (Type, bool) {
	if v := n.in(i); v != nil && v.Elem != nil {
		return *v.Elem, true
	}
	return Type{}, false
}

func sequenceEmpty(n *Node) error {
	n.Out[0] = sequenceOf(Type{DType: int32(n.Int("dtype", int64(Float)))})
	return nil
}

func sequenceConstruct(n *Node) error {
	if len(n.In) == 0 {
		return fail("it has no input")
	}
	elem := Type{}
	for i, v := range n.In {
		switch {
		case v == nil:
		case i == 0:
			elem = v.Type
		default:
			elem = JoinTypes(elem, v.Type)
		}
	}
	n.Out[0] = sequenceOf(elem)
	return nil
}

func sequenceInsert(n *Node) error {
	elem, ok := n.element(0)
	if v := n.in(1); v != nil {
		if ok {
			elem = JoinTypes(elem, v.Type)
		} else {
			elem = Type{DType: v.DType}
		}
	}
	n.Out[0] = sequenceOf(elem)
	return nil
}

func sequenceAt(n *Node) error {
	if e, ok := n.element(0); ok {
		n.Out[0] = Value{Type: e}
	}
	return nil
}

func sequenceLength(n *Node) error {
	n.set(0, Int64, []Expr{})
	return nil
}

// sequenceMap infers its body for one element of each sequence.
func sequenceMap(n *Node) error {
	in := n.values(0)
	for i := range in {
		if in[i].Kind == Sequence && in[i].Elem != nil {
			in[i] = Value{Type: *in[i].Elem}
		}
		in[i].Elems = nil
	}
	out, err := n.Body("body", in)
	if err != nil {
		return err
	}
	for i := range n.Out {
		if i < len(out) {
			n.Out[i] = sequenceOf(out[i].Type)
		}
	}
	return nil
}

// splitToSequence splits to given sizes, to one size, or to ones; keepdims is for the
// last only.
func splitToSequence(n *Node) error {
	n.Out[0] = sequenceOf(Type{DType: n.dtype(0)})
	s := n.shape(0)
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("axis", 0), len(s))
	if err != nil {
		return err
	}
	part := clone(s)
	part[a] = Unknown()
	if n.in(1) == nil {
		part[a] = Const(1)
		if n.Int("keepdims", 1) == 0 {
			part = append(part[:a], part[a+1:]...)
		}
	} else if sizes, ok := n.elems(1); ok && len(sizes) > 0 {
		part[a] = sizes[0]
		for _, x := range sizes[1:] {
			if !x.Equal(sizes[0]) {
				part[a] = Unknown()
			}
		}
		if len(n.shape(1)) == 0 && !Mod(s[a], sizes[0]).Is(0) {
			part[a] = Unknown() // the last part is smaller
		}
	}
	n.Out[0] = sequenceOf(Type{DType: n.dtype(0), Shape: part})
	return nil
}

func concatFromSequence(n *Node) error {
	e, ok := n.element(0)
	n.set(0, e.DType, nil)
	if !ok || e.Shape == nil {
		return nil
	}
	rank := len(e.Shape)
	if n.Int("new_axis", 0) != 0 {
		n.Out[0] = stacked(Value{Type: e}, Unknown(), n.Int("axis", 0))
		return nil
	}
	a, err := axis(n.Int("axis", 0), rank)
	if err != nil {
		return err
	}
	out := clone(e.Shape)
	out[a] = Unknown()
	n.set(0, e.DType, out)
	return nil
}

func optional(n *Node) error {
	if v := n.in(0); v != nil {
		elem := v.Type
		n.Out[0] = Value{Type: Type{Kind: Optional, Elem: &elem}}
		return nil
	}
	if t, ok := n.TypeOf("type"); ok {
		n.Out[0] = Value{Type: Type{Kind: Optional, Elem: &t}}
	}
	return nil
}

func optionalGetElement(n *Node) error {
	v := n.in(0)
	if v != nil && v.Kind != Optional {
		return identity(n) // opset 18 takes plain values too
	}
	return sequenceAt(n)
}

func optionalHasElement(n *Node) error {
	n.set(0, Bool, []Expr{})
	return nil
}
