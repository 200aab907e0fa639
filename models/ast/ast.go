package ast

import (
	"fmt"
	"strings"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/models"
)

// Family is a recognised model's input.
type Family struct {
	Input  string // name of the graph input
	Frames int    // of 10 ms each; 0 if the model takes any number
	Mels   int    // mel bins; 0 if the model takes any number
}

var _ models.Family = Family{}

// Recognise reads frames and mel bins off a model's one input, float32
// [batch, frames, mels]. The error is an *UnsupportedError that says what the
// inputs are.
func Recognise(m *graphsurgery.Model) (Family, error) {
	inputs := m.Graph.Inputs()
	if len(inputs) != 1 || len(inputs[0].Shape()) != 3 || inputs[0].DType() != graphsurgery.Float {
		return Family{}, &graphsurgery.UnsupportedError{
			File: m.Path(),
			What: "the model does not take float32 features [batch, frames, mels]; its inputs are " + inputsText(m),
			Hint: "use a model that takes log-mel features, such as an Audio Spectrogram Transformer",
		}
	}
	dims := inputs[0].Shape()
	return Family{
		Input:  inputs[0].Name(),
		Frames: int(max(0, dims[1].Value)),
		Mels:   int(max(0, dims[2].Value)),
	}, nil
}

// Name is "ast".
func (Family) Name() string { return "ast" }

// Accepts reports with an *UnsupportedError that features of frames × mels do
// not fit the model's input.
func (f Family) Accepts(frames, mels int) error {
	if (f.Frames == 0 || f.Frames == frames) && (f.Mels == 0 || f.Mels == mels) {
		return nil
	}
	return &graphsurgery.UnsupportedError{
		What: fmt.Sprintf("the front end gives %d frames of %d mel bins, input %q takes %d of %d", frames, mels, f.Input, f.Frames, f.Mels),
		Hint: "use the front end that the model was trained with",
	}
}

// inputsText lists a model's inputs with types and shapes, such as
// "input_values" float32[batch, 1024, 128].
func inputsText(m *graphsurgery.Model) string {
	var ports []string
	for _, v := range m.Graph.Inputs() {
		shape := " of unknown shape"
		if dims := v.Shape(); dims != nil {
			parts := make([]string, len(dims))
			for i, d := range dims {
				parts[i] = d.String()
			}
			shape = "[" + strings.Join(parts, ", ") + "]"
		}
		ports = append(ports, fmt.Sprintf("%q %s%s", v.Name(), v.DType(), shape))
	}
	if len(ports) == 0 {
		return "none"
	}
	return strings.Join(ports, ", ")
}
