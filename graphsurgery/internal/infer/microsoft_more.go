package infer

// microsoftMore lists further com.microsoft operators: channels-last, packed and
// ordered-quantised forms.
func microsoftMore() map[string]Rule {
	conv := func(weights int, kind func(*Node) int32) Rule {
		return func(n *Node) error {
			return n.channelsLast(func(n *Node) error { return convolve(n, weights, kind(n)) })
		}
	}
	first := func(n *Node) int32 { return n.dtype(0) }
	return map[string]Rule{
		"NhwcConv": conv(1, first), "NhwcFusedConv": conv(1, first), "QLinearConv": qLinearConv(conv),
		"QLinearAveragePool": qLinearAveragePool, "QLinearReduceMean": qLinearReduceMean, "QLinearWhere": qLinearWhere,
		"DecoderMaskedMultiHeadAttention": decoderAttention, "LongformerAttention": likeFirst,
		"PackedAttention": packedAttention, "PackedMultiHeadAttention": packedHeads,
		"QEmbedLayerNormalization": qEmbedLayerNorm, "QOrderedAttention": qOrderedAttention, "QOrderedGelu": likeFirst,
		"QOrderedLayerNormalization": likeFirst, "QOrderedMatMul": qOrderedMatMul,
		"GatherBlockQuantized": gatherBlockQuantized, "RemovePadding": removePadding, "RestorePadding": restorePadding,
		"Unique": unique, "GatherND": gatherND, "QMoE": likeFirst,
		"ComplexMul": biasAdd, "ComplexMulConj": biasAdd, "Rfft": rfft, "Irfft": irfft,
		"MulInteger":      func(n *Node) error { return n.broadcastTo(Int32, 0, 2) },
		"MaxpoolWithMask": func(n *Node) error { return pooled(n, n.dtype(0)) },
		"NhwcMaxPool": func(n *Node) error {
			return n.channelsLast(func(n *Node) error { return pooled(n, n.dtype(0)) })
		},
		"DecoderAttention": stepAttention, "GemmaRotaryEmbedding": gemmaRotary, "DynamicTimeWarping": timeWarping,
	}
}

// channelsLast applies a rule for (N, C, …) to a first input of (N, …, C).
func (n *Node) channelsLast(rule Rule) error {
	moved := *n
	moved.In = append([]*Value(nil), n.In...)
	if s := n.shape(0); len(s) > 2 {
		v := *n.In[0]
		v.Shape = append([]Expr{s[0], s[len(s)-1]}, s[1:len(s)-1]...)
		moved.In[0] = &v
	}
	err := rule(&moved)
	if len(n.Out) > 0 && len(n.Out[0].Shape) > 2 {
		s := n.Out[0].Shape
		n.Out[0].Shape = append(append([]Expr{s[0]}, s[2:]...), s[1])
	}
	return err
}

func qLinearConv(conv func(int, func(*Node) int32) Rule) Rule {
	kind := func(n *Node) int32 { return n.dtype(7) }
	last := conv(3, kind)
	return func(n *Node) error {
		if n.Int("channels_last", 0) != 0 {
			return last(n)
		}
		return convolve(n, 3, kind(n))
	}
}

func qLinearAveragePool(n *Node) error {
	pool := func(n *Node) error { return pooled(n, n.dtype(0)) }
	if n.Int("channels_last", 0) != 0 {
		return n.channelsLast(pool)
	}
	return pool(n)
}

// qLinearReduceMean has its axes as an attribute; the inputs after the first are
// scales and zero points.
func qLinearReduceMean(n *Node) error {
	alone := *n
	alone.In = n.In[:min(len(n.In), 1)]
	return reduce(&alone, nil)
}

func qLinearWhere(n *Node) error { return n.broadcastTo(n.dtype(1), 0, 1, 4) }

// decoderAttention is multi-head attention of one step on a cache.
func decoderAttention(n *Node) error {
	kind := n.dtype(0)
	for i := range n.Out {
		n.set(i, kind, nil)
	}
	q, v := n.shape(0), n.shape(2)
	if len(q) != 3 {
		return nil
	}
	width := q[2]
	switch len(v) {
	case 3:
		width = v[2]
	case 4:
		width = Mul(v[1], v[3])
	}
	n.set(0, kind, []Expr{q[0], q[1], width})
	return nil
}

// packedAttention is Attention on the tokens of all sequences, without padding.
func packedAttention(n *Node) error {
	n.set(0, n.dtype(0), unknowns(2))
	s, w := n.shape(0), n.shape(1)
	if len(s) != 2 || len(w) != 2 {
		return nil
	}
	width := Div(w[1], Const(3))
	if sizes := n.Ints("qkv_hidden_sizes"); len(sizes) == 3 {
		width = Const(sizes[2])
	}
	n.set(0, n.dtype(0), []Expr{s[0], width})
	return nil
}

func packedHeads(n *Node) error {
	n.set(0, n.dtype(0), unknowns(2))
	q, v := n.shape(0), n.shape(2)
	switch {
	case len(q) == 4:
		n.set(0, n.dtype(0), []Expr{q[0], Mul(q[1], q[3])})
	case len(q) == 2 && len(v) == 2:
		n.set(0, n.dtype(0), []Expr{q[0], v[1]})
	}
	return nil
}

// qEmbedLayerNorm gives floats, of the type of the embedding's scale.
func qEmbedLayerNorm(n *Node) error {
	err := embedLayerNorm(n)
	for i := range n.Out {
		if i != 1 {
			n.Out[i].DType = n.dtype(8)
		}
	}
	return err
}

func qOrderedAttention(n *Node) error {
	n.set(0, n.dtype(0), unknowns(3))
	if s, v := n.shape(0), n.shape(7); len(s) == 3 && len(v) == 2 {
		n.set(0, n.dtype(0), []Expr{s[0], s[1], v[1]})
	}
	return nil
}

func qOrderedMatMul(n *Node) error {
	n.set(0, n.dtype(0), nil)
	shape, err := n.matMulShape(n.shape(0), n.shape(2))
	n.set(0, n.dtype(0), shape)
	return err
}

// gatherBlockQuantized gathers rows of packed integers and scales them; bytes hold
// several numbers along the last axis.
func gatherBlockQuantized(n *Node) error {
	s, idx := clone(n.shape(0)), n.shape(1)
	n.set(0, n.dtype(2), nil)
	if len(s) == 0 || idx == nil {
		return nil
	}
	if b := n.Int("bits", 4); n.dtype(0) == Uint8 && b > 0 && b < 8 {
		s[len(s)-1] = scale(s[len(s)-1], 8/b)
	}
	a, err := axis(n.Int("gather_axis", 0), len(s))
	if err != nil {
		return err
	}
	out := append(clone(s[:a]), idx...)
	n.set(0, n.dtype(2), append(out, s[a+1:]...))
	return nil
}

// removePadding gives the tokens in a row, and where they were.
func removePadding(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), unknowns(2))
	n.set(1, Int32, unknowns(2))
	n.set(2, Int32, unknowns(1))
	n.set(3, Int32, dims(1))
	if len(s) == 3 {
		n.set(0, n.dtype(0), []Expr{Unknown(), s[2]})
		n.set(1, Int32, []Expr{s[0], s[1]})
		n.set(2, Int32, []Expr{Add(s[0], Const(1))})
	}
	return nil
}

func restorePadding(n *Node) error {
	n.set(0, n.dtype(0), unknowns(3))
	if s, at := n.shape(0), n.shape(1); len(s) == 2 && len(at) == 2 {
		n.set(0, n.dtype(0), []Expr{at[0], at[1], s[1]})
	}
	return nil
}

// rfft transforms the last axis; real and imaginary part follow.
func rfft(n *Node) error {
	s := clone(n.shape(0))
	n.set(0, n.dtype(0), nil)
	if len(s) == 0 || n.Int("signal_ndim", 1) != 1 {
		return nil
	}
	if n.Int("onesided", 1) != 0 {
		s[len(s)-1] = Add(Div(s[len(s)-1], Const(2)), Const(1))
	}
	n.set(0, n.dtype(0), append(s, Const(2)))
	return nil
}

func irfft(n *Node) error {
	s := clone(n.shape(0))
	n.set(0, n.dtype(0), nil)
	if len(s) < 2 || n.Int("signal_ndim", 1) != 1 {
		return nil
	}
	s = s[:len(s)-1]
	if n.Int("onesided", 1) != 0 {
		s[len(s)-1] = scale(Sub(s[len(s)-1], Const(1)), 2)
	}
	n.set(0, n.dtype(0), s)
	return nil
}

// stepAttention keeps the query's shape (length, batch, width); the caches are
// (batch, heads, length, size).
func stepAttention(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	n.set(1, n.dtype(0), unknowns(4))
	n.set(2, n.dtype(0), unknowns(4))
	return nil
}

func gemmaRotary(n *Node) error {
	n.set(0, n.dtype(1), n.shape(1))
	n.set(1, n.dtype(3), n.shape(3))
	return nil
}

// timeWarping gives the pairs of indices on the path.
func timeWarping(n *Node) error {
	n.set(0, Int32, []Expr{Const(2), Unknown()})
	return nil
}
