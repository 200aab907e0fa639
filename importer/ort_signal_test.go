package importer_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestORTSignal compares with ONNX Runtime what onnx's node tests leave out:
// rests of strides, groups, uneven pads, counts at the edges, more axes. Lengths
// of transforms are powers of two: for others ONNX Runtime is off by 5e-4.
func TestORTSignal(t *testing.T) {
	for _, c := range []struct {
		name    string
		opset   int
		inputs  string
		outputs string
		consts  string
		nodes   string
	}{
		{"conv groups", 17, "float[2,4,9,8] x, float[6,2,3,2] w, float[6] b", "float[a,b,c,d] y", "",
			"y = Conv<group = 2, strides = [2, 3], dilations = [2, 1], pads = [1, 2, 0, 1]>(x, w, b)"},
		{"conv depthwise", 17, "float[2,5,11] x, float[5,1,4] w", "float[a,b,c] y", "", "y = Conv<group = 5, strides = [2], pads = [3, 1]>(x, w)"},
		{"conv depthwise 2d", 17, "float[1,3,7,6] x, float[3,1,3,2] w", "float[a,b,c,d] y", "", `y = Conv<group = 3, strides = [2, 1], auto_pad = "SAME_UPPER">(x, w)`},
		{"transposed", 17, "float[2,4,5,3] x, float[4,3,3,2] w, float[6] b", "float[a,b,c,d] y", "",
			"y = ConvTranspose<group = 2, strides = [3, 2], dilations = [1, 2], pads = [1, 0, 2, 1], output_padding = [2, 1]>(x, w, b)"},
		{"transposed same", 17, "float[1,2,5] x, float[2,3,4] w", "float[a,b,c] y", "", `y = ConvTranspose<strides = [2], auto_pad = "SAME_UPPER">(x, w)`},
		{"transposed shape", 17, "float[1,2,5] x, float[2,3,4] w", "float[a,b,c] y", "", `y = ConvTranspose<strides = [2], output_shape = [9]>(x, w)`},
		{"max positions", 17, "float[2,3,7,6] x", "float[a,b,c,d] y, int64[a,b,c,d] at", "",
			"y, at = MaxPool<kernel_shape = [3, 2], strides = [2, 2], pads = [1, 0, 1, 1], ceil_mode = 1>(x)"},
		{"max columns", 17, "float[1,2,5,6] x", "float[a,b,c,d] y, int64[a,b,c,d] at", "",
			"y, at = MaxPool<kernel_shape = [2, 3], dilations = [2, 1], storage_order = 1>(x)"},
		{"max 3d", 17, "float[1,2,5,4,6] x", "float[a,b,c,d,e] y", "", "y = MaxPool<kernel_shape = [2, 2, 3], strides = [1, 2, 2], pads = [1, 0, 1, 0, 1, 1]>(x)"},
		{"average ceil", 17, "float[1,2,7,6] x", "float[a,b,c,d] y", "",
			"y = AveragePool<kernel_shape = [3, 2], strides = [2, 3], pads = [1, 0, 1, 1], ceil_mode = 1>(x)"},
		{"average with pads", 17, "float[1,2,8,6] x", "float[a,b,c,d] y", "",
			"y = AveragePool<kernel_shape = [3, 3], strides = [2, 1], pads = [1, 2, 1, 0], count_include_pad = 1>(x)"},
		{"average dilated", 19, "float[1,2,12] x", "float[a,b,c] y", "", "y = AveragePool<kernel_shape = [3], dilations = [2], strides = [2], pads = [2, 2]>(x)"},
		{"norm pool", 17, "float[1,2,7,6] x", "float[a,b,c,d] y", "", "y = LpPool<kernel_shape = [3, 2], strides = [2, 2], pads = [1, 0, 1, 0], p = 3>(x)"},
		{"global norm pool", 17, "float[2,2,7] x", "float[a,b,c] y", "", "y = GlobalLpPool<p = 1>(x)"},
		{"stft", 17, "float[2,100,1] x, float[16] w", "float[a,b,c,d] y", "int64 step = {7}", "y = STFT(x, step, w)"},
		{"stft long", 17, "float[1,1000,1] x, float[256] w", "float[a,b,c,d] y", "int64 step = {80}", "y = STFT(x, step, w)"},
		{"dft long", 17, "float[2,512,1] x", "float[a,b,c] y", "", "y = DFT<onesided = 1, axis = 1>(x)"},
		{"dft inverse", 17, "float[1,128,2] x", "float[a,b,c] y", "", "y = DFT<inverse = 1, axis = 1>(x)"},
		{"grid cubic", 20, "float[1,2,5,6] x, float[1,4,3,2] g", "float[a,b,c,d] y", "", `y = GridSample<mode = "cubic", padding_mode = "reflection">(x, g)`},
		{"grid volume", 20, "float[2,2,3,4,5] x, float[2,2,3,2,3] g", "float[a,b,c,d,e] y", "", `y = GridSample<padding_mode = "border", align_corners = 1>(x, g)`},
		{"resize cubic", 18, "float[1,2,7,9] x", "float[a,b,c,d] y", "float[4] s = {1.0, 1.0, 1.7, 0.6}", `y = Resize<mode = "cubic", cubic_coeff_a = -0.5>(x, , s)`},
		{"resize antialias", 18, "float[1,2,13,9] x", "float[a,b,c,d] y", "int64[4] s = {1, 2, 5, 4}", `y = Resize<mode = "linear", antialias = 1>(x, , , s)`},
		// Products and quotients that are whole numbers in float32 only.
		{"resize scale down", 18, "float[1,2,10,10] x", "float[a,b,c,d] y", "float[4] s = {1.0, 1.0, 0.7, 0.9}", `y = Resize<mode = "linear">(x, , s)`},
		{"resize scale up", 18, "float[1,2,10,10] x", "float[a,b,c,d] y", "float[4] s = {1.0, 1.0, 1.4, 3.3}", `y = Resize<mode = "linear">(x, , s)`},
		{"resize neighbours", 18, "float[1,2,10,10] x", "float[a,b,c,d] y", "float[4] s = {1.0, 1.0, 1.2, 0.6}", `y = Resize<mode = "nearest", nearest_mode = "floor", coordinate_transformation_mode = "asymmetric">(x, , s)`},
		{"grid cubic border", 20, "float[1,2,5,6] x, float[1,4,3,2] g", "float[a,b,c,d] y", "", `y = GridSample<mode = "cubic", padding_mode = "border">(x, g)`},
		{"upsample", 9, "float[1,2,3,4] x", "float[a,b,c,d] y", "float[4] s = {1.0, 1.0, 2.0, 3.0}", `y = Upsample<mode = "linear">(x, s)`},
		{"lrn", 13, "float[1,7,3,2] x", "float[a,b,c,d] y", "", "y = LRN<size = 5, alpha = 0.3, beta = 0.6, bias = 1.2>(x)"},
		{"mean variance", 13, "float[2,3,4,5] x", "float[a,b,c,d] y", "", "y = MeanVarianceNormalization(x)"},
		{"lp normalization", 13, "float[2,3,4] x", "float[a,b,c] y", "", "y = LpNormalization<axis = 1, p = 1>(x)"},
		{"roi", 16, "float[1,2,9,8] x", "float[a,b,c,d] y", "float[2,4] r = {0.5, 1.0, 6.2, 5.0, -2.0, 3.0, 9.5, 12.0}, int64[2] at = {0, 0}",
			"y = RoiAlign<sampling_ratio = 3, output_height = 2, output_width = 4, spatial_scale = 0.8>(x, r, at)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tolerance := ortTolerance
			if strings.Contains(c.name, "long") {
				// Each result is a sum of hundreds of numbers: it is rounded to digits
				// of the largest of them, 60, whatever is left of the sum.
				tolerance *= 10
			}
			compareORTWithin(t, fmt.Sprintf(`<ir_version: 8, opset_import: ["" : %d]> g (%s) => (%s) <%s> { %s }`,
				c.opset, c.inputs, c.outputs, c.consts, c.nodes), nil, tolerance)
		})
	}
}
