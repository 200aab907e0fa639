package importer_test

// basicNoGradient lists the operators of this family without a float output or
// without a float input that it depends on.
var basicNoGradient = []string{
	"And", "Constant", "ConstantOfShape", "Equal", "Greater", "GreaterOrEqual", "IsNaN", "Less", "LessOrEqual",
	"Not", "Or", "Range", "Shape", "Size", "Xor",
}

// basicGradients are the gradient cases of elementwise, reducing, shaping and
// indexing operators.
func basicGradients() []gradCase {
	return []gradCase{
		{name: "Add/broadcast", nodes: "y = Add(a, b)", shapes: []string{
			"double[2,3] a, double[3] b", "double[] a, double[2,2] b", "double[2,1,2] a, double[3,1] b"}},
		{name: "Log", nodes: "y = Log(x)", low: 0.3, high: 3, shapes: []string{"double[3] x", "double[2,3] x", "double[2,1,3] x"}},
		{name: "ReduceSum/axes", nodes: "y = ReduceSum<keepdims = 0>(x, axes)", shapes: []string{
			"double[2,3] x; int64[1] axes = {1}", "double[3] x; int64[1] axes = {0}", "double[2,3,2] x; int64[2] axes = {0, -1}"}},
	}
}
