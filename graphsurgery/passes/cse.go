package passes

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// CSE computes equal expressions once.
func CSE() Pass {
	return Pass{
		Name: "cse",
		Doc: "Merges nodes with the same operator, attributes and inputs (common subexpressions). " +
			"Random operators and those of unknown domains: never. " +
			"Subgraphs: a node in one is merged with an equal one in it or in a graph around it, before it; subgraph attributes must be equal word for word. " +
			"Functions: cleaned, too; calls are merged, if all that they do can be. " +
			"Optional inputs and outputs: must be left out alike. Graph outputs: keep their names, two outputs stay two values.",
		Edit: mergeNodes,
	}
}

// merger finds equal nodes; same maps a dropped value to the one that stays.
type merger struct {
	patch   *gs.Patch
	pure    purity
	same    map[*gs.Value]*gs.Value
	ids     map[*gs.Value]int
	renamed map[*gs.Value]bool // kept values that take the name of a dropped output
	changed int
}

// scope is what has been computed when a node runs: its graph's nodes before it,
// and those of the graphs around.
type scope struct {
	outer *scope
	nodes map[string]*gs.Node
}

func (s *scope) find(key string) *gs.Node {
	for ; s != nil; s = s.outer {
		if n := s.nodes[key]; n != nil {
			return n
		}
	}
	return nil
}

func mergeNodes(m *gs.Model, p *gs.Patch) (int, error) {
	g := &merger{patch: p, pure: purity{}, same: map[*gs.Value]*gs.Value{}, ids: map[*gs.Value]int{}, renamed: map[*gs.Value]bool{}}
	if err := g.graph(m.Graph, nil); err != nil {
		return 0, err
	}
	for _, f := range m.Functions() {
		if err := g.graph(f.Body(), nil); err != nil {
			return 0, err
		}
	}
	return g.changed, nil
}

func (g *merger) graph(graph *gs.Graph, outer *scope) error {
	s := &scope{outer: outer, nodes: map[string]*gs.Node{}}
	for _, n := range graph.Nodes() {
		for _, body := range n.Subgraphs() {
			if err := g.graph(body, s); err != nil {
				return err
			}
		}
		if !g.pure.pure(n) {
			continue
		}
		key, err := g.key(n)
		if err != nil {
			return err
		}
		if first := s.find(key); first == nil {
			s.nodes[key] = n
		} else if g.mergeable(n, first) {
			g.merge(n, first)
		}
	}
	return nil
}

// key is equal for nodes that compute the same; attributes, which may hold whole
// tensors, are in it by their hash. Bodies are part of AttrKey; the
// names they read from around mean the same for nodes of one graph.
func (g *merger) key(n *gs.Node) (string, error) {
	attrs, err := n.AttrKey()
	if err != nil {
		return "", err
	}
	inputs := make([]int, len(n.Inputs()))
	for i, v := range n.Inputs() {
		inputs[i] = g.id(v)
	}
	if commutes(n) {
		slices.Sort(inputs)
	}
	var outputs strings.Builder
	for _, v := range n.Outputs() {
		fmt.Fprint(&outputs, v != nil, " ")
	}
	where := "" // bodies that read names around them mean the same only in one graph
	if len(n.Subgraphs()) > 0 {
		where = fmt.Sprintf("%p", n.Graph())
	}
	return fmt.Sprint(n.Domain(), "\x00", n.Op(), "\x00", n.Overload(), "\x00", inputs, outputs.String(), where, "\x00", sha256.Sum256([]byte(attrs))), nil
}

// id numbers values; merged ones have one number.
func (g *merger) id(v *gs.Value) int {
	if v == nil {
		return -1
	}
	if kept := g.same[v]; kept != nil {
		v = kept
	}
	if g.ids[v] == 0 {
		g.ids[v] = len(g.ids) + 1
	}
	return g.ids[v]
}

// commutes reports whether the order of a node's two inputs does not matter, to
// the last bit.
func commutes(n *gs.Node) bool {
	switch n.Op() {
	case "Add", "Mul", "And", "Or", "Xor", "Equal", "BitwiseAnd", "BitwiseOr", "BitwiseXor":
		return n.Domain() == "" && n.Function() == nil
	}
	return false
}

// mergeable reports whether n's outputs can all be replaced. A graph output must
// keep its name, which the kept value takes if it has none to keep itself.
func (g *merger) mergeable(n, first *gs.Node) bool {
	for i, v := range n.Outputs() {
		if v == nil || !v.IsGraphOutput() {
			continue
		}
		kept := first.Output(i)
		if kept.Graph() != v.Graph() || kept.IsGraphOutput() || g.renamed[kept] {
			return false
		}
	}
	return true
}

func (g *merger) merge(n, first *gs.Node) {
	in := g.patch.In(n.Graph())
	wires := make([]gs.Wire, len(n.Outputs()))
	for i, v := range n.Outputs() {
		if v == nil {
			continue
		}
		kept := first.Output(i)
		g.same[v] = kept
		wires[i] = in.Tap(kept)
		if v.IsGraphOutput() {
			g.renamed[kept] = true
		}
	}
	in.Replace(n, wires...)
	g.changed++
}
