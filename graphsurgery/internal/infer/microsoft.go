package infer

// microsoft lists the com.microsoft operators that ONNX Runtime's optimiser and
// quantiser write.
func microsoft() map[string]Rule {
	rules := map[string]Rule{
		"FusedMatMul": fusedMatMul, "TransposeMatMul": fusedMatMul, "FusedMatMulActivation": fusedMatMul, "FusedGemm": gemm, "GemmFastGelu": matMulFirst,
		"FusedConv": func(n *Node) error { return convolve(n, 1, n.dtype(0)) },
		"BiasGelu":  biasAdd, "BiasAdd": likeFirst, "BiasSoftmax": likeFirst, "BiasDropout": dropout, "BitmaskDropout": likeFirst,
		"BiasSplitGelu":          biasSplitGelu,
		"SkipLayerNormalization": skipLayerNorm, "SkipSimplifiedLayerNormalization": skipLayerNorm,
		"EmbedLayerNormalization": embedLayerNorm, "Attention": msAttention, "QAttention": msAttention,
		"MultiHeadAttention": multiHeadAttention, "GroupQueryAttention": groupQueryAttention,
		"RelativePositionBias": relativePositionBias, "GatedRelativePositionBias": gatedRelativePositionBias,
		"DynamicQuantizeMatMul": matMulFirst, "MatMulIntegerToFloat": func(n *Node) error { return matMulAs(n, n.dtype(2)) },
		"MatMulInteger16": func(n *Node) error { return matMulAs(n, Int32) },
		"MatMulNBits":     matMulBits, "MatMulBnb4": matMulBits,
		"QLinearAdd": qLinearBinary, "QLinearMul": qLinearBinary, "QLinearConcat": qLinearConcat, "QGemm": qGemm,
		"QuantizeLinear": quantizeLinear, "DequantizeLinear": dequantizeLinear, "DynamicQuantizeLSTM": rnn,
		"GroupNorm": likeFirst, "SkipGroupNorm": likeFirst, "Trilu": likeFirst, "Inverse": likeFirst,
		"ExpandDims": expandDims, "CDist": cDist, "GridSample": gridSample, "Pad": pad, "Range": rangeOf,
		"QLinearGlobalAveragePool": qGlobalPool, "LayerNormalization": layerNorm, "SimplifiedLayerNormalization": layerNorm,
		"CausalConvWithState": causalConvWithState, "LinearAttention": linearAttention, "CropAndResize": cropAndResize,
		"UnfoldTensor": unfoldTensor, "MurmurHash3": murmurHash, "ReduceSumInteger": func(n *Node) error { return reduce(n, nil) },
	}
	for _, op := range []string{
		"Gelu", "FastGelu", "QuickGelu", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "RotaryEmbedding",
		"DecoderMaskedSelfAttention", "MoE", "NGramRepeatBlock", "ParametricSoftplus", "ScaledTanh", "ThresholdedRelu", "Affine",
	} {
		rules[op] = likeFirst
	}
	return rules
}

// fusedMatMul may transpose its factors, and move their first axis in front of the
// last.
func fusedMatMul(n *Node) error {
	n.set(0, n.dtype(0), nil)
	side := func(i int, batch, trans string) []Expr {
		s := clone(n.shape(i))
		if r := len(s); r >= 2 {
			if n.Int(batch, 0) != 0 {
				moved := append(clone(s[1:r-1]), s[0])
				s = append(moved, s[r-1])
			}
			if n.Int(trans, 0) != 0 {
				s[r-1], s[r-2] = s[r-2], s[r-1]
			}
		}
		return s
	}
	shape, err := n.matMulShape(side(0, "transBatchA", "transA"), side(1, "transBatchB", "transB"))
	n.set(0, n.dtype(0), shape)
	return err
}

func matMulFirst(n *Node) error { return matMulAs(n, n.dtype(0)) }

func biasAdd(n *Node) error { return n.broadcastTo(n.dtype(0), 0, 1) }

func biasSplitGelu(n *Node) error {
	s := clone(n.shape(0))
	if len(s) > 0 {
		s[len(s)-1] = Div(s[len(s)-1], Const(2))
	}
	n.set(0, n.dtype(0), s)
	return nil
}

// skipLayerNorm gives the result, mean, inverse deviation, and the sum before it.
func skipLayerNorm(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), s)
	stat := clone(s)
	if len(s) > 0 {
		stat[len(s)-1] = Const(1)
	}
	n.set(1, Float, stat)
	n.set(2, Float, stat)
	n.set(3, n.dtype(0), s)
	return nil
}

func embedLayerNorm(n *Node) error {
	ids, table := n.shape(0), n.shape(2)
	var shape []Expr
	batch := Unknown()
	if len(ids) == 2 && len(table) == 2 {
		shape, batch = []Expr{ids[0], ids[1], table[1]}, ids[0]
	}
	n.set(0, n.dtype(2), shape)
	n.set(1, Int32, []Expr{batch})
	n.set(2, n.dtype(2), shape)
	return nil
}

// msAttention projects by packed weights (input, q + k + v) and attends. The present
// state is (2, batch, heads, length, size).
func msAttention(n *Node) error {
	kind := n.dtype(0)
	past := 4
	if n.Op == "QAttention" {
		kind, past = n.dtype(2), 8
	}
	n.set(0, kind, nil)
	n.set(1, kind, nil)
	s, w := n.shape(0), n.shape(1)
	if len(s) != 3 {
		return nil
	}
	width := Unknown()
	if sizes := n.Ints("qkv_hidden_sizes"); len(sizes) == 3 {
		width = Const(sizes[2])
	} else if len(w) == 2 {
		width = Div(w[1], Const(3))
	}
	n.set(0, kind, []Expr{s[0], s[1], width})
	heads := Const(n.Int("num_heads", 1))
	total := s[1]
	if p := n.shape(past); len(p) == 5 {
		total = Add(p[3], s[1])
	} else if n.in(past) != nil {
		total = Unknown()
	}
	n.set(1, kind, []Expr{Const(2), s[0], heads, total, Div(width, heads)})
	return nil
}

// multiHeadAttention reads (batch, length, width), or packed (batch, length, heads,
// 2 or 3, size); keys and values may be (batch, heads, length, size).
func multiHeadAttention(n *Node) error {
	kind := n.dtype(0)
	for i := range n.Out {
		n.set(i, kind, nil)
	}
	q, k, v := n.shape(0), n.shape(1), n.shape(2)
	heads := Const(max(n.Int("num_heads", 1), 1))
	if len(q) == 5 {
		n.set(0, kind, []Expr{q[0], q[1], Mul(q[2], q[4])})
		return nil
	}
	if len(q) != 3 {
		return nil
	}
	width, length := q[2], Unknown()
	switch {
	case len(v) == 3:
		width, length = v[2], v[1]
	case len(v) == 4:
		width, length = Mul(v[1], v[3]), v[2]
	case n.in(2) != nil:
		width = Unknown()
	case len(k) == 5:
		length = k[1]
	}
	n.set(0, kind, []Expr{q[0], q[1], width})
	if past := n.shape(6); len(past) == 4 && len(v) != 4 {
		length = Add(past[2], length)
	} else if n.in(6) != nil && len(v) != 4 {
		length = Unknown()
	}
	n.set(1, kind, []Expr{q[0], heads, length, Div(q[2], heads)})
	n.set(2, kind, []Expr{q[0], heads, length, Div(width, heads)})
	n.set(3, kind, []Expr{q[0], heads, q[1], length})
	return nil
}

// groupQueryAttention packs q, k and v into the query if it has no key.
func groupQueryAttention(n *Node) error {
	kind := n.dtype(0)
	for i := range n.Out {
		n.set(i, kind, nil)
	}
	q := n.shape(0)
	if len(q) != 3 {
		return nil
	}
	heads, kv := max(n.Int("num_heads", 1), 1), max(n.Int("kv_num_heads", 1), 1)
	size := Div(q[2], Const(heads))
	if n.in(1) == nil {
		size = Div(q[2], Const(heads+2*kv))
	}
	n.set(0, kind, []Expr{q[0], q[1], scale(size, heads)})
	for i := 1; i < min(len(n.Out), 3); i++ {
		n.set(i, kind, []Expr{q[0], Const(kv), Unknown(), size})
	}
	return nil
}

func relativePositionBias(n *Node) error {
	heads := Unknown()
	if s := n.shape(0); len(s) == 2 {
		heads = s[1]
	}
	n.set(0, n.dtype(0), []Expr{Const(1), heads, n.scalar(1), n.scalar(2)})
	return nil
}

func gatedRelativePositionBias(n *Node) error {
	n.set(0, n.dtype(0), unknowns(4))
	if s := n.shape(0); len(s) == 3 {
		n.set(0, n.dtype(0), []Expr{s[0], Const(n.Int("num_heads", 1)), s[1], s[1]})
	}
	return nil
}

// matMulBits multiplies by weights packed in a few bits, of N columns.
func matMulBits(n *Node) error {
	s := clone(n.shape(0))
	if len(s) > 0 {
		s[len(s)-1] = Const(n.Int("N", 0))
	}
	n.set(0, n.dtype(0), s)
	return nil
}

// qLinearBinary reads each operand with scale and zero point.
func qLinearBinary(n *Node) error { return n.broadcastTo(n.dtype(0), 0, 3) }

func qLinearConcat(n *Node) error {
	part := &Node{Attrs: n.Attrs, Op: "Concat", Version: n.Version, Out: n.Out, Ctx: n.Ctx}
	for i := 2; i < len(n.In); i += 3 {
		part.In = append(part.In, n.In[i])
	}
	return concat(part)
}

// qGemm gives floats if it has no output zero point.
func qGemm(n *Node) error {
	kind := Float
	if n.in(8) != nil {
		kind = n.dtype(8)
	}
	row, k1, err := n.gemmSide(n.shape(0), n.Int("transA", 0) != 0)
	if err != nil {
		return err
	}
	k2, col, err := n.gemmSide(n.shape(3), n.Int("transB", 0) != 0)
	n.set(0, kind, []Expr{row, col})
	if _, ok := n.Ctx.Merge(k1, k2); !ok && err == nil {
		return fail("%s against %s", k1, k2)
	}
	return err
}

func expandDims(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), nil)
	at, ok := n.scalar(1).Const()
	if s == nil || !ok {
		return nil
	}
	n.Out[0] = stacked(Value{Type: n.In[0].Type}, Const(1), at)
	return nil
}

func cDist(n *Node) error {
	a, b := n.shape(0), n.shape(1)
	n.set(0, n.dtype(0), unknowns(2))
	if len(a) == 2 && len(b) == 2 {
		n.set(0, n.dtype(0), []Expr{a[0], b[0]})
	}
	return nil
}

// qGlobalPool reduces the spatial axes, which come last, or before the channels.
func qGlobalPool(n *Node) error {
	s := clone(n.shape(0))
	first := 2
	last := len(s)
	if n.Int("channels_last", 0) != 0 {
		first, last = 1, len(s)-1
	}
	for i := first; i < last; i++ {
		s[i] = Const(1)
	}
	n.set(0, n.dtype(0), s)
	return nil
}

func cropAndResize(n *Node) error {
	size := n.shapeFrom(3)
	if len(size) != 2 {
		size = unknowns(2)
	}
	n.set(0, n.dtype(0), []Expr{n.roiCount(1), n.channels(), size[0], size[1]})
	return nil
}

func unfoldTensor(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	a, err := axis(n.Int("dim", -1), len(s))
	if err != nil {
		return err
	}
	size, step := n.Int("size", 1), max(n.Int("step", 1), 1)
	out := append(clone(s), Const(size))
	out[a] = Add(Div(Sub(s[a], Const(size)), Const(step)), Const(1))
	n.set(0, n.dtype(0), out)
	return nil
}

func murmurHash(n *Node) error {
	kind := Uint32
	if n.Int("positive", 1) == 0 {
		kind = Int32
	}
	n.set(0, kind, n.shape(0))
	return nil
}
