package adapterinject

import (
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// direct reports whether nothing but the bias stands between a layer's product and
// its result.
func (l Layer) direct() bool {
	if l.Out == l.product {
		return true
	}
	n := l.Out.Producer()
	return is(n, "Add") && (n.Input(0) == l.product || n.Input(1) == l.product)
}

// joint is the value to which a product beside the layer's own is added: the result,
// or where rearrangements stand before the bias, the bare product.
func (l Layer) joint() *gs.Value {
	if l.direct() {
		return l.Out
	}
	return l.product
}

// equation is an Einsum of a layer, taken apart into letters.
type equation struct {
	x, weight, out string
	sums, widens   string // the weight's letters that are summed over, and those of the result; in its order
	sizes          map[rune]int64
}

// einsum takes a layer's Einsum apart; false if a letter is in both operands and in
// the result, which makes the weight more than one matrix.
func (l Layer) einsum() (equation, bool) {
	parsed, ok := recognize.ParseEinsum(l.Node)
	if !ok || len(parsed.In) != 2 {
		return equation{}, false
	}
	at := 1
	if l.Node.Input(0) == l.Weight {
		at = 0
	}
	e := equation{x: parsed.In[1-at], weight: parsed.In[at], out: parsed.Out, sizes: map[rune]int64{}}
	for i, c := range parsed.In[at] {
		if i < len(l.shape) {
			e.sizes[c] = l.shape[i]
		}
		switch inX, inOut := strings.ContainsRune(e.x, c), strings.ContainsRune(e.out, c); {
		case inX && !inOut:
			e.sums += string(c)
		case !inX && inOut:
			e.widens += string(c)
		default:
			return equation{}, false
		}
	}
	return e, len(l.shape) == len(parsed.In[at])
}

// dims are the sizes of letters.
func (e equation) dims(letters string) []int64 {
	out := make([]int64, 0, len(letters))
	for _, c := range letters {
		out = append(out, e.sizes[c])
	}
	return out
}

// fresh is a letter that the equation does not have.
func (e equation) fresh() string {
	for c := 'a'; c <= 'z'; c++ {
		if !strings.ContainsRune(e.x+e.out+e.sums+e.widens, c) {
			return string(c)
		}
	}
	return "Z"
}

// LowRank adds x·down·up beside a layer's product, in its layout, with x what the
// layer reads, down [in, rank] and up [rank, out]. The layer is [Layer.Tunable].
func (s *Splicer) LowRank(l Layer, down, up gs.Wire, rank int) gs.Wire {
	x := s.Read(l.In)
	if l.Node.Op() == "Einsum" {
		return s.lowRankEinsum(l, x, down, up, rank)
	}
	if l.channels {
		h := s.Op("down", "Conv", x, s.kernel("down", l, down, rank, l.InDim))
		return s.Op("up", "Conv", h, s.kernel("up", l, up, l.OutDim, rank))
	}
	return s.Op("up", "MatMul", s.Op("down", "MatMul", x, down), up)
}

// kernel gives a matrix [in, out] the form of a pointwise convolution's.
func (s *Splicer) kernel(name string, l Layer, w gs.Wire, out, in int) gs.Wire {
	shape := []int64{int64(out), int64(in)}
	for range len(l.shape) - 2 {
		shape = append(shape, 1)
	}
	turned := s.Op(name+"_turn", "Transpose", w, gs.Attrs{"perm": []int{1, 0}})
	return s.Op(name+"_kernel", "Reshape", turned, s.Ints(name+"_shape", shape...))
}

func (s *Splicer) lowRankEinsum(l Layer, x, down, up gs.Wire, rank int) gs.Wire {
	e, _ := l.einsum()
	r := e.fresh()
	kept := strings.Map(func(c rune) rune {
		if strings.ContainsRune(e.sums, c) {
			return -1
		}
		return c
	}, e.x)
	in := s.Ints("down_shape", append(e.dims(e.sums), int64(rank))...)
	out := s.Ints("up_shape", append([]int64{int64(rank)}, e.dims(e.widens)...)...)
	h := s.Op("down", "Einsum", x, s.Op("down_form", "Reshape", down, in), gs.Attrs{"equation": e.x + "," + e.sums + r + "->" + kept + r})
	return s.Op("up", "Einsum", h, s.Op("up_form", "Reshape", up, out), gs.Attrs{"equation": kept + r + "," + r + e.widens + "->" + e.out})
}

// AddResult adds to a layer's result what [Splicer.LowRank] made. On the layers that
// end a branch it does so as [Splicer.AddTo], if the residual addition reads the
// layer's result itself.
func (s *Splicer) AddResult(b Block, l Layer, result gs.Wire) {
	for layer, name := range map[LayerName]SiteName{LayerO: AttentionOut, LayerFC2: MLPOut} {
		if site, ok := b.Site(name); ok && l.Name == layer && site.Value == l.joint() {
			s.AddTo(b, site, result)
			return
		}
	}
	v := l.joint()
	s.move(v, s.Op("sum", "Add", s.latest(v), s.back(result, v)))
}

// Spread places the columns of a part, the last axis of w, among those of its layer,
// with fill on all others.
func (s *Splicer) Spread(name string, p Part, w gs.Wire, rows int, fill float32) gs.Wire {
	if p.Columns == nil {
		return w
	}
	first, n, width := p.Columns[0], len(p.Columns), p.Layer.OutDim
	if p.Columns[n-1]-first == n-1 {
		return s.pad(name, w, rows, first, width-first-n, fill)
	}
	at := make([]int64, width)
	for i := range at {
		at[i] = int64(n)
	}
	for i, c := range p.Columns {
		at[c] = int64(i)
	}
	return s.Op(name+"_spread", "Gather", s.pad(name, w, rows, 0, 1, fill), s.Ints(name+"_columns", at...), gs.Attrs{"axis": -1})
}

// pad joins constant columns before and after w; rows 0 is a vector.
func (s *Splicer) pad(name string, w gs.Wire, rows, before, after int, fill float32) gs.Wire {
	parts := []gs.Operand{}
	add := func(side string, columns int) {
		if columns == 0 {
			return
		}
		shape := []int64{int64(columns)}
		if rows > 0 {
			shape = []int64{int64(rows), int64(columns)}
		}
		xs := make([]float32, max(1, rows)*columns)
		for i := range xs {
			xs[i] = fill
		}
		parts = append(parts, s.Tensor(name+"_"+side, gs.NewTensor(shape, xs)))
	}
	add("before", before)
	parts = append(parts, w)
	add("after", after)
	if len(parts) == 1 {
		return w
	}
	return s.Op(name+"_pad", "Concat", append(parts, gs.Attrs{"axis": -1})...)
}

// ScaleResult multiplies a layer's result, bias included, by a gain for each column.
func (s *Splicer) ScaleResult(name string, l Layer, gain gs.Wire) {
	s.Replace(l.Out, s.Op(name, "Mul", s.readLatest(l.Out), s.Row(name, l, gain)))
}

// Modulate turns a base value y into gain·y + offset for all its readers.
func (s *Splicer) Modulate(y *gs.Value, gain, offset gs.Wire) {
	s.Replace(y, s.Op("shifted", "Add", s.Op("scaled", "Mul", s.readLatest(y), gain), offset))
}

// ModulateResult does so with a layer's result. Where it ends a branch, the change
// (gain - 1)·y + offset is added as by [Splicer.AddResult].
func (s *Splicer) ModulateResult(b Block, l Layer, gain, offset gs.Wire) {
	if l.Name != LayerO && l.Name != LayerFC2 || l.joint() != l.Out {
		s.Modulate(l.Out, s.Row("scale", l, gain), s.Row("shift", l, offset))
		return
	}
	less := s.Op("less", "Sub", gain, s.Number("less_one", 1))
	if bias, ok := s.bias("bias", l); ok {
		offset = s.Op("offset", "Add", s.Op("offset_change", "Mul", bias, less), offset)
	}
	own := s.Op("scaled", "Mul", s.Product("product", l), s.Row("scale", l, less))
	s.AddResult(b, l, s.Op("change", "Add", own, s.Row("shift", l, offset)))
}

// Row gives a vector over a layer's columns the shape by which it meets the layer's
// result.
func (s *Splicer) Row(name string, l Layer, vector gs.Wire) gs.Wire {
	shape := l.row(len(typeOf(s.types, l.Out).Shape))
	if len(shape) <= 1 {
		return vector
	}
	return s.Op(name+"_row", "Reshape", vector, s.Ints(name+"_row_shape", shape...))
}

// ScaleInput multiplies what a layer reads, and nothing else reads, by a gain for each
// of its channels.
func (s *Splicer) ScaleInput(name string, l Layer, gain gs.Wire) {
	use := gs.Use{Node: l.Node, Input: slices.Index(l.Node.Inputs(), l.In)}
	if shape := l.inputRow(len(typeOf(s.types, l.In).Shape)); len(shape) > 1 {
		gain = s.Op(name+"_row", "Reshape", gain, s.Ints(name+"_row_shape", shape...))
	}
	s.ReplaceUse(use, s.Op(name, "Mul", s.readLatest(l.In), gain))
}

// inputRow is the shape by which a vector over the channels that a layer reads meets
// them.
func (l Layer) inputRow(rank int) []int64 {
	if l.channels {
		shape := []int64{int64(l.InDim)}
		for range rank - 2 {
			shape = append(shape, 1)
		}
		return shape
	}
	if e, ok := l.einsum(); ok && l.Node.Op() == "Einsum" {
		return e.row(e.x, e.sums)
	}
	return []int64{int64(l.InDim)}
}

// row is the shape of a vector over some letters of an operand or result: one size
// for each of these, 1 for others behind the first of them.
func (e equation) row(operand, letters string) []int64 {
	var shape []int64
	for _, c := range operand {
		switch {
		case strings.ContainsRune(letters, c):
			shape = append(shape, e.sizes[c])
		case len(shape) > 0:
			shape = append(shape, 1)
		}
	}
	return shape
}

// Matrix is the weight of a part as [in, out of the part], factors of the operator
// included.
func (s *Splicer) Matrix(name string, p Part) gs.Wire {
	l := p.Layer
	w := s.Read(l.Weight)
	flat := func(w gs.Wire, dims ...int) gs.Wire {
		if len(l.shape) == 2 {
			return w
		}
		return s.Op(name+"_flat", "Reshape", w, s.Ints(name+"_flat_shape", int64(dims[0]), int64(dims[1])))
	}
	switch e, ok := l.einsum(); {
	case ok && l.Node.Op() == "Einsum":
		var perm []int
		for _, c := range e.sums + e.widens {
			perm = append(perm, strings.IndexRune(e.weight, c))
		}
		w = flat(s.Op(name+"_turn", "Transpose", w, gs.Attrs{"perm": perm}), l.InDim, l.OutDim)
	case l.channels || l.Node.Int("transB", 0) != 0:
		w = s.Op(name+"_turn", "Transpose", flat(w, l.OutDim, l.InDim), gs.Attrs{"perm": []int{1, 0}})
	default:
		w = flat(w, l.InDim, l.OutDim)
	}
	w = s.Scale(name+"_alpha", w, float64(l.Node.Float("alpha", 1)))
	if p.Columns == nil {
		return w
	}
	at := make([]int64, len(p.Columns))
	for i, c := range p.Columns {
		at[i] = int64(c)
	}
	return s.Op(name+"_columns", "Gather", w, s.Ints(name+"_at", at...), gs.Attrs{"axis": 1})
}

// Product is what the base computes at a layer without the bias, where
// [Splicer.AddResult] adds. It is read off the result, the bias subtracted, where
// runtimes fuse the product with the bias, which they do if all sizes are known, and
// from the product itself where they fuse the bias with what is behind: so both go on
// to compute what they did.
func (s *Splicer) Product(name string, l Layer) gs.Wire {
	bias, ok := s.bias(name+"_bias", l)
	switch {
	case !ok || !l.direct():
		return s.Read(l.joint())
	case !l.biasOfNode() && (l.Name == LayerO || l.Name == LayerFC2) && !s.static(l.In):
		return s.Read(l.product)
	}
	return s.Op(name, "Sub", s.Read(l.Out), s.Row(name+"_bias", l, bias))
}

// ReadBranch is the result of a block's attention or MLP, at [AttentionOut] or
// [MLPOut]. Where runtimes fuse the bias with the residual addition and the norm
// behind, which they do while the sum of product and bias has no other reader, the
// sum is computed a second time, in the other order lest it be taken for the first.
func (s *Splicer) ReadBranch(b Block, site Site) gs.Wire {
	name := LayerO
	if site.Name == MLPOut {
		name = LayerFC2
	}
	l, ok := b.Layer(name)
	if !ok || l.Bias == nil || l.Out != site.Value || l.biasOfNode() || !l.direct() || s.static(l.In) {
		return s.Read(site.Value)
	}
	order := [2]gs.Wire{s.Read(l.Bias), s.Read(l.product)}
	if l.Out.Producer().Input(0) == l.Bias {
		order[0], order[1] = order[1], order[0]
	}
	return s.Op("branch", "Add", order[0], order[1])
}

// bias is a layer's, as its result has it; false if it has none.
func (s *Splicer) bias(name string, l Layer) (gs.Wire, bool) {
	if l.Bias == nil {
		return gs.Wire{}, false
	}
	b := s.Read(l.Bias)
	if l.biasOfNode() {
		b = s.Scale(name+"_beta", b, float64(l.Node.Float("beta", 1)))
	}
	return b, true
}

// static reports whether all sizes of a base value are known.
func (s *Splicer) static(v *gs.Value) bool {
	shape := typeOf(s.types, v).Shape
	return shape != nil && !slices.ContainsFunc(shape, func(d gs.Dim) bool { return d.Value < 0 })
}

// SumOver adds the sum over one axis, which goes.
func (s *Splicer) SumOver(name string, x gs.Wire, axis int64) gs.Wire {
	if s.opset < 13 {
		return s.Op(name, "ReduceSum", x, gs.Attrs{"axes": []int64{axis}, "keepdims": 0})
	}
	return s.Op(name, "ReduceSum", x, s.Ints(name+"_axis", axis), gs.Attrs{"keepdims": 0})
}
