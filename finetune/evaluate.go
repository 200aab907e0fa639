package finetune

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// classifier answers batches of a fixed size; [engine] and [Predictor] are ones.
type classifier interface {
	// logits gives [batch size, classes] row-major; padded rows are among them.
	logits(b data.Batch) ([]float32, error)
	shape() (batch, classes int, labels []string)
}

func (e *engine) shape() (int, int, []string) { return e.batch, e.classes, e.labels }

// measure answers items in order and counts. It stops with ctx between batches.
func measure(ctx context.Context, c classifier, items []data.Item) (Metrics, error) {
	batch, classes, labels := c.shape()
	t := newTally(labels)
	b := data.NewSequence(items, batch)
	for i := range b.Len() {
		if err := ctx.Err(); err != nil {
			return Metrics{}, err
		}
		one := b.Batch(0, i)
		logits, err := c.logits(one)
		if err != nil {
			return Metrics{}, err
		}
		for r := range one.Items {
			t.add(logits[r*classes:(r+1)*classes], int(one.Labels[r]))
		}
	}
	return t.metrics(), nil
}

// evalBatch is how many recordings Evaluate answers at a time.
const evalBatch = 16

// Evaluate measures a model, trained here or not, on recordings whose features
// fit its input. Labels are those of its metadata, else numbers. The error is a
// [data.DataError] where the recordings cannot be its, or wraps ctx.Err().
func Evaluate(ctx context.Context, m *graphsurgery.Model, items []data.Item, backend compute.Backend) (Metrics, error) {
	if len(items) == 0 {
		return Metrics{}, &data.DataError{What: "there are no recordings to evaluate on"}
	}
	frames, mels, err := featureShape(m, len(items[0].Features))
	if err != nil {
		return Metrics{}, err
	}
	p, err := NewPredictor(m, frames, mels, evalBatch, backend)
	if err != nil {
		return Metrics{}, err
	}
	got, err := p.evaluate(ctx, items)
	return got, errors.Join(err, p.Close())
}

// evaluate measures items once they are seen to fit.
func (p *Predictor) evaluate(ctx context.Context, items []data.Item) (Metrics, error) {
	width := p.width()
	for _, it := range items {
		if len(it.Features) != width || it.Label < 0 || it.Label >= p.classes {
			return Metrics{}, &data.DataError{
				What: fmt.Sprintf("%s has %d features and label %d, the model takes %d features and has %d labels", it.File, len(it.Features), it.Label, width, p.classes),
				Hint: "open the recordings with the model's front end and labels",
			}
		}
	}
	return measure(ctx, p, items)
}

// featureShape finds frames and mels of items with the given number of features,
// from the model's input.
func featureShape(m *graphsurgery.Model, width int) (frames, mels int, err error) {
	ins := m.Graph.Inputs()
	if len(ins) != 1 {
		return width, 1, nil // connect says what is wrong with that
	}
	shape := ins[0].Shape()
	if n := len(shape); n >= 3 {
		for _, known := range []struct{ at, other int }{{n - 1, n - 2}, {n - 2, n - 1}} {
			d := int(shape[known.at].Value)
			if d <= 0 {
				continue
			}
			if width%d != 0 {
				return 0, 0, &data.DataError{
					What: fmt.Sprintf("the recordings have %d features, the model's input %q has %v", width, ins[0].Name(), shape),
					Hint: "open the recordings with the model's front end",
				}
			}
			if known.at == n-1 {
				return width / d, d, nil
			}
			return d, width / d, nil
		}
	}
	return width, 1, nil
}

// Predictor answers recordings with probabilities.
type Predictor struct {
	ports
	batch  int
	runner *importer.Runner
}

// NewPredictor readies a model for features of frames × mels, batch recordings at
// a time, on a backend. Errors are those of importing: see importer.Load.
func NewPredictor(m *graphsurgery.Model, frames, mels, batch int, backend compute.Backend) (*Predictor, error) {
	if shape := m.Graph.Inputs(); len(shape) == 1 && len(shape[0].Shape()) > 0 && shape[0].Shape()[0].Value > 0 {
		batch = int(shape[0].Shape()[0].Value)
	}
	p, err := connect(m, batch, frames, mels, nil)
	if err != nil {
		return nil, err
	}
	program, err := importer.Load(m, importer.Options{})
	if err != nil {
		return nil, err
	}
	runner, err := program.NewRunner(backend)
	if err != nil {
		return nil, err
	}
	return &Predictor{ports: p, batch: batch, runner: runner}, nil
}

// Labels names the columns of Probabilities.
func (p *Predictor) Labels() []string { return p.labels }

// Probabilities gives softmax probabilities, one row for each recording and one
// column for each label. A row of features is frames × mels, row-major.
func (p *Predictor) Probabilities(ctx context.Context, features [][]float32) ([][]float32, error) {
	rows, err := p.Logits(ctx, features)
	for i := range rows {
		rows[i] = softmax(rows[i])
	}
	return rows, err
}

// Logits gives the model's own outputs, one row for each recording and one column
// for each label. A row of features is frames × mels, row-major.
func (p *Predictor) Logits(ctx context.Context, features [][]float32) ([][]float32, error) {
	items := make([]data.Item, len(features))
	for i, f := range features {
		if len(f) != p.width() {
			return nil, &data.DataError{What: fmt.Sprintf("recording %d has %d features, the model takes %d", i, len(f), p.width())}
		}
		items[i].Features = f
	}
	var rows [][]float32
	b := data.NewSequence(items, p.batch)
	for i := range b.Len() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one := b.Batch(0, i)
		logits, err := p.logits(one)
		if err != nil {
			return nil, err
		}
		for r := range one.Items {
			rows = append(rows, logits[r*p.classes:(r+1)*p.classes])
		}
	}
	return rows, nil
}

// Close frees the compiled programs and the weights on the device.
func (p *Predictor) Close() error { return p.runner.Close() }

func (p *Predictor) shape() (int, int, []string) { return p.batch, p.classes, p.labels }

func (p *Predictor) logits(b data.Batch) ([]float32, error) {
	x := tensors.FromFlatDataAndDimensions(b.Features, append([]int{p.batch}, p.dims...)...)
	out, err := p.runner.Run(map[string]*tensors.Tensor{p.input: x}, p.output)
	if err != nil {
		return nil, err
	}
	values, err := tensors.CopyFlatData[float32](out[p.output])
	if err != nil {
		return nil, fmt.Errorf("finetune: output %q: %w", p.output, err)
	}
	if want := p.batch * p.classes; len(values) != want {
		return nil, &graphsurgery.UnsupportedError{What: fmt.Sprintf("output %q has %d values for %d recordings, want %d", p.output, len(values), p.batch, want)}
	}
	return values, finalize(x, out[p.output])
}
