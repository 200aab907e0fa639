package graphsurgery

import (
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// reads lists the nodes of g that n depends on, through its subgraphs too.
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
	queue := append([]*Graph(nil), n.bodies...)
	for len(queue) > 0 {
		g := queue[0]
		queue = queue[1:]
		for _, inner := range g.nodes {
			for _, v := range inner.inputs {
				add(v)
			}
			queue = append(queue, inner.bodies...)
		}
		for _, out := range g.pb.Output {
			add(g.resolveOuter(out.GetName()))
		}
	}
	return deps
}

// resolveOuter finds a name outside g when nothing in g computes it.
func (g *Graph) resolveOuter(name string) *Value {
	if v := g.values[name]; v != nil && (v.producer != nil || v.input || v.tensor != nil) {
		return v
	}
	if g.outer == nil {
		return nil
	}
	return g.outer.resolve(name)
}

// stableOrder gives the nodes in topological order, moving a node forward only
// if an earlier one needs it. A cycle is an error.
func (g *Graph) stableOrder() ([]*pb.NodeProto, error) {
	const (
		unseen = iota
		open
		done
	)
	state := make(map[*Node]int, len(g.nodes))
	sorted := make([]*pb.NodeProto, 0, len(g.nodes))
	type frame struct {
		node *Node
		deps []*Node
	}
	for _, start := range g.nodes {
		if state[start] == done {
			continue
		}
		stack := []frame{{start, start.reads()}}
		state[start] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.deps) == 0 {
				state[top.node] = done
				sorted = append(sorted, top.node.pb)
				stack = stack[:len(stack)-1]
				continue
			}
			next := top.deps[0]
			top.deps = top.deps[1:]
			switch state[next] {
			case open:
				return nil, &FormatError{File: g.model.path, Node: next.Label(), Op: next.Op(), What: "the node depends on its own result"}
			case unseen:
				state[next] = open
				stack = append(stack, frame{next, next.reads()})
			}
		}
	}
	return sorted, nil
}

// liveNodes are the nodes whose results reach a graph output.
func (g *Graph) liveNodes() map[*pb.NodeProto]bool {
	live := map[*pb.NodeProto]bool{}
	var queue []*Node
	for _, out := range g.outputs {
		if out.producer != nil {
			queue = append(queue, out.producer)
		}
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if live[n.pb] {
			continue
		}
		live[n.pb] = true
		queue = append(queue, n.reads()...)
	}
	return live
}
