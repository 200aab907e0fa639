package eval_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

func u64(t *testing.T, x ...uint64) *gs.Tensor {
	var raw []byte
	for _, v := range x {
		raw = binary.LittleEndian.AppendUint64(raw, v)
	}
	tensor, err := gs.NewTensorRaw(gs.Uint64, []int64{int64(len(x))}, raw)
	if err != nil {
		t.Fatal(err)
	}
	return tensor
}

// What numpy, the reference and ONNX Runtime agree on at the edges of types.
func TestEdges(t *testing.T) {
	zero := float32(math.Copysign(0, -1))
	half := uint64(1 << 63)
	cases := []struct {
		name string
		op   string
		in   *gs.Tensor
		want *gs.Tensor
	}{
		{"Sign of -0 is 0", "Sign", f32([]int64{1}, zero), f32([]int64{1}, 0)},
		{"mean of unsigned numbers beyond 63 bits", "ReduceMean", u64(t, half, half+4), u64(t, half+2)},
		{"mean of signed numbers", "ReduceMean", i64(-5, -2), i64(-3)},
	}
	for _, c := range cases {
		got, err := run(t, 17, c.op, nil, 1, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		g, _ := got[0].Digest() // to the bit
		if w, _ := c.want.Digest(); g != w {
			t.Errorf("%s: got another tensor, want %v", c.name, c.want)
		}
	}
}

func TestOneHotBelowZero(t *testing.T) {
	in := []*gs.Tensor{i64(-1), gs.NewTensor([]int64{}, []int64{2}), f32([]int64{2}, 0, 1)}
	var unsupported *gs.UnsupportedError
	if _, err := run(t, 9, "OneHot", nil, 1, in...); !errors.As(err, &unsupported) {
		t.Errorf("opset 9: got error %v, want an UnsupportedError", err)
	}
	got, err := run(t, 11, "OneHot", nil, 1, in...)
	if err != nil {
		t.Fatal(err)
	}
	if x, _ := got[0].Float32s(); len(x) != 2 || x[0] != 0 || x[1] != 1 {
		t.Errorf("opset 11: got %v, want [0 1]", x)
	}
}

// Positions are sorted, not searched for: a hundred thousand equal elements take
// milliseconds (a search for each would be 5e9 steps).
func TestTopKOfMany(t *testing.T) {
	n := int64(1 << 17)
	got, err := run(t, 11, "TopK", nil, 2, gs.NewTensor([]int64{n}, make([]float32, n)), i64(n))
	if err != nil {
		t.Fatal(err)
	}
	index, _ := got[1].Int64s()
	for i, k := range index {
		if k != int64(i) {
			t.Fatalf("index %d is %d, want the order of equal elements kept", i, k)
		}
	}
}
