package infer

// flow lists the operators with subgraphs.
func flow() map[string]Rule {
	return map[string]Rule{"If": ifElse, "Loop": loop, "Scan": scan}
}

// ifElse takes the branch that a known condition chooses, else what both agree on.
func ifElse(n *Node) error {
	if c, ok := n.consts(0); ok && len(c) == 1 {
		branch, other := "else_branch", "then_branch"
		if c[0] != 0 {
			branch, other = other, branch
		}
		n.Dead(other)
		out, err := n.Body(branch, nil)
		copy(n.Out, out)
		return err
	}
	a, err := n.Body("then_branch", nil)
	if err != nil {
		return err
	}
	b, err := n.Body("else_branch", nil)
	if err != nil {
		return err
	}
	if len(a) != len(b) || len(a) != len(n.Out) {
		return fail("the branches give %d and %d values, the node has %d outputs", len(a), len(b), len(n.Out))
	}
	for i := range n.Out {
		n.Out[i] = Join(a[i], b[i])
		if x, y := a[i].Type, b[i].Type; x.Kind == Tensor && y.Kind == Tensor && x.DType*y.DType != 0 && x.DType != y.DType {
			return fail("the branches give output %d as %s and as %s", i, typeName(x.DType), typeName(y.DType))
		}
	}
	return nil
}

// rounds is how often a loop's body is inferred until its state is stable: each round
// widens what changed, and what is unknown stays so.
const rounds = 4

// settle infers the body until the types of the states are the same before and
// after; states come first among rest's outputs, from index first on.
func (n *Node) settle(state []Value, first int, inputs func([]Value) []Value) (out []Value, err error) {
	for i := range state {
		state[i].Elems = nil
	}
	before := n.Ctx.Mark()
	for range rounds {
		n.Ctx.Forget(before, true) // found with states that were too narrow
		if out, err = n.Body("body", inputs(state)); err != nil {
			return nil, err
		}
		if len(out) < first+len(state) {
			return nil, fail("the body gives %d values, want at least %d", len(out), first+len(state))
		}
		same := true
		for i := range state {
			next := Join(state[i], out[first+i])
			next.Elems = nil
			same = same && unchanged(state[i].Type, next.Type)
			state[i] = next
		}
		if same {
			return out, nil
		}
	}
	for i := range state {
		state[i] = Value{Type: Type{Kind: state[i].Kind, DType: state[i].DType, Elem: state[i].Elem}}
	}
	n.Ctx.Forget(before, true)
	return n.Body("body", inputs(state))
}

// unchanged reports whether nothing was lost from a to b.
func unchanged(a, b Type) bool {
	if a.Kind != b.Kind || a.DType != b.DType || (a.Shape == nil) != (b.Shape == nil) || len(a.Shape) != len(b.Shape) || (a.Elem == nil) != (b.Elem == nil) {
		return false
	}
	for i := range a.Shape {
		if !a.Shape[i].Equal(b.Shape[i]) && !(a.Shape[i].unknown && b.Shape[i].unknown) {
			return false
		}
	}
	return a.Elem == nil || unchanged(*a.Elem, *b.Elem)
}

// values copies inputs from i on.
func (n *Node) values(i int) []Value {
	var out []Value
	for ; i < len(n.In); i++ {
		if n.In[i] == nil {
			out = append(out, Value{})
		} else {
			out = append(out, *n.In[i])
		}
	}
	return out
}

// loop has the trip count, the condition and the states as inputs; its body gets
// the iteration number, the condition and the states, and gives a condition, the
// states and the elements of the scan outputs.
func loop(n *Node) error {
	state := n.values(2)
	out, err := n.settle(state, 1, func(s []Value) []Value {
		scalar := func(d int32) Value { return Value{Type: Type{DType: d, Shape: []Expr{}}} }
		return append([]Value{scalar(Int64), scalar(Bool)}, s...)
	})
	if err != nil {
		return err
	}
	if len(out) != len(n.Out)+1 {
		return fail("the body gives %d values for %d outputs", len(out), len(n.Out))
	}
	for i := range n.Out {
		if i < len(state) {
			n.Out[i] = state[i]
			continue
		}
		n.Out[i] = stacked(out[i+1], n.trips(out[0]), 0)
	}
	return nil
}

// trips is the number of iterations, known if the condition never ends the loop.
func (n *Node) trips(cond Value) Expr {
	m, ok := n.elems(0)
	if !ok || len(m) != 1 {
		return Unknown()
	}
	start, sok := n.consts(1)
	startsTrue := n.in(1) == nil || sok && len(start) == 1 && start[0] != 0
	goesOn := n.in(1) == nil || len(cond.Elems) == 1 && cond.Elems[0].E.Is(1)
	if startsTrue && goesOn {
		return m[0]
	}
	return Unknown()
}

// stacked is the type of a tensor whose slices along axis are v.
func stacked(v Value, count Expr, at int64) Value {
	out := Value{Type: Type{DType: v.DType}}
	if v.Shape == nil {
		return out
	}
	k, err := axis(at, len(v.Shape)+1)
	if err != nil {
		return out
	}
	shape := append(clone(v.Shape[:k]), count)
	out.Shape = append(shape, v.Shape[k:]...)
	return out
}

// scan goes along one axis of each scan input. In opset 8 it has a first input of
// lengths, and a batch axis before all.
func scan(n *Node) error {
	first, batch := 0, 0
	if n.Version < 9 {
		first, batch = 1, 1
	}
	in := n.values(first)
	k := len(in) - int(n.Int("num_scan_inputs", 0))
	if k < 0 || k > len(in) {
		return fail("num_scan_inputs is %d of %d inputs", n.Int("num_scan_inputs", 0), len(in))
	}
	count := Unknown()
	size := Unknown()
	slices := make([]Value, 0, len(in)-k)
	for i, v := range in[k:] {
		a := int64(batch)
		if axes := n.Ints("scan_input_axes"); batch == 0 && i < len(axes) {
			a = axes[i]
		}
		part := Value{Type: Type{DType: v.DType}}
		if v.Shape != nil {
			at, err := axis(a, len(v.Shape))
			if err != nil {
				return err
			}
			if batch == 1 {
				size = v.Shape[0]
			}
			x, ok := n.Ctx.Merge(count, v.Shape[at])
			if !ok {
				return fail("the scan inputs are %s and %s long", count, v.Shape[at])
			}
			count = x
			part.Shape = append(clone(v.Shape[batch:at]), v.Shape[at+1:]...)
		}
		slices = append(slices, part)
	}
	state := in[:k]
	for i := range state {
		if batch == 1 && len(state[i].Shape) > 0 {
			state[i].Shape = state[i].Shape[1:]
		}
	}
	out, err := n.settle(state, 0, func(s []Value) []Value {
		return append(append([]Value{}, s...), slices...)
	})
	if err != nil {
		return err
	}
	if len(out) != len(n.Out) {
		return fail("the body gives %d values for %d outputs", len(out), len(n.Out))
	}
	for i := range n.Out {
		var v Value
		if i < k {
			v = state[i]
		} else {
			a := int64(0)
			if axes := n.Ints("scan_output_axes"); i-k < len(axes) {
				a = axes[i-k]
			}
			v = stacked(out[i], count, a)
		}
		if batch == 1 {
			v = stacked(v, size, 0)
		}
		n.Out[i] = v
	}
	return nil
}
