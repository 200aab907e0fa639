package adapterinject

import (
	"fmt"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// HeadSite is a model's classifier: Output = Linear(Norm(Pooled)), the norm
// optional.
type HeadSite struct {
	Output  *gs.Value // the graph output, [batch, classes]
	Pooled  *gs.Value // [batch, width], what the classifier reads
	Width   int       // 0 if the file does not say
	Classes int       // 0 if the file does not say

	added bool    // there is none: one is added on Pooled
	mean  []int64 // axes of Pooled that an added one takes the mean over
	batch gs.Dim
	dense *linear
	norm  *norm
	dtype gs.DType
}

// FindHead finds the classifier of a model: the graph output that a linear layer
// computes, through Identity and Reshape, from a pooled value with or without a
// norm. The error is an *UnsupportedError if there is none, more than one, or
// the output is not [batch, classes].
func FindHead(m *gs.Model) (HeadSite, error) { return study(m.Graph).head(m) }

func (f *facts) head(m *gs.Model) (HeadSite, error) {
	var found []HeadSite
	var reasons []string
	for _, out := range m.Graph.Outputs() {
		h, why := f.headAt(out)
		if why == "" {
			found = append(found, h)
		} else {
			reasons = append(reasons, fmt.Sprintf("output %q: %s", out.Name(), why))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return HeadSite{}, &gs.UnsupportedError{File: m.Path(), What: "no classifier found that a new head could replace: " + strings.Join(reasons, "; "), Hint: "export the model with its logits, [batch, classes], as output"}
	}
	names := make([]string, len(found))
	for i, h := range found {
		names[i] = fmt.Sprintf("%q", h.Output.Name())
	}
	return HeadSite{}, &gs.UnsupportedError{File: m.Path(), What: "the classifier is ambiguous: the outputs " + strings.Join(names, ", ") + " are all linear layers' results", Hint: "export the model with its logits as only output"}
}

// classifiers counts the outputs that can be read as logits.
func (f *facts) classifiers(m *gs.Model) int {
	n := 0
	for _, out := range m.Graph.Outputs() {
		if _, why := f.headAt(out); why == "" {
			n++
		}
	}
	return n
}

// headAt reads one graph output as logits, or says why not.
func (f *facts) headAt(out *gs.Value) (HeadSite, string) {
	h := HeadSite{Output: out, batch: gs.Dim{Value: -1, Param: "batch"}}
	if dims := out.Shape(); dims != nil {
		if len(dims) != 2 {
			return h, fmt.Sprintf("it has shape %v, want [batch, classes]", dims)
		}
		h.batch = dims[0]
		h.Classes = max(0, int(dims[1].Value))
	}
	m, partial := f.rules.head.At(f.View, out)
	switch {
	case m == nil:
		return h, partial.Reason()
	case len(out.Uses()) > 0:
		return h, "its logits have other readers too"
	}
	h.dense, h.norm, h.Pooled = f.linearOf[m.Value("logits")], f.normOf[m.Value("normed")], m.Value("pooled")
	return f.pooled(h)
}

// pooled fills in what the head's linear layer reads.
func (f *facts) pooled(h HeadSite) (HeadSite, string) {
	h.Width, h.dtype = h.dense.inDim, f.Type(h.dense.weight).DType
	if h.dense.width > 0 {
		h.Classes = h.dense.width
	}
	rank := -1
	if dims := h.Pooled.Shape(); dims != nil {
		rank = len(dims)
	} else if dims := h.dense.in.Shape(); dims != nil {
		rank = len(dims)
	}
	switch {
	case rank >= 0 && rank != 2:
		return h, fmt.Sprintf("the pooled value %q has %d dimensions, want [batch, width]", h.Pooled.Name(), rank)
	case rank < 0 && !is(h.dense.node, "Gemm") && h.Output.Shape() == nil:
		return h, "the file does not say that it is [batch, classes]"
	case h.Width == 0:
		return h, "the shape of its weight is not known"
	}
	return h, ""
}

// newHeadRule is the pattern of a classifier, from its pooled input to the logits.
func (f *facts) newHeadRule() *pattern.Pattern {
	pooled := pattern.Var("pooled")
	norm := pattern.Of(f.units.norm, pooled).As("normed").Where("a norm that the classifier alone reads", func(v *pattern.View, x *gs.Value) bool {
		return len(v.Readers(x)) == 1 && !x.IsGraphOutput()
	})
	dense := pattern.Of(f.units.layer, pattern.Or(norm, pooled)).As("logits").
		Where("a linear layer by MatMul or Gemm, with a stored weight", func(_ *pattern.View, v *gs.Value) bool {
			l := f.linearOf[v]
			return l != nil && !l.quantised && among(l.node, "MatMul", "Gemm")
		}).
		Where("logits without other readers", func(_ *pattern.View, v *gs.Value) bool { return len(v.Uses()) <= 1 })
	return pattern.New("classifier", pattern.Via(pattern.Ops("Identity or Reshape", "Identity", "Reshape"), dense).Alone())
}

// parameters counts the numbers of the head's own initialisers: those that
// nothing else reads.
func (h HeadSite) parameters() int64 {
	if h.added {
		return 0
	}
	values := []*gs.Value{h.dense.weight, h.dense.bias}
	if h.norm != nil {
		for _, n := range h.norm.Nodes {
			values = append(values, n.Inputs()...)
		}
	}
	var total int64
	for _, v := range values {
		if v == nil || len(v.Uses()) != 1 {
			continue
		}
		if v.Initializer() == nil && is(v.Producer(), "Transpose") {
			v = v.Producer().Input(0)
		}
		if t := v.Initializer(); t != nil && t.DType().IsFloat() {
			total += t.Len()
		}
	}
	return total
}
