package onnxgo

import (
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/iterator"
)

// firstID is the least ID of a node. Those below stand for inputs by number.
const firstID = int64(1) << 32

// NewNode gives a node that AddNode takes.
func (b *Backend) NewNode() graph.Node {
	b.made++
	return &Node{backend: b, id: firstID + b.made - 1, early: b.decoding()}
}

// AddNode adds a node of NewNode.
func (b *Backend) AddNode(n graph.Node) {
	node, ok := n.(*Node)
	if !ok || node.backend != b {
		b.fail(errForeign)
		return
	}
	if b.nodes[node.id] != nil {
		return
	}
	b.nodes[node.id] = node
	b.order = append(b.order, node)
	b.changed()
}

// NewWeightedEdge gives an edge from the output of an operator to its input of
// number weight.
func (b *Backend) NewWeightedEdge(from, to graph.Node, weight float64) graph.WeightedEdge {
	return edge{from: from, to: to, weight: weight}
}

// SetWeightedEdge adds an edge. Other than a simple graph it keeps several between
// two nodes, since an operator may read a value twice.
func (b *Backend) SetWeightedEdge(e graph.WeightedEdge) {
	from, ok := e.From().(*Node)
	to, ok2 := e.To().(*Node)
	if !ok || !ok2 {
		b.fail(errForeign)
		return
	}
	b.AddNode(from)
	b.AddNode(to)
	added := edge{from: from, to: to, weight: e.Weight()}
	b.from[from.id] = append(b.from[from.id], added)
	b.to[to.id] = append(b.to[to.id], added)
	b.linked = true
	b.changed()
}

// Node gives the node with an ID. An ID below the number of inputs gives that
// input, initialisers not counted, which is what onnx-go's SetInput means with it.
func (b *Backend) Node(id int64) graph.Node {
	if id >= 0 && id < firstID {
		return b.input(id)
	}
	if n := b.nodes[id]; n != nil {
		return n
	}
	return nil
}

func (b *Backend) input(i int64) graph.Node {
	l := b.layout()
	if i >= int64(len(l.inputs)) {
		return nil
	}
	return l.inputs[i]
}

// Nodes gives all nodes in the order they were added.
func (b *Backend) Nodes() graph.Nodes {
	all := make([]graph.Node, len(b.order))
	for i, n := range b.order {
		all[i] = n
	}
	return iterator.NewOrderedNodes(all)
}

// From gives the values that the operator of a value reads, each once.
func (b *Backend) From(id int64) graph.Nodes {
	return distinct(b.from[id], func(e edge) graph.Node { return e.to })
}

// To gives the values computed by operators that read a value, each once.
func (b *Backend) To(id int64) graph.Nodes {
	return distinct(b.to[id], func(e edge) graph.Node { return e.from })
}

func distinct(edges []edge, end func(edge) graph.Node) graph.Nodes {
	seen := make(map[int64]bool)
	var nodes []graph.Node
	for _, e := range edges {
		if n := end(e); !seen[n.ID()] {
			seen[n.ID()] = true
			nodes = append(nodes, n)
		}
	}
	return iterator.NewOrderedNodes(nodes)
}

// HasEdgeFromTo tells whether the operator of u reads v.
func (b *Backend) HasEdgeFromTo(u, v int64) bool { return b.Edge(u, v) != nil }

// HasEdgeBetween tells whether the operator of one of the values reads the other.
func (b *Backend) HasEdgeBetween(u, v int64) bool {
	return b.HasEdgeFromTo(u, v) || b.HasEdgeFromTo(v, u)
}

// Edge gives the first of the edges from u to v.
func (b *Backend) Edge(u, v int64) graph.Edge {
	for _, e := range b.from[u] {
		if e.to.ID() == v {
			return e
		}
	}
	return nil
}
