package diff

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Isomorphic reports, as an error, whether the models differ in more than the
// names of nodes, tensors and inner values and in the order of nodes: the inputs
// and outputs must have the same names, types and order, the nodes must be the
// same operators with the same attributes, and be wired alike. Metadata and
// producer are not looked at. Colours are refined (Weisfeiler and Leman 1968),
// which on graphs of operators tells apart all but contrived cases. Models of which
// a tensor cannot be read are not isomorphic to any.
func Isomorphic(a, b *gs.Model) error {
	if err := readable(a, b); err != nil {
		return err
	}
	x, y := newPainter(), newPainter()
	from, to := x.model(a), y.model(b)
	if err := cmp.Or(x.unread, y.unread); err != nil || from == to {
		return err
	}
	d, err := Compare(a, b)
	if err != nil {
		return err
	}
	var lines []string
	for _, c := range d.Changes {
		switch c.What {
		case MetadataSet, NodeRenamed, TensorRenamed:
		case ValueRenamed:
			if in := a.Graph.Input(c.Name); c.Graph == "" && in != nil {
				lines = append(lines, c.String())
			}
		case FieldChanged:
			if strings.HasPrefix(c.Name, "order of ") {
				lines = append(lines, c.String())
			}
		default:
			lines = append(lines, c.String())
		}
	}
	const most = 20
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("and %d more", len(lines)-most))
	}
	return fmt.Errorf("the models are not isomorphic:\n%s", strings.Join(lines, "\n"))
}

// painter gives nodes and values colours such that equal ones stand alike.
type painter struct {
	*matcher
	value map[*gs.Value]string
	node  map[*gs.Node]string
}

func newPainter() *painter {
	return &painter{newMatcher(), map[*gs.Value]string{}, map[*gs.Node]string{}}
}

func (p *painter) model(m *gs.Model) string {
	parts := []string{fmt.Sprint(m.OpsetImports()), fmt.Sprint(functions(m))} // fmt sorts maps
	return hash(append(parts, p.graph(m.Graph))...)
}

// graph colours a graph forwards, from what it reads, then refines by who reads
// what, until the number of colours stays; it gives the colour of the whole.
func (p *painter) graph(g *gs.Graph) string {
	parts := []string{"graph"}
	for i, v := range g.Inputs() {
		p.value[v] = hash("input", fmt.Sprint(i), v.TypeText())
		parts = append(parts, p.port(v))
	}
	for _, t := range g.Initializers() {
		v := g.Value(t.Name())
		p.value[v] = hash("tensor", t.DType().String(), p.sum(t))
		if v.IsDefault() {
			parts = append(parts, p.port(v), p.sum(t))
		}
	}
	for _, v := range sparse(g) {
		p.value[v] = hash("sparse", v.SparseText())
	}
	for _, n := range g.Nodes() {
		p.paint(n)
	}
	for colours := 0; ; {
		count := p.refine(g)
		if count <= colours {
			break
		}
		colours = count
	}
	for _, v := range g.Outputs() {
		parts = append(parts, p.port(v), v.TypeText(), p.value[v])
	}
	all := make([]string, len(g.Nodes()))
	for i, n := range g.Nodes() {
		all[i] = p.node[n]
	}
	slices.Sort(all)
	return hash(append(parts, all...)...)
}

// port is the name of an input or output; in a subgraph it is an inner name.
func (p *painter) port(v *gs.Value) string {
	if v.Graph() == v.Graph().Model().Graph {
		return v.Name()
	}
	return ""
}

// paint colours a node by what it computes.
func (p *painter) paint(n *gs.Node) {
	parts := []string{"node", p.fact(n)}
	for _, v := range n.Inputs() {
		parts = append(parts, p.value[v])
	}
	names := n.AttrNames()
	slices.Sort(names)
	for _, name := range names {
		if sub := n.Subgraph(name); sub != nil {
			parts = append(parts, name, p.graph(sub))
		}
	}
	p.colour(n, hash(parts...))
}

func (p *painter) colour(n *gs.Node, c string) {
	p.node[n] = c
	for i, v := range n.Outputs() {
		if v != nil {
			p.value[v] = hash("output", fmt.Sprint(i), c)
		}
	}
}

// refine adds to each node's colour those of what it reads and of what reads it,
// and counts the colours.
func (p *painter) refine(g *gs.Graph) int {
	next := make([]string, len(g.Nodes()))
	seen := map[string]bool{}
	for i, n := range g.Nodes() {
		parts := []string{p.node[n]}
		for _, v := range n.Inputs() {
			parts = append(parts, p.value[v])
		}
		for k, v := range n.Outputs() {
			parts = append(parts, p.readers(k, v)...)
		}
		next[i] = hash(parts...)
		seen[next[i]] = true
	}
	for i, n := range g.Nodes() {
		p.colour(n, next[i])
	}
	return len(seen)
}

func (p *painter) readers(k int, v *gs.Value) []string {
	if v == nil {
		return []string{"none"}
	}
	var out []string
	for _, u := range v.Uses() {
		out = append(out, fmt.Sprint(k, u.Input, p.node[u.Node]))
	}
	if v.IsGraphOutput() {
		out = append(out, fmt.Sprint(k, "output", p.port(v)))
	}
	slices.Sort(out)
	return out
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, s := range parts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return string(h.Sum(nil))
}
