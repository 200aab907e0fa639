package finetune

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Numbers worked out by hand: labels a a a b b c, answers a a b b a a.
func TestMetrics(t *testing.T) {
	tl := newTally([]string{"a", "b", "c"})
	hot := func(k int) []float32 {
		x := make([]float32, 3)
		x[k] = 2
		return x
	}
	for _, c := range [][2]int{{0, 0}, {0, 0}, {0, 1}, {1, 1}, {1, 0}, {2, 0}} {
		tl.add(hot(c[1]), c[0])
	}
	m := tl.metrics()
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 { // float64 sums of six terms
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("accuracy", m.Accuracy, 3.0/6)
	z := math.Log(math.Exp(2) + 2)
	near("loss", m.Loss, (3*(z-2)+3*z)/6)
	near("precision of a", m.PerClass[0].Precision, 2.0/4)
	near("recall of a", m.PerClass[0].Recall, 2.0/3)
	near("F1 of a", m.PerClass[0].F1, 4.0/7)
	near("precision of b", m.PerClass[1].Precision, 1.0/2)
	near("recall of c", m.PerClass[2].Recall, 0)
	near("macro F1", m.MacroF1, (4.0/7+2.0/4+0)/3)
	near("chance", m.Chance(), 3.0/6)
	if m.Confusion[0][1] != 1 || m.Confusion[2][0] != 1 || m.Confusion[2][2] != 0 {
		t.Errorf("confusion %v", m.Confusion)
	}
}

// Wilson's interval against the values of R's prop.test(correct = FALSE):
// 8 of 10 gives 0.4901625–0.9433178, 0 of 10 gives 0–0.2775328.
func TestInterval(t *testing.T) {
	for _, c := range []struct {
		accuracy, low, high float64
	}{{0.8, 0.4901625, 0.9433178}, {0, 0, 0.2775328}} {
		low, high := Metrics{N: 10, Accuracy: c.accuracy}.Interval()
		if math.Abs(low-c.low) > 1e-7 || math.Abs(high-c.high) > 1e-7 { // the printed digits
			t.Errorf("interval of %v is %v–%v, want %v–%v", c.accuracy, low, high, c.low, c.high)
		}
	}
}

func TestMetricsSayWhenTheyAreChance(t *testing.T) {
	chance := Metrics{N: 40, Accuracy: 0.5, PerClass: []ClassMetrics{{N: 20}, {N: 20}}}
	if !strings.Contains(chance.String(), "not distinguishable from always answering the most frequent label (50.0 %)") {
		t.Errorf("%q does not say that this is chance", chance)
	}
	good := Metrics{N: 40, Accuracy: 0.9, PerClass: []ClassMetrics{{N: 20}, {N: 20}}}
	if strings.Contains(good.String(), "not distinguishable") {
		t.Errorf("%q says that this is chance", good)
	}
}

// The compiled loss against the host's in float64, over padded rows and large
// logits. 1e-6 relative: float32 sums over 7 classes and 5 rows.
func TestMaskedCrossEntropy(t *testing.T) {
	const rows, classes = 5, 7
	rng := rand.New(rand.NewPCG(1, 2))
	logits := make([]float32, rows*classes)
	for i := range logits {
		logits[i] = float32(30 * rng.NormFloat64())
	}
	labels, mask := []int32{0, 6, 3, 3, 1}, []float32{1, 1, 0, 1, 0}
	want, n := 0.0, 0.0
	for r := range rows {
		if mask[r] == 1 {
			want += crossEntropy(logits[r*classes:(r+1)*classes], int(labels[r]))
			n++
		}
	}
	want /= n
	onEach(t, func(t *testing.T, b compute.Backend) {
		out, err := graph.CallOnceN(b, func(x, l, m *graph.Node) []*graph.Node {
			loss := maskedCrossEntropy(x, l, m)
			return []*graph.Node{loss, graph.Gradient(loss, x)[0]}
		}, tensors.FromFlatDataAndDimensions(logits, rows, classes), labels, mask)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(tensors.ToScalar[float32](out[0])); math.Abs(got-want) > 1e-6*want {
			t.Errorf("loss %v, want %v", got, want)
		}
		// The gradient is (softmax − one-hot)·mask/n; 1e-6 for float32 exponentials.
		grad := tensors.MustCopyFlatData[float32](out[1])
		for r := range rows {
			p := softmax(logits[r*classes : (r+1)*classes])
			p[labels[r]]--
			for k := range p {
				if d := math.Abs(float64(grad[r*classes+k]) - float64(p[k]*mask[r])/n); d > 1e-6 {
					t.Errorf("gradient of row %d, class %d is off by %g", r, k, d)
				}
			}
		}
	})
}

func TestArgmaxIgnoresNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		x    []float32
		want int
	}{{[]float32{1, 3, 3}, 1}, {[]float32{nan, -1, -2}, 1}, {[]float32{-1, nan, 2}, 2}} {
		if got := argmax(c.x); got != c.want {
			t.Errorf("argmax of %v is %d, want %d", c.x, got, c.want)
		}
	}
}
