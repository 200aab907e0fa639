package infer

// norms lists normalisation with statistics as outputs; the others keep the first
// input's type and are listed with the element-wise operators.
func norms() map[string]Rule {
	return map[string]Rule{
		"LayerNormalization": layerNorm, "BatchNormalization": batchNorm, "SimplifiedLayerNormalization": layerNorm,
		"Attention": attention, "LinearAttention": linearAttention, "FlexAttention": flexAttention,
		"GroupNormalization": groupNorm, "RotaryEmbedding": rotary,
	}
}

// layerNorm's mean and inverse deviation have 1 on the axes normalised; their type is
// that of the computation, float unless stash_type says otherwise.
func layerNorm(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), s)
	stat := int32(n.Int("stash_type", int64(Float)))
	n.set(1, stat, nil)
	n.set(2, stat, nil)
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("axis", -1), len(s))
	if err != nil {
		if n.Int("axis", -1) > 0 { // onnx looks for axes that are too low alone
			err = AsFiner(err)
		}
		return err
	}
	out := clone(s)
	for i := a; i < len(out); i++ {
		out[i] = Const(1)
	}
	n.set(1, stat, out)
	n.set(2, stat, out)
	if scale := n.shape(1); scale != nil {
		if got, err := n.Ctx.broadcast(s, scale); err != nil || got != nil && len(got) != len(s) {
			return fail("scale of shape %s does not fit input of shape %s", ShapeString(scale), ShapeString(s))
		}
	}
	return nil
}

// batchNorm gives running statistics in training mode, of the type of the ones read.
func batchNorm(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), s)
	for i := 1; i < len(n.Out); i++ {
		stat := n.dtype(min(i, 2) + 2)
		if stat == Undefined {
			stat = n.dtype(0)
		}
		n.set(i, stat, n.shape(min(i, 2)+2))
		if n.shape(min(i, 2)+2) == nil && len(s) > 1 {
			n.set(i, stat, []Expr{s[1]})
		}
	}
	if w := n.shape(1); len(s) > 1 && len(w) == 1 {
		if _, ok := n.Ctx.Merge(s[1], w[0]); !ok {
			return fail("scale of shape %s does not fit the %s channels of %s", ShapeString(w), s[1], ShapeString(s))
		}
	}
	return nil
}

// heads splits a 3-D tensor (batch, length, heads·size) by the number of heads; a 4-D
// one is (batch, heads, length, size) already.
func (n *Node) heads(i int, attr string) (batch, heads, length, size Expr, ok bool) {
	s := n.shape(i)
	switch len(s) {
	case 4:
		return s[0], s[1], s[2], s[3], true
	case 3:
		h := n.Int(attr, 0)
		if h < 1 {
			return s[0], Unknown(), s[1], Unknown(), true
		}
		return s[0], Const(h), s[1], Div(s[2], Const(h)), true
	}
	return Unknown(), Unknown(), Unknown(), Unknown(), false
}

// attention is ai.onnx Attention since opset 23.
func attention(n *Node) error {
	kind := n.dtype(0)
	n.set(0, kind, nil)
	n.set(1, n.matType(1, 4), nil)
	n.set(2, n.matType(2, 5), nil)
	n.set(3, kind, nil)
	b, h, l, _, qok := n.heads(0, "q_num_heads")
	_, kh, kl, ks, kok := n.heads(1, "kv_num_heads")
	_, _, _, vs, vok := n.heads(2, "kv_num_heads")
	if !qok {
		return n.attentionRanks()
	}
	if !kok {
		kh, kl, ks = Unknown(), Unknown(), Unknown()
	}
	if !vok {
		vs = Unknown()
	}
	total := kl
	if past := n.shape(4); len(past) == 4 {
		total = Add(past[2], kl)
	} else if n.in(4) != nil {
		total = Unknown()
	}
	if len(n.shape(0)) == 3 {
		n.set(0, kind, []Expr{b, l, Mul(h, vs)})
	} else {
		n.set(0, kind, []Expr{b, h, l, vs})
	}
	n.set(1, n.matType(1, 4), []Expr{b, kh, total, ks})
	n.set(2, n.matType(2, 5), []Expr{b, kh, total, vs})
	n.set(3, kind, []Expr{b, h, l, total})
	return n.attentionRanks()
}

func linearAttention(n *Node) error {
	n.set(0, n.dtype(0), nil)
	n.set(1, n.matType(3, 0), n.shape(3))
	b, h, l, _, qok := n.heads(0, "q_num_heads")
	_, kh, _, ks, kok := n.heads(1, "kv_num_heads")
	_, _, _, vs, vok := n.heads(2, "kv_num_heads")
	if !qok || !kok || !vok {
		return n.linearAttentionDemands()
	}
	n.set(0, n.dtype(0), []Expr{b, l, Mul(h, vs)})
	if n.shape(3) == nil {
		n.set(1, n.matType(3, 0), []Expr{b, kh, ks, vs})
	}
	return n.linearAttentionDemands()
}

func flexAttention(n *Node) error {
	q, v := n.shape(0), n.shape(2)
	n.set(0, n.dtype(0), nil)
	if len(q) == 4 && len(v) == 4 {
		n.set(0, n.dtype(0), []Expr{q[0], q[1], q[2], v[3]})
	}
	return n.ranksOf([]string{"Q", "K", "V"}, 0, 4)
}
