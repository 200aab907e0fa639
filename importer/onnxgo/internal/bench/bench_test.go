package main

import "testing"

// Both back ends must compute the same, or their times say nothing.
func TestMeasure(t *testing.T) {
	for _, n := range []network{
		{"convolutional", []int{1, 1, 28, 28}, 8, convolutional},
		{"perceptron", []int{2, 784}, 9, perceptron},
	} {
		f, err := measure(n, "go", 1)
		if err != nil {
			t.Fatal(err)
		}
		// Sums of up to 784 float32 products in different orders.
		if f.difference > 1e-5*f.largest || f.largest == 0 {
			t.Errorf("%s: outputs up to %v differ by up to %v", n.name, f.largest, f.difference)
		}
		if len(f.ours) != 1 || len(f.theirs) != 1 || f.ours[0].time <= 0 || f.theirs[0].processor <= 0 {
			t.Errorf("%s: got times %v and %v, want one of each", n.name, f.ours, f.theirs)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{0.003, 0.001, 0.002}, "2 ms (1 to 3)"},
		{[]float64{0.004, 0.001, 0.002, 0.003}, "2.5 ms (1 to 4)"},
	} {
		if got := spread(c.values, 1e3, " ms"); got != c.want {
			t.Errorf("%v: got %q, want %q", c.values, got, c.want)
		}
	}
}
