package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// linear is y = x·W + b over the last axis, in any of its spellings: MatMul,
// MatMul and Add with the bias on either side, Gemm, and Reshape around Gemm.
type linear struct {
	node         *gs.Node  // MatMul or Gemm
	in           *gs.Value // x
	weight, bias *gs.Value // bias nil if there is none
	out          *gs.Value // y
	inDim, width int       // of W; 0 if its shape is not known
}

func (f *facts) findLinears() {
	for _, n := range f.graph.Nodes() {
		if l := f.linear(n); l != nil {
			f.linears = append(f.linears, l)
			f.linearAt[n], f.linearOf[l.out] = l, l
		}
	}
}

// linear reads n as the product of a linear layer, or gives nil.
func (f *facts) linear(n *gs.Node) *linear {
	if !is(n, "MatMul") && !is(n, "Gemm") || n.Output(0) == nil {
		return nil
	}
	l := &linear{node: n, in: n.Input(0), weight: n.Input(1), out: n.Output(0)}
	if !f.data(l.in) || l.weight == nil || f.data(l.weight) {
		return nil
	}
	shape := f.shapes[l.weight]
	for len(shape) > 2 && shape[0] == 1 {
		shape = shape[1:]
	}
	if shape != nil && len(shape) != 2 {
		return nil
	}
	if shape != nil {
		l.inDim, l.width = int(shape[0]), int(shape[1])
	}
	if is(n, "Gemm") {
		if n.Int("transA", 0) != 0 || f.data(n.Input(2)) {
			return nil
		}
		if n.Int("transB", 0) != 0 {
			l.inDim, l.width = l.width, l.inDim
		}
		l.bias = n.Input(2)
	}
	if l.bias == nil {
		f.addBias(l)
	}
	return l
}

// addBias takes in a fixed vector added to the product, also behind a Reshape.
func (f *facts) addBias(l *linear) {
	v := l.out
	for range 2 {
		u, ok := f.soleReader(v)
		if !ok {
			return
		}
		if is(u.Node, "Add") && u.Node.Output(0) != nil {
			other := u.Node.Input(1 - u.Input)
			if !f.data(other) && f.vector(other, l.width) {
				l.bias, l.out = other, u.Node.Output(0)
			}
			return
		}
		if !is(u.Node, "Reshape") || u.Input != 0 || u.Node.Output(0) == nil {
			return
		}
		v = u.Node.Output(0)
	}
}

// vector reports whether fixed value v is one row of n numbers; unknown shapes
// and widths pass.
func (f *facts) vector(v *gs.Value, n int) bool {
	if v == nil {
		return false
	}
	shape := f.shapes[v]
	if shape == nil || n == 0 {
		return true
	}
	if len(shape) == 0 {
		return false
	}
	for _, d := range shape[:len(shape)-1] {
		if d != 1 {
			return false
		}
	}
	return shape[len(shape)-1] == int64(n)
}

// reads gives the linear layer whose input the use is, or nil.
func (f *facts) reads(u gs.Use) *linear {
	if l := f.linearAt[u.Node]; l != nil && u.Input == 0 {
		return l
	}
	return nil
}
