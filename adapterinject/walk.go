package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// walkBudget bounds the values one walk may visit. The longest honest walk, a
// rotary embedding between a projection and its product, needs about thirty.
const walkBudget = 96

// is reports whether n is the standard operator op.
func is(n *gs.Node, op string) bool { return n != nil && n.Domain() == "" && n.Op() == op }

// layout reports whether n only rearranges or retypes its first input.
func layout(n *gs.Node) bool {
	if n.Domain() != "" {
		return false
	}
	switch n.Op() {
	case "Identity", "Cast", "CastLike", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten",
		"Dropout", "QuantizeLinear", "DequantizeLinear":
		return true
	}
	return false
}

// carving reports whether n selects, repeats or joins parts of its inputs.
func carving(n *gs.Node) bool {
	if n.Domain() != "" {
		return false
	}
	switch n.Op() {
	case "Slice", "Split", "Gather", "Concat", "Expand", "Pad", "Tile":
		return true
	}
	return false
}

// arithmetic reports whether n is one of the four basic operations.
func arithmetic(n *gs.Node) bool {
	if n.Domain() != "" {
		return false
	}
	switch n.Op() {
	case "Add", "Sub", "Mul", "Div":
		return true
	}
	return false
}

// scaling reports whether n combines one activation with fixed values.
func (f *facts) scaling(n *gs.Node) bool {
	return arithmetic(n) && len(f.dataInputs(n)) == 1
}

// product reports whether n multiplies two activations as matrices.
func (f *facts) product(n *gs.Node) bool {
	if n == nil || n.Domain() != "" || len(n.Inputs()) != 2 {
		return false
	}
	return (n.Op() == "MatMul" || n.Op() == "Einsum") && f.data(n.Input(0)) && f.data(n.Input(1))
}

// back walks from v against the flow, through the nodes pass accepts, along
// inputs that are activations. It gives the values at which stop is true, and
// the nodes that ended the walk elsewhere.
func (f *facts) back(v *gs.Value, stop func(*gs.Value) bool, pass func(*gs.Node) bool) (hits []*gs.Value, ends []*gs.Node, nodes []*gs.Node) {
	seen := map[*gs.Value]bool{v: true}
	for queue := []*gs.Value{v}; len(queue) > 0 && len(seen) <= walkBudget; queue = queue[1:] {
		v := queue[0]
		if stop(v) {
			hits = append(hits, v)
			continue
		}
		n := v.Producer()
		if n == nil {
			continue
		}
		if !pass(n) {
			ends = append(ends, n)
			continue
		}
		nodes = append(nodes, n)
		for _, in := range f.dataInputs(n) {
			if !seen[in] {
				seen[in] = true
				queue = append(queue, in)
			}
		}
	}
	return hits, ends, nodes
}

// ahead walks from v with the flow, through the uses pass accepts. It gives the
// uses at which stop is true, and the nodes that ended the walk elsewhere.
// Readers of shapes and readers inside subgraphs are left out.
func (f *facts) ahead(v *gs.Value, stop, pass func(gs.Use) bool) (hits []gs.Use, ends []*gs.Node) {
	seen := map[*gs.Value]bool{v: true}
	for queue := []*gs.Value{v}; len(queue) > 0 && len(seen) <= walkBudget; queue = queue[1:] {
		for _, u := range f.readers(queue[0]) {
			switch {
			case stop(u):
				hits = append(hits, u)
			case !pass(u):
				ends = append(ends, u.Node)
			default:
				for _, o := range u.Node.Outputs() {
					if o != nil && !seen[o] {
						seen[o] = true
						queue = append(queue, o)
					}
				}
			}
		}
	}
	return hits, ends
}

// readers are the uses of v's numbers by nodes of the main graph.
func (f *facts) readers(v *gs.Value) []gs.Use {
	var out []gs.Use
	if v == nil {
		return nil
	}
	for _, u := range v.Uses() {
		if u.Node.Graph() != f.graph || is(u.Node, "Shape") || is(u.Node, "Size") {
			continue
		}
		out = append(out, u)
	}
	return out
}

// soleReader gives the only use of v's numbers.
func (f *facts) soleReader(v *gs.Value) (gs.Use, bool) {
	if r := f.readers(v); len(r) == 1 {
		return r[0], true
	}
	return gs.Use{}, false
}

// root goes back through rearrangements, window partition and roll, and added
// constants, to the value that v is a rearrangement of. It stops at results of
// norms and linear layers, whose bias is an added constant too. A value without
// one single origin is its own root.
func (f *facts) root(v *gs.Value) *gs.Value {
	passes := func(n *gs.Node) bool {
		return layout(n) || is(n, "Slice") || is(n, "Concat") || is(n, "Pad") || is(n, "Add") && f.scaling(n)
	}
	stop := func(v *gs.Value) bool {
		n := v.Producer()
		return f.normOf[v] != nil || f.linearOf[v] != nil || n == nil || !passes(n) || len(f.dataInputs(n)) == 0
	}
	hits, _, _ := f.back(v, stop, passes)
	if len(hits) != 1 {
		return v
	}
	return hits[0]
}
