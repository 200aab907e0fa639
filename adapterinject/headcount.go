package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// headCount gives the number of attention heads: from an attention operator's
// attribute, else the output projection's width over the context's last axis, else
// from the Reshapes between the query's projection and its product, of which the
// one that splits the last axis most splits the heads; 0 if the graph does not
// say.
func (f *facts) headCount(a *attention) int {
	if a.heads > 0 {
		return a.heads
	}
	width := int64(a.o.inDim)
	if d := int64(f.lastSize(a.context)); d > 0 && f.Rank(a.context) >= 3 && width > 0 && width%d == 0 {
		return int(width / d)
	}
	if a.q == nil || a.scoreLeft == nil || width == 0 {
		return 0
	}
	walk := f.Back(a.scoreLeft, f.ways.projection, func(v *gs.Value) bool { return v == a.q.out })
	heads := int64(0)
	for _, node := range walk.Path {
		if !is(node, "Reshape") {
			continue
		}
		dims := f.target(node.Input(1))
		n := len(dims)
		if n < 3 {
			continue
		}
		if last := dims[n-1]; last > 0 && width%last == 0 {
			heads = max(heads, width/last)
		}
		if h := dims[n-2]; n >= 4 && dims[n-1] == -1 && h > 0 && width%h == 0 {
			heads = max(heads, h)
		}
	}
	return int(heads)
}

// target gives the sizes a Reshape asks for, 0 where one is computed.
func (f *facts) target(v *gs.Value) []int64 {
	if v == nil {
		return nil
	}
	if dims, ok := f.Ints(v); ok {
		return dims
	}
	n := v.Producer()
	if !is(n, "Concat") {
		return nil
	}
	var dims []int64
	for _, in := range n.Inputs() {
		part, ok := f.Ints(in)
		if !ok {
			part = []int64{0}
		}
		dims = append(dims, part...)
	}
	return dims
}
