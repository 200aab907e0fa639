package finetune

import (
	"fmt"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Stepper does the optimiser steps of [Train] one at a time on batches of the
// caller's, without data set or run folder: for measurements. Close frees it.
type Stepper struct {
	engine *engine
	rate   float64
	done   int
}

// NewStepper prepares steps of m, whose input must have fixed frames and mel
// bins, with cfg.BatchSize recordings each. Of cfg it takes what Train takes but
// Out, and it keeps the first learning rate.
func NewStepper(m *graphsurgery.Model, cfg Config) (*Stepper, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	frames, mels := itemSize(m)
	p, err := connect(m, cfg.BatchSize, frames, mels, nil)
	if err != nil {
		return nil, err
	}
	e, err := newEngine(m, p, cfg)
	if err != nil {
		return nil, err
	}
	return &Stepper{engine: e, rate: cfg.LearningRate}, nil
}

// itemSize reads frames and mel bins from the last dimensions of the only input;
// zero where it has none, which no input fits.
func itemSize(m *graphsurgery.Model) (frames, mels int) {
	if ins := m.Graph.Inputs(); len(ins) == 1 {
		if s := ins[0].Shape(); len(s) >= 2 {
			return int(s[len(s)-2].Value), int(s[len(s)-1].Value)
		}
	}
	return 0, 0
}

// Size gives the number of features of one recording and that of the classes.
func (s *Stepper) Size() (features, classes int) { return s.engine.width(), s.engine.classes }

// Step does one optimiser step and gives the loss before it. Features are
// [batch, frames, mels]. An error leaves the stepper unusable but for Close.
func (s *Stepper) Step(features []float32, labels []int32) (loss float64, err error) {
	rows := s.engine.batch
	if len(labels) != rows || len(features) != rows*s.engine.width() {
		return 0, fmt.Errorf("finetune: a step with %d features and %d labels, want %d and %d", len(features), len(labels), rows*s.engine.width(), rows)
	}
	mask := make([]float32, rows)
	for i := range mask {
		mask[i] = 1
	}
	s.done++
	r, err := s.engine.train(data.Batch{Features: features, Labels: labels, Mask: mask}, s.done, s.rate)
	if err == nil && !r.finite() {
		err = fmt.Errorf("finetune: step %d: loss %v, gradient norm %v", s.done, r.loss, r.gradNorm)
	}
	return r.loss, err
}

// Close frees programs and weights. The backend stays open.
func (s *Stepper) Close() { s.engine.close() }
