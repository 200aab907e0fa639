package importer_test

import (
	"fmt"
	"slices"
)

// basicNoGradient lists the operators of this family without a float output or
// without a float input that it depends on.
var basicNoGradient = []string{
	"And", "ArgMax", "ArgMin", "BitCast", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Constant",
	"ConstantOfShape", "Equal", "EyeLike", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual",
	"NonMaxSuppression", "NonZero", "Not", "Or", "Range", "Shape", "Size", "TfIdfVectorizer", "Unique", "Xor",
}

// basicGradients are the gradient cases of elementwise, reducing, shaping and
// indexing operators.
func basicGradients() []gradCase {
	return slices.Concat(pointGradients(), pairGradients(), reduceGradients(), shapeGradients(), placeGradients())
}

// pointGradients are the cases of functions of one element, away from their kinks.
func pointGradients() []gradCase {
	var cases []gradCase
	for _, c := range []struct {
		name, call string
		low, high  float64
	}{
		{"Abs", "Abs", -2, 2}, {"Neg", "Neg", -2, 2}, {"Reciprocal", "Reciprocal", 0.3, 3}, {"Sqrt", "Sqrt", 0.2, 3},
		{"Exp", "Exp", -2, 2}, {"Log", "Log", 0.3, 3}, {"Erf", "Erf", -2, 2},
		{"Sin", "Sin", -3, 3}, {"Cos", "Cos", -3, 3}, {"Tan", "Tan", -1.2, 1.2}, {"Asin", "Asin", -0.9, 0.9},
		{"Acos", "Acos", -0.9, 0.9}, {"Atan", "Atan", -3, 3}, {"Sinh", "Sinh", -3, 3}, {"Cosh", "Cosh", -3, 3},
		{"Tanh", "Tanh", -2, 2}, {"Asinh", "Asinh", -3, 3}, {"Acosh", "Acosh", 1.1, 4}, {"Atanh", "Atanh", -0.9, 0.9},
		{"Relu", "Relu", -1, 4}, {"LeakyRelu", "LeakyRelu<alpha = 0.3>", -2, 2}, {"Elu", "Elu<alpha = 1.5>", -2, 2},
		{"Selu", "Selu", -2, 2}, {"Selu/attrs", "Selu<alpha = 2.0, gamma = 3.0>", -2, 2}, {"Celu", "Celu<alpha = 0.7>", -2, 2},
		{"Gelu", "Gelu", -2, 2}, {"Gelu/tanh", `Gelu<approximate = "tanh">`, -2, 2}, {"Sigmoid", "Sigmoid", -3, 3},
		{"HardSigmoid", "HardSigmoid", -4, 4}, {"HardSwish", "HardSwish", -4, 4}, {"Softplus", "Softplus", -3, 3},
		{"Softsign", "Softsign", -3, 3}, {"Swish", "Swish<alpha = 1.5>", -3, 3}, {"Mish", "Mish", -3, 3},
		{"ThresholdedRelu", "ThresholdedRelu<alpha = 0.4>", -0.5, 9}, {"Shrink", "Shrink<bias = 0.2, lambd = 0.6>", -2, 2},
		{"Identity", "Identity", -2, 2},
	} {
		cases = append(cases, gradCase{name: c.name, nodes: onX(c.call), low: c.low, high: c.high, shapes: pointShapes})
	}
	for _, op := range []string{"Floor", "Ceil", "Round", "Sign"} {
		cases = append(cases, gradCase{name: op, nodes: onX(op), zero: true, shapes: pointShapes})
	}
	return append(cases,
		gradCase{name: "Cast", nodes: "f = Cast<to = 11>(x)\ny = Mul(f, f)", shapes: pointShapes},
		gradCase{name: "CastLike", nodes: "f = CastLike(x, x)\ny = Mul(f, f)", shapes: pointShapes},
		gradCase{name: "Hardmax", nodes: "y = Hardmax(x)", zero: true, shapes: []string{"double[4] x", "double[2,3] x", "double[2,1,3] x"}},
		// At a kink the gradient is PyTorch's: a central difference would be half.
		gradCase{name: "Softplus/zero", nodes: "y = Softplus(x)", feeds: map[string][]float64{"x": {0, 0}}, shapes: []string{"double[2] x"}},
	)
}

// pointShapes are shapes for functions of one element.
var pointShapes = []string{"double[] x", "double[5] x", "double[2,1,3] x"}

// onX writes a call, Op or Op<attributes>, on x in ONNX's text syntax.
func onX(call string) string { return fmt.Sprintf("y = %s(x)", call) }

// pairGradients are the cases of functions of two and more elements.
func pairGradients() []gradCase {
	broadcast := []string{"double[2,3] a, double[3] b", "double[] a, double[2,2] b", "double[2,1,2] a, double[3,1] b"}
	three := []string{"double[4] a, double[3,4] b, double[3,1] c", "double[3,3] a, double[3,3] b, double[3,3] c", "double[2,1,4] a, double[3,1] b, double[3,4] c"}
	legacy := []string{"double[2,3] a, double[3] b", "double[2,3,2] a, double[3,2] b", "double[4] a, double[] b"}
	return []gradCase{
		{name: "Add", nodes: "y = Add(a, b)", shapes: broadcast},
		{name: "Sub", nodes: "y = Sub(a, b)", shapes: broadcast},
		{name: "Mul", nodes: "y = Mul(a, b)", shapes: broadcast},
		{name: "Div", nodes: "y = Div(a, b)", low: 0.5, high: 2, shapes: broadcast},
		{name: "Pow", nodes: "y = Pow(a, b)", low: 0.5, high: 2, shapes: broadcast},
		{name: "Mod", nodes: "y = Mod<fmod = 1>(a, b)", low: 0.6, high: 3, shapes: broadcast},
		{name: "Mul/opset6", opset: 6, nodes: "y = Mul<broadcast = 1>(a, b)", shapes: legacy},
		{name: "Add/opset6axis", opset: 6, nodes: "y = Add<broadcast = 1, axis = 1>(a, b)", shapes: []string{"double[2,3,2] a, double[3] b"}},
		{name: "Pow/opset1", opset: 1, nodes: "y = Pow<broadcast = 1>(a, b)", low: 0.5, high: 2, shapes: legacy},
		// A negative base with whole exponents; the exponents are no inputs.
		{name: "Pow/negative", nodes: "y = Pow(a, b)", shapes: []string{"double[4] a; double[4] b = {3, 2, 1, 0}", "double[2,2] a; double[2] b = {3, -2}"}},
		{name: "Pow/int", nodes: "y = Pow(a, b)", shapes: []string{"double[3] a; int64[3] b = {2, 3, 5}"}},
		{name: "PRelu", nodes: "y = PRelu(a, b)", shapes: []string{"double[2,3] a, double[3] b", "double[2,3,2] a, double[3,1] b", "double[4] a, double[1] b"}},
		{name: "PRelu/opset6", opset: 6, nodes: "y = PRelu(a, b)", shapes: []string{"double[2,3,2] a, double[3] b", "double[2,3] a, double[1] b"}},
		{name: "Max", nodes: "y = Max(a, b, c)", shapes: three},
		{name: "Min", nodes: "y = Min(a, b, c)", shapes: three},
		{name: "Sum", nodes: "y = Sum(a, b, c)", shapes: three},
		{name: "Mean", nodes: "y = Mean(a, b, c)", shapes: three},
		{name: "Clip", nodes: "y = Clip(x, low, high)", shapes: []string{
			"double[6] x; double low = {-1}, double high = {1}", "double[2,3] x; double low = {-0.5}, double high = {1.5}", "double[2,1,3] x; double low = {0}, double high = {1}"}},
		{name: "Clip/trained", nodes: "y = Clip(x, low, high)", feeds: map[string][]float64{"x": {-2, -1.5, 0, 0.5, 1.5, 2}, "low": {-1}, "high": {1}}, shapes: []string{"double[6] x, double[] low, double[] high"}},
		{name: "Clip/opset6", opset: 6, nodes: "y = Clip<min = -1.0, max = 1.0>(x)", shapes: pointShapes},
		{name: "Where", nodes: "y = Where(k, a, b)", feeds: map[string][]float64{"k": {1, 0, 1}}, shapes: []string{
			"bool[3] k, double[3] a, double[3] b", "bool[3,1] k, double[2] a, double[3,2] b", "bool[3] k, double[2,3] a, double[] b"}},
	}
}

// reduceGradients are the cases of reductions, with the axes as input and as
// attribute.
func reduceGradients() []gradCase {
	shapes := []string{"double[2,3] x; int64[1] axes = {1}", "double[3] x; int64[1] axes = {0}", "double[2,3,2] x; int64[2] axes = {0, -1}"}
	var cases []gradCase
	for _, op := range []string{"Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSumExp", "SumSquare", "LogSum"} {
		low, high := -2.0, 2.0
		if op == "LogSum" {
			low, high = 0.3, 2
		}
		op = "Reduce" + op
		cases = append(cases,
			gradCase{name: op, nodes: fmt.Sprintf("y = %s<keepdims = 0>(x, axes)", op), low: low, high: high, shapes: shapes},
			gradCase{name: op + "/all", opset: 11, nodes: fmt.Sprintf("y = %s(x)", op), low: low, high: high, shapes: []string{"double[2,3] x", "double[] x"}},
			gradCase{name: op + "/noop", nodes: fmt.Sprintf("y = %s<noop_with_empty_axes = 1>(x)", op), low: low, high: high, shapes: []string{"double[2,3] x"}},
			gradCase{name: op + "/attribute", opset: 11, nodes: fmt.Sprintf("y = %s<axes = [-2]>(x)", op), low: low, high: high, shapes: []string{"double[2,3,2] x"}})
	}
	return append(cases,
		// With one and two zeros among the factors.
		gradCase{name: "ReduceProd/zeros", nodes: "y = ReduceProd(x, axes)", feeds: map[string][]float64{"x": {0, 2, 3, 0, 5, 0, 1, 2}},
			shapes: []string{"double[2,4] x; int64[1] axes = {1}", "double[2,4] x; int64[1] axes = {0}"}})
}

// shapeGradients are the cases of operators that move elements by rule.
func shapeGradients() []gradCase {
	one := func(name, call string, shapes ...string) gradCase {
		return gradCase{name: name, nodes: "y = " + call, shapes: shapes}
	}
	return []gradCase{
		one("Reshape", "Reshape(x, s)", "double[2,3] x; int64[2] s = {3, 2}", "double[2,2,2] x; int64[2] s = {0, -1}", "double[4] x; int64[3] s = {2, -1, 1}"),
		{name: "Reshape/opset1", opset: 1, nodes: "y = Reshape<shape = [-1, 2]>(x)", shapes: []string{"double[2,3] x"}},
		one("Flatten", "Flatten(x)", "double[2,3] x", "double[2,3,2] x", "double[3] x"),
		one("Squeeze", "Squeeze(x)", "double[1,3] x", "double[2,1,3,1] x", "double[1] x"),
		one("Unsqueeze", "Unsqueeze(x, a)", "double[3] x; int64[1] a = {0}", "double[2,3] x; int64[2] a = {-1, 1}", "double[] x; int64[1] a = {0}"),
		one("Transpose", "Transpose(x)", "double[2,3] x", "double[2,3,2] x", "double[3] x"),
		one("Expand", "Expand(x, s)", "double[3] x; int64[2] s = {2, 3}", "double[2,1] x; int64[3] s = {2, 1, 3}", "double[] x; int64[1] s = {4}"),
		one("Tile", "Tile(x, r)", "double[3] x; int64[1] r = {2}", "double[2,3] x; int64[2] r = {2, 3}", "double[2,1,2] x; int64[3] r = {1, 3, 2}"),
		{name: "Tile/opset1", opset: 1, nodes: "y = Tile(x, n, a)", shapes: []string{"double[2,3] x; double n = {2}, double a = {1}"}},
		one("Concat", "Concat<axis = -1>(a, b, a)", "double[2] a, double[3] b", "double[2,1] a, double[2,3] b", "double[2,2,1] a, double[2,2,2] b"),
		{name: "Split", nodes: "a, b = Split<axis = -1, num_outputs = 2>(x)\nc = Mul(a, a)", outputs: "b, c", shapes: []string{
			"double[5] x", "double[2,4] x", "double[2,1,3] x"}},
		one("Slice", "Slice(x, s, e, a, d)",
			"double[6] x; int64[1] s = {4}, int64[1] e = {-9223372036854775807}, int64[1] a = {0}, int64[1] d = {-2}",
			"double[3,5] x; int64[2] s = {1, 0}, int64[2] e = {9223372036854775807, -1}, int64[2] a = {0, -1}, int64[2] d = {1, 2}",
			"double[2,3,2] x; int64[1] s = {-2}, int64[1] e = {3}, int64[1] a = {1}, int64[1] d = {1}"),
		one("Pad", "Pad(x, p, v)", "double[3] x, double[] v; int64[2] p = {1, 2}", "double[2,3] x, double[] v; int64[4] p = {0, 2, 1, 0}", "double[2,4,2] x, double[] v; int64[6] p = {0, -1, 1, 0, 2, 0}"),
		one("Pad/reflect", `Pad<mode = "reflect">(x, p)`, "double[4] x; int64[2] p = {2, 3}", "double[2,3] x; int64[4] p = {1, 2, 0, 2}", "double[3] x; int64[2] p = {5, 6}"),
		one("Pad/edge", `Pad<mode = "edge">(x, p)`, "double[4] x; int64[2] p = {2, 3}", "double[2,3] x; int64[4] p = {1, 2, 0, 2}"),
		one("Pad/wrap", `Pad<mode = "wrap">(x, p)`, "double[4] x; int64[2] p = {2, 3}", "double[2,3] x; int64[4] p = {1, 2, 0, 7}"),
		one("DepthToSpace", "DepthToSpace<blocksize = 2>(x)", "double[1,4,1,2] x", "double[2,8,1,1] x", "double[1,4,2,2] x"),
		one("DepthToSpace/CRD", `DepthToSpace<blocksize = 2, mode = "CRD">(x)`, "double[1,8,1,2] x"),
		one("SpaceToDepth", "SpaceToDepth<blocksize = 2>(x)", "double[1,1,2,4] x", "double[2,2,2,2] x", "double[1,1,4,2] x"),
		one("Trilu", "Trilu<upper = 1>(x, k)", "double[3,3] x; int64 k = {1}", "double[2,2,3] x; int64 k = {-1}", "double[1,4] x; int64 k = {0}"),
		one("CumSum", "CumSum(x, a)", "double[5] x; int64 a = {0}", "double[2,3] x; int64 a = {-1}", "double[3,2,2] x; int64 a = {0}"),
		one("CumSum/exclusive", "CumSum<exclusive = 1, reverse = 1>(x, a)", "double[5] x; int64 a = {0}", "double[2,3] x; int64 a = {1}", "double[3,1] x; int64 a = {0}"),
		one("CumProd", "CumProd(x, a)", "double[5] x; int64 a = {0}", "double[2,3] x; int64 a = {-1}", "double[3,2,2] x; int64 a = {0}"),
	}
}

// placeGradients are the cases of operators that look places up, with repeated
// and negative indices.
func placeGradients() []gradCase {
	one := func(name, call string, shapes ...string) gradCase {
		return gradCase{name: name, nodes: "y = " + call, shapes: shapes}
	}
	elements := []string{
		"double[4] x, double[3] u; int64[3] i = {2, 0, -1}",
		"double[3,2] x, double[2,2] u; int64[2,2] i = {2, 0, 0, -2}",
		"double[2,2,2] x, double[1,1,2] u; int64[1,1,2] i = {1, 0}",
	}
	repeated := []string{
		"double[4] x, double[5] u; int64[5] i = {2, 0, -2, 2, 3}",
		"double[3,2] x, double[3,2] u; int64[3,2] i = {2, 0, 2, -3, 1, 0}",
		"double[2,2,2] x, double[2,1,2] u; int64[2,1,2] i = {1, 0, 1, 1}",
	}
	many := []string{ // so that some are extreme
		"double[6] x, double[6] u; int64[6] i = {0, 1, -1, 0, 1, 4}",
		"double[2,4] x, double[2,4] u; int64[2,4] i = {0, 1, 1, 1, 0, 0, -1, 0}",
		"double[2,2] x, double[4,2] u; int64[4,2] i = {0, 1, 1, 1, 0, 0, -1, 0}",
	}
	slabs := []string{
		"double[4] x, double[3] u; int64[3,1] i = {2, 0, 2}",
		"double[3,2] x, double[2,2] u; int64[2,1] i = {-1, 0}",
		"double[2,3,2] x, double[2,2,2] u; int64[2,2,2] i = {0, 1, 1, -1, 0, 0, 0, 1}",
	}
	lengths := map[string][]float64{"n": {2, 3}}
	return []gradCase{
		one("Gather", "Gather<axis = 0>(x, i)", "double[4] x; int64[3] i = {2, 2, -1}", "double[3,2] x; int64[2,2] i = {0, 2, -3, 1}", "double[3,2,2] x; int64 i = {1}"),
		one("GatherElements", "GatherElements(x, i)", "double[4] x; int64[3] i = {2, 2, -1}", "double[3,2] x; int64[2,2] i = {0, 2, -1, 1}", "double[2,2,3] x; int64[1,2,3] i = {0, 1, 0, -1, 1, 0}"),
		one("GatherND", "GatherND(x, i)", "double[4] x; int64[3,1] i = {2, 2, -1}", "double[3,2] x; int64[2,2] i = {0, 1, -1, 0}", "double[3,2,2] x; int64[2,1] i = {1, 1}"),
		one("GatherND/batch", "GatherND<batch_dims = 1>(x, i)", "double[2,3] x; int64[2,1] i = {2, -3}", "double[2,3,2] x; int64[2,2,1] i = {2, 2, 0, 1}"),
		{name: "Scatter", opset: 10, nodes: "y = Scatter(x, i, u)", shapes: elements},
		one("ScatterElements", "ScatterElements(x, i, u)", append(elements, repeated...)...),
		one("ScatterElements/add", `ScatterElements<reduction = "add">(x, i, u)`, repeated...),
		one("ScatterElements/mul", `ScatterElements<reduction = "mul">(x, i, u)`, repeated...),
		one("ScatterElements/max", `ScatterElements<reduction = "max">(x, i, u)`, many...),
		one("ScatterElements/min", `ScatterElements<reduction = "min">(x, i, u)`, many[1:]...),
		one("ScatterND", "ScatterND(x, i, u)", slabs...),
		one("ScatterND/add", `ScatterND<reduction = "add">(x, i, u)`, slabs...),
		one("ScatterND/mul", `ScatterND<reduction = "mul">(x, i, u)`, slabs...),
		one("ScatterND/max", `ScatterND<reduction = "max">(x, i, u)`, "double[2,2] x, double[4,2] u; int64[4,1] i = {-1, 0, 0, 1}"),
		{name: "TensorScatter", nodes: "y = TensorScatter(x, u, n)", feeds: map[string][]float64{"n": {1, 0}}, shapes: []string{
			"double[2,4,2] x, double[2,2,2] u, int64[2] n", "double[2,1,4,2] x, double[2,1,3,2] u, int64[2] n", "double[2,3,1] x, double[2,1,1] u, int64[2] n"}},
		{name: "TensorScatter/circular", nodes: `y = TensorScatter<mode = "circular">(x, u, n)`, feeds: map[string][]float64{"n": {3, 2}}, shapes: []string{
			"double[2,4,2] x, double[2,2,2] u, int64[2] n"}},
		{name: "TopK", nodes: "y, i = TopK(x, k)", shapes: []string{"double[5] x; int64[1] k = {3}", "double[2,4] x; int64[1] k = {2}", "double[2,2,3] x; int64[1] k = {3}"}},
		{name: "TopK/smallest", nodes: "y, i = TopK<axis = 0, largest = 0>(x, k)", shapes: []string{"double[4,3] x; int64[1] k = {2}"}},
		{name: "OneHot", nodes: "y = OneHot(i, d, v)", feeds: map[string][]float64{"i": {1, -1, 0}}, shapes: []string{
			"int64[3] i, double[2] v; int64[1] d = {4}", "int64[3,1] i, double[2] v; int64[1] d = {3}", "int64[1,3] i, double[2] v; int64[1] d = {2}"}},
		one("Compress", "Compress<axis = 0>(x, c)", "double[4] x; bool[4] c = {1, 0, 1, 1}", "double[3,2] x; bool[2] c = {0, 1}", "double[3,2,2] x; bool[3] c = {1, 0, 1}"),
		{name: "ReverseSequence", nodes: "y = ReverseSequence<batch_axis = 0, time_axis = 1>(x, n)", feeds: lengths, shapes: []string{
			"double[2,4] x, int64[2] n", "double[2,3,2] x, int64[2] n", "double[2,3,1,2] x, int64[2] n"}},
	}
}
