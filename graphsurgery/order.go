package graphsurgery

import (
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// reads lists the nodes of its graph that n depends on, through its subgraphs
// too.
func (n *Node) reads() []*Node {
	var deps []*Node
	add := func(v *Value) {
		if v != nil && v.graph == n.graph && v.producer != nil {
			deps = append(deps, v.producer)
		}
	}
	for _, v := range n.inputs {
		add(v)
	}
	if len(n.bodies) == 0 {
		return deps
	}
	walk(n.bodies, func(g *Graph) {
		for _, inner := range g.nodes {
			for _, v := range inner.inputs {
				add(v)
			}
		}
		for _, v := range g.outputs {
			add(v)
		}
	})
	return deps
}

// stableOrder is SortedNodes for the messages of the file.
func (g *Graph) stableOrder() ([]*pb.NodeProto, error) {
	nodes, err := g.SortedNodes()
	if err != nil {
		return nil, err
	}
	sorted := make([]*pb.NodeProto, len(nodes))
	for i, n := range nodes {
		sorted[i] = n.pb
	}
	return sorted, nil
}

// SortedNodes gives the nodes in topological order: a node that is needed by an
// earlier one moves before it, every other node keeps its place. The standard
// demands that order of a file, but tools that insert nodes append them at times,
// as the usual float16 converter does. A cycle is a *FormatError that lists its
// nodes. The slice is the caller's.
func (g *Graph) SortedNodes() ([]*Node, error) {
	const (
		unseen = iota
		open
		done
	)
	state := make(map[*Node]int, len(g.nodes))
	sorted := make([]*Node, 0, len(g.nodes))
	var stack []orderFrame
	for _, start := range g.nodes {
		if state[start] == done {
			continue
		}
		stack = append(stack[:0], orderFrame{start, start.reads()})
		state[start] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.deps) == 0 {
				state[top.node] = done
				sorted = append(sorted, top.node)
				stack = stack[:len(stack)-1]
				continue
			}
			next := top.deps[0]
			top.deps = top.deps[1:]
			switch state[next] {
			case open:
				return nil, g.cycle(stack, next)
			case unseen:
				state[next] = open
				stack = append(stack, orderFrame{next, next.reads()})
			}
		}
	}
	return sorted, nil
}

// orderFrame is a node under way in SortedNodes, and what is left to place before
// it.
type orderFrame struct {
	node *Node
	deps []*Node
}

// cycle names the nodes from again, which is on the stack, back to itself.
func (g *Graph) cycle(stack []orderFrame, again *Node) error {
	const most = 16
	var labels []string
	for i := len(stack) - 1; i >= 0; i-- {
		labels = append(labels, stack[i].node.Label())
		if stack[i].node == again {
			break
		}
	}
	labels = append([]string{again.Label()}, labels[:len(labels)-1]...) // in the direction of the data
	if len(labels) > most {
		labels = append(labels[:most], "…")
	}
	labels = append(labels, again.Label())
	return &FormatError{File: g.model.path, Node: again.Label(), Op: again.Op(), What: "the node depends on its own result: " + strings.Join(labels, " → ")}
}
