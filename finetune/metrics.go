package finetune

import (
	"fmt"
	"math"
	"strings"
)

// Metrics is how well a model names the labels of N recordings.
type Metrics struct {
	N         int            `json:"n"`
	Accuracy  float64        `json:"accuracy"` // share of right answers, 0–1
	Loss      float64        `json:"loss"`     // mean cross-entropy in nats
	MacroF1   float64        `json:"macro_f1"` // mean F1 over the labels that occur
	PerClass  []ClassMetrics `json:"per_class,omitempty"`
	Confusion [][]int        `json:"confusion,omitempty"` // [label][answer] counts
}

// ClassMetrics is the part of [Metrics] that concerns one label. Precision and
// recall are 0 where they are undefined (no answer, or no recording, of the label).
type ClassMetrics struct {
	Label     string  `json:"label"`
	N         int     `json:"n"`         // recordings with this label
	Precision float64 `json:"precision"` // share of right ones among answers of this label
	Recall    float64 `json:"recall"`    // share found of this label's recordings
	F1        float64 `json:"f1"`        // harmonic mean of both
}

// Interval is the 95 % Wilson score interval of the accuracy: what other
// recordings of the same kind would plausibly give.
func (m Metrics) Interval() (low, high float64) {
	if m.N == 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	n, p := float64(m.N), m.Accuracy
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, centre-half), min(1, centre+half)
}

// Chance is the accuracy of always naming the most frequent label.
func (m Metrics) Chance() float64 {
	most := 0
	for _, c := range m.PerClass {
		most = max(most, c.N)
	}
	if m.N == 0 {
		return 0
	}
	return float64(most) / float64(m.N)
}

// String gives one line: accuracy with its interval, loss, and a plain warning
// where the accuracy cannot be told from chance.
func (m Metrics) String() string {
	low, high := m.Interval()
	var b strings.Builder
	fmt.Fprintf(&b, "accuracy %.1f %% (95 %% interval %.1f–%.1f), loss %.4f, %s", 100*m.Accuracy, 100*low, 100*high, m.Loss, plural(m.N, "recording"))
	if c := m.Chance(); len(m.PerClass) > 1 && low <= c {
		fmt.Fprintf(&b, "; not distinguishable from always answering the most frequent label (%.1f %%)", 100*c)
	}
	return b.String()
}

// plural gives "1 word" or "n words".
func plural(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// tally gathers answers into Metrics.
type tally struct {
	labels    []string
	confusion [][]int
	loss      float64
	n, right  int
	notFinite int // the first recording whose loss is not finite, counted from 0; -1: none
}

func newTally(labels []string) *tally {
	t := &tally{labels: labels, notFinite: -1, confusion: make([][]int, len(labels))}
	for i := range t.confusion {
		t.confusion[i] = make([]int, len(labels))
	}
	return t
}

// add counts one recording's logits.
func (t *tally) add(logits []float32, label int) {
	answer := argmax(logits)
	t.confusion[label][answer]++
	loss := crossEntropy(logits, label)
	if t.notFinite < 0 && !isFinite(loss) {
		t.notFinite = t.n
	}
	t.loss += loss
	t.n++
	if answer == label {
		t.right++
	}
}

func (t *tally) metrics() Metrics {
	m := Metrics{N: t.n, Confusion: t.confusion}
	if t.n > 0 {
		m.Accuracy = float64(t.right) / float64(t.n)
		m.Loss = t.loss / float64(t.n)
	}
	occurring := 0
	for k, label := range t.labels {
		c := ClassMetrics{Label: label}
		answers := 0
		for j := range t.labels {
			c.N += t.confusion[k][j]
			answers += t.confusion[j][k]
		}
		hit := float64(t.confusion[k][k])
		if answers > 0 {
			c.Precision = hit / float64(answers)
		}
		if c.N > 0 {
			c.Recall = hit / float64(c.N)
		}
		if c.N+answers > 0 {
			c.F1 = 2 * hit / float64(c.N+answers)
		}
		if c.N > 0 {
			occurring++
			m.MacroF1 += c.F1
		}
		m.PerClass = append(m.PerClass, c)
	}
	if occurring > 0 {
		m.MacroF1 /= float64(occurring)
	}
	return m
}

// argmax is the index of the largest value, the first of equals; NaN never wins.
func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] || x[best] != x[best] && v == v {
			best = i
		}
	}
	return best
}

// crossEntropy is −log softmax(logits)[label] in nats, in float64.
func crossEntropy(logits []float32, label int) float64 {
	return logSumExp(logits) - float64(logits[label])
}

func logSumExp(x []float32) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// softmax turns logits into probabilities.
func softmax(logits []float32) []float32 {
	z := logSumExp(logits)
	p := make([]float32, len(logits))
	for i, v := range logits {
		p[i] = float32(math.Exp(float64(v) - z))
	}
	return p
}
