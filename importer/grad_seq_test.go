package importer_test

// seqNoGradient lists the operators of this family without a float output or
// without a float input that it depends on.
var seqNoGradient = []string{}

// seqGradients are the gradient cases of normalisation over features, softmax,
// attention, recurrent networks, products, losses and quantised operators.
func seqGradients() []gradCase {
	return []gradCase{
		{name: "Softmax/axis0", opset: 13, nodes: "y = Softmax<axis = 0>(x)", shapes: []string{
			"double[3] x", "double[3,2] x", "double[2,3,2] x"}},
	}
}
