package adapterinject

import (
	"fmt"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// HeadSite is a model's classifier: Output = Linear(Norm(Pooled)), the norm
// optional.
type HeadSite struct {
	Output  *gs.Value // the graph output, [batch, classes]
	Pooled  *gs.Value // [batch, width], what the classifier reads
	Width   int       // 0 if the file does not say
	Classes int       // 0 if the file does not say

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
	v := out
	for f.linearOf[v] == nil {
		n := v.Producer()
		if n == nil {
			return h, "it is an input or a constant"
		}
		if !is(n, "Identity") && !is(n, "Reshape") || n.Input(0) == nil {
			return h, fmt.Sprintf("it comes from %s, want a linear layer", opNames([]*gs.Node{n}))
		}
		if v = n.Input(0); len(v.Uses()) > 1 {
			return h, fmt.Sprintf("its logits %q have other readers too", v.Name())
		}
	}
	h.dense = f.linearOf[v]
	if h.dense.channels || h.dense.quantised || !among(h.dense.node, "MatMul", "Gemm") {
		return h, fmt.Sprintf("it comes from %s, want a MatMul or Gemm with a stored weight", opNames([]*gs.Node{h.dense.node}))
	}
	if len(out.Uses()) > 0 {
		return h, "its logits have other readers too"
	}
	return f.pooled(h)
}

// pooled fills in what the head's linear layer reads.
func (f *facts) pooled(h HeadSite) (HeadSite, string) {
	h.Pooled, h.Width, h.dtype = h.dense.in, h.dense.inDim, f.Type(h.dense.weight).DType
	if h.dense.width > 0 {
		h.Classes = h.dense.width
	}
	if n := f.normOf[h.dense.in]; n != nil && n.In != nil && f.onlyReader(n.Out, h.dense.node) {
		h.norm, h.Pooled = n, n.In
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

func (f *facts) onlyReader(v *gs.Value, n *gs.Node) bool {
	u, ok := f.SoleReader(v)
	return ok && u.Node == n && !v.IsGraphOutput()
}

// parameters counts the numbers of the head's own initialisers: those that
// nothing else reads.
func (h HeadSite) parameters() int64 {
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
