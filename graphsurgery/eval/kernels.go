package eval

// kernels gives the implementation of an operator of ai.onnx.
func kernels(op string) (kernel, bool) {
	for _, table := range []func(string) (kernel, bool){elementwiseKernel, moveKernel, shapeKernel, indexKernel, reduceKernel, linearKernel} {
		if k, ok := table(op); ok {
			return k, true
		}
	}
	return kernel{}, false
}

func elementwiseKernel(op string) (kernel, bool) {
	if f := unaryFloat(op); f != nil {
		return kernel{1, func(c *call) ([]*array, error) { return one(c.mapFloats(f)) }}, true
	}
	if f := compare(op); f != nil {
		return kernel{2, func(c *call) ([]*array, error) { return one(c.compare(f)) }}, true
	}
	switch op {
	case "Add", "Sub", "Mul", "Div", "Mod":
		return kernel{2, (*call).arithmetic}, true
	case "Pow":
		return kernel{2, (*call).pow}, true
	case "PRelu":
		return kernel{2, (*call).arithmetic}, true
	case "Min", "Max", "Sum", "Mean":
		return kernel{1, (*call).variadic}, true
	case "Neg", "Abs", "Sign", "Relu":
		return kernel{1, (*call).unaryAny}, true
	case "Not":
		return kernel{1, (*call).not}, true
	case "And", "Or", "Xor":
		return kernel{2, (*call).logic}, true
	case "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift":
		return kernel{2, (*call).bitwise}, true
	case "BitwiseNot":
		return kernel{1, (*call).bitwiseNot}, true
	case "Equal":
		return kernel{2, (*call).equal}, true
	case "Where":
		return kernel{3, (*call).where}, true
	case "IsNaN", "IsInf":
		return kernel{1, (*call).classify}, true
	case "Clip":
		return kernel{1, (*call).clip}, true
	case "Cast":
		return kernel{1, (*call).cast}, true
	case "CastLike":
		return kernel{2, (*call).castLike}, true
	case "QuantizeLinear":
		return kernel{2, (*call).quantize}, true
	case "DequantizeLinear":
		return kernel{2, (*call).dequantize}, true
	case "DynamicQuantizeLinear":
		return kernel{1, (*call).dynamicQuantize}, true
	}
	return activationKernel(op)
}

func activationKernel(op string) (kernel, bool) {
	switch op {
	case "LeakyRelu", "Elu", "Celu", "Selu", "HardSigmoid", "ThresholdedRelu", "Shrink", "Gelu", "Swish":
		return kernel{1, (*call).activation}, true
	}
	return kernel{}, false
}

func moveKernel(op string) (kernel, bool) {
	switch op {
	case "Transpose":
		return kernel{1, (*call).transpose}, true
	case "Expand":
		return kernel{2, (*call).expand}, true
	case "Tile":
		return kernel{2, (*call).tile}, true
	case "Concat":
		return kernel{1, (*call).concat}, true
	case "Slice":
		return kernel{1, (*call).slice}, true
	case "Split":
		return kernel{1, (*call).split}, true
	case "Pad":
		return kernel{1, (*call).pad}, true
	case "Trilu":
		return kernel{1, (*call).trilu}, true
	case "DepthToSpace", "SpaceToDepth":
		return kernel{1, (*call).depthSpace}, true
	}
	return kernel{}, false
}

func shapeKernel(op string) (kernel, bool) {
	switch op {
	case "Constant":
		return kernel{0, (*call).constant}, true
	case "ConstantOfShape":
		return kernel{1, (*call).constantOfShape}, true
	case "Shape":
		return kernel{1, (*call).shapeOf}, true
	case "Size":
		return kernel{1, (*call).sizeOf}, true
	case "Identity":
		return kernel{1, func(c *call) ([]*array, error) { return c.in[:1], nil }}, true
	case "Dropout":
		return kernel{1, (*call).dropout}, true
	case "Reshape":
		return kernel{1, (*call).reshape}, true
	case "Squeeze":
		return kernel{1, (*call).squeeze}, true
	case "Unsqueeze":
		return kernel{1, (*call).unsqueeze}, true
	case "Flatten":
		return kernel{1, (*call).flatten}, true
	case "Range":
		return kernel{3, (*call).arange}, true
	case "EyeLike":
		return kernel{1, (*call).eyeLike}, true
	case "OneHot":
		return kernel{3, (*call).oneHot}, true
	}
	return kernel{}, false
}

func indexKernel(op string) (kernel, bool) {
	switch op {
	case "Gather":
		return kernel{2, (*call).gather}, true
	case "GatherElements":
		return kernel{2, (*call).gatherElements}, true
	case "GatherND":
		return kernel{2, (*call).gatherND}, true
	case "Scatter", "ScatterElements":
		return kernel{3, (*call).scatterElements}, true
	case "ScatterND":
		return kernel{3, (*call).scatterND}, true
	case "NonZero":
		return kernel{1, (*call).nonZero}, true
	case "Compress":
		return kernel{2, (*call).compress}, true
	case "Unique":
		return kernel{1, (*call).unique}, true
	case "NonMaxSuppression":
		return kernel{2, (*call).nonMaxSuppression}, true
	case "ReverseSequence":
		return kernel{2, (*call).reverseSequence}, true
	}
	return kernel{}, false
}

func reduceKernel(op string) (kernel, bool) {
	if reduction(op) != nil {
		return kernel{1, (*call).reduce}, true
	}
	switch op {
	case "ArgMax", "ArgMin":
		return kernel{1, (*call).arg}, true
	case "CumSum":
		return kernel{2, (*call).cumSum}, true
	case "TopK":
		return kernel{1, (*call).topK}, true
	case "Softmax", "LogSoftmax", "Hardmax":
		return kernel{1, (*call).softmax}, true
	case "LayerNormalization":
		return kernel{2, (*call).layerNorm}, true
	case "RMSNormalization":
		return kernel{2, (*call).rmsNorm}, true
	}
	return kernel{}, false
}

func linearKernel(op string) (kernel, bool) {
	switch op {
	case "MatMul":
		return kernel{2, (*call).matMul}, true
	case "Gemm":
		return kernel{2, (*call).gemm}, true
	case "MatMulInteger":
		return kernel{2, (*call).matMulInteger}, true
	case "Attention":
		return kernel{3, (*call).attention}, true
	case "Einsum":
		return kernel{1, (*call).einsum}, true
	}
	return kernel{}, false
}
