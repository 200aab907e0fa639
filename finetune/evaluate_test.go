package finetune

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Batches of any size give the same answers: padding never shows.
func TestProbabilities(t *testing.T) {
	onEach(t, func(t *testing.T, b compute.Backend) {
		items := toySet(11).Items
		features := make([][]float32, len(items))
		for i, it := range items {
			features[i] = it.Features
		}
		var first [][]float32
		for _, batch := range []int{1, 4, 11, 16} {
			p, err := NewPredictor(mlp(t), 4, 3, batch, nil, b)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := p.Probabilities(context.Background(), features)
			if err != nil || len(rows) != len(features) {
				t.Fatalf("%d rows (%v), want %d", len(rows), err, len(features))
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if strings.Join(p.Labels(), " ") != "low middle high" {
				t.Errorf("labels %q", p.Labels())
			}
			if first == nil {
				first = rows
			}
			for i, row := range rows {
				sum := 0.0
				for k, v := range row {
					sum += float64(v)
					// Batch sizes change the order of float32 sums in the backend.
					if d := math.Abs(float64(v - first[i][k])); d > 1e-6 {
						t.Errorf("batch %d: row %d differs by %g from batch 1", batch, i, d)
					}
				}
				if math.Abs(sum-1) > 1e-6 { // three float32 values
					t.Errorf("row %d sums to %v", i, sum)
				}
			}
		}
	})
}

func TestEvaluateErrors(t *testing.T) {
	b := goBackend(t)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	narrow := []data.Item{{File: "n.wav", Features: make([]float32, 5)}}
	uneven := []data.Item{{File: "a.wav", Features: make([]float32, 12)}, {File: "u.wav", Features: make([]float32, 9)}}
	strange := []data.Item{{File: "s.wav", Label: 3, Features: make([]float32, 12)}}
	for _, c := range []struct {
		name  string
		ctx   context.Context
		items []data.Item
		want  string
	}{
		{"nothing", context.Background(), nil, "there are no recordings to evaluate on"},
		{"narrow", context.Background(), narrow, "n.wav has 5 features and label 0, the model takes 12 features and has 3 labels"},
		{"uneven", context.Background(), uneven, "u.wav has 9 features and label 0, the model takes 12 features and has 3 labels"},
		{"label", context.Background(), strange, "s.wav has 12 features and label 3, the model takes 12 features and has 3 labels"},
		{"ended", ended, toySet(9).Items, context.Canceled.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Evaluate(c.ctx, mlp(t), toySet(9), c.items, b)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	p, err := NewPredictor(mlp(t), 4, 3, 2, nil, b)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var de *data.DataError
	if _, err := p.Probabilities(context.Background(), [][]float32{{1}}); !errors.As(err, &de) {
		t.Errorf("error %v, want a DataError", err)
	}
}

func TestConnectErrors(t *testing.T) {
	broken := mlp(t)
	broken.SetMetadata(MetaLabels, "low,middle")
	for _, c := range []struct {
		name         string
		model        *graphsurgery.Model
		frames, mels int
		labels       []string
		want         string
	}{
		{"labels are no JSON", broken, 4, 3, nil, "metadata aat.labels is not a JSON array of strings"},
		{"frames", mlp(t), 5, 3, nil, "want float32 features [batch, frames, mels] = [batch, 5, 3]"},
		{"labels", mlp(t), 4, 3, []string{"a", "b"}, `the recordings have the labels ["a" "b"], the model has ["low" "middle" "high"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := connect(c.model, 8, c.frames, c.mels, c.labels); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	unnamed := mlp(t)
	unnamed.SetMetadata(MetaLabels, "")
	p, err := connect(unnamed, 8, 4, 3, nil)
	if err != nil || strings.Join(p.labels, " ") != "0 1 2" {
		t.Errorf("without labels in its metadata the model has %q (%v), want numbers", p.labels, err)
	}
	if _, err := connect(unnamed, 8, 4, 3, []string{"a"}); err == nil || !strings.Contains(err.Error(), `want [batch, 1] logits`) {
		t.Errorf("error %v, want one about the number of labels", err)
	}
}
