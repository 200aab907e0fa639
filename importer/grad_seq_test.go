package importer_test

import (
	"slices"
)

// seqNoGradient lists the operators of this family without a float output or
// without a float input that it depends on. The gradient through quantised values
// is the straight-through estimate, which finite differences cannot check: see
// TestStraightThrough.
var seqNoGradient = []string{
	"ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QuantizeLinear",
	"com.microsoft.DynamicQuantizeMatMul", "com.microsoft.QLinearAdd", "com.microsoft.QLinearConcat", "com.microsoft.QLinearLeakyRelu",
	"com.microsoft.QLinearMul", "com.microsoft.QLinearSigmoid", "com.microsoft.QLinearSoftmax", "com.microsoft.QuantizeLinear",
}

// seqGradients are the gradient cases of normalisation over features, softmax,
// attention, recurrent networks, products, losses and quantised operators.
func seqGradients() []gradCase {
	return slices.Concat(softmaxGradients(), normGradients(), attentionGradients(), recurrentGradients(),
		linearGradients(), lossGradients(), quantGradients(), microsoftGradients(), msQuantGradients())
}

func softmaxGradients() []gradCase {
	shapes := []string{"double[3] x", "double[3,2] x", "double[2,3,2] x"}
	wide := []string{"double[2,3] x", "double[3,2,2] x", "double[1,4,2,2] x"}
	return []gradCase{
		{name: "Softmax/axis0", opset: 13, nodes: "y = Softmax<axis = 0>(x)", shapes: shapes},
		{name: "Softmax/last", opset: 13, nodes: "y = Softmax(x)", shapes: wide},
		{name: "Softmax/flat", opset: 11, nodes: "y = Softmax(x)", shapes: wide},
		{name: "LogSoftmax", opset: 13, nodes: "y = LogSoftmax<axis = 0>(x)", shapes: shapes},
		{name: "LogSoftmax/flat", opset: 11, nodes: "y = LogSoftmax<axis = 1>(x)", shapes: wide},
		{name: "Hardmax", nodes: "y = Hardmax(x)", shapes: wide, zero: true},
	}
}

func normGradients() []gradCase {
	three := []string{"double[2,3] x, double[3] s, double[3] b", "double[2,2,3] x, double[3] s, double[3] b", "double[1,2,2,4] x, double[4] s, double[4] b"}
	two := []string{"double[2,3] x, double[3] s", "double[2,2,3] x, double[3] s", "double[1,2,2,4] x, double[4] s"}
	return []gradCase{
		{name: "LayerNormalization", nodes: "y = LayerNormalization(x, s, b)", shapes: three},
		{name: "LayerNormalization/opset14", opset: 14, nodes: "y = LayerNormalization(x, s, b)", shapes: three},
		{name: "LayerNormalization/axis", nodes: "y, m, i = LayerNormalization<axis = 1, stash_type = 11>(x, s)", outputs: "y, m, i", shapes: []string{
			"double[2,3,2] x, double[3,2] s", "double[2,3,2] x, double[2] s", "double[2,3] x, double[2,3] s"}},
		{name: "RMSNormalization", nodes: "y = RMSNormalization(x, s)", shapes: two},
		{name: "RMSNormalization/axis", nodes: "y = RMSNormalization<axis = 0>(x, s)", shapes: []string{
			"double[2,3] x, double[2,3] s", "double[3] x, double[3] s", "double[2,3] x, double[3] s"}},
		{name: "SimplifiedLayerNormalization", opset: 17, nodes: "y = SimplifiedLayerNormalization(x, s)", shapes: two},
		{name: "RotaryEmbedding", nodes: "y = RotaryEmbedding(x, c, s, at)", shapes: []string{
			"double[1,2,3,4] x, double[5,2] c, double[5,2] s; int64[1,3] at = {0, 4, 2}",
			"double[2,1,2,2] x, double[3,1] c, double[3,1] s; int64[2,2] at = {0, 1, 2, 2}",
			"double[1,1,1,6] x, double[2,3] c, double[2,3] s; int64[1,1] at = {1}"}},
		{name: "RotaryEmbedding/part", nodes: "y = RotaryEmbedding<rotary_embedding_dim = 2, num_heads = 2, interleaved = 1>(x, c, s)", shapes: []string{
			"double[1,3,8] x, double[1,3,1] c, double[1,3,1] s", "double[2,1,6] x, double[2,1,1] c, double[2,1,1] s", "double[1,2,4] x, double[1,2,1] c, double[1,2,1] s"}},
	}
}

func attentionGradients() []gradCase {
	four := []string{"double[1,2,3,2] q, double[1,2,4,2] k, double[1,2,4,3] v", "double[2,1,2,3] q, double[2,1,2,3] k, double[2,1,2,1] v",
		"double[1,4,2,2] q, double[1,2,3,2] k, double[1,2,3,2] v"}
	three := []string{"double[1,3,4] q, double[1,3,4] k, double[1,3,4] v", "double[2,2,4] q, double[2,3,2] k, double[2,3,2] v",
		"double[1,1,4] q, double[1,2,4] k, double[1,2,6] v"}
	return []gradCase{
		{name: "Attention", nodes: "y = Attention(q, k, v)", shapes: four},
		{name: "Attention/capped", nodes: "y = Attention<softcap = 1.5, scale = 0.7>(q, k, v)", shapes: four},
		{name: "Attention/causal", nodes: "y = Attention<is_causal = 1>(q, k, v)", shapes: four},
		{name: "Attention/heads", opset: 23, nodes: "y = Attention<q_num_heads = 2, kv_num_heads = 2>(q, k, v)", shapes: three[:1]},
		{name: "Attention/grouped", opset: 23, nodes: "y = Attention<q_num_heads = 2, kv_num_heads = 1>(q, k, v)", shapes: three[1:2]},
		{name: "Attention/mask", nodes: "y = Attention(q, k, v, m)", shapes: []string{
			"double[1,2,3,2] q, double[1,2,4,2] k, double[1,2,4,3] v, double[3,4] m",
			"double[1,2,3,2] q, double[1,2,4,2] k, double[1,2,4,3] v, double[1,1,3,3] m",
			"double[2,1,2,3] q, double[2,1,2,3] k, double[2,1,2,1] v, double[2,1,1,2] m"}},
		{name: "Attention/booleans", nodes: "y = Attention(q, k, v, m)", shapes: []string{
			"double[1,2,2,2] q, double[1,2,3,2] k, double[1,2,3,3] v; bool[2,3] m = {1, 0, 1, 0, 1, 1}"}},
		{name: "Attention/past", nodes: "y, pk, pv, s = Attention<qk_matmul_output_mode = 3>(q, k, v, \"\", a, b)", outputs: "y, pk, pv, s", shapes: []string{
			"double[1,2,2,2] q, double[1,2,3,2] k, double[1,2,3,3] v, double[1,2,1,2] a, double[1,2,1,3] b"}},
	}
}

func recurrentGradients() []gradCase {
	const rule = "y, s = LinearAttention<q_num_heads = 2, kv_num_heads = 1, update_rule = "
	return []gradCase{
		{name: "LinearAttention", nodes: "y, s = LinearAttention<q_num_heads = 2, kv_num_heads = 2>(q, k, v, p, d, b)", outputs: "y, s", shapes: []string{
			"double[1,3,4] q, double[1,3,4] k, double[1,3,2] v, double[1,2,2,1] p, double[1,3,2] d, double[1,3,2] b",
			"double[2,2,2] q, double[2,2,2] k, double[2,2,4] v, double[2,2,1,2] p, double[2,2,2] d, double[2,2,1] b",
			"double[1,2,4] q, double[1,2,4] k, double[1,2,2] v, double[1,2,2,1] p, double[1,2,4] d, double[1,2,2] b"}, low: -1, high: 1},
		{name: "LinearAttention/linear", nodes: rule + "\"linear\">(q, k, v)", outputs: "y, s", shapes: []string{"double[1,3,4] q, double[1,3,2] k, double[1,3,1] v"}},
		{name: "LinearAttention/delta", nodes: rule + "\"delta\">(q, k, v, , , b)", outputs: "y, s", shapes: []string{"double[1,3,4] q, double[1,3,2] k, double[1,3,1] v, double[1,3,1] b"}},
		{name: "RNN", nodes: "y, h = RNN<hidden_size = 2>(x, w, r)", outputs: "y, h", shapes: []string{
			"double[3,1,2] x, double[1,2,2] w, double[1,2,2] r", "double[2,2,3] x, double[1,2,3] w, double[1,2,2] r", "double[4,2,1] x, double[1,2,1] w, double[1,2,2] r"}},
		{name: "RNN/all", nodes: "y, h = RNN<hidden_size = 2, direction = \"bidirectional\", activations = [\"Sigmoid\", \"Affine\"], activation_alpha = [0.5], activation_beta = [0.25]>(x, w, r, b, n, i)",
			outputs: "y, h", shapes: []string{
				"double[3,2,2] x, double[2,2,2] w, double[2,2,2] r, double[2,4] b, double[2,2,2] i; int32[2] n = {3, 1}"}},
		{name: "GRU", nodes: "y, h = GRU<hidden_size = 2>(x, w, r, b)", outputs: "y, h", shapes: []string{
			"double[3,1,2] x, double[1,6,2] w, double[1,6,2] r, double[1,12] b", "double[2,2,3] x, double[1,6,3] w, double[1,6,2] r, double[1,12] b",
			"double[2,2,1] x, double[1,6,1] w, double[1,6,2] r, double[1,12] b"}},
		{name: "GRU/all", nodes: "y, h = GRU<hidden_size = 1, linear_before_reset = 1, direction = \"bidirectional\", layout = 1>(x, w, r, b, n, i)", outputs: "y, h", shapes: []string{
			"double[2,3,2] x, double[2,3,2] w, double[2,3,1] r, double[2,6] b, double[2,2,1] i; int32[2] n = {2, 3}"}},
		{name: "LSTM", nodes: "y, h, c = LSTM<hidden_size = 2>(x, w, r, b)", outputs: "y, h, c", shapes: []string{
			"double[3,1,2] x, double[1,8,2] w, double[1,8,2] r, double[1,16] b", "double[2,2,3] x, double[1,8,3] w, double[1,8,2] r, double[1,16] b",
			"double[2,2,1] x, double[1,8,1] w, double[1,8,2] r, double[1,16] b"}},
		{name: "LSTM/all", nodes: "y, h, c = LSTM<hidden_size = 1, direction = \"reverse\", input_forget = 1>(x, w, r, b, n, i, j, p)", outputs: "y, h, c", shapes: []string{
			"double[3,2,2] x, double[1,4,2] w, double[1,4,1] r, double[1,8] b, double[1,2,1] i, double[1,2,1] j, double[1,3] p; int32[2] n = {1, 3}"}},
	}
}

func linearGradients() []gradCase {
	return []gradCase{
		{name: "MatMul/stacks", nodes: "y = MatMul(a, b)", shapes: []string{
			"double[2,1,2,3] a, double[2,3,2] b", "double[3] a, double[2,3,2] b", "double[2,2,3] a, double[3] b"}},
		{name: "Gemm", nodes: "y = Gemm<alpha = 0.5, beta = 2.0, transA = 1, transB = 1>(a, b, c)", shapes: []string{
			"double[3,2] a, double[4,3] b, double[4] c", "double[2,2] a, double[1,2] b, double[2,1] c", "double[1,3] a, double[2,1] b, double[] c"}},
		{name: "Gemm/opset6", opset: 6, nodes: "y = Gemm<broadcast = 1>(a, b, c)", shapes: []string{"double[2,3] a, double[3,2] b, double[2] c"}},
		{name: "Einsum/product", nodes: "y = Einsum<equation = \"bhid,bhjd->bhij\">(a, b)", shapes: []string{
			"double[1,2,3,2] a, double[1,2,2,2] b", "double[2,1,1,3] a, double[2,1,2,3] b", "double[2,2,2,1] a, double[2,2,3,1] b"}},
		{name: "Einsum/diagonal", nodes: "y = Einsum<equation = \"...iij->...ji\">(a)", shapes: []string{"double[2,2,3] a", "double[2,3,3,1] a", "double[1,1,2] a"}},
		{name: "Einsum/three", nodes: "y = Einsum<equation = \"ij, jk..., k -> ...i\">(a, b, c)", shapes: []string{
			"double[2,3] a, double[3,2,2] b, double[2] c", "double[1,2] a, double[2,3] b, double[3] c", "double[2,3] a, double[1,2,1,2] b, double[2] c"}},
		{name: "Einsum/implicit", nodes: "y = Einsum<equation = \"ba,cb\">(a, b)", shapes: []string{"double[2,3] a, double[3,2] b"}},
		{name: "Det", nodes: "y = Det(x)", shapes: []string{"double[2,2] x", "double[2,3,3] x", "double[4,4] x", "double[2,1,5,5] x", "double[1,1] x"}},
	}
}

func lossGradients() []gradCase {
	nll := []string{"double[3,4] x; int64[3] t = {0, 3, 1}", "double[2,3,2] x; int64[2,2] t = {2, 1, 1, 0}", "double[1,2,2,2] x; int32[1,2,2] t = {1, 1, 0, 1}"}
	weighted := []string{"double[3,4] x, double[4] w; int64[3] t = {0, 3, 1}", "double[2,3,2] x, double[3] w; int64[2,2] t = {2, 1, 1, 0}"}
	return []gradCase{
		{name: "NegativeLogLikelihoodLoss", nodes: "y = NegativeLogLikelihoodLoss(x, t)", shapes: nll},
		{name: "NegativeLogLikelihoodLoss/none", nodes: "y = NegativeLogLikelihoodLoss<reduction = \"none\", ignore_index = 1>(x, t, w)", shapes: weighted, low: 0.5, high: 2},
		{name: "SoftmaxCrossEntropyLoss", nodes: "y, p = SoftmaxCrossEntropyLoss(x, t)", outputs: "y, p", shapes: nll},
		{name: "SoftmaxCrossEntropyLoss/mean", nodes: "y = SoftmaxCrossEntropyLoss<ignore_index = 1>(x, t, w)", shapes: weighted, low: 0.5, high: 2},
		{name: "SoftmaxCrossEntropyLoss/sum", nodes: "y = SoftmaxCrossEntropyLoss<reduction = \"sum\">(x, t, w)", shapes: weighted, low: 0.5, high: 2},
	}
}

// quantGradients: the scale of DequantizeLinear is a float like any other.
func quantGradients() []gradCase {
	return []gradCase{
		{name: "DequantizeLinear", nodes: "y = DequantizeLinear<axis = 0>(x, s, z)", shapes: []string{
			"double[] s; int8[3] x = {-128, 5, 127}, int8 z = {3}", "double[2] s; uint8[2,2] x = {0, 255, 4, 9}, uint8[2] z = {128, 0}",
			"double[3] s; int16[3,1,2] x = {-9, 8, 7, 6, 5, 4}, int16[3] z = {0, 1, -1}"}},
		{name: "DequantizeLinear/blocks", nodes: "y = DequantizeLinear<axis = 1, block_size = 2>(x, s)", shapes: []string{"double[2,2] s; int8[2,3] x = {1, 2, 3, 4, 5, -6}"}},
		{name: "com.microsoft.DequantizeLinear", nodes: "y = com.microsoft.DequantizeLinear<axis = 0>(x, s, z)", shapes: []string{
			"double[] s; int8[3] x = {-128, 5, 127}, int8 z = {3}", "double[2] s; uint8[2,2] x = {0, 255, 4, 9}, uint8[2] z = {128, 0}",
			"double[3] s; int16[3,1,2] x = {-9, 8, 7, 6, 5, 4}, int16[3] z = {0, 1, -1}"}},
	}
}

// msQuantGradients: by the floats that are not quantised.
func msQuantGradients() []gradCase {
	const nbits = "; uint8[2,2,4] w = {1, 35, 69, 103, 137, 171, 205, 239, 16, 50, 84, 118, 152, 186, 220, 254}"
	return []gradCase{
		{name: "com.microsoft.MatMulNBits", nodes: "y = com.microsoft.MatMulNBits<K = 13, N = 2, bits = 4, block_size = 8>(x, w, s)", shapes: []string{
			"double[2,13] x, double[4] s" + nbits, "double[1,2,13] x, double[4] s" + nbits, "double[13] x, double[2,2] s" + nbits}},
		{name: "com.microsoft.MatMulIntegerToFloat", nodes: "y = com.microsoft.MatMulIntegerToFloat(x, w, s, k, z, p, b)", shapes: []string{
			"double s, double[2] k, double[2] b; uint8[2,1] x = {9, 200}, int8[1,2] w = {-5, 6}, uint8 z = {100}, int8[2] p = {0, 3}",
			"double[2] s, double k, double[1] b; uint8[2,1] x = {9, 200}, int8[1,2] w = {-5, 6}, uint8[2] z = {100, 3}, int8 p = {0}",
			"double s, double k, double[2] b; uint8[1,2,2] x = {9, 200, 7, 6}, int8[2,2] w = {-5, 6, 7, 8}, uint8 z = {100}, int8 p = {0}"}},
		{name: "com.microsoft.QAttention", nodes: "y = com.microsoft.QAttention<num_heads = 1>(x, w, b, s, k, , z, p)", shapes: []string{
			"double[6] b, double s, double k; uint8[1,2,1] x = {9, 20}, int8[1,6] w = {-5, 6, 7, 8, 9, 10}, uint8 z = {10}, int8 p = {0}",
			"double[3] b, double s, double k; uint8[2,2,1] x = {9, 20, 7, 12}, int8[1,3] w = {-5, 6, 7}, uint8 z = {10}, int8 p = {0}",
			"double[3] b, double[1] s, double[3] k; uint8[1,2,2] x = {9, 12, 8, 11}, int8[2,3] w = {-1, 2, 1, 2, 3, 1}, uint8 z = {10}, int8 p = {0}"}, low: 0.1, high: 0.5},
		{name: "com.microsoft.QGemm", nodes: "y = com.microsoft.QGemm<alpha = 0.5, transB = 1>(x, s, z, w, k, p)", shapes: []string{
			"double s, double k; uint8[2,1] x = {9, 200}, int8[2,1] w = {-5, 6}, uint8 z = {100}, int8 p = {0}",
			"double[1] s, double[2] k; uint8[2,1] x = {9, 200}, int8[2,1] w = {-5, 6}, uint8 z = {100}, int8[2] p = {0, 2}",
			"double[1] s, double k; uint8[1,2] x = {9, 200}, int8[3,2] w = {-5, 6, 1, 2, 3, 4}, uint8 z = {100}, int8 p = {0}"}},
	}
}

func microsoftGradients() []gradCase {
	one := []string{"double[3] x", "double[2,3] x", "double[2,1,2] x"}
	bias := []string{"double[3] x, double[3] b", "double[2,3] x, double[3] b", "double[2,2,2] x, double[2] b"}
	skip := []string{"double[1,2,3] x, double[1,2,3] k, double[3] s, double[3] b, double[3] a",
		"double[2,2,3] x, double[2,3] k, double[3] s, double[3] b, double[3] a", "double[2,1,4] x, double[1,1,4] k, double[4] s, double[4] b, double[4] a"}
	return []gradCase{
		{name: "com.microsoft.Gelu", nodes: "y = com.microsoft.Gelu(x)", shapes: one},
		{name: "com.microsoft.QuickGelu", nodes: "y = com.microsoft.QuickGelu(x)", shapes: one},
		{name: "com.microsoft.BiasGelu", nodes: "y = com.microsoft.BiasGelu(x, b)", shapes: bias},
		{name: "com.microsoft.FastGelu", nodes: "y = com.microsoft.FastGelu(x, b)", shapes: bias},
		{name: "com.microsoft.BiasSplitGelu", nodes: "y = com.microsoft.BiasSplitGelu(x, b)", shapes: []string{
			"double[1,2,4] x, double[4] b", "double[2,1,2] x, double[2] b", "double[1,1,6] x, double[6] b"}},
		{name: "com.microsoft.BiasAdd", nodes: "y = com.microsoft.BiasAdd(x, b, k)", shapes: []string{
			"double[1,2,3] x, double[3] b, double[1,2,3] k", "double[2,1,2] x, double[2] b, double[2,1,2] k", "double[1,1,1] x, double[1] b, double[1,1,1] k"}},
		{name: "com.microsoft.SkipLayerNormalization", nodes: "y, m, i, t = com.microsoft.SkipLayerNormalization(x, k, s, b, a)", outputs: "y, t", shapes: skip},
		{name: "com.microsoft.SkipSimplifiedLayerNormalization", nodes: "y, m, i, t = com.microsoft.SkipSimplifiedLayerNormalization(x, k, s, a)", outputs: "y, t", shapes: []string{
			"double[1,2,3] x, double[1,2,3] k, double[3] s, double[3] a", "double[2,2,3] x, double[2,3] k, double[3] s, double[3] a", "double[2,1,4] x, double[1,1,4] k, double[4] s, double[4] a"}},
		{name: "com.microsoft.EmbedLayerNormalization", nodes: "y, n, t = com.microsoft.EmbedLayerNormalization(i, j, w, p, g, s, b)", outputs: "y, t", shapes: []string{
			"double[4,3] w, double[3,3] p, double[2,3] g, double[3] s, double[3] b; int32[1,2] i = {3, 0}, int32[1,2] j = {1, 0}",
			"double[2,2] w, double[2,2] p, double[1,2] g, double[2] s, double[2] b; int32[2,2] i = {1, 0, 0, 1}, int32[2,2] j = {0, 0, 0, 0}",
			"double[3,4] w, double[1,4] p, double[2,4] g, double[4] s, double[4] b; int32[2,1] i = {2, 1}, int32[2,1] j = {0, 1}"}},
		{name: "com.microsoft.FusedMatMul", nodes: "y = com.microsoft.FusedMatMul<alpha = 0.5, transB = 1>(a, b)", shapes: []string{
			"double[2,3] a, double[4,3] b", "double[2,2,3] a, double[2,1,3] b", "double[1,2,2,1] a, double[1,2,3,1] b"}},
		{name: "com.microsoft.FusedMatMul/batch", nodes: "y = com.microsoft.FusedMatMul<transBatchA = 1, transBatchB = 1, transA = 1>(a, b)", shapes: []string{"double[3,2,4] a, double[3,2,5] b"}},
		{name: "com.microsoft.TransposeMatMul", nodes: "y = com.microsoft.TransposeMatMul<alpha = 0.5, transA = 1>(a, b)", shapes: []string{
			"double[3,2] a, double[3,4] b", "double[2,3,2] a, double[2,3,1] b", "double[1,2,1,2] a, double[1,2,1,3] b"}},
		{name: "com.microsoft.FusedGemm", nodes: "y = com.microsoft.FusedGemm<activation = \"Tanh\", alpha = 0.5>(a, b, c)", shapes: []string{
			"double[2,3] a, double[3,4] b, double[4] c", "double[1,2] a, double[2,2] b, double[1] c", "double[3,1] a, double[1,2] b, double[3,2] c"}},
		{name: "com.microsoft.FusedConv", nodes: "y = com.microsoft.FusedConv<activation = \"Sigmoid\", strides = [2]>(x, w, b)", shapes: []string{
			"double[1,2,5] x, double[3,2,2] w, double[3] b", "double[2,1,4] x, double[1,1,3] w, double[1] b", "double[1,1,3] x, double[2,1,1] w, double[2] b"}},
		{name: "com.microsoft.FusedConv/sum", nodes: "y = com.microsoft.FusedConv<activation = \"LeakyRelu\", activation_params = [0.2]>(x, w, b, z)", shapes: []string{
			"double[1,2,5] x, double[3,2,2] w, double[3] b, double[1,3,4] z"}},
		{name: "com.microsoft.Attention", nodes: "y = com.microsoft.Attention<num_heads = 2>(x, w, b)", shapes: []string{
			"double[1,2,3] x, double[3,12] w, double[12] b", "double[2,3,2] x, double[2,6] w, double[6] b", "double[1,1,4] x, double[4,6] w, double[6] b"}},
		{name: "com.microsoft.Attention/all", nodes: "y, p = com.microsoft.Attention<num_heads = 1, unidirectional = 1, scale = 0.6, qkv_hidden_sizes = [2, 2, 2]>(x, w, b, m, o, e)", outputs: "y, p", shapes: []string{
			"double[1,2,3] x, double[3,6] w, double[6] b, double[2,1,1,1,2] o, double[1,1,2,3] e; int32[1,3] m = {1, 1, 1}"}},
		{name: "com.microsoft.MultiHeadAttention", nodes: "y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v, b)", shapes: []string{
			"double[1,2,4] q, double[1,3,4] k, double[1,3,4] v, double[12] b", "double[2,1,2] q, double[2,2,2] k, double[2,2,4] v, double[8] b", "double[1,3,2] q, double[1,2,2] k, double[1,2,2] v, double[6] b"}},
		{name: "com.microsoft.RotaryEmbedding", nodes: "y = com.microsoft.RotaryEmbedding(x, at, c, s)", shapes: []string{
			"double[1,2,3,4] x, double[5,2] c, double[5,2] s; int64[1,3] at = {0, 4, 2}", "double[1,2,4] x, double[3,1] c, double[3,1] s; int64[1] at = {1}",
			"double[2,1,2,2] x, double[3,1] c, double[3,1] s; int64[2,2] at = {0, 1, 2, 2}"}},
	}
}
