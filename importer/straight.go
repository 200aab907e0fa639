package importer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// on is the same node with other inputs, for operators that are made of another
// one's lowering. Attributes are read from the node as before.
func (c *call) on(in ...*wire) *call {
	other := *c
	other.in = in
	return &other
}

// movesElements tells the operators that only move or select elements of their
// first input (Concat: of every input).
func movesElements(op string) bool {
	switch op {
	case "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "MaxPool",
		"Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze":
		return true
	}
	return false
}

// carryReal gives the outputs of an operator that moves quantised values their
// real form, by lowering it once more on the real form of its inputs. Whichever
// form nothing reads is dropped by the backend.
func (c *call) carryReal(op *operator, out []*wire) {
	if c.n.Domain() != "" || !movesElements(c.n.Op()) || len(c.in) == 0 || len(out) == 0 || out[0] == nil || out[0].real != nil {
		return
	}
	n := 1
	if c.n.Op() == "Concat" {
		n = len(c.in)
	}
	in, any := append([]*wire{}, c.in...), false
	for i := range in[:n] {
		any = any || in[i] != nil && in[i].real != nil
	}
	if !any {
		return
	}
	for i := range in[:n] {
		in[i] = c.asFloat(in[i], realType(c.in[:n]))
	}
	for i, w := range op.lower(c.on(in...)) {
		if out[i] != nil && out[i].dtype == c.in[0].dtype {
			out[i].real = w
		}
	}
}

// realType is the type of the first real form among wires.
func realType(wires []*wire) dtypes.DType {
	for _, w := range wires {
		if w != nil && w.real != nil {
			return computeType(w.real)
		}
	}
	return dtypes.Float32
}

// asInt32 gives a wire as 32-bit integers.
func (c *call) asInt32(w *wire) *wire {
	return c.wire(graph.ConvertDType(c.nodeOf(w), dtypes.Int32))
}
