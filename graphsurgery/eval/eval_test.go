package eval_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/eval"
)

// empty is a model without nodes (IR version 8), as its protobuf bytes.
func empty(opset byte) []byte {
	return []byte{0x08, 8, 0x3a, 3, 0x12, 1, 'g', 0x42, 2, 0x10, opset}
}

// run computes one node of that opset on constant tensors.
func run(t *testing.T, opset byte, op string, attrs gs.Attrs, outputs int, in ...*gs.Tensor) ([]*gs.Tensor, error) {
	t.Helper()
	n, err := node(t, opset, op, attrs, outputs, in)
	if err != nil {
		t.Fatal(err)
	}
	return eval.Node(n, in, eval.Limits{})
}

// node makes a model of one node, whose inputs the caller feeds: the model does
// not say what they hold, so that nodes which do not fit them can be made.
func node(t *testing.T, opset byte, op string, attrs gs.Attrs, outputs int, in []*gs.Tensor) (*gs.Node, error) {
	t.Helper()
	m, err := gs.Parse(empty(opset))
	if err != nil {
		t.Fatal(err)
	}
	p := m.NewPatch("case")
	operands := []gs.Operand{attrs, gs.Outputs(outputs)}
	for i, x := range in {
		operands = append(operands, p.AddInput(string(rune('a'+i)), gs.Type{DType: x.DType()}))
	}
	p.Add(op, operands...)
	if err := p.Apply(); err != nil {
		return nil, err // the node breaks a rule that inference knows
	}
	return m.Graph.Nodes()[0], nil
}

func f32(shape []int64, x ...float32) *gs.Tensor { return gs.NewTensor(shape, x) }
func i64(x ...int64) *gs.Tensor                  { return gs.NewTensor([]int64{int64(len(x))}, x) }

// Each operator's meaning depends on the version; node tests know the newest only.
func TestVersions(t *testing.T) {
	x := f32([]int64{2, 3}, 1, 2, 3, 4, 5, 6)
	cases := []struct {
		name  string
		opset byte
		op    string
		attrs gs.Attrs
		in    []*gs.Tensor
		want  *gs.Tensor
	}{
		{"Squeeze by attribute", 11, "Squeeze", gs.Attrs{"axes": []int{0}}, []*gs.Tensor{f32([]int64{1, 2}, 1, 2)}, f32([]int64{2}, 1, 2)},
		{"Squeeze by input", 13, "Squeeze", nil, []*gs.Tensor{f32([]int64{1, 2}, 1, 2), i64(0)}, f32([]int64{2}, 1, 2)},
		{"Unsqueeze by attribute", 11, "Unsqueeze", gs.Attrs{"axes": []int{0, 2}}, []*gs.Tensor{f32([]int64{2}, 1, 2)}, f32([]int64{1, 2, 1}, 1, 2)},
		{"Slice by attributes", 9, "Slice", gs.Attrs{"starts": []int{1}, "ends": []int{9}, "axes": []int{1}}, []*gs.Tensor{x}, f32([]int64{2, 2}, 2, 3, 5, 6)},
		{"Slice backwards", 13, "Slice", nil, []*gs.Tensor{x, i64(-1), i64(math.MinInt64), i64(1), i64(-2)}, f32([]int64{2, 2}, 3, 1, 6, 4)},
		{"Softmax flattens before 13", 12, "Softmax", gs.Attrs{"axis": 0}, []*gs.Tensor{f32([]int64{2, 2}, 0, 0, 0, 0)}, f32([]int64{2, 2}, .25, .25, .25, .25)},
		{"Softmax by axis from 13", 13, "Softmax", gs.Attrs{"axis": 0}, []*gs.Tensor{f32([]int64{2, 2}, 0, 0, 0, 0)}, f32([]int64{2, 2}, .5, .5, .5, .5)},
		{"ReduceSum by attribute", 11, "ReduceSum", gs.Attrs{"axes": []int{1}, "keepdims": 0}, []*gs.Tensor{x}, f32([]int64{2}, 6, 15)},
		{"ReduceMean by input", 18, "ReduceMean", gs.Attrs{"keepdims": 0}, []*gs.Tensor{x, i64(-1)}, f32([]int64{2}, 2, 5)},
		{"Clip by attributes", 6 + 1, "Clip", gs.Attrs{"min": float32(2), "max": float32(5)}, []*gs.Tensor{x}, f32([]int64{2, 3}, 2, 2, 3, 4, 5, 5)},
		{"Pad by attributes", 10, "Pad", gs.Attrs{"pads": []int{0, 1, 0, 0}, "value": float32(9)}, []*gs.Tensor{x}, f32([]int64{2, 4}, 9, 1, 2, 3, 9, 4, 5, 6)},
		{"TopK by attribute", 9, "TopK", gs.Attrs{"k": 1}, []*gs.Tensor{x}, f32([]int64{2, 1}, 3, 6)},
		{"Shape from start", 15, "Shape", gs.Attrs{"start": -1}, []*gs.Tensor{x}, i64(3)},
		{"Div truncates", 13, "Div", nil, []*gs.Tensor{i64(-7, 7), i64(2, -2)}, i64(-3, -3)},
		{"Mod has the divisor's sign", 13, "Mod", nil, []*gs.Tensor{i64(-7, 7), i64(3, -3)}, i64(2, -2)},
		{"integers wrap", 13, "Cast", gs.Attrs{"to": int(gs.Int8)}, []*gs.Tensor{i64(300, -129)}, gs.NewTensor([]int64{2}, []int8{44, 127})},
		{"Reshape keeps 0 with allowzero", 14, "Reshape", gs.Attrs{"allowzero": 1}, []*gs.Tensor{f32([]int64{0, 3}), i64(3, 0)}, f32([]int64{3, 0})},
		{"Range of integers", 11, "Range", nil, []*gs.Tensor{gs.NewTensor([]int64{}, []int64{5}), gs.NewTensor([]int64{}, []int64{0}), gs.NewTensor([]int64{}, []int64{-2})}, i64(5, 3, 1)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			outputs := 1
			if c.op == "TopK" {
				outputs = 2
			}
			got, err := run(t, c.opset, c.op, c.attrs, outputs, c.in...)
			if err != nil {
				t.Fatal(err)
			}
			if err := same(got[0], c.want); err != nil {
				t.Error(err)
			}
		})
	}
}

// What ONNX leaves open, and what is too large, is refused, not guessed.
func TestRefusals(t *testing.T) {
	cases := []struct {
		name  string
		op    string
		attrs gs.Attrs
		in    []*gs.Tensor
	}{
		{"an unknown operator", "Conv", nil, []*gs.Tensor{f32([]int64{1, 1, 1}, 1), f32([]int64{1, 1, 1}, 1)}},
		{"a float outside the integers", "Cast", gs.Attrs{"to": int(gs.Int8)}, []*gs.Tensor{f32([]int64{1}, 128)}},
		{"NaN as integer", "Cast", gs.Attrs{"to": int(gs.Int64)}, []*gs.Tensor{f32([]int64{1}, float32(math.NaN()))}},
		{"an integer divided by zero", "Div", nil, []*gs.Tensor{i64(1), i64(0)}},
		{"a huge result", "ConstantOfShape", nil, []*gs.Tensor{i64(1<<40, 1<<40)}},
		{"a huge result hidden by a zero", "ConstantOfShape", nil, []*gs.Tensor{i64(0, 1<<40)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := run(t, 17, c.op, c.attrs, 1, c.in...)
			var unsupported *gs.UnsupportedError
			if !errors.As(err, &unsupported) {
				t.Errorf("got %v, want an UnsupportedError", err)
			}
		})
	}
}

// Every binary16 value survives the way through float64, and ties go to even.
func TestHalfRounding(t *testing.T) {
	raw := make([]byte, 0, 2<<16)
	for h := range 1 << 16 {
		raw = append(raw, byte(h), byte(h>>8))
	}
	all, err := gs.NewTensorRaw(gs.Float16, []int64{1 << 16}, raw)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := run(t, 17, "Cast", gs.Attrs{"to": int(gs.Double)}, 1, all)
	if err != nil {
		t.Fatal(err)
	}
	back, err := run(t, 17, "Cast", gs.Attrs{"to": int(gs.Float16)}, 1, wide[0])
	if err != nil {
		t.Fatal(err)
	}
	got, _ := back[0].Raw()
	for h := range 1 << 16 {
		g := int(got[2*h]) | int(got[2*h+1])<<8
		if nan := h&0x7fff > 0x7c00; !nan && g != h || nan && g&0x7fff <= 0x7c00 {
			t.Fatalf("half %#04x came back as %#04x", h, g)
		}
	}
	rounded, err := run(t, 17, "Cast", gs.Attrs{"to": int(gs.Float16)}, 1,
		gs.NewTensor([]int64{7}, []float64{1 + 0x1p-11, 1 + 3*0x1p-11, 65519, 65520, 0x1p-25, 0x1.8p-24, -1 - 0x1p-11 - 0x1p-40}))
	if err != nil {
		t.Fatal(err)
	}
	half, _ := rounded[0].Float32s()
	want := []float32{1, 1 + 0x1p-9, 65504, float32(math.Inf(1)), 0, 0x1p-23, -1 - 0x1p-10}
	if !slices.Equal(half, want) {
		t.Errorf("got %v, want %v", half, want)
	}
}

func TestBFloatRounding(t *testing.T) {
	out, err := run(t, 17, "Cast", gs.Attrs{"to": int(gs.BFloat16)}, 1,
		gs.NewTensor([]int64{5}, []float64{1 + 0x1p-8, 1 + 3*0x1p-8, 1 + 0x1p-8 + 0x1p-40, math.MaxFloat32, -0x1p-133}))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := out[0].Float32s()
	want := []float32{1, 1 + 0x1p-6, 1 + 0x1p-7, float32(math.Inf(1)), -0x1p-133}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// fuzzed names operators, and of each the attributes that its newest version has.
var fuzzed = []struct {
	op      string
	attrs   string
	outputs int
}{
	{"Reshape", "allowzero", 1}, {"Slice", "", 1}, {"Gather", "axis", 1}, {"GatherND", "batch_dims", 1}, {"GatherElements", "axis", 1},
	{"ScatterND", "", 1}, {"ScatterElements", "axis", 1}, {"Pad", "", 1}, {"Tile", "", 1}, {"Expand", "", 1}, {"TopK", "axis", 2}, {"Split", "axis", 2},
	{"Squeeze", "", 1}, {"Unsqueeze", "", 1}, {"Transpose", "perm", 1}, {"Concat", "axis", 1}, {"ReduceSum", "keepdims", 1}, {"ReduceMax", "keepdims", 1},
	{"ArgMax", "axis", 1}, {"CumSum", "reverse", 1}, {"OneHot", "axis", 1}, {"Range", "", 1}, {"Trilu", "upper", 1}, {"Softmax", "axis", 1}, {"MatMul", "", 1},
	{"Compress", "axis", 1}, {"DequantizeLinear", "axis block_size", 1}, {"LayerNormalization", "axis", 1}, {"Where", "", 1}, {"Einsum", "equation", 1},
	{"Flatten", "axis", 1}, {"Attention", "is_causal", 1}, {"Clip", "", 1}, {"DepthToSpace", "blocksize", 1}, {"ReverseSequence", "batch_axis time_axis", 1},
	{"Unique", "axis sorted", 4},
}

// FuzzNode feeds operators inputs and attributes they do not expect: a result is
// consistent, or there is an error; never a panic.
func FuzzNode(f *testing.F) {
	f.Add(byte(0), []byte{2, 3}, []byte{1, 2}, int64(1), int64(-1))
	f.Add(byte(3), []byte{0, 3, 200}, []byte{1, 0xff}, int64(7), int64(1<<40))
	f.Fuzz(func(t *testing.T, op byte, shape, index []byte, a, b int64) {
		if len(shape) > 4 || len(index) > 8 {
			return
		}
		var dims, where []int64
		n := 1
		for _, d := range shape {
			dims = append(dims, int64(d%5))
			n *= int(d % 5)
		}
		for _, x := range index {
			where = append(where, int64(int8(x)))
		}
		where = append(where, a)
		x, idx := gs.NewTensor(dims, make([]float32, n)), i64(where...)
		c := fuzzed[int(op)%len(fuzzed)]
		attrs := gs.Attrs{}
		for _, name := range strings.Fields(c.attrs) {
			attrs[name] = map[string]any{"perm": where, "equation": "ab,b->a", "block_size": b, "time_axis": b}[name]
			if attrs[name] == nil {
				attrs[name] = a
			}
		}
		for _, in := range [][]*gs.Tensor{{x, idx}, {idx, idx}, {x}, {x, idx, x}, {x, x, x}, {idx, idx, idx}, {x, idx, idx, idx}} {
			n, err := node(t, 23, c.op, attrs, c.outputs, in)
			if err != nil {
				continue // the node is not even well-formed
			}
			got, err := eval.Node(n, in, eval.Limits{})
			if err != nil {
				continue
			}
			for _, r := range got {
				if raw, err := r.Raw(); err != nil || len(raw) != int(r.Len())*r.DType().Size() {
					t.Errorf("a result of %s%v has %d bytes (%v)", r.DType(), r.Shape(), len(raw), err)
				}
			}
		}
	})
}
