package importer_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// extremes are where functions of one element go wrong: infinities, no number,
// both zeros, halves, and what overflows an exponential.
var extremes = []float32{
	float32(math.Inf(-1)), -200, -88.9, -20, -3.5, -2.5, -1.5, -1, -0.5, -1e-6, float32(math.Copysign(0, -1)),
	0, 1e-6, 0.5, 1, 1.5, 2.5, 3.5, 20, 88.9, 200, float32(math.Inf(1)), float32(math.NaN()),
}

// TestORTExtremes compares functions of one element at extremes, and at NaN where
// ONNX Runtime hands it on.
func TestORTExtremes(t *testing.T) {
	for _, c := range []struct {
		call  string
		opset int
	}{
		{"Abs", 17}, {"Neg", 17}, {"Floor", 17}, {"Ceil", 17}, {"Round", 17}, {"Sign", 17}, {"Exp", 17}, {"Log", 17}, {"Sqrt", 17},
		{"Reciprocal", 17}, {"Erf", 17}, {"Atan", 17}, {"Asinh", 17}, {"Acosh", 17}, {"Sinh", 17}, {"Cosh", 17}, {"Asin", 17},
		{"Acos", 17}, {"Atanh", 17}, {"Relu", 17}, {"LeakyRelu<alpha = 0.3>", 17}, {"Elu", 17}, {"Selu", 17}, {"Celu<alpha = 0.5>", 17},
		{"Sigmoid", 17}, {"Tanh", 17}, {"HardSigmoid", 17}, {"HardSwish", 17}, {"Softplus", 17}, {"ThresholdedRelu<alpha = 0.5>", 17},
		{"Shrink<lambd = 0.5, bias = 0.25>", 17}, {"Clip<max = 1.0>", 6}, {"IsInf", 17}, {"IsInf<detect_negative = 0>", 17}, {"IsNaN", 17},
	} {
		t.Run(c.call, func(t *testing.T) {
			out := "float"
			if c.call[:2] == "Is" {
				out = "bool"
			}
			text := fmt.Sprintf(`<ir_version: 8, opset_import: ["" : %d]> g (float[%d] x) => (%s[%d] y) { y = %s(x) }`,
				c.opset, len(extremes), out, len(extremes), c.call)
			compareORT(t, text, map[string]*graphsurgery.Tensor{"x": list(extremes...)})
		})
	}
}

// list makes a tensor of rank one.
func list[T graphsurgery.Element](x ...T) *graphsurgery.Tensor {
	return graphsurgery.NewTensor([]int64{int64(len(x))}, x)
}

// twoRows makes a tensor of two rows.
func twoRows[T graphsurgery.Element](x ...T) *graphsurgery.Tensor {
	return graphsurgery.NewTensor([]int64{2, int64(len(x) / 2)}, x)
}

// unsigned makes a tensor of rank one of a type that Go's tensors have not.
func unsigned(d graphsurgery.DType, x ...uint64) *graphsurgery.Tensor {
	var raw []byte
	for _, v := range x {
		raw = append(raw, binary.LittleEndian.AppendUint64(nil, v)[:d.Size()]...)
	}
	t, err := graphsurgery.NewTensorRaw(d, []int64{int64(len(x))}, raw)
	if err != nil {
		panic(err)
	}
	return t
}

// scalarOf makes a tensor of rank zero.
func scalarOf[T graphsurgery.Element](x T) *graphsurgery.Tensor {
	return graphsurgery.NewTensor(nil, []T{x})
}

// TestORTBasic compares element types, attributes and orders that onnx's node
// tests leave out.
func TestORTBasic(t *testing.T) {
	type feeds = map[string]*graphsurgery.Tensor
	for _, c := range []struct {
		name, inputs, outputs, nodes string
		opset                        int
		feeds                        feeds
	}{
		{"Div/int", "int32[4] a, int32[4] b", "int32[4] y", "y = Div(a, b)", 17, feeds{"a": list[int32](7, -7, 7, -7), "b": list[int32](2, 2, -2, -2)}},
		{"Mod/int64", "int64[4] a, int64[4] b", "int64[4] y", "y = Mod(a, b)", 17, feeds{"a": list[int64](7, -7, 7, -7), "b": list[int64](3, 3, -3, -3)}},
		{"Mod/fmodInt", "int32[4] a, int32[4] b", "int32[4] y", "y = Mod<fmod = 1>(a, b)", 17, feeds{"a": list[int32](7, -7, 7, -7), "b": list[int32](3, 3, -3, -3)}},
		{"Mod/fmod", "float[4] a, float[1] b", "float[4] y", "y = Mod<fmod = 1>(a, b)", 17, feeds{"a": list[float32](7.5, -7.5, 1e6, -0.25), "b": list[float32](0.7)}},
		{"Pow/intFloat", "int32[4] a, float[4] b", "int32[4] y", "y = Pow(a, b)", 17, feeds{"a": list[int32](3, 10, -2, 7), "b": list[float32](3, 5, 3, 0.5)}},
		{"Pow/floatInt", "float[4] a, int64[4] b", "float[4] y", "y = Pow(a, b)", 17, feeds{"a": list[float32](-3, 0, 2, 0.5), "b": list[int64](3, 0, -2, 10)}},
		{"Pow/long", "int64[3] a, int64[3] b", "int64[3] y", "y = Pow(a, b)", 17, feeds{"a": list[int64](3, -3, 2), "b": list[int64](39, 3, 40)}},
		{"Max/int", "int64[3] a, int64[2,1] b", "int64[2,3] y", "y = Max(a, b)", 17, feeds{"a": list[int64](-3, 5, 2), "b": graphsurgery.NewTensor([]int64{2, 1}, []int64{1, 4})}},
		{"Min/uint", "uint64[3] a, uint64[3] b", "uint64[3] y", "y = Min(a, b)", 17, feeds{"a": unsigned(graphsurgery.Uint64, 1, 1<<63, 7), "b": unsigned(graphsurgery.Uint64, 2, 5, 1<<62)}},
		{"Max/nan", "float[4] a, float[4] b", "float[4] y", "y = Max(a, b)", 17, feeds{"a": list(float32(math.NaN()), 1, -1, 2), "b": list[float32](1, float32(math.NaN()), 3, 2)}},
		{"Clip/crossed", "float[3] x, float[] a, float[] b", "float[3] y", "y = Clip(x, a, b)", 17, feeds{"x": list[float32](-1, 0, 9), "a": scalarOf[float32](4), "b": scalarOf[float32](2)}},
		{"Clip/int8", "int8[4] x", "int8[4] y", "a = Constant<value = int8 {-2}>()\ny = Clip(x, a)", 17, feeds{"x": list[int8](-128, -3, 3, 127)}},
		{"Less/uint64", "uint64[2] a, uint64[2] b", "bool[2] y", "y = Less(a, b)", 17, feeds{"a": unsigned(graphsurgery.Uint64, 1<<63, 1), "b": unsigned(graphsurgery.Uint64, 1, 1<<63)}},
		{"Where/uint8", "bool[3] k, uint8[3] a, uint8[1] b", "uint8[3] y", "y = Where(k, a, b)", 17, feeds{"k": list(true, false, true), "a": list[uint8](1, 2, 3), "b": list[uint8](200)}},
		{"BitShift/wide", "uint32[3] a, uint32[3] b", "uint32[3] y", `y = BitShift<direction = "LEFT">(a, b)`, 17, feeds{"a": unsigned(graphsurgery.Uint32, 1, 3, 1<<31), "b": unsigned(graphsurgery.Uint32, 31, 4, 1)}},
		{"ReduceMean/int32", "int32[2,3] x", "int32[2] y", "y = ReduceMean<axes = [1], keepdims = 0>(x)", 17, feeds{"x": twoRows[int32](1, 2, 5, -1, -2, -5)}},
		{"ReduceL2/int32", "int32[2,3] x", "int32[2] y", "y = ReduceL2<axes = [1], keepdims = 0>(x)", 17, feeds{"x": twoRows[int32](3, 4, 0, 1, 1, 1)}},
		{"ReduceMax/uint8", "uint8[2,3] x", "uint8[3] y", "y = ReduceMax<axes = [0], keepdims = 0>(x)", 17, feeds{"x": twoRows[uint8](1, 200, 3, 255, 0, 2)}},
		{"ReduceMin/int8", "int8[2,3] x", "int8[1,1] y", "y = ReduceMin(x)", 17, feeds{"x": twoRows[int8](1, -128, 3, 127, 0, 2)}},
		{"ReduceProd/int64", "int64[2,3] x", "int64[2,1] y", "y = ReduceProd<axes = [-1]>(x)", 17, feeds{"x": twoRows[int64](3, -4, 5, 1<<40, 2, 3)}},
		{"ReduceLogSumExp/inf", "float[2,3] x", "float[2] y", "y = ReduceLogSumExp<axes = [1], keepdims = 0>(x)", 17, feeds{"x": twoRows(float32(math.Inf(-1)), 500, 499, 1, float32(math.Inf(1)), 0)}},
		{"ArgMax/ties", "int32[2,4] x", "int64[2,1] y", "y = ArgMax<axis = -1>(x)", 17, feeds{"x": twoRows[int32](1, 5, 5, 2, 7, 7, 7, 7)}},
		{"ArgMin/last", "float[2,4] x", "int64[4] y", "y = ArgMin<axis = 0, keepdims = 0, select_last_index = 1>(x)", 17, feeds{"x": twoRows[float32](1, 5, 5, 2, 1, 4, 6, 2)}},
		{"TopK/ties", "int64[2,4] x", "int64[2,3] y, int64[2,3] i", "k = Constant<value_ints = [3]>()\ny, i = TopK<largest = 0>(x, k)", 17, feeds{"x": twoRows[int64](4, 1, 4, 1, 2, 2, 2, 2)}},
		{"TopK/axis", "float[2,4] x", "float[1,4] y, int64[1,4] i", "k = Constant<value_ints = [1]>()\ny, i = TopK<axis = 0>(x, k)", 17, nil},
		{"CumSum/int", "int32[2,3] x", "int32[2,3] y", "a = Constant<value_int = 1>()\ny = CumSum<exclusive = 1, reverse = 1>(x, a)", 17, feeds{"x": twoRows[int32](1, 2, 3, 4, 5, 6)}},
		{"ScatterElements/add", "float[4] x, int64[6] i, float[6] u", "float[4] y", `y = ScatterElements<reduction = "add">(x, i, u)`, 18, feeds{"i": list[int64](0, 3, -1, 0, 0, 2)}},
		{"ScatterElements/mul", "float[4] x, int64[6] i, float[6] u", "float[4] y", `y = ScatterElements<reduction = "mul">(x, i, u)`, 18, feeds{"i": list[int64](0, 3, -1, 0, 0, 2)}},
		{"ScatterElements/last", "float[4] x, int64[6] i, float[6] u", "float[4] y", `y = ScatterElements(x, i, u)`, 18, feeds{"i": list[int64](0, 3, -1, 0, 0, 2)}},
		{"ScatterElements/int32index", "int64[2,3] x, int32[1,3] i, int64[1,3] u", "int64[2,3] y", `y = ScatterElements(x, i, u)`, 18, feeds{"x": twoRows[int64](1, 2, 3, 4, 5, 6), "i": graphsurgery.NewTensor([]int64{1, 3}, []int32{1, 0, -1}), "u": graphsurgery.NewTensor([]int64{1, 3}, []int64{7, 8, 9})}},
		{"ScatterND/max", "int64[4] x, int64[3,1] i, int64[3] u", "int64[4] y", `y = ScatterND<reduction = "max">(x, i, u)`, 18, feeds{"x": list[int64](1, 2, 3, 4), "i": graphsurgery.NewTensor([]int64{3, 1}, []int64{1, 1, -1}), "u": list[int64](5, 9, 0)}},
		{"Scatter", "float[2,3] x, int64[1,3] i, float[1,3] u", "float[2,3] y", "y = Scatter<axis = 0>(x, i, u)", 10, feeds{"i": graphsurgery.NewTensor([]int64{1, 3}, []int64{1, 0, 1})}},
		{"GatherND/batch", "float[2,3,2] x, int64[2,1] i", "float[2,2] y", "y = GatherND<batch_dims = 1>(x, i)", 17, feeds{"i": graphsurgery.NewTensor([]int64{2, 1}, []int64{-1, 0})}},
		{"OneHot/float", "float[3] i, float[2] v", "float[3,4] y", "d = Constant<value_float = 4.0>()\ny = OneHot(i, d, v)", 17, feeds{"i": list[float32](-1, 2, 9)}},
		{"Trilu/bool", "bool[2,3] x", "bool[2,3] y", "y = Trilu<upper = 0>(x)", 17, feeds{"x": twoRows(true, true, true, true, true, true)}},
		{"EyeLike", "float[2,3] x", "int32[2,3] y", "y = EyeLike<dtype = 6, k = 1>(x)", 17, nil},
		{"Pad/reflectLong", "float[4] x", "float[10] y", "p = Constant<value_ints = [3, 3]>()\ny = Pad<mode = \"reflect\">(x, p)", 17, nil},
		{"Pad/edgeInt", "int64[2,3] x", "int64[4,5] y", "p = Constant<value_ints = [1, 2, 1, 0]>()\ny = Pad<mode = \"edge\">(x, p)", 17, feeds{"x": twoRows[int64](1, 2, 3, 4, 5, 6)}},
		{"Pad/cut", "float[3,4] x", "float[2,5] y", "p = Constant<value_ints = [-1, 2, 0, -1]>()\ny = Pad(x, p)", 17, nil},
		{"Pad/opset2", "float[2,3] x", "float[3,5] y", "y = Pad<mode = \"constant\", pads = [1, 0, 0, 2], value = 1.5>(x)", 10, nil},
		{"Slice/opset1", "float[4,5] x", "float[2,3] y", "y = Slice<starts = [1, -4], ends = [3, 9223372036854775807], axes = [0, 1]>(x)\n", 9, nil},
		{"ReverseSequence", "float[4,2,3] x, int64[2] n", "float[4,2,3] y", "y = ReverseSequence(x, n)", 17, feeds{"n": list[int64](4, 2)}},
		{"Mean", "float[2,3] a, float[3] b, float[1] c", "float[2,3] y", "y = Mean(a, b, c)", 17, nil},
		{"PRelu", "float[2,3,2] a, float[3,1] b", "float[2,3,2] y", "y = PRelu(a, b)", 17, nil},
		{"Hardmax", "float[2,4] x", "float[2,4] y", "y = Hardmax(x)", 17, feeds{"x": twoRows[float32](1, 5, 5, 2, 7, 7, 7, 7)}},
		{"Hardmax/opset11", "float[2,2,2] x", "float[2,2,2] y", "y = Hardmax(x)", 11, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			compareORT(t, fmt.Sprintf(`<ir_version: 8, opset_import: ["" : %d]> g (%s) => (%s) { %s }`, c.opset, c.inputs, c.outputs, c.nodes), c.feeds)
		})
	}
}
