package adapterinject

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Affine is a linear layer's map y = x·W + b in numbers, whatever its spelling.
type Affine struct {
	In, Out int
	W       []float64 // [In, Out], row-major, factors of the operator included
	B       []float64 // nil where the layer adds none
}

// Layer gives a layer's numbers after what was folded before.
func (f *Folder) Layer(l Layer) (Affine, error) {
	if err := l.Tunable(); err != nil {
		return Affine{}, err
	}
	a := Affine{In: l.InDim, Out: l.OutDim}
	w, err := f.read(l.weightUse())
	if err != nil {
		return a, err
	}
	if len(w.values) != a.In*a.Out {
		return a, &gs.FormatError{Node: l.Node.Label(), What: fmt.Sprintf("its weight has %d numbers, want %d·%d", len(w.values), a.In, a.Out)}
	}
	at := l.places()
	a.W = make([]float64, len(w.values))
	for i, x := range w.values {
		a.W[at(i)] = x * float64(l.Node.Float("alpha", 1))
	}
	if l.Bias == nil {
		return a, nil
	}
	use, err := l.biasUse()
	if err != nil {
		return a, err
	}
	b, err := f.read(use)
	if err != nil {
		return a, err
	}
	a.B = make([]float64, a.Out)
	for i := range a.B {
		switch len(b.values) {
		case 1:
			a.B[i] = b.values[0]
		case a.Out:
			a.B[i] = b.values[i]
		default:
			return a, &gs.UnsupportedError{Node: l.Node.Label(), What: fmt.Sprintf("its bias has %d numbers, not one for each of the %d columns", len(b.values), a.Out), Hint: "export the fused form"}
		}
		if l.biasOfNode() {
			a.B[i] *= float64(l.Node.Float("beta", 1))
		}
	}
	return a, l.checkBias()
}

// SetLayer gives a layer the numbers of a; where a.B is nil its bias stays. A weight or bias that other nodes read too
// stays for them, and the layer gets one of its own; where the layer adds no bias and
// a has one, an addition is put behind the product.
func (f *Folder) SetLayer(l Layer, a Affine) error {
	values := make([]float64, len(a.W))
	at := l.places()
	for i := range values {
		values[i] = a.W[at(i)] / float64(l.Node.Float("alpha", 1))
	}
	if err := f.write(l.weightUse(), values); err != nil {
		return err
	}
	switch {
	case a.B == nil:
		return nil
	case l.Bias == nil:
		return f.addBias(l, a.B)
	}
	use, err := l.biasUse()
	if err != nil {
		return err
	}
	b := slices.Clone(a.B)
	if l.biasOfNode() {
		for i := range b {
			b[i] /= float64(l.Node.Float("beta", 1))
		}
	}
	return f.write(use, b)
}

func (l Layer) weightUse() gs.Use {
	return gs.Use{Node: l.Node, Input: slices.Index(l.Node.Inputs(), l.Weight)}
}

// biasUse is where the bias is added.
func (l Layer) biasUse() (gs.Use, error) {
	u := gs.Use{Node: l.Out.Producer()}
	if l.biasOfNode() {
		u.Node = l.Node
	}
	if u.Input = slices.Index(u.Node.Inputs(), l.Bias); u.Input < 0 {
		return u, &gs.UnsupportedError{Node: l.Node.Label(), What: "its bias is not added right behind it", Hint: "export the fused form"}
	}
	return u, nil
}

// biasOfNode reports whether the product's operator adds the bias.
func (l Layer) biasOfNode() bool {
	return l.Bias != nil && slices.Contains(l.Node.Inputs(), l.Bias)
}

// checkBias refuses an Einsum whose bias has its columns in another order than the
// weight.
func (l Layer) checkBias() error {
	if l.Node.Op() != "Einsum" || l.Bias == nil {
		return nil
	}
	e, _ := l.einsum()
	order := strings.Map(func(c rune) rune {
		if strings.ContainsRune(e.widens, c) {
			return c
		}
		return -1
	}, e.out)
	if order != e.widens && len(e.widens) > 1 {
		return &gs.UnsupportedError{Node: l.Node.Label(), What: fmt.Sprintf("its result has the weight's axes %s as %s", e.widens, order), Hint: "export the fused form"}
	}
	return nil
}

// places gives, for the number i of the weight as the product reads it, its place in
// [In, Out].
func (l Layer) places() func(i int) int {
	in, out := l.InDim, l.OutDim
	switch {
	case l.Node.Op() == "Einsum":
		return l.einsumPlaces()
	case l.channels || l.Node.Int("transB", 0) != 0:
		return func(i int) int { return i%in*out + i/in }
	}
	return func(i int) int { return i }
}

func (l Layer) einsumPlaces() func(i int) int {
	e, _ := l.einsum()
	letters := []rune(e.sums + e.widens) // in the order of [In, Out]
	step, size := map[rune]int{}, 1
	for k := len(letters) - 1; k >= 0; k-- {
		step[letters[k]] = size
		size *= int(e.sizes[letters[k]])
	}
	weight := []rune(e.weight)
	return func(i int) int {
		place := 0
		for k := len(weight) - 1; k >= 0; k-- {
			n := int(e.sizes[weight[k]])
			place += i % n * step[weight[k]]
			i /= n
		}
		return place
	}
}

// addBias adds a bias to a layer that has none.
func (f *Folder) addBias(l Layer, b []float64) error {
	p := f.model.NewPatch("fold")
	product := f.model.Graph.Value(l.product.Name())
	shape := []int64{int64(len(b))}
	operator := among(l.Node, "Gemm", "Conv", "com.microsoft::FusedConv", "com.microsoft::FusedGemm")
	if !operator {
		shape = l.row(len(f.typeOf(l.product).Shape))
	}
	t, err := f.tensor(f.typeOf(l.product).DType, shape, b)
	if err != nil {
		return err
	}
	w := p.Initializer(f.model.FreshName(f.source(l.Weight)+"_bias"), t)
	if operator {
		p.SetInput(f.reader(l.Node), 2, w)
	} else {
		p.InsertAfter(product, p.Add("Add", p.Tap(product), w))
	}
	return p.Apply()
}

// row is the shape by which a vector over a layer's columns meets its result, of the
// given rank: the last axes only, unless the columns lie elsewhere.
func (l Layer) row(rank int) []int64 {
	switch {
	case l.channels:
		shape := []int64{int64(l.OutDim)}
		for range rank - 2 {
			shape = append(shape, 1)
		}
		return shape
	case l.Node.Op() == "Einsum":
		e, _ := l.einsum()
		return e.row(e.out, e.widens)
	}
	return []int64{int64(l.OutDim)}
}
