package importer_test

// signalNoGradient lists the operators of this family without a float output or
// without a float input that it depends on.
var signalNoGradient = []string{}

// signalGradients are the gradient cases of convolutions, pools, resizing,
// normalisation over space, and of the Fourier family.
func signalGradients() []gradCase {
	return []gradCase{
		{name: "Conv/even", nodes: "y = Conv<kernel_shape = [2, 2], strides = [2, 1]>(x, w)", shapes: []string{
			"double[1,2,4,3] x, double[2,2,2,2] w"}},
	}
}
