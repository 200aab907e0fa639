package adapterinject

import (
	"fmt"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

func TestFeaturesAt(t *testing.T) {
	tests := []struct {
		shape []int64
		want  string // axes of the mean; "none" where these are no features
	}{
		{[]int64{-1, 8}, "[]"},
		{[]int64{-1, -1, 8}, "[1]"},
		{[]int64{2, 8, 8}, "[1]"},        // as many tokens as features: tokens are in rows
		{[]int64{-1, 8, 2, 32}, "[2 3]"}, // channels first, over a grid
		{[]int64{-1, 8, 8, 3}, "none"},   // which of the two?
		{[]int64{-1, 5, 7}, "none"},      // logits of each token
		{[]int64{8}, "none"},
		{nil, "none"},
	}
	for _, test := range tests {
		var dims []gs.Dim
		for _, d := range test.shape {
			dims = append(dims, gs.Dim{Value: d})
		}
		got := "none"
		if site, ok := featuresAt(gs.Type{DType: gs.Float, Shape: dims}, nil, 8); ok {
			got = fmt.Sprint(site.mean)
		}
		if got != test.want {
			t.Errorf("%v: mean over %s, want %s", test.shape, got, test.want)
		}
	}
}

func TestMultiLabelNeedsLabels(t *testing.T) {
	if err := (Head{MultiLabel: true}).check(); err == nil {
		t.Error("multi-label without labels was accepted")
	}
}
