package importer_test

import "slices"

// signalNoGradient lists the operators of this family without a float output or
// without a float input that it depends on.
var signalNoGradient = []string{"HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix"}

// signalGradients are the gradient cases of convolutions, pools, resizing,
// normalisation over space, and of the Fourier family.
func signalGradients() []gradCase {
	onGo := convGradients()
	for i := range onGo {
		onGo[i].name, onGo[i].backend = onGo[i].name+"/go", ""
	}
	return slices.Concat(convGradients(), onGo, poolGradients(), resizeGradients(), channelNormGradients(),
		signalPlaceGradients(), fourierGradients(), sampleGradients())
}

// xlaCPU is the backend of the cases that the Go backend cannot run.
const xlaCPU = "xla:cpu"

// convGradients run on both backends. They go through even kernels, strides that
// leave a rest, strides with dilations, pads wider than the kernel, negative pads
// and groups: GoMLX's own gradient is wrong or missing for each of these.
func convGradients() []gradCase {
	return []gradCase{
		{name: "Conv/even", backend: xlaCPU, nodes: "y = Conv<strides = [2, 1]>(x, w)", shapes: []string{
			"double[1,2,4,3] x, double[2,2,2,2] w", "double[2,1,5,4] x, double[3,1,2,4] w", "double[1,1,7,4] x, double[1,1,4,1] w"}},
		{name: "Conv/long", backend: xlaCPU, nodes: "y = Conv<strides = [1, 2]>(x, w, b)", shapes: []string{
			"double[1,2,1,15] x, double[2,2,1,10] w, double[2] b", "double[2,1,2,16] x, double[3,1,1,10] w, double[3] b"}},
		{name: "Conv/1d", backend: xlaCPU, nodes: "y = Conv<strides = [3], dilations = [2], pads = [2, 1]>(x, w, b)", shapes: []string{
			"double[2,2,11] x, double[3,2,3] w, double[3] b", "double[1,3,12] x, double[2,3,4] w, double[2] b"}},
		{name: "Conv/3d", backend: xlaCPU, nodes: "y = Conv<pads = [1, 0, 1, 0, 1, 1]>(x, w)", shapes: []string{
			"double[1,2,2,3,2] x, double[2,2,2,2,3] w"}},
		{name: "Conv/wide_pads", backend: xlaCPU, nodes: "y = Conv<pads = [1, 3, 2, 0], strides = [2, 1]>(x, w)", shapes: []string{
			"double[1,1,3,2] x, double[2,1,1,2] w"}},
		{name: "Conv/negative_pads", backend: xlaCPU, nodes: "y = Conv<pads = [-1, 1, 0, -2]>(x, w)", shapes: []string{
			"double[1,1,4,6] x, double[2,1,2,3] w"}},
		{name: "Conv/same", backend: xlaCPU, nodes: `y = Conv<auto_pad = "SAME_LOWER", strides = [2, 2]>(x, w)`, shapes: []string{
			"double[1,1,4,5] x, double[2,1,2,3] w"}},
		{name: "Conv/group", backend: xlaCPU, nodes: "y = Conv<group = 2, strides = [2, 1], dilations = [1, 2], pads = [1, 1, 0, 1]>(x, w)", shapes: []string{
			"double[2,4,4,5] x, double[6,2,2,3] w", "double[1,2,5,4] x, double[2,1,3,2] w"}},
		{name: "Conv/depthwise", backend: xlaCPU, nodes: "y = Conv<group = 3, pads = [2, 1]>(x, w, b)", shapes: []string{
			"double[2,3,6] x, double[3,1,4] w, double[3] b", "double[1,3,5] x, double[6,1,3] w, double[6] b"}},
		{name: "CausalConvWithState", outputs: "y, s", nodes: `y, s = CausalConvWithState<activation = "silu">(x, w, b, p)`, shapes: []string{
			"double[2,3,4] x, double[3,1,3] w, double[3] b, double[2,3,2] p", "double[1,2,1] x, double[2,1,4] w, double[2] b, double[1,2,3] p",
			"double[1,4,5] x, double[4,1,2] w, double[4] b, double[1,4,1] p"}},
		{name: "ConvTranspose", backend: xlaCPU, nodes: "y = ConvTranspose<strides = [2, 1], pads = [1, 0, 0, 1], output_padding = [1, 0]>(x, w, b)", shapes: []string{
			"double[1,2,3,2] x, double[2,1,3,2] w, double[1] b", "double[2,1,2,4] x, double[1,3,2,3] w, double[3] b", "double[1,1,2,2] x, double[1,2,1,3] w, double[2] b"}},
		{name: "ConvTranspose/group", backend: xlaCPU, nodes: "y = ConvTranspose<group = 2, strides = [3], dilations = [2]>(x, w)", shapes: []string{
			"double[2,4,3] x, double[4,3,2] w", "double[1,2,4] x, double[2,1,3] w"}},
		{name: "ConvTranspose/shape", backend: xlaCPU, nodes: "y = ConvTranspose<strides = [2], output_shape = [4]>(x, w)", shapes: []string{
			"double[1,2,3] x, double[2,2,3] w", "double[1,2,2] x, double[2,1,2] w"}},
		{name: "ConvTranspose/cut", backend: xlaCPU, nodes: "y = ConvTranspose<strides = [2], pads = [3, 2]>(x, w)", shapes: []string{
			"double[1,1,5] x, double[1,2,2] w"}},
	}
}

func poolGradients() []gradCase {
	return []gradCase{
		{name: "MaxPool", nodes: "y = MaxPool<kernel_shape = [2, 3], strides = [1, 2], pads = [1, 1, 0, 1]>(x)", shapes: []string{
			"double[2,2,4,5] x", "double[1,1,3,7] x", "double[1,3,2,3] x"}},
		{name: "MaxPool/dilated", nodes: "y = MaxPool<kernel_shape = [2, 2], dilations = [2, 1], strides = [2, 2], ceil_mode = 1>(x)", shapes: []string{
			"double[1,2,6,5] x"}},
		{name: "MaxPool/1d", nodes: "y, at = MaxPool<kernel_shape = [3]>(x)", shapes: []string{"double[2,1,7] x"}},
		{name: "MaxPool/3d", nodes: `y = MaxPool<kernel_shape = [2, 2, 2], auto_pad = "SAME_UPPER">(x)`, shapes: []string{"double[1,1,2,3,3] x"}},
		{name: "AveragePool", nodes: "y = AveragePool<kernel_shape = [2, 3], strides = [1, 2], pads = [1, 1, 0, 1]>(x)", shapes: []string{
			"double[2,2,4,5] x", "double[1,1,3,7] x", "double[1,3,2,3] x"}},
		{name: "AveragePool/padded", nodes: "y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], pads = [1, 0, 1, 1], count_include_pad = 1, ceil_mode = 1>(x)", shapes: []string{
			"double[1,2,4,6] x"}},
		{name: "AveragePool/dilated", nodes: "y = AveragePool<kernel_shape = [3], dilations = [2], strides = [3], pads = [2, 1]>(x)", shapes: []string{
			"double[1,2,9] x"}},
		{name: "AveragePool/long", nodes: "y = AveragePool<kernel_shape = [40], strides = [3], pads = [2, 5]>(x)", shapes: []string{"double[1,1,50] x"}},
		{name: "LpPool", nodes: "y = LpPool<kernel_shape = [2, 2], strides = [2, 1], pads = [1, 0, 0, 1]>(x)", shapes: []string{
			"double[1,2,4,5] x", "double[2,1,3,3] x", "double[1,1,2,6] x"}},
		{name: "LpPool/three", nodes: "y = LpPool<kernel_shape = [2], p = 3>(x)", shapes: []string{"double[1,2,6] x"}},
		{name: "GlobalAveragePool", nodes: "y = GlobalAveragePool(x)", shapes: []string{
			"double[2,3,4] x", "double[1,2,3,4] x", "double[1,1,2,2,3] x"}},
		{name: "GlobalMaxPool", nodes: "y = GlobalMaxPool(x)", shapes: []string{
			"double[2,3,4] x", "double[1,2,3,4] x", "double[1,1,2,2,3] x"}},
		{name: "GlobalLpPool", nodes: "y = GlobalLpPool<p = 2>(x)", shapes: []string{
			"double[2,3,4] x", "double[1,2,3,4] x", "double[1,1,2,2,3] x"}},
	}
}

func resizeGradients() []gradCase {
	const up = "float[4] s = {1.0, 1.0, 2.0, 1.5}"
	const down = "float[4] s = {1.0, 1.0, 0.6, 0.7}"
	modes := []gradCase{
		{name: "Resize/linear", nodes: `y = Resize<mode = "linear">(x, , s)`},
		{name: "Resize/cubic", nodes: `y = Resize<mode = "cubic", exclude_outside = 1>(x, , s)`},
		{name: "Resize/nearest", nodes: `y = Resize<mode = "nearest", nearest_mode = "ceil">(x, , s)`},
		{name: "Resize/antialias", nodes: `y = Resize<mode = "cubic", antialias = 1>(x, , s)`},
		{name: "Resize/corners", nodes: `y = Resize<mode = "linear", coordinate_transformation_mode = "align_corners">(x, , s)`},
	}
	for i := range modes {
		modes[i].shapes = []string{"double[1,2,3,4] x; " + up, "double[2,1,5,4] x; " + down}
	}
	return append(modes,
		gradCase{name: "Resize/region", nodes: `y = Resize<mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize", axes = [2]>(x, r, , s)`,
			shapes: []string{"double[1,1,6] x; float[2] r = {0.2, 1.3}, int64[1] s = {5}"}},
		// More taps than maxMixTaps: they are gathered one by one.
		gradCase{name: "Resize/gathered", nodes: `y = Resize<mode = "cubic", antialias = 1>(x, , s)`, shapes: []string{
			"double[1,1,160] x; float[3] s = {1.0, 1.0, 0.025}"}},
		gradCase{name: "Upsample", opset: 9, nodes: `y = Upsample<mode = "nearest">(x, s)`, shapes: []string{
			"double[1,2,3,4] x; " + up, "double[1,1,2,2] x; " + up, "double[2,1,4,2] x; float[4] s = {1.0, 1.0, 2.0, 3.0}"}},
		gradCase{name: "Upsample/linear", opset: 9, nodes: `y = Upsample<mode = "linear">(x, s)`, shapes: []string{
			"double[1,2,3,4] x; " + up}},
	)
}

func channelNormGradients() []gradCase {
	threeDims := []string{"double[2,3,4] x, double[3] s, double[3] b", "double[1,2,3,2] x, double[2] s, double[2] b", "double[2,2,2,1,3] x, double[2] s, double[2] b"}
	return []gradCase{
		{name: "BatchNormalization", low: 0.5, high: 2, nodes: "y = BatchNormalization(x, s, b, m, v)", shapes: []string{
			"double[2,3,4] x, double[3] s, double[3] b, double[3] m, double[3] v", "double[1,2,3,2] x, double[2] s, double[2] b, double[2] m, double[2] v",
			"double[4,2] x, double[2] s, double[2] b, double[2] m, double[2] v"}},
		{name: "BatchNormalization/training", low: 0.5, high: 2, outputs: "y, rm, rv", nodes: "y, rm, rv = BatchNormalization<training_mode = 1>(x, s, b, m, v)",
			shapes: []string{"double[2,3,4] x, double[3] s, double[3] b, double[3] m, double[3] v"}},
		{name: "InstanceNormalization", nodes: "y = InstanceNormalization(x, s, b)", shapes: threeDims},
		{name: "GroupNormalization", nodes: "y = GroupNormalization<num_groups = 2>(x, s, b)", shapes: []string{
			"double[2,4,3] x, double[4] s, double[4] b", "double[1,2,3,2] x, double[2] s, double[2] b", "double[1,6,1,2] x, double[6] s, double[6] b"}},
		{name: "GroupNormalization/per_group", opset: 18, nodes: "y = GroupNormalization<num_groups = 2>(x, s, b)", shapes: []string{
			"double[2,4,3] x, double[2] s, double[2] b"}},
		{name: "MeanVarianceNormalization", nodes: "y = MeanVarianceNormalization(x)", shapes: []string{
			"double[2,3,2,2] x", "double[1,2,3,4] x", "double[3,1,2,1] x"}},
		{name: "LpNormalization", nodes: "y = LpNormalization<axis = 1>(x)", shapes: []string{"double[2,3,2] x", "double[1,5] x", "double[3,2,1,2] x"}},
		{name: "LpNormalization/one", nodes: "y = LpNormalization<p = 1>(x)", shapes: []string{"double[2,3] x"}},
		{name: "LRN", nodes: "y = LRN<size = 3, alpha = 0.5, beta = 0.6, bias = 1.5>(x)", shapes: []string{
			"double[1,5,2,2] x", "double[2,3,2] x", "double[1,2,1,3] x"}},
		{name: "LRN/even", nodes: "y = LRN<size = 4, alpha = 0.5>(x)", shapes: []string{"double[1,6,2,1] x"}},
		{name: "Dropout", outputs: "y", nodes: "y, m = Dropout(x)", shapes: []string{"double[2,3] x", "double[4] x", "double[1,2,2] x"}},
	}
}

func signalPlaceGradients() []gradCase {
	return []gradCase{
		{name: "MaxUnpool", nodes: "y = MaxUnpool<kernel_shape = [2], strides = [2]>(x, at)", feeds: map[string][]float64{"at": {1, 2, 4, 7}}, shapes: []string{
			"double[1,1,4] x, int64[1,1,4] at", "double[1,2,2] x, int64[1,2,2] at", "double[2,1,2] x, int64[2,1,2] at"}},
		{name: "Col2Im", nodes: "y = Col2Im<strides = [2, 1], pads = [1, 0, 0, 1], dilations = [1, 2]>(x, image, block)", shapes: []string{
			"double[1,4,9] x; int64[2] image = {5, 4}, int64[2] block = {2, 2}", "double[2,8,6] x; int64[2] image = {4, 4}, int64[2] block = {2, 2}",
			"double[1,3,4] x; int64[2] image = {3, 5}, int64[2] block = {1, 3}"}},
		{name: "Col2Im/1d", nodes: "y = Col2Im<strides = [2]>(x, image, block)", shapes: []string{
			"double[2,3,3] x; int64[1] image = {7}, int64[1] block = {3}"}},
		{name: "CenterCropPad", nodes: "y = CenterCropPad(x, s)", shapes: []string{
			"double[3,4] x; int64[2] s = {6, 1}", "double[5] x; int64[1] s = {2}", "double[2,2,3] x; int64[3] s = {5, 2, 1}"}},
	}
}

// fourierGradients transform by a matrix, and where they need XLA by its fast
// transform.
func fourierGradients() []gradCase {
	return []gradCase{
		{name: "DFT", nodes: "y = DFT(x)", shapes: []string{"double[2,5,1] x", "double[1,6,2] x", "double[3,4,1] x"}},
		{name: "DFT/inverse", nodes: "y = DFT<inverse = 1>(x, n, a)", shapes: []string{
			"double[2,5,2] x; int64 n = {5}, int64 a = {0}", "double[1,6,2] x; int64 n = {8}, int64 a = {1}", "double[1,6,1] x; int64 n = {4}, int64 a = {1}"}},
		{name: "DFT/onesided", nodes: "y = DFT<onesided = 1>(x, n)", shapes: []string{
			"double[2,5,1] x; int64 n = {5}", "double[1,6,1] x; int64 n = {8}"}},
		{name: "DFT/real", nodes: "y = DFT<onesided = 1, inverse = 1>(x)", shapes: []string{"double[2,3,2] x", "double[1,4,2] x"}},
		{name: "DFT/17", opset: 17, nodes: "y = DFT<axis = 2>(x)", shapes: []string{"double[1,2,3,1] x"}},
		{name: "DFT/fast", backend: xlaCPU, nodes: "y = DFT(x)", shapes: []string{"double[1,66,1] x", "double[1,51,2] x"}},
		{name: "DFT/fast_onesided", backend: xlaCPU, nodes: "y = DFT<onesided = 1>(x, n)", shapes: []string{
			"double[1,70,1] x; int64 n = {70}", "double[1,60,1] x; int64 n = {81}", "double[1,90,1] x; int64 n = {75}", "double[1,50,2] x; int64 n = {50}"}},
		{name: "DFT/fast_inverse", backend: xlaCPU, nodes: "y = DFT<inverse = 1>(x, n)", shapes: []string{
			"double[1,50,2] x; int64 n = {55}", "double[1,50,2] x; int64 n = {45}", "double[1,70,1] x; int64 n = {70}"}},
		{name: "DFT/fast_real", backend: xlaCPU, nodes: "y = DFT<onesided = 1, inverse = 1>(x, n)", shapes: []string{
			"double[1,40,2] x; int64 n = {78}", "double[1,40,2] x; int64 n = {79}", "double[1,40,2] x; int64 n = {60}"}},
		{name: "STFT", nodes: "y = STFT(x, step, w, n)", shapes: []string{
			"double[2,9,1] x, double[4] w; int64 step = {2}, int64 n = {4}", "double[1,11,1] x, double[5] w; int64 step = {3}, int64 n = {5}",
			"double[1,8,2] x, double[3] w; int64 step = {4}, int64 n = {3}"}},
		{name: "STFT/twosided", nodes: "y = STFT<onesided = 0>(x, step, , n)", shapes: []string{"double[1,9,1] x; int64 step = {2}, int64 n = {6}"}},
	}
}

func sampleGradients() []gradCase {
	shapes := []string{"double[1,2,3,4] x, double[1,2,3,2] g", "double[2,1,2,2] x, double[2,1,4,2] g", "double[1,1,4,3] x, double[1,3,2,2] g"}
	at := func(name, nodes string) gradCase {
		return gradCase{name: name, nodes: nodes, shapes: shapes, low: -1.3, high: 1.3}
	}
	return []gradCase{
		at("GridSample", "y = GridSample(x, g)"),
		at("GridSample/border", `y = GridSample<padding_mode = "border", align_corners = 1>(x, g)`),
		at("GridSample/reflection", `y = GridSample<padding_mode = "reflection">(x, g)`),
		at("GridSample/mirror", `y = GridSample<padding_mode = "reflection", align_corners = 1>(x, g)`),
		at("GridSample/cubic", `y = GridSample<mode = "cubic">(x, g)`),
		{name: "GridSample/3d", nodes: "y = GridSample(x, g)", low: -1.3, high: 1.3, shapes: []string{
			"double[1,1,2,3,2] x, double[1,1,2,2,3] g"}},
		{name: "RoiAlign", nodes: "y = RoiAlign<sampling_ratio = 2, output_height = 2, output_width = 3>(x, r, at)", shapes: []string{
			"double[1,2,4,5] x, double[2,4] r; int64[2] at = {0, 0}", "double[2,1,3,4] x, double[1,4] r; int64[1] at = {1}", "double[1,1,5,3] x, double[1,4] r; int64[1] at = {0}"}},
		{name: "DeformConv", low: -0.9, high: 0.9, nodes: "y = DeformConv<pads = [1, 0, 0, 1]>(x, w, o, b, m)", shapes: []string{
			"double[1,1,3,3] x, double[1,1,2,2] w, double[1,8,3,3] o, double[1] b, double[1,4,3,3] m",
			"double[1,2,3,2] x, double[2,2,1,2] w, double[1,4,4,2] o, double[2] b, double[1,2,4,2] m",
			"double[2,1,2,3] x, double[2,1,2,1] w, double[2,4,2,4] o, double[2] b, double[2,2,2,4] m"}},
		{name: "DeformConv/groups", low: -0.9, high: 0.9, nodes: "y = DeformConv<group = 2, offset_group = 2, strides = [2, 1]>(x, w, o)", shapes: []string{
			"double[1,4,3,3] x, double[2,2,2,2] w, double[1,16,1,2] o"}},
		{name: "AffineGrid", nodes: "y = AffineGrid(x, s)", shapes: []string{
			"double[1,2,3] x; int64[4] s = {1, 1, 2, 3}", "double[2,2,3] x; int64[4] s = {2, 1, 3, 2}", "double[1,3,4] x; int64[5] s = {1, 1, 2, 1, 2}"}},
	}
}
