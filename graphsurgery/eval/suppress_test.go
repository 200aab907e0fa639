package eval_test

import (
	"slices"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

func TestNonMaxSuppression(t *testing.T) {
	const none = -1
	// Boxes 0 and 1 cover two thirds of both together, 2 is apart, 3 has no area.
	boxes := []float32{0, 0, 1, 1, 1, 1.2, 0, 0.2, 5, 5, 6, 6, 0, 0, 0, 1}
	cases := []struct {
		name           string
		scores         []float32 // of one class
		most           int64
		overlap, least float32
		want           []int64 // boxes
	}{
		{"all apart enough", []float32{.1, .2, .3, .4}, 9, 0.7, none, []int64{3, 2, 1, 0}},
		{"the lower score goes", []float32{.1, .2, .3, .4}, 9, 0.6, none, []int64{3, 2, 1}},
		{"equal scores in order", []float32{.5, .5, .5, .5}, 9, 0.5, none, []int64{0, 2, 3}},
		{"no more than asked", []float32{.1, .2, .3, .4}, 2, 0.7, none, []int64{3, 2}},
		{"by default none", []float32{.1, .2, .3, .4}, 0, 0.7, none, nil},
		{"a score equal to the least is too low", []float32{.25, .5, .75, .125}, 9, 0.7, 0.5, []int64{2}},
	}
	for _, c := range cases {
		in := []*gs.Tensor{f32([]int64{1, 4, 4}, boxes...), f32([]int64{1, 1, 4}, c.scores...), i64(c.most), f32([]int64{1}, c.overlap)}
		if c.least != none {
			in = append(in, f32([]int64{1}, c.least))
		}
		got, err := run(t, 11, "NonMaxSuppression", nil, 1, in...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		rows, err := got[0].Int64s()
		if err != nil {
			t.Fatal(err)
		}
		var want []int64
		for _, i := range c.want {
			want = append(want, 0, 0, i)
		}
		if !slices.Equal(rows, want) || !slices.Equal(got[0].Shape(), []int64{int64(len(c.want)), 3}) {
			t.Errorf("%s: got %v of shape %v, want %v", c.name, rows, got[0].Shape(), want)
		}
	}
}
