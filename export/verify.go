package export

import (
	"context"
	"fmt"
	"math"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

// Logits computes a model's first output for examples, one row for each. A
// *finetune.Predictor is one, on GoMLX.
type Logits interface {
	Logits(ctx context.Context, examples [][]float32) ([][]float32, error)
}

// Report is how far two runtimes agree on the same inputs.
type Report struct {
	Inputs     int     `json:"inputs"`
	Outputs    int     `json:"outputs_each"`    // values for one input, e.g. classes
	MaxAbsDiff float64 `json:"max_abs_diff"`    // largest difference of a value, over all inputs
	Worst      int     `json:"worst_input"`     // index of the input where it occurred
	Top1Agree  int     `json:"top1_agreements"` // inputs whose largest output is at the same index
	MaxAbs     float64 `json:"max_abs"`         // largest magnitude of the second runtime's values, to judge the difference by
}

// verifyBatch is how many examples are compared at a time.
const verifyBatch = 16

// Verify computes the same examples in both runtimes and compares. Each example
// is float32, row-major, without the batch dimension. The error is of a runtime,
// or says that the outputs have different sizes.
func Verify(ctx context.Context, a, b Logits, examples [][]float32) (Report, error) {
	var r Report
	for start := 0; start < len(examples); start += verifyBatch {
		chunk := examples[start:min(start+verifyBatch, len(examples))]
		x, err := a.Logits(ctx, chunk)
		if err != nil {
			return r, fmt.Errorf("first runtime: %w", err)
		}
		y, err := b.Logits(ctx, chunk)
		if err != nil {
			return r, fmt.Errorf("second runtime: %w", err)
		}
		for i := range chunk {
			if len(x[i]) != len(y[i]) {
				return r, fmt.Errorf("the outputs have different sizes: %d values in the first runtime, %d in the second", len(x[i]), len(y[i]))
			}
			r.compare(x[i], y[i])
		}
	}
	return r, nil
}

// compare adds one example. A NaN in either counts as the largest difference.
func (r *Report) compare(x, y []float32) {
	r.Outputs = len(x)
	for j := range x {
		d := math.Abs(float64(x[j]) - float64(y[j]))
		if d > r.MaxAbsDiff || math.IsNaN(d) {
			r.MaxAbsDiff, r.Worst = d, r.Inputs
		}
		r.MaxAbs = max(r.MaxAbs, math.Abs(float64(y[j])))
	}
	if argmax(x) == argmax(y) {
		r.Top1Agree++
	}
	r.Inputs++
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// ORT computes a model's first output in ONNX Runtime.
type ORT struct {
	session *ort.Session
	in, out ort.Port
	example []int64
	adapter *ort.Adapter
}

// NewORT readies a model in ONNX Runtime. Its output is the one named logits,
// else the first. example is the shape of one example,
// without the batch dimension.
func NewORT(m *graphsurgery.Model, runtime *ort.Runtime, example ...int) (*ORT, error) {
	m = m.Clone()
	if err := m.InlineExternal(); err != nil {
		return nil, err
	}
	data, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	s, err := runtime.NewSession(data, ort.SessionOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path(), err)
	}
	if len(s.Inputs()) != 1 || len(s.Outputs()) == 0 {
		_ = s.Close() // the session was of no use
		return nil, &graphsurgery.UnsupportedError{File: m.Path(), What: fmt.Sprintf("%d inputs and %d outputs, want one input and an output", len(s.Inputs()), len(s.Outputs()))}
	}
	o := &ORT{session: s, in: s.Inputs()[0], out: s.Outputs()[0]}
	for _, out := range s.Outputs() {
		if out.Name == "logits" {
			o.out = out
		}
	}
	for _, d := range example {
		o.example = append(o.example, int64(d))
	}
	return o, nil
}

// Use makes an adapter active in the runs from now on; nil is none. It stays the
// caller's.
func (o *ORT) Use(a *ort.Adapter) { o.adapter = a }

// Logits runs the examples as one batch, or one by one where the model's batch
// size is fixed to 1.
func (o *ORT) Logits(ctx context.Context, examples [][]float32) ([][]float32, error) {
	size := len(examples)
	if len(o.in.Shape) > 0 && o.in.Shape[0] > 0 {
		size = int(o.in.Shape[0])
	}
	var rows [][]float32
	for start := 0; start < len(examples); start += size {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		got, err := o.batch(examples[start:min(start+size, len(examples))], size)
		if err != nil {
			return nil, err
		}
		rows = append(rows, got...)
	}
	return rows, nil
}

// batch runs up to size examples; the rest of a fixed-size batch is zeros.
func (o *ORT) batch(examples [][]float32, size int) ([][]float32, error) {
	width := len(examples[0])
	flat := make([]float32, 0, size*width)
	for _, x := range examples {
		flat = append(flat, x...)
	}
	flat = flat[:size*width]
	got, err := o.session.RunWith(o.adapter, map[string]ort.Tensor{o.in.Name: {Shape: append([]int64{int64(size)}, o.example...), F32: flat}})
	if err != nil {
		return nil, err
	}
	out := got[o.out.Name].F32
	classes := len(out) / size
	rows := make([][]float32, len(examples))
	for i := range rows {
		rows[i] = out[i*classes : (i+1)*classes]
	}
	return rows, nil
}

// Close frees the session.
func (o *ORT) Close() error { return o.session.Close() }
