package adapterinject

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// attention is one attention core with its four projections.
type attention struct {
	anchor               *gs.Node
	softmax              *gs.Value // result of Softmax, or of the Attention operator
	q, k, v, o           *linear
	scoreLeft, contextOf *gs.Value // query side of the score product; context
	heads                int       // given by the Attention operator, else 0
}

// miss says at which step a candidate failed, and why.
type miss struct{ step, why string }

func missed(step, format string, args ...any) *miss {
	return &miss{step, fmt.Sprintf(format, args...)}
}

// attentionAt follows the flow from a Softmax, or an opset-23 Attention
// operator: forward to the context product and the output projection, back to
// the score product and the projections of query, key and value.
func (f *facts) attentionAt(anchor *gs.Node) (*attention, *miss) {
	a := &attention{anchor: anchor, softmax: anchor.Output(0)}
	var key, value *gs.Value
	var why *miss
	if is(anchor, "Attention") {
		a.scoreLeft, key, value = anchor.Input(0), anchor.Input(1), anchor.Input(2)
		a.contextOf, a.heads = anchor.Output(0), int(anchor.Int("q_num_heads", 0))
		if a.scoreLeft == nil || key == nil || value == nil || a.contextOf == nil {
			return nil, missed("operands", "query, key, value or result is left out")
		}
	} else {
		if a.softmax == nil || !f.data(anchor.Input(0)) {
			return nil, missed("softmax", "it does not depend on the model's input")
		}
		if why = f.lastSoftmax(anchor); why != nil {
			return nil, why
		}
		if a.contextOf, value, why = f.context(a.softmax); why != nil {
			return nil, why
		}
		if a.scoreLeft, key, why = f.scores(anchor.Input(0)); why != nil {
			return nil, why
		}
	}
	for _, side := range []struct {
		step string
		from *gs.Value
		to   **linear
	}{{"query", a.scoreLeft, &a.q}, {"key", key, &a.k}, {"value", value, &a.v}} {
		if *side.to, why = f.projection(side.step, side.from); why != nil {
			return nil, why
		}
	}
	a.o, why = f.outputProjection(a.contextOf)
	return a, why
}

// lastSoftmax refuses a Softmax over another axis than the last.
func (f *facts) lastSoftmax(n *gs.Node) *miss {
	def := int64(-1)
	if opset, _ := f.graph.Model().Opset(""); opset < 13 {
		def = 1
	}
	axis := n.Int("axis", def)
	if axis == -1 {
		return nil
	}
	dims := n.Input(0).Shape()
	if dims == nil {
		dims = n.Output(0).Shape()
	}
	if dims != nil && axis == int64(len(dims)-1) || dims == nil && axis >= 2 {
		return nil
	}
	return missed("softmax", "it runs over axis %d, not the last", axis)
}

// context goes from attention weights forward to their product with the values.
func (f *facts) context(weights *gs.Value) (context, value *gs.Value, why *miss) {
	stop := func(u gs.Use) bool { return f.product(u.Node) }
	pass := func(u gs.Use) bool {
		n := u.Node
		return layout(n) || f.scaling(n) || is(n, "Slice") || is(n, "Where") || is(n, "IsNaN")
	}
	hits, ends := f.ahead(weights, stop, pass)
	switch {
	case len(hits) == 1 && hits[0].Node.Output(0) != nil:
		n := hits[0].Node
		return n.Output(0), n.Input(1 - hits[0].Input), nil
	case len(hits) > 0:
		return nil, nil, missed("context", "its result goes into %d matrix products", len(hits))
	case len(ends) == 0:
		return nil, nil, missed("context", "its result is read by no matrix product (a classifier's softmax?)")
	}
	return nil, nil, missed("context", "its result goes into %s, not into a matrix product with an activation (a gate or a pooling?)", opNames(ends))
}

// scores goes from a softmax's input back to the product of queries and keys.
func (f *facts) scores(v *gs.Value) (left, right *gs.Value, why *miss) {
	stop := func(v *gs.Value) bool { return f.product(v.Producer()) || f.linearOf[v] != nil || f.normOf[v] != nil }
	pass := func(n *gs.Node) bool {
		if layout(n) || carving(n) || arithmetic(n) {
			return true
		}
		return is(n, "Where") || is(n, "Clip") || is(n, "Min") || is(n, "Max") || is(n, "Tanh")
	}
	hits, ends, _ := f.back(v, stop, pass)
	var products []*gs.Node
	linears := 0
	for _, h := range hits {
		if f.product(h.Producer()) {
			products = append(products, h.Producer())
		} else if f.linearOf[h] != nil {
			linears++
		}
	}
	switch {
	case len(products) == 1:
		return products[0].Input(0), products[0].Input(1), nil
	case len(products) > 1:
		if p := f.agreeing(products); p != nil {
			return p.Input(0), p.Input(1), nil
		}
		return nil, nil, missed("scores", "its input adds %d matrix products whose queries differ", len(products))
	case linears > 0:
		return nil, nil, missed("scores", "its input is a linear layer's result, not a product of queries and keys (a router, gate or pooling?)")
	case slices.ContainsFunc(ends, func(n *gs.Node) bool { return is(n, "MatMul") }):
		return nil, nil, missed("scores", "its input is a product with a constant, not of queries and keys (a pooling with a learned query?)")
	case len(ends) > 0:
		return nil, nil, missed("scores", "its input comes from %s, not from a product of queries and keys", opNames(ends))
	}
	return nil, nil, missed("scores", "its input comes from no matrix product")
}

// agreeing picks, from several summed score products, the one of queries and
// keys: all must have the same query projection, as relative positions do.
func (f *facts) agreeing(products []*gs.Node) *gs.Node {
	var q *linear
	var found *gs.Node
	for _, p := range products {
		l, why := f.projection("query", p.Input(0))
		if why != nil || q != nil && l != q {
			return nil
		}
		q = l
		if k, why := f.projection("key", p.Input(1)); why == nil && found == nil && f.root(k.in) == f.root(q.in) {
			found = p
		}
	}
	return found
}

// projection goes back from an operand to the one linear layer it comes from.
func (f *facts) projection(step string, v *gs.Value) (*linear, *miss) {
	stop := func(v *gs.Value) bool { return f.linearOf[v] != nil }
	hits, ends, _ := f.back(v, stop, projectionPath)
	switch {
	case len(hits) == 1:
		return f.linearOf[hits[0]], nil
	case len(hits) > 1:
		return nil, missed(step, "the %s comes from %d linear layers", step, len(hits))
	case !f.data(v):
		return nil, missed(step, "the %s is a constant, as in a pooling with a learned query", step)
	case len(ends) > 0:
		return nil, missed(step, "the %s comes from %s, not from a linear layer", step, opNames(ends))
	}
	return nil, missed(step, "the %s comes from no linear layer", step)
}

// projectionPath accepts what may stand between a projection and its product:
// head splitting, scaling, rotary embedding, norms of queries and keys.
func projectionPath(n *gs.Node) bool {
	if layout(n) || carving(n) || arithmetic(n) {
		return true
	}
	if n.Domain() != "" {
		return false
	}
	switch n.Op() {
	case "Neg", "Pow", "Sqrt", "Reciprocal", "Clip", "Max", "Min", "Where", "LpNormalization", "RotaryEmbedding",
		"ReduceL2", "ReduceSum", "ReduceSumSquare", "ReduceMean", "LayerNormalization", "RMSNormalization":
		return true
	}
	return false
}

// outputProjection goes from the context forward to the one linear layer that
// reads it.
func (f *facts) outputProjection(context *gs.Value) (*linear, *miss) {
	stop := func(u gs.Use) bool { return f.reads(u) != nil }
	pass := func(u gs.Use) bool {
		n := u.Node
		return layout(n) || carving(n) || f.scaling(n) || is(n, "LayerNormalization")
	}
	hits, ends := f.ahead(context, stop, pass)
	switch {
	case len(hits) == 1:
		return f.reads(hits[0]), nil
	case len(hits) > 1:
		return nil, missed("output", "the context goes into %d linear layers", len(hits))
	case len(ends) > 0:
		return nil, missed("output", "the context goes into %s, not into a linear layer", opNames(ends))
	}
	return nil, missed("output", "the context goes into no linear layer")
}

// opNames lists the operators that ended a walk, each once.
func opNames(nodes []*gs.Node) string {
	var names []string
	seen := map[string]bool{}
	for _, n := range nodes {
		name := n.Op()
		if n.Domain() != "" {
			name = n.Domain() + "." + name
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
