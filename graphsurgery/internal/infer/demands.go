package infer

import "slices"

// rankOf demands one of the ranks of input i if its shape is known.
func (n *Node) rankOf(i int, name string, ranks ...int) error {
	if s := n.shape(i); s != nil && !slices.Contains(ranks, len(s)) {
		return fail("input %d (%s) is of shape %s, want rank %v", i, name, ShapeString(s), ranks)
	}
	return nil
}

// ranksOf is rankOf for several inputs, which have one of the same ranks.
func (n *Node) ranksOf(names []string, first int, ranks ...int) error {
	for k, name := range names {
		if err := n.rankOf(first+k, name, ranks...); err != nil {
			return err
		}
	}
	return nil
}

// rotary keeps the input's type; heads packed into the last axis of three are told
// apart by num_heads.
func rotary(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	if err := n.rankOf(0, "X", 3, 4); err != nil {
		return err
	}
	if len(n.shape(0)) == 3 && n.Int("num_heads", 0) == 0 {
		return fail("the input is of rank 3 and num_heads is not given")
	}
	return nil
}

// groupNorm keeps the input's type, of which onnx's inference is not sure: the
// operator is a function that reshapes.
func groupNorm(n *Node) error {
	n.setFiner(0, n.dtype(0), n.shape(0))
	return nil
}

// attentionRanks: queries, keys and values are of rank 3 with the numbers of heads,
// or 4; what is past is of rank 4.
func (n *Node) attentionRanks() error {
	if err := n.ranksOf([]string{"Q", "K", "V"}, 0, 3, 4); err != nil {
		return err
	}
	if len(n.shape(0)) == 3 && (n.Int("q_num_heads", 0) == 0 || n.Int("kv_num_heads", 0) == 0) {
		return fail("the input is of rank 3 and q_num_heads or kv_num_heads is not given")
	}
	return n.ranksOf([]string{"past_key", "past_value"}, 4, 4)
}

// linearAttentionDemands: ranks, and the inputs that the update rule reads.
func (n *Node) linearAttentionDemands() error {
	if err := n.ranksOf([]string{"query", "key", "value"}, 0, 3); err != nil {
		return err
	}
	if err := n.rankOf(3, "past_state", 4); err != nil {
		return err
	}
	if err := n.ranksOf([]string{"decay", "beta"}, 4, 3); err != nil {
		return err
	}
	rule := n.Str("update_rule", "gated_delta")
	if (rule == "gated" || rule == "gated_delta") && n.in(4) == nil {
		return fail("update_rule %q without decay", rule)
	}
	if (rule == "delta" || rule == "gated_delta") && n.in(5) == nil {
		return fail("update_rule %q without beta", rule)
	}
	return nil
}

// lossDemands: the target lacks the input's axis 1, the classes, and has the others.
func (n *Node) lossDemands() error {
	in, target := n.shape(0), n.shape(1)
	if in == nil || target == nil {
		return nil
	}
	if len(in) < 2 || len(target) != len(in)-1 {
		return fail("target of shape %s for input of shape %s, want one rank less", ShapeString(target), ShapeString(in))
	}
	rest := append(clone(in[:1]), in[2:]...)
	for i, d := range target {
		if _, ok := n.Ctx.Merge(d, rest[i]); !ok {
			return fail("target of shape %s does not fit input of shape %s", ShapeString(target), ShapeString(in))
		}
	}
	if n.in(2) == nil {
		return nil
	}
	return n.rankOf(2, "weight", 1)
}

// keyType is the element type that a LabelEncoder's keys have.
func (n *Node) keyType() int32 {
	switch {
	case n.Has("keys_strings"):
		return String
	case n.Has("keys_int64s"):
		return Int64
	case n.Has("keys_floats"):
		return Float
	}
	v, _ := n.Tensor("keys_tensor")
	return v.DType
}
