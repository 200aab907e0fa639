package passes

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Repair mends what some tools leave wrong and ONNX Runtime forgives, so that a
// model can be edited at all: every edit is verified.
func Repair() Pass {
	return Pass{
		Name: "repair",
		Doc: "Imports the operator sets of ONNX Runtime's own domains where nodes use them and the import is missing (its optimiser forgets it), and with that brings nodes into topological order (converters to float16 put casts last). " +
			"Nothing that is computed changes. Subgraphs and functions: mended, too. Graph outputs: stay.",
		Edit: repair,
	}
}

// runtimeDomains are those of ONNX Runtime's operators, all of version 1.
func runtimeDomains() []string {
	return []string{"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "com.microsoft.experimental"}
}

func repair(m *gs.Model, p *gs.Patch) (int, error) {
	changed := 0
	for _, g := range m.Graphs() {
		missing := map[string]bool{}
		for _, n := range g.Nodes() {
			domain := n.Domain()
			_, imported := g.Opset(domain)
			if imported || missing[domain] || !slices.Contains(runtimeDomains(), domain) {
				continue
			}
			missing[domain] = true
			p.In(g).Import(domain, 1)
			changed++
		}
		if have, ok := g.Opset(""); ok && g.Owner() == nil && !sorted(g) {
			p.In(g).SetOpset("", have) // marks the graph, which is then sorted
			changed++
		}
	}
	return changed, nil
}

// sorted reports whether every node of a graph, subgraphs included, stands behind
// those it reads.
func sorted(g *gs.Graph) bool {
	done := map[*gs.Node]bool{}
	for _, n := range g.Nodes() {
		for _, v := range readIn(n) {
			if v != nil && v.Graph() == g && v.Producer() != nil && !done[v.Producer()] {
				return false
			}
		}
		done[n] = true
		for _, body := range n.Subgraphs() {
			if !sorted(body) {
				return false
			}
		}
	}
	return true
}

// readIn lists the values that a node reads, in its subgraphs too.
func readIn(n *gs.Node) []*gs.Value {
	list := slices.Clone(n.Inputs())
	for _, body := range n.Subgraphs() {
		for _, inner := range body.Nodes() {
			list = append(list, readIn(inner)...)
		}
		list = append(list, body.Outputs()...)
	}
	return list
}
