package graphsurgery

import (
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// TestEveryOperatorHasARule: those of the standard, of all versions, and those of ONNX
// Runtime whose schema we keep.
func TestEveryOperatorHasARule(t *testing.T) {
	for _, s := range opschema.All() {
		if infer.RuleOf(s.Domain, s.Name) == nil {
			t.Errorf("operator %s of domain %q has none", s.Name, s.Domain)
		}
	}
}

// TestInferMicrosoft: ONNX Runtime's operators by their documentation
// (docs/ContribOperators.md).
func TestInferMicrosoft(t *testing.T) {
	for _, c := range []struct{ inputs, node, want string }{
		{"float[b,s,8] x, float[8,6] w", "y = com.microsoft.FusedMatMul(x, w)", "float[b,s,6]"},
		{"float[b,8,s] x, float[6,8] w", "y = com.microsoft.FusedMatMul<transA = 1, transB = 1>(x, w)", "float[b,s,6]"},
		{"float[b,s,8] x, float[8] c", "y = com.microsoft.BiasGelu(x, c)", "float[b,s,8]"},
		{"float16[b,s] x", "y = com.microsoft.QuickGelu(x)", "float16[b,s]"},
		{"float[b,s,8] x, float[8] g", "y, m, v, z = com.microsoft.SkipLayerNormalization(x, x, g)", "float[b,s,8] float[b,s,1] float[b,s,1] float[b,s,8]"},
		{"int32[b,s] i, float[50,8] w, float[9,8] p, float[8] g", "y, m = com.microsoft.EmbedLayerNormalization(i, , w, p, , g, g)", "float[b,s,8] int32[b]"},
		{"float[b,s,8] x, float[8,24] w, float[24] c", "y, p = com.microsoft.Attention<num_heads = 2>(x, w, c)", "float[b,s,8] float[2,b,2,s,4]"},
		{"float[b,s,8] q, float[b,t,8] k, float[b,t,12] v", "y, p, r = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k, v)", "float[b,s,12] float[b,2,t,4] float[b,2,t,6]"},
		{"float[b,s,2,3,4] q", "y = com.microsoft.MultiHeadAttention<num_heads = 2>(q)", "float[b,s,8]"},
		{"float[b,s,32] q", "y = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(q, , , , , l, l)", "float[b,s,16]"},
		{"float[b,s,8] x, int8[8,6] w, float[1] k", "y = com.microsoft.DynamicQuantizeMatMul(x, w, k)", "float[b,s,6]"},
		{"uint8[b,s,8] x, int8[8,6] w, float a, float k", "y = com.microsoft.MatMulIntegerToFloat(x, w, a, k)", "float[b,s,6]"},
		{"float[b,s,64] x, uint8[6,1,32] w, float[6] k", "y = com.microsoft.MatMulNBits<K = 64, N = 6, block_size = 64>(x, w, k)", "float[b,s,6]"},
		{"uint8[b,8] x, float k, uint8 z, uint8[8] w", "y = com.microsoft.QLinearAdd(x, k, z, w, k, z, k, z)", "uint8[b,8]"},
		{"uint8[b,8] x, float k, uint8 z", "y = com.microsoft.QLinearConcat<axis = 1>(k, z, x, k, z, x, k, z)", "uint8[b,16]"},
		{"float[32,2] w, int64 l", "n = Constant<value = int64 {7}>() y = com.microsoft.RelativePositionBias(w, n, n)", "float[1,2,7,7]"},
		{"float[b,s,8] q", "y = com.microsoft.GatedRelativePositionBias<num_heads = 2>(q)", "float[b,2,s,s]"},
		{"float[b,3,t] x, float[5,3,4] w", "y = com.microsoft.FusedConv<strides = [2]>(x, w)", "float[b,5,(t - 2)//2]"},
		{"float[b,s,8] x", "y = com.microsoft.BiasSplitGelu(x, x)", "float[b,s,4]"},
		{"float[b,16] x", "y = com.microsoft.Rfft<onesided = 1, signal_ndim = 1>(x)", "float[b,9,2]"},
		{"float[b,9,2] x", "y = com.microsoft.Irfft<onesided = 1, signal_ndim = 1>(x)", "float[b,16]"},
		{"uint8[b,9,9,4] x", "y = com.microsoft.NhwcMaxPool<kernel_shape = [3, 3], strides = [2, 2]>(x)", "uint8[b,4,4,4]"},
		{"float[n,8] x, float[m,8] w", "y = com.microsoft.CDist(x, w)", "float[n,m]"},
	} {
		m, err := ParseText(`<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]> g (` + c.inputs + `) => (float[o] out) { ` +
			c.node + ` nothing = Constant<value = float {0.0}>() out = Unsqueeze(nothing, zero) zero = Constant<value = int64[1] {0}>() }`)
		if err != nil {
			t.Fatalf("%s: %v", c.node, err)
		}
		types, err := m.Infer()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range m.Graph.Nodes() {
			if n.Domain() == "com.microsoft" {
				for _, v := range n.Outputs() {
					got = append(got, types.Of(v).String())
				}
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %s, want %s", c.node, strings.Join(got, " "), c.want)
		}
	}
}
