package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// headCount reads the number of attention heads from the Reshapes between the
// query's projection and its product; 0 if the graph does not say. Where several
// split the last axis, the one that splits it most splits the heads.
func (f *facts) headCount(a *attention) int {
	if a.heads > 0 {
		return a.heads
	}
	width := int64(a.o.inDim)
	stop := func(v *gs.Value) bool { return v == a.q.out }
	_, _, nodes := f.back(a.scoreLeft, stop, projectionPath)
	heads := int64(0)
	for _, node := range nodes {
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
	if dims, ok := f.ints(v); ok {
		return dims
	}
	n := producer(v)
	if !is(n, "Concat") {
		return nil
	}
	var dims []int64
	for _, in := range n.Inputs() {
		part, ok := f.ints(in)
		if !ok {
			part = []int64{0}
		}
		dims = append(dims, part...)
	}
	return dims
}
