package finetune

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aat-onnx/aat-onnx/finetune/data"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// MetaLabels is the metadata key under which an injected model names its labels,
// a JSON array in the order of its output.
const MetaLabels = "aat.labels"

// Labels gives the labels a model names in its metadata, nil where it names none.
func Labels(m *graphsurgery.Model) ([]string, error) {
	text, ok := m.Metadata(MetaLabels)
	if !ok {
		return nil, nil
	}
	var labels []string
	if err := json.Unmarshal([]byte(text), &labels); err != nil {
		return nil, &graphsurgery.FormatError{File: m.Path(), What: "metadata " + MetaLabels + " is not a JSON array of strings", Err: err}
	}
	return labels, nil
}

// ports is how recordings go into a model and answers come out.
type ports struct {
	input   string
	output  string
	dims    []int // of one item
	classes int
	labels  []string
}

// width is the number of features of one item.
func (p ports) width() int {
	n := 1
	for _, d := range p.dims {
		n *= d
	}
	return n
}

// connect matches a model's input and output with features of frames × mels and
// with labels. A model with one float input whose first dimension is the batch
// fits, where the others are frames and mels (with a 1 before them, or in one
// product). labels nil takes those of the model's metadata, else numbers.
func connect(m *graphsurgery.Model, batch, frames, mels int, labels []string) (ports, error) {
	unfit := func(what, hint string) (ports, error) {
		return ports{}, &graphsurgery.UnsupportedError{File: m.Path(), What: what, Hint: hint}
	}
	ins := m.Graph.Inputs()
	if len(ins) != 1 {
		return unfit(fmt.Sprintf("the model has %d inputs, want one: features [batch, frames, mels]", len(ins)), "")
	}
	in := ins[0]
	dims, ok := itemDims(in.Shape(), frames, mels)
	if in.DType() != graphsurgery.Float || !ok {
		return unfit(fmt.Sprintf("input %q is %s %v, want float features [batch, %d, %d]", in.Name(), in.DType(), in.Shape(), frames, mels),
			"use the front end of this model: see its metadata aat.frontend")
	}
	if b := in.Shape()[0]; b.Value >= 0 && b.Value != int64(batch) {
		return unfit(fmt.Sprintf("input %q has the fixed batch size %d, want %d", in.Name(), b.Value, batch),
			fmt.Sprintf("use batch size %d, or export the model with a dynamic batch", b.Value))
	}
	p := ports{input: in.Name(), dims: dims}
	own, err := Labels(m)
	if err != nil {
		return ports{}, err
	}
	if own != nil && labels != nil && !slices.Equal(own, labels) {
		return ports{}, &data.DataError{
			What: fmt.Sprintf("the recordings have the labels %q, the model has %q", labels, own),
			Hint: "open the recordings with the model's labels",
		}
	}
	if labels == nil {
		labels = own
	}
	return p.connectOutput(m, labels)
}

// connectOutput takes the only output, or the one named logits, of shape
// [batch, labels].
func (p ports) connectOutput(m *graphsurgery.Model, labels []string) (ports, error) {
	outs := m.Graph.Outputs()
	out := m.Graph.Output("logits")
	if len(outs) == 1 {
		out = outs[0]
	}
	if out == nil {
		return p, &graphsurgery.UnsupportedError{File: m.Path(), What: fmt.Sprintf("the model has %d outputs and none is called logits", len(outs))}
	}
	p.output, p.labels = out.Name(), labels
	shape := out.Shape()
	if len(shape) == 2 && shape[1].Value >= 0 {
		p.classes = int(shape[1].Value)
	}
	if p.labels == nil {
		for k := range p.classes {
			p.labels = append(p.labels, fmt.Sprint(k))
		}
	}
	if shape != nil && len(shape) != 2 || p.classes != 0 && p.classes != len(p.labels) || len(p.labels) == 0 {
		return p, &graphsurgery.UnsupportedError{
			File: m.Path(), What: fmt.Sprintf("output %q is %v, want [batch, %d] logits, one for each label", p.output, shape, len(p.labels)),
			Hint: "inject the model with a head for these labels",
		}
	}
	p.classes = len(p.labels)
	return p, nil
}

// itemDims gives the dimensions of one item of an input of the given shape.
func itemDims(shape []graphsurgery.Dim, frames, mels int) ([]int, bool) {
	var want []int
	switch len(shape) {
	case 2:
		want = []int{frames * mels}
	case 3:
		want = []int{frames, mels}
	case 4:
		want = []int{1, frames, mels}
	default:
		return nil, false
	}
	for i, d := range shape[1:] {
		if d.Value >= 0 && d.Value != int64(want[i]) {
			return nil, false
		}
	}
	return want, true
}
