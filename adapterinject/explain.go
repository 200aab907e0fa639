package adapterinject

import (
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/graphsurgery/recognize"
)

// Explain says what Find made of one node, given by its name or by the name of a
// value it computes: its part in a block, or where recognition stopped, what was
// expected there and what was found. The error is an *UnsupportedError if there
// is no such node in the main graph.
func Explain(m *gs.Model, node string) (string, error) {
	s := shadowOf(m)
	n := nodeNamed(s.graph, node)
	if n == nil && nodeNamed(m.Graph, node) != nil {
		return fmt.Sprintf("%q calls a function of the model, which is looked into: ask about its nodes\n", node), nil
	}
	if n == nil {
		return "", &gs.UnsupportedError{File: m.Path(), Node: node, What: "the main graph has no node or computed value of that name", Hint: "'aat-onnx inspect --json' lists the names of every block's values"}
	}
	f := study(s.graph)
	blocks, report := f.find()
	head := fmt.Sprintf("%s %q", strings.ReplaceAll(pattern.OpName(n), "::", "."), n.Label())
	for i, b := range blocks {
		if role := f.role(f.parts[i], n); role != "" {
			return fmt.Sprintf("%s is part of block %d as %s\n", head, b.Index, role), nil
		}
	}
	why := f.whyNot(n, report)
	return fmt.Sprintf("%s is part of no block\n%s", head, why), nil
}

func nodeNamed(g *gs.Graph, name string) *gs.Node {
	for _, n := range g.Nodes() {
		if n.Name() == name && name != "" {
			return n
		}
	}
	if v := g.Value(name); v != nil {
		return v.Producer()
	}
	return nil
}

// part is a block's attention and MLP.
type part struct {
	attn *attention
	mlp  *ffn // or nil
}

// role says in words what n is in a block, or nothing.
func (f *facts) role(p part, n *gs.Node) string {
	a := p.attn
	layers := []struct {
		l    *linear
		role string
	}{{a.q, "query projection"}, {a.k, "key projection"}, {a.v, "value projection"}, {a.o, "output projection"}}
	if a.q != nil && a.q == a.k && a.k == a.v {
		layers[0].role = "packed projection of query, key and value"
	}
	if p.mlp != nil {
		layers = append(layers, struct {
			l    *linear
			role string
		}{p.mlp.fc1, "first linear layer of the MLP"}, struct {
			l    *linear
			role string
		}{p.mlp.gate, "gate of the MLP"}, struct {
			l    *linear
			role string
		}{p.mlp.fc2, "second linear layer of the MLP"})
	}
	for _, l := range layers {
		if l.l != nil && (l.l.node == n || l.l.out.Producer() == n) {
			return l.role
		}
	}
	switch {
	case n == a.anchor:
		return "attention weights"
	case a.context != nil && n == a.context.Producer():
		return "product of attention weights and values"
	case a.scores != nil && n == a.scores.Producer():
		return "product of queries and keys"
	case n == a.sum.node:
		return "residual addition of the attention"
	case p.mlp != nil && n == p.mlp.sum.node:
		return "residual addition of the MLP"
	}
	return f.smallRole(p, n)
}

// smallRole is role for nodes inside norms, activations and head splitting.
func (f *facts) smallRole(p part, n *gs.Node) string {
	a := p.attn
	if found := f.normOf[f.root(a.in)]; found != nil && a.pre && slices.Contains(found.Nodes, n) {
		return "norm before the attention"
	}
	if p.mlp != nil {
		if found := f.normOf[p.mlp.in]; found != nil && p.mlp.sum.pre && slices.Contains(found.Nodes, n) {
			return "norm before the MLP"
		}
		if e, ok := f.Expression(p.mlp.fc1.out, p.mlp.fc2.in); ok && slices.Contains(e.Nodes, n) {
			return "activation of the MLP, " + p.mlp.act
		}
	}
	if a.q == nil || a.scoreLeft == nil {
		return ""
	}
	for _, side := range []struct {
		from *gs.Value
		to   *linear
		role string
	}{{a.scoreLeft, a.q, "query projection"}, {a.keys, a.k, "key projection"}, {a.values, a.v, "value projection"}} {
		w := f.Back(side.from, f.ways.projection, func(v *gs.Value) bool { return v == side.to.out })
		if slices.Contains(w.Path, n) {
			return "on the way from the " + side.role + " to its product"
		}
	}
	return ""
}

// whyNot says where recognition stopped at a node that is in no block.
func (f *facts) whyNot(n *gs.Node, r Report) string {
	if f.candidate(n) {
		return f.whyNoAttention(n, r)
	}
	switch {
	case is(n, "Sqrt"):
		if miss := recognize.NormMiss(f.View, n.Output(0)); miss != nil {
			return miss.String() + "\n"
		}
		return "it is a norm's, which no block reads\n"
	case f.normOf[n.Output(0)] != nil:
		return "it is a norm, which no block reads\n"
	case among(n, "LayerNormalization", "RMSNormalization"):
		return "it is a norm, but not over the last axis of an activation\n"
	case f.linearAt[n] != nil || f.linearOf[n.Output(0)] != nil:
		return f.whyNoLayer(n)
	case f.product(n):
		return "it multiplies two activations, but no softmax that is a block's stands before or behind it\n"
	case f.ffnAt[n] != nil:
		return "it is an MLP's residual addition, but no attention stands before it on that stream\n"
	case f.Fixed(n.Output(0)):
		return "it depends on weights and shapes only\n"
	}
	return "recognition does not begin at this operator: ask about a Softmax, an attention operator, a linear layer or a norm\n"
}

func (f *facts) whyNoAttention(n *gs.Node, r Report) string {
	var b strings.Builder
	for _, c := range r.Candidates {
		if c.Node == n.Label() && c.Block < 0 {
			fmt.Fprintf(&b, "stopped at the %s: %s\n", c.Step, c.Why)
		}
	}
	return b.String()
}

func (f *facts) whyNoLayer(n *gs.Node) string {
	l := f.linearAt[n]
	if l == nil {
		l = f.linearOf[n.Output(0)]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "it is a linear layer, %d to %d wide, that no attention or MLP of a block has\n", l.inDim, l.width)
	if m, why := f.ffnEnding(l); why != nil {
		fmt.Fprintf(&b, "as the last layer of an MLP: %s\n", why.why)
	} else if f.ffnAt[m.sum.node] != nil {
		b.WriteString("it ends an MLP with residual addition, but no attention stands before it on that stream\n")
	}
	return b.String()
}
