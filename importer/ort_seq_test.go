package importer_test

import (
	"fmt"
	"testing"
)

// ortCases are graphs that are compared with ONNX Runtime: a name, the opset of the
// default domain, and the part of a model's text after its name. Integer inputs
// are initialisers.
var ortCases = []struct {
	name  string
	opset int
	text  string
}{
	{"Gelu", 17, `(float[2,3] x) => (float[2,3] y) { y = com.microsoft.Gelu(x) }`},
	{"QuickGelu", 17, `(float[2,3] x) => (float[2,3] y) { y = com.microsoft.QuickGelu(x) }`},
	{"QuickGelu/alpha", 17, `(float[2,3] x) => (float[2,3] y) { y = com.microsoft.QuickGelu<alpha = 1.0>(x) }`},
	{"BiasGelu", 17, `(float[2,2,3] x, float[3] b) => (float[2,2,3] y) { y = com.microsoft.BiasGelu(x, b) }`},
	{"FastGelu", 17, `(float[2,2,3] x) => (float[2,2,3] y) { y = com.microsoft.FastGelu(x) }`},
	{"FastGelu/bias", 17, `(float[2,2,3] x, float[3] b) => (float[2,2,3] y) { y = com.microsoft.FastGelu(x, b) }`},

	{"FusedMatMul", 17, `(float[2,3] a, float[3,4] b) => (float[2,4] y) { y = com.microsoft.FusedMatMul<alpha = 0.3>(a, b) }`},
	{"FusedMatMul/trans", 17, `(float[2,2,4,3] a, float[2,2,5,4] b) => (float[2,2,3,5] y) { y = com.microsoft.FusedMatMul<transA = 1, transB = 1>(a, b) }`},
	{"FusedMatMul/batchA", 17, `(float[4,2,3] a, float[2,3,5] b) => (float[2,4,5] y) { y = com.microsoft.FusedMatMul<transBatchA = 1>(a, b) }`},
	{"FusedMatMul/batchB", 17, `(float[2,4,3] a, float[3,2,5] b) => (float[2,4,5] y) { y = com.microsoft.FusedMatMul<transBatchB = 1>(a, b) }`},
	{"FusedMatMul/batchBoth", 17, `(float[3,2,2,4] a, float[3,2,2,5] b) => (float[2,2,4,5] y) { y = com.microsoft.FusedMatMul<transBatchA = 1, transA = 1, transBatchB = 1>(a, b) }`},
	{"FusedMatMul/batchTransB", 17, `(float[2,4,3] a, float[5,2,3] b) => (float[2,4,5] y) { y = com.microsoft.FusedMatMul<transBatchB = 1, transB = 1>(a, b) }`},
	{"TransposeMatMul", 17, `(float[3,2] a, float[3,4] b) => (float[2,4] y) { y = com.microsoft.TransposeMatMul<transA = 1, alpha = 2.0>(a, b) }`},
	{"FusedGemm/relu", 17, `(float[2,3] a, float[4,3] b, float[4] c) => (float[2,4] y) { y = com.microsoft.FusedGemm<activation = "Relu", transB = 1, beta = 0.5>(a, b, c) }`},
	{"FusedGemm/leaky", 17, `(float[2,3] a, float[3,4] b) => (float[2,4] y) { y = com.microsoft.FusedGemm<activation = "LeakyRelu", activation_alpha = 0.3>(a, b) }`},
	{"FusedGemm/hard", 17, `(float[2,3] a, float[3,4] b) => (float[2,4] y) { y = com.microsoft.FusedGemm<activation = "HardSigmoid", activation_alpha = 0.3, activation_beta = 0.4>(a, b) }`},
	{"FusedConv/relu", 17, `(float[1,2,5,5] x, float[3,2,2,2] w, float[3] b) => (float[1,3,3,3] y) { y = com.microsoft.FusedConv<activation = "Relu", strides = [2, 2], pads = [1, 1, 0, 0]>(x, w, b) }`},
	{"FusedConv/sum", 17, `(float[1,2,5,4] x, float[3,2,2,2] w, float[3] b, float[1,3,4,3] z) => (float[1,3,4,3] y) { y = com.microsoft.FusedConv<activation = "Relu">(x, w, b, z) }`},
	{"FusedConv/leaky", 17, `(float[1,2,5] x, float[2,1,3] w, float[2] b) => (float[1,2,3] y) { y = com.microsoft.FusedConv<activation = "LeakyRelu", activation_params = [0.25], group = 2>(x, w, b) }`},
	{"FusedConv/clip", 17, `(float[1,2,5] x, float[2,2,3] w) => (float[1,2,3] y) { y = com.microsoft.FusedConv<activation = "Clip", activation_params = [-0.5, 1.0]>(x, w) }`},
	{"FusedConv/hard", 17, `(float[1,2,5] x, float[2,2,3] w) => (float[1,2,3] y) { y = com.microsoft.FusedConv<activation = "HardSigmoid", activation_params = [0.3, 0.4]>(x, w) }`},

	{"SkipLayerNormalization", 17, `(float[2,3,4] x, float[2,3,4] k, float[4] s, float[4] b, float[4] a) => (float[2,3,4] y, float[2,3,4] t) { y, m, v, t = com.microsoft.SkipLayerNormalization<epsilon = 0.001>(x, k, s, b, a) }`},
	{"SkipLayerNormalization/plain", 17, `(float[2,3,4] x, float[2,3,4] k, float[4] s) => (float[2,3,4] y) { y = com.microsoft.SkipLayerNormalization(x, k, s) }`},
	{"SkipLayerNormalization/broadcast", 17, `(float[2,3,4] x, float[1,3,4] k, float[4] s, float[4] b) => (float[2,3,4] y) { y = com.microsoft.SkipLayerNormalization(x, k, s, b) }`},
	{"SkipLayerNormalization/matrix", 17, `(float[2,3,4] x, float[3,4] k, float[4] s, float[4] a) => (float[2,3,4] y, float[2,3,4] t) { y, m, v, t = com.microsoft.SkipLayerNormalization(x, k, s, , a) }`},
	{"SkipSimplifiedLayerNormalization", 17, `(float[2,3,4] x, float[2,3,4] k, float[4] s, float[4] a) => (float[2,3,4] y, float[2,3,4] t) { y, m, v, t = com.microsoft.SkipSimplifiedLayerNormalization<epsilon = 0.01>(x, k, s, a) }`},
	{"SimplifiedLayerNormalization", 17, `(float[2,3,4] x, float[4] s) => (float[2,3,4] y) { y = SimplifiedLayerNormalization<epsilon = 0.01, stash_type = 1>(x, s) }`},
	{"SimplifiedLayerNormalization/axis", 17, `(float[2,3,4] x, float[3,4] s) => (float[2,3,4] y, float[2,1,1] i) { y, i = SimplifiedLayerNormalization<axis = 1>(x, s) }`},
	{"LayerNormalization/opset14", 14, `(float[2,3,4] x, float[4] s, float[4] b) => (float[2,3,4] y) { y = LayerNormalization<axis = -1, epsilon = 0.01>(x, s, b) }`},
	{"LayerNormalization/statistics", 17, `(float[2,3,4] x, float[3,4] s, float[3,4] b) => (float[2,3,4] y, float[2,1,1] m, float[2,1,1] i) { y, m, i = LayerNormalization<axis = 1>(x, s, b) }`},
	{"EmbedLayerNormalization", 17, `(float[9,4] w, float[6,4] p, float[2,4] g, float[4] s, float[4] b) => (float[2,3,4] y, int32[2] n, float[2,3,4] t)
		<int32[2,3] i = {0, 8, 4, 2, 1, 7}, int32[2,3] j = {0, 0, 1, 0, 1, 1}, int32[2,3] m = {1, 1, 0, 1, 0, 0}>
		{ y, n, t = com.microsoft.EmbedLayerNormalization<epsilon = 0.001>(i, j, w, p, g, s, b, m) }`},
	{"EmbedLayerNormalization/positions", 17, `(float[9,4] w, float[6,4] p, float[4] s, float[4] b) => (float[2,3,4] y)
		<int32[2,3] i = {0, 8, 4, 2, 1, 7}, int32[2,3] at = {5, 0, 1, 0, 1, 1}>
		{ y, n = com.microsoft.EmbedLayerNormalization(i, , w, p, , s, b, , at) }`},

	{"Attention", 17, `(float[2,3,4] x, float[4,24] w, float[24] b) => (float[2,3,8] y) { y = com.microsoft.Attention<num_heads = 2>(x, w, b) }`},
	{"Attention/causal", 17, `(float[2,3,4] x, float[4,24] w, float[24] b) => (float[2,3,8] y) { y = com.microsoft.Attention<num_heads = 2, unidirectional = 1, scale = 0.3>(x, w, b) }`},
	{"Attention/lengths", 17, `(float[2,3,4] x, float[4,12] w, float[12] b) => (float[2,3,4] y) <int32[2] m = {2, 3}> { y = com.microsoft.Attention<num_heads = 2>(x, w, b, m) }`},
	{"Attention/ranges", 17, `(float[2,3,4] x, float[4,12] w, float[12] b) => (float[2,3,4] y) <int32[4] m = {2, 3, 0, 1}> { y = com.microsoft.Attention<num_heads = 2>(x, w, b, m) }`},
	{"Attention/mask2", 17, `(float[2,3,4] x, float[4,12] w, float[12] b) => (float[2,3,4] y) <int32[2,3] m = {1, 0, 1, 1, 1, 0}> { y = com.microsoft.Attention<num_heads = 2>(x, w, b, m) }`},
	{"Attention/mask3", 17, `(float[1,2,4] x, float[4,12] w, float[12] b) => (float[1,2,4] y) <int32[1,2,2] m = {1, 0, 1, 1}> { y = com.microsoft.Attention<num_heads = 2, mask_filter_value = -3.0>(x, w, b, m) }`},
	{"Attention/bias", 17, `(float[2,3,4] x, float[4,12] w, float[12] b, float[1,2,3,3] e) => (float[2,3,4] y) { y = com.microsoft.Attention<num_heads = 2>(x, w, b, , , e) }`},
	{"Attention/sizes", 17, `(float[2,3,4] x, float[4,14] w, float[14] b) => (float[2,3,6] y) { y = com.microsoft.Attention<num_heads = 2, qkv_hidden_sizes = [4, 4, 6]>(x, w, b) }`},
	{"Attention/past", 17, `(float[1,2,4] x, float[4,12] w, float[12] b, float[2,1,2,3,2] o) => (float[1,2,4] y, float[2,1,2,5,2] p) { y, p = com.microsoft.Attention<num_heads = 2, unidirectional = 1>(x, w, b, , o) }`},

	{"MultiHeadAttention", 17, `(float[2,3,4] q, float[2,5,4] k, float[2,5,6] v) => (float[2,3,6] y) { y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v) }`},
	{"MultiHeadAttention/bias", 17, `(float[2,3,4] q, float[2,5,4] k, float[2,5,4] v, float[12] b) => (float[2,3,4] y) { y = com.microsoft.MultiHeadAttention<num_heads = 2, scale = 0.4>(q, k, v, b) }`},
	{"MultiHeadAttention/mask1", 17, `(float[2,3,4] q, float[2,5,4] k, float[2,5,4] v) => (float[2,3,4] y) <int32[2] m = {2, 5}> { y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v, , m) }`},
	{"MultiHeadAttention/mask2", 17, `(float[2,3,4] q, float[2,5,4] k, float[2,5,4] v, float[1,2,3,5] e) => (float[2,3,4] y) <int32[2,5] m = {1, 1, 0, 1, 0, 1, 1, 1, 1, 0}> { y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v, , m, e) }`},
	{"MultiHeadAttention/mask3", 17, `(float[1,2,4] q, float[1,3,4] k, float[1,3,4] v) => (float[1,2,4] y) <int32[1,2,3] m = {1, 1, 0, 1, 0, 1}> { y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v, , m) }`},
	{"MultiHeadAttention/split", 17, `(float[2,3,4] q, float[2,2,5,2] k, float[2,2,5,2] v) => (float[2,3,4] y) { y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v) }`},
	{"MultiHeadAttention/causal", 17, `(float[2,3,4] q, float[2,3,4] k, float[2,3,4] v) => (float[2,3,4] y) { y = com.microsoft.MultiHeadAttention<num_heads = 2, unidirectional = 1>(q, k, v) }`},
	{"MultiHeadAttention/past", 17, `(float[1,2,4] q, float[1,2,4] k, float[1,2,4] v, float[1,2,3,2] a, float[1,2,3,2] b) => (float[1,2,4] y, float[1,2,5,2] c, float[1,2,5,2] d) { y, c, d = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v, , , , a, b) }`},
	{"RotaryEmbedding", 17, `(float[2,3,8] x, float[5,2] c, float[5,2] s) => (float[2,3,8] y) <int64[2,3] at = {0, 1, 2, 4, 3, 2}> { y = com.microsoft.RotaryEmbedding(x, at, c, s) }`},
	{"RotaryEmbedding/first", 17, `(float[2,2,3,4] x, float[5,2] c, float[5,2] s) => (float[2,2,3,4] y) <int64[1] at = {1}> { y = com.microsoft.RotaryEmbedding<interleaved = 1>(x, at, c, s) }`},

	{"LSTM/clip", 14, `(float[3,2,2] x, float[2,12,2] w, float[2,12,3] r, float[2,24] b, float[2,9] p) => (float[3,2,2,3] y, float[2,2,3] h, float[2,2,3] c) <int32[2] n = {3, 2}>
		{ y, h, c = LSTM<hidden_size = 3, direction = "bidirectional", clip = 0.4>(x, w, r, b, n, , , p) }`},
	{"LSTM/reverse", 14, `(float[4,2,2] x, float[1,12,2] w, float[1,12,3] r, float[1,2,3] i, float[1,2,3] j) => (float[4,1,2,3] y, float[1,2,3] h, float[1,2,3] c) <int32[2] n = {4, 2}>
		{ y, h, c = LSTM<hidden_size = 3, direction = "reverse", activations = ["HardSigmoid", "Softsign", "Tanh"], activation_alpha = [0.3], activation_beta = [0.4]>(x, w, r, , n, i, j) }`},
	{"LSTM/coupled", 14, `(float[4,2,2] x, float[1,12,2] w, float[1,12,3] r) => (float[4,1,2,3] y) { y = LSTM<hidden_size = 3, input_forget = 1>(x, w, r) }`},
	{"GRU/both", 14, `(float[3,2,2] x, float[2,9,2] w, float[2,9,3] r, float[2,18] b, float[2,2,3] i) => (float[3,2,2,3] y, float[2,2,3] h) <int32[2] n = {1, 3}>
		{ y, h = GRU<hidden_size = 3, direction = "bidirectional", linear_before_reset = 1>(x, w, r, b, n, i) }`},
	{"GRU/clip", 14, `(float[3,2,2] x, float[1,9,2] w, float[1,9,3] r, float[1,18] b) => (float[3,1,2,3] y, float[1,2,3] h)
		{ y, h = GRU<hidden_size = 3, clip = 0.3, activations = ["Relu", "Elu"], activation_alpha = [0.7]>(x, w, r, b) }`},
	{"RNN/both", 14, `(float[3,2,2] x, float[2,3,2] w, float[2,3,3] r, float[2,6] b) => (float[3,2,2,3] y, float[2,2,3] h) <int32[2] n = {2, 3}>
		{ y, h = RNN<hidden_size = 3, direction = "bidirectional", activations = ["LeakyRelu", "ScaledTanh"], activation_alpha = [0.2, 0.7], activation_beta = [0.6], clip = 1.0>(x, w, r, b, n) }`},

	{"Softmax/opset11", 11, `(float[2,3,2] x) => (float[2,3,2] y) { y = Softmax<axis = 1>(x) }`},
	{"LogSoftmax/opset11", 11, `(float[2,3,2] x) => (float[2,3,2] y) { y = LogSoftmax<axis = 2>(x) }`},
	{"Hardmax/opset11", 11, `(float[2,3,2] x) => (float[2,3,2] y) { y = Hardmax<axis = 1>(x) }`},
	{"Einsum/ellipsis", 13, `(float[2,3,4] a, float[4,5] b) => (float[2,3,5] y) { y = Einsum<equation = "...i,ij->...j">(a, b) }`},
	{"Einsum/three", 13, `(float[2,3] a, float[3,4] b, float[4,2] c) => (float[2,2] y) { y = Einsum<equation = "ab,bc,cd->da">(a, b, c) }`},
	{"Einsum/implicit", 13, `(float[2,3] a, float[4,3] b) => (float[2,4] y) { y = Einsum<equation = "zb,cb">(a, b) y2 = Identity(a) }`},

	{"DynamicQuantizeLinear", 17, `(float[3,4] x) => (uint8[3,4] y, float[1] t, uint8[1] w) <int64[1] o = {1}> { y, s, z = DynamicQuantizeLinear(x) t = Reshape(s, o) w = Reshape(z, o) }`},
	{"MatMulInteger/dynamic", 17, `(float[2,3,4] x) => (float[2,3,3] y) <int8[4,3] w = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12}, int8[3] z = {0, 1, -1}, float[3] k = {0.1, 0.2, 0.3}>
		{ q, s, p = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, p, z) f = Cast<to = 1>(i) t = Mul(s, k) y = Mul(f, t) }`},
	{"ConvInteger/dynamic", 17, `(float[1,2,4,4] x) => (float[1,2,4,4] y) <uint8[2,2,2,2] w = {1, 200, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, uint8 z = {9}>
		{ q, s, p = DynamicQuantizeLinear(x) i = ConvInteger<pads = [1, 1, 0, 0]>(q, w, p, z) f = Cast<to = 1>(i) y = Mul(f, s) }`},
	{"QuantizeLinear/axis", 17, `(float[2,3] x) => (float[2,3] y, int8[2,3] q) <float[3] s = {0.1, 0.02, 0.3}, int8[3] z = {0, 5, -7}>
		{ q = QuantizeLinear<axis = 1>(x, s, z) y = DequantizeLinear<axis = 1>(q, s, z) }`},
	{"QLinearMatMul", 17, `(float[2,3] x) => (uint8[2,2] q) <float s = {0.03}, uint8 z = {100}, int8[3,2] w = {1, -2, 30, -40, 5, 60}, float[2] k = {0.1, 0.2}, int8[2] p = {0, 0}, float t = {0.2}>
		{ a = QuantizeLinear(x, s, z) q = QLinearMatMul(a, s, z, w, k, p, t, z) }`},
	{"QLinearConv", 17, `(float[1,2,4] x) => (uint8[1,2,4] q) <float s = {0.03}, uint8 z = {100}, int8[2,2,2] w = {1, -2, 30, -40, 5, 60, 7, 8}, float[2] k = {0.1, 0.2}, int8[2] p = {0, 0}, float t = {0.2}, int32[2] b = {100, -200}>
		{ a = QuantizeLinear(x, s, z) q = QLinearConv<pads = [1, 0]>(a, s, z, w, k, p, t, z, b) }`},

	{"DynamicQuantizeMatMul", 17, `(float[2,3,4] x, float[2] b) => (float[2,3,2] y) <int8[4,2] w = {1, -2, 30, -40, 5, 60, 7, 8}, float[2] k = {0.1, 0.2}, int8[2] z = {1, -1}>
		{ y = com.microsoft.DynamicQuantizeMatMul(x, w, k, z, b) }`},
	{"DynamicQuantizeMatMul/scalar", 17, `(float[3,4] x) => (float[3,2] y) <uint8[4,2] w = {1, 2, 30, 40, 5, 60, 7, 8}, float k = {0.1}, uint8 z = {9}>
		{ y = com.microsoft.DynamicQuantizeMatMul(x, w, k, z) }`},
	{"MatMulIntegerToFloat", 17, `(float[2] b) => (float[2,2] y) <uint8[2,3] x = {1, 2, 200, 4, 5, 255}, int8[3,2] w = {1, -2, 30, -40, 5, 60}, float s = {0.1}, float[2] k = {0.1, 0.2}, uint8 z = {3}, int8[2] p = {0, 2}>
		{ y = com.microsoft.MatMulIntegerToFloat(x, w, s, k, z, p, b) }`},
	{"MatMulNBits", 17, `(float[2,20] x) => (float[2,2] y) <uint8[2,2,8] w = {1, 35, 69, 103, 137, 171, 205, 239, 16, 50, 84, 118, 152, 186, 220, 254, 9, 8, 7, 6, 5, 4, 3, 2, 240, 15, 255, 0, 1, 2, 3, 4}, float[4] s = {0.1, 0.2, 0.3, 0.4}>
		{ y = com.microsoft.MatMulNBits<K = 20, N = 2, bits = 4, block_size = 16>(x, w, s) }`},
	{"MatMulNBits/zero", 17, `(float[2,20] x, float[2] b) => (float[2,2] y) <uint8[2,2,8] w = {1, 35, 69, 103, 137, 171, 205, 239, 16, 50, 84, 118, 152, 186, 220, 254, 9, 8, 7, 6, 5, 4, 3, 2, 240, 15, 255, 0, 1, 2, 3, 4}, float[4] s = {0.1, 0.2, 0.3, 0.4}, uint8[2] z = {152, 33}>
		{ y = com.microsoft.MatMulNBits<K = 20, N = 2, bits = 4, block_size = 16>(x, w, s, z, , b) }`},
	{"QAttention", 17, `(float[1,2,2] x, float[6] b) => (float[1,2,2] y) <int8[2,6] w = {1, -2, 30, -40, 5, 60, 7, 8, 9, -10, 11, 12}, float[1] k = {0.02}, int8[1] p = {0}, int32[1,2] m = {1, 0}, int64[1] o = {1}>
		{ q, s, z = DynamicQuantizeLinear(x) s1 = Reshape(s, o) z1 = Reshape(z, o) y = com.microsoft.QAttention<num_heads = 1>(q, w, b, s1, k, m, z1, p) }`},
	{"QGemm", 17, `(float[1] d) => (float[1] e, float[2,2] y, uint8[2,2] v) <uint8[2,3] x = {1, 2, 200, 4, 5, 255}, int8[2,3] w = {1, -2, 30, -40, 5, 60}, float s = {0.1}, float k = {0.2}, uint8 z = {3}, int8 p = {0}, int32[2] b = {7, -9}, float t = {5.0}>
		{ e = Neg(d) y = com.microsoft.QGemm<alpha = 0.5, transB = 1>(x, s, z, w, k, p, b) v = com.microsoft.QGemm<transB = 1>(x, s, z, w, k, p, , t, z) }`},
	{"QLinearAdd", 17, `(float[1] d) => (float[1] e, uint8[2,3] y, uint8[2,3] v) <uint8[2,3] a = {1, 2, 200, 4, 5, 255}, uint8[3] b = {9, 100, 20}, float s = {0.1}, float k = {0.2}, uint8 z = {3}, uint8 p = {128}, float t = {0.15}>
		{ e = Neg(d) y = com.microsoft.QLinearAdd(a, s, z, b, k, p, t, p) v = com.microsoft.QLinearMul(a, s, z, b, k, p, t, p) }`},
	{"QLinearSigmoid", 17, `(float[1] d) => (float[1] e, uint8[2,3] y, int8[4] v) <uint8[2,3] a = {1, 2, 200, 4, 5, 255}, int8[4] b = {-128, -3, 0, 127}, float s = {0.05}, uint8 z = {103}, int8 p = {-7}, float t = {0.01}, uint8 o = {0}>
		{ e = Neg(d) y = com.microsoft.QLinearSigmoid(a, s, z, t, o) v = com.microsoft.QLinearLeakyRelu<alpha = 0.2>(b, s, p, s, p) }`},
	{"QLinearConcat", 17, `(float[1] d) => (float[1] e, uint8[2,4] y) <uint8[2,3] a = {1, 2, 200, 4, 5, 255}, uint8[2,1] b = {9, 100}, float s = {0.1}, float k = {0.2}, uint8 z = {3}, uint8 p = {128}, float t = {0.15}>
		{ e = Neg(d) y = com.microsoft.QLinearConcat<axis = 1>(t, p, a, s, z, b, k, p) }`},
	{"QLinearSoftmax", 17, `(float[1] d) => (float[1] e, uint8[2,3] y) <uint8[2,3] a = {1, 2, 200, 4, 5, 255}, float s = {0.01}, uint8 z = {3}, uint8 p = {0}, float t = {0.00390625}>
		{ e = Neg(d) y = com.microsoft.QLinearSoftmax<axis = 1, opset = 13>(a, s, z, t, p) }`},
}

// TestORTSequence compares each case with ONNX Runtime.
func TestORTSequence(t *testing.T) {
	for _, c := range ortCases {
		t.Run(c.name, func(t *testing.T) {
			compareORT(t, fmt.Sprintf(`<ir_version: 8, opset_import: ["" : %d, "com.microsoft" : 1]> g %s`, c.opset, c.text), nil)
		})
	}
}
