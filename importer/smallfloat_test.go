package importer_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestSmallFloatsRoundTrip casts every number of each small type to float32 and back,
// and every code must come back as it was. (NaNs may lose what they carry.)
func TestSmallFloatsRoundTrip(t *testing.T) {
	types := []struct {
		dtype graphsurgery.DType
		nans  []byte // codes that come back as another NaN
	}{
		{graphsurgery.Float8E4M3FN, []byte{0xff}}, {graphsurgery.Float8E4M3FNUZ, nil},
		{graphsurgery.Float8E5M2, []byte{0x7d, 0x7f, 0xfd, 0xfe, 0xff}}, {graphsurgery.Float8E5M2FNUZ, nil},
		{graphsurgery.Float4E2M1, nil}, {graphsurgery.Float8E8M0, nil},
	}
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		for _, test := range types {
			codes := make([]uint8, 1<<test.dtype.Bits())
			for i := range codes {
				codes[i] = uint8(i)
			}
			p := loadText(t, fmt.Sprintf(`<ir_version: 11, opset_import: ["": 24]> g (%s[n] x) => (%s[n] y) {
				f = Cast<to = 1>(x)
				y = Cast<to = %d, saturate = 0>(f)
			}`, onnxName(test.dtype), onnxName(test.dtype), test.dtype), importer.Options{})
			got, err := newRunner(t, p, b).Run(map[string]*tensors.Tensor{"x": tensors.FromValue(codes)})
			if err != nil {
				t.Fatalf("%s: %v", test.dtype, err)
			}
			back := got["y"].Value().([]uint8)
			for i, code := range back {
				subnormal := test.dtype == graphsurgery.Float8E8M0 && i == 0 // 2^-127, which backends may flush to zero
				if int(code) != i && !slices.Contains(test.nans, byte(i)) && !subnormal {
					t.Errorf("%s: code %#02x comes back as %#02x", test.dtype, i, code)
				}
			}
		}
	})
}

// onnxName is a type in ONNX's text syntax.
func onnxName(d graphsurgery.DType) string {
	return map[graphsurgery.DType]string{
		graphsurgery.Float8E4M3FN: "float8e4m3fn", graphsurgery.Float8E4M3FNUZ: "float8e4m3fnuz", graphsurgery.Float8E5M2: "float8e5m2",
		graphsurgery.Float8E5M2FNUZ: "float8e5m2fnuz", graphsurgery.Float4E2M1: "float4e2m1", graphsurgery.Float8E8M0: "float8e8m0",
	}[d]
}

// TestSmallFloatsRound compares with the numbers nearest by hand: E4M3FN has 8 steps
// an octave, and 448 is its largest.
func TestSmallFloatsRound(t *testing.T) {
	x := []float32{1.0625, 1.1875, -1.0625, 464, 465, 0.0009765625, 0.0009765626, 1e9}
	want := []float32{1, 1.25, -1, 448, 448, 0, 0.001953125, 448} // ties to the even code
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		p := loadText(t, `<ir_version: 10, opset_import: ["": 21]> g (float[8] x) => (float[8] y) {
			c = Cast<to = 17>(x)
			y = Cast<to = 1>(c)
		}`, importer.Options{})
		got, err := newRunner(t, p, b).Run(map[string]*tensors.Tensor{"x": tensors.FromValue(x)})
		if err != nil {
			t.Fatal(err)
		}
		if y := got["y"].Value().([]float32); !slices.Equal(y, want) {
			t.Errorf("got %v, want %v", y, want)
		}
	})
}

// TestSmallFloatGradient: a gradient passes through the rounding unchanged.
func TestSmallFloatGradient(t *testing.T) {
	p := loadText(t, `<ir_version: 10, opset_import: ["": 21]> g (float[3] x, float[3] w) => (float[3] y) {
		c = Cast<to = 17>(x)
		f = Cast<to = 1>(c)
		y = Mul(f, w)
	}`, importer.Options{})
	got := run(t, backend(t, "go"), model.NewStore(), func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		y := p.Call(scope, map[string]*graph.Node{"x": in[0], "w": in[1]})
		return graph.Gradient(graph.ReduceAllSum(y[0]), in[0])
	}, []any{vector(1.01, -2.3, 300), vector(4, 5, 6)})
	if want := []float64{4, 5, 6}; !slices.Equal(flat(t, got[0]), want) {
		t.Errorf("got %v, want %v", flat(t, got[0]), want)
	}
}
