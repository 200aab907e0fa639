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

// metaFrontEnd is the metadata key under which an injected model names its front end.
const metaFrontEnd = "aat.frontend"

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
	batch   int  // recordings at a time
	fixed   bool // the model takes no other batch
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
	dims, what, hint := takes(in.DType(), in.Shape(), batch, frames, mels, frontEndHint(m))
	if what != "" {
		return unfit(fmt.Sprintf("input %q %s", in.Name(), what), hint)
	}
	p := ports{input: in.Name(), dims: dims, batch: batch, fixed: in.Shape()[0].Value >= 0}
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

// takes gives the dimensions of one item for an input of the given type and
// shape, or says what is wrong with that input and what helps: first whether it
// takes features at all, then their size, then the batch.
func takes(kind graphsurgery.DType, shape []graphsurgery.Dim, batch, frames, mels int, frontEnd string) (dims []int, what, hint string) {
	dims, ok := itemDims(shape, frames, mels)
	switch rank := len(shape); {
	case kind != graphsurgery.Float || !ok && rank != 3 && rank != 4:
		return nil, fmt.Sprintf("is %s %v, want float32 features [batch, frames, mels]", kind, shape),
			"only a model that takes mel spectrograms can be used; one that takes samples or tokens cannot"
	case !ok:
		return nil, fmt.Sprintf("is %s %v, want float32 features [batch, frames, mels] = [batch, %d, %d]", kind, shape, frames, mels), frontEnd
	}
	if size := shape[0].Value; size >= 0 && size != int64(batch) {
		return nil, fmt.Sprintf("has the fixed batch size %d, want %d", size, batch),
			fmt.Sprintf("use --batch %d, or export the model with a dynamic batch", size)
	}
	return dims, "", ""
}

// frontEndHint says where the front end of a model is to be found.
func frontEndHint(m *graphsurgery.Model) string {
	if _, ok := m.Metadata(metaFrontEnd); ok {
		return "use the front end of this model: see its metadata " + metaFrontEnd
	}
	return "give the preprocessor_config.json that belongs to this model"
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
