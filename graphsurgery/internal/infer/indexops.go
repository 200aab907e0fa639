package infer

// indexing lists the operators that pick or place elements by index.
func indexing() map[string]Rule {
	return map[string]Rule{
		"Gather": gather, "GatherElements": gatherElements, "GatherND": gatherND,
		"Scatter": alongAxis, "ScatterElements": alongAxis, "ScatterND": scatterND, "TensorScatter": likeFirst,
		"NonZero": nonZero, "OneHot": oneHot, "TopK": topK, "Unique": unique, "Compress": compress,
		"NonMaxSuppression": nonMaxSuppression,
	}
}

// gather replaces the axis by the shape of the indices.
func gather(n *Node) error {
	s, idx := n.shape(0), n.shape(1)
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("axis", 0), len(s))
	if err != nil || idx == nil {
		return err
	}
	out := append(clone(s[:a]), idx...)
	out = append(out, s[a+1:]...)
	n.set(0, n.dtype(0), out)
	n.gatherElemsAlong(a)
	return nil
}

// gatherElemsAlong follows the elements for known indices.
func (n *Node) gatherElemsAlong(a int) {
	v := n.in(0)
	sizes, ok := static(n.shape(0))
	isizes, iok := static(n.shape(1))
	index, xok := n.elems(1)
	if v.Elems == nil || !ok || !iok || !xok {
		return
	}
	dist, idist := strides(sizes), strides(isizes)
	n.setElems(0, n.Ctx.gather(v.Elems, n.Out[0].Shape, func(at []int64) int64 {
		k, i := int64(0), int64(0)
		for d := range sizes {
			if d < a {
				k += at[d] * dist[d]
			} else if d > a {
				k += at[d+len(isizes)-1] * dist[d]
			}
		}
		for d := range isizes {
			i += at[a+d] * idist[d]
		}
		x, ok := index[i].Const()
		if x < 0 {
			x += sizes[a]
		}
		if !ok || x < 0 || x >= sizes[a] {
			return -1
		}
		return k + x*dist[a]
	}))
}

func gatherElements(n *Node) error {
	n.set(0, n.dtype(0), n.shape(1))
	s, idx := n.shape(0), n.shape(1)
	if s != nil && idx != nil && len(s) != len(idx) {
		return fail("data of shape %s and indices of shape %s, want one rank", ShapeString(s), ShapeString(idx))
	}
	if s != nil {
		_, err := axis(n.Int("axis", 0), len(s))
		return err
	}
	return nil
}

// gatherND takes, for each index tuple, what is left of the data.
func gatherND(n *Node) error {
	s, idx := n.shape(0), n.shape(1)
	n.set(0, n.dtype(0), nil)
	if s == nil || len(idx) == 0 {
		return nil
	}
	batch := n.Int("batch_dims", 0)
	width, ok := idx[len(idx)-1].Const()
	if !ok {
		return nil
	}
	if batch < 0 || width < 0 || batch >= int64(len(idx)) || batch+width > int64(len(s)) {
		return fail("indices of shape %s with %d batch axes, data of shape %s", ShapeString(idx), batch, ShapeString(s))
	}
	n.set(0, n.dtype(0), append(clone(idx[:len(idx)-1]), s[batch+width:]...))
	return nil
}

// scatterND follows the elements of a vector: masks and shapes are built so.
func scatterND(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	v, upd := n.in(0), n.in(2)
	idx, ok := n.consts(1)
	if v == nil || v.Elems == nil || upd == nil || upd.Elems == nil || !ok || len(v.Shape) != 1 || n.Has("reduction") || len(idx) != len(upd.Elems) {
		return nil
	}
	out := append([]Elem(nil), v.Elems...)
	for i, x := range idx {
		if x < 0 {
			x += int64(len(out))
		}
		if x < 0 || x >= int64(len(out)) {
			return fail("index %d is out of range for shape %s", idx[i], ShapeString(v.Shape))
		}
		out[x] = upd.Elems[i]
	}
	n.setElems(0, out)
	return nil
}

// nonZero gives the indices of the elements that are not 0: as many columns as the
// data has, known if all elements are.
func nonZero(n *Node) error {
	s := n.shape(0)
	if s == nil {
		n.set(0, Int64, unknowns(2))
		return nil
	}
	rank := max(int64(len(s)), 0)
	n.set(0, Int64, []Expr{Const(rank), Unknown()})
	v := n.in(0)
	sizes, ok := static(s)
	if !ok || v.Elems == nil {
		return nil
	}
	var at [][]int64
	pos := make([]int64, len(sizes))
	for _, e := range v.Elems {
		f, ok := e.float()
		if !ok {
			return nil
		}
		if f != 0 {
			at = append(at, append([]int64(nil), pos...))
		}
		next(pos, sizes)
	}
	elems := make([]Elem, 0, len(at)*len(sizes))
	for d := range sizes {
		for _, p := range at {
			elems = append(elems, Int(p[d]))
		}
	}
	n.set(0, Int64, dims(rank, int64(len(at))))
	n.setElems(0, elems)
	return nil
}

// oneHot adds an axis of the depth.
func oneHot(n *Node) error {
	n.set(0, n.dtype(2), nil)
	s := n.shape(0)
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("axis", -1), len(s)+1)
	if err != nil {
		return err
	}
	depth := Unknown()
	if v := n.in(1); v != nil && len(v.Elems) == 1 {
		depth = truncElem(v.Elems[0]).E
	}
	out := append(clone(s[:a]), depth)
	n.set(0, n.dtype(2), append(out, s[a:]...))
	return nil
}

// topK has k as an attribute before opset 10.
func topK(n *Node) error {
	n.set(0, n.dtype(0), nil)
	n.set(1, Int64, nil)
	s := n.shape(0)
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("axis", -1), len(s))
	if err != nil {
		return err
	}
	out := clone(s)
	out[a] = Unknown()
	if n.Has("k") {
		out[a] = Const(n.Int("k", 0))
	} else if k, ok := n.elems(1); ok && len(k) == 1 {
		out[a] = k[0]
	}
	if k, ok := out[a].Const(); ok && k < 0 {
		return fail("k is %d", k)
	}
	n.set(0, n.dtype(0), out)
	n.set(1, Int64, out)
	return nil
}

// unique gives as many slices as there are different ones.
func unique(n *Node) error {
	s := n.shape(0)
	for i := 1; i < len(n.Out); i++ {
		n.set(i, Int64, unknowns(1))
	}
	if !n.Has("axis") {
		n.set(0, n.dtype(0), unknowns(1))
		if s != nil {
			n.setFiner(2, Int64, []Expr{Product(s)})
		}
		return nil
	}
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("axis", 0), len(s))
	if err != nil {
		return err
	}
	out := clone(s)
	out[a] = Unknown()
	n.set(0, n.dtype(0), out)
	n.set(2, Int64, []Expr{s[a]})
	return nil
}

// compress keeps the slices whose condition holds.
func compress(n *Node) error {
	n.set(0, n.dtype(0), nil)
	s := n.shape(0)
	kept := Unknown()
	if c, ok := n.consts(1); ok {
		count := int64(0)
		for _, x := range c {
			count += min(max(x, 0), 1)
		}
		kept = Const(count)
	}
	if !n.Has("axis") {
		n.set(0, n.dtype(0), []Expr{kept})
		return nil
	}
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("axis", 0), len(s))
	if err != nil {
		return err
	}
	out := clone(s)
	out[a] = kept
	n.set(0, n.dtype(0), out)
	return nil
}

func nonMaxSuppression(n *Node) error {
	n.set(0, Int64, []Expr{Unknown(), Const(3)})
	return nil
}
