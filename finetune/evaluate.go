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
	t, err := count(ctx, c, items)
	if err != nil {
		return Metrics{}, err
	}
	return t.metrics(), nil
}

func count(ctx context.Context, c classifier, items []data.Item) (*tally, error) {
	batch, classes, labels := c.shape()
	t := newTally(labels)
	b := data.NewSequence(items, batch)
	for i := range b.Len() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one := b.Batch(0, i)
		logits, err := c.logits(one)
		if err != nil {
			return nil, err
		}
		for r := range one.Items {
			t.add(logits[r*classes:(r+1)*classes], int(one.Labels[r]))
		}
	}
	return t, nil
}

// evalBatch is how many recordings Evaluate answers at a time.
const evalBatch = 16

// Evaluate measures a model, trained here or not, on items of a set whose
// features fit its input. The set's labels must be those of the model's metadata;
// a model that names none is taken to have the set's, in their order. The error
// is a [data.DataError] where the recordings cannot be the model's or where one
// gives a loss that is not finite, or wraps ctx.Err().
func Evaluate(ctx context.Context, m *graphsurgery.Model, set *data.Set, items []data.Item, backend compute.Backend) (Metrics, error) {
	if len(items) == 0 {
		return Metrics{}, &data.DataError{What: "there are no recordings to evaluate on"}
	}
	p, err := NewPredictor(m, set.Frames, set.MelBins, evalBatch, set.Labels, backend)
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
	t, err := count(ctx, p, items)
	if err != nil {
		return Metrics{}, err
	}
	if t.notFinite >= 0 {
		it := items[t.notFinite]
		e := &data.DataError{What: "the loss on " + it.File + " is not finite", Hint: "the model's weights or its answers are not finite numbers"}
		if !allFinite(it.Features) {
			e.What, e.Hint = "the features of "+it.File+" are not finite", "take the recording out, or repair it"
		}
		return Metrics{}, e
	}
	return t.metrics(), nil
}

// Predictor answers recordings with probabilities.
type Predictor struct {
	ports
	runner *importer.Runner
}

// NewPredictor readies a model for features of frames × mels, batch recordings at
// a time (a model with a fixed batch: as many as that), on a backend. labels nil
// takes those of the model's metadata, else numbers; labels that are not the
// model's are a [data.DataError]. Other errors are those of importing: see
// importer.Load.
func NewPredictor(m *graphsurgery.Model, frames, mels, batch int, labels []string, backend compute.Backend) (*Predictor, error) {
	if ins := m.Graph.Inputs(); len(ins) == 1 && len(ins[0].Shape()) > 0 && ins[0].Shape()[0].Value > 0 {
		batch = int(ins[0].Shape()[0].Value)
	}
	p, err := connect(m, batch, frames, mels, labels)
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
	return &Predictor{ports: p, runner: runner}, nil
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
		return nil, &graphsurgery.UnsupportedError{What: fmt.Sprintf("output %q has %d values for %s, want %d", p.output, len(values), plural(p.batch, "recording"), want)}
	}
	return values, finalize(x, out[p.output])
}
