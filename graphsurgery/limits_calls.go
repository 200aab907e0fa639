package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// callID names a model-local function.
type callID struct{ domain, name, overload string }

// callGraph measures how deep functions call each other.
type callGraph struct {
	bodies map[callID]*pb.FunctionProto
	height map[callID]int // 0 while it is being measured
	limit  int
	file   string
}

// checkCalls refuses functions that call themselves, directly or not, and calls
// nested deeper than the limit: inlining them would not end.
func (l Limits) checkCalls(m *Model) error {
	if len(m.pb.Functions) == 0 {
		return nil
	}
	c := &callGraph{bodies: map[callID]*pb.FunctionProto{}, height: map[callID]int{}, limit: l.CallDepth, file: m.path}
	for _, f := range m.pb.Functions {
		c.bodies[callID{canonical(f.GetDomain()), f.GetName(), f.GetOverload()}] = f
	}
	for _, f := range m.pb.Functions {
		if _, err := c.measure(callID{canonical(f.GetDomain()), f.GetName(), f.GetOverload()}, 1); err != nil {
			return err
		}
	}
	return nil
}

// measure gives the number of calls on the longest way down from a function.
func (c *callGraph) measure(id callID, depth int) (int, error) {
	if h, begun := c.height[id]; begun {
		if h == 0 {
			return 0, &FormatError{File: c.file, What: fmt.Sprintf("function %q calls itself", id.name)}
		}
		return h, nil
	}
	c.height[id] = 0
	below, err := c.deepest(c.bodies[id].Node, depth)
	if err != nil {
		return 0, err
	}
	if below+1 > c.limit {
		return 0, beyondLimit(c.file, "depth of function calls", int64(below+1), int64(c.limit))
	}
	c.height[id] = below + 1
	return below + 1, nil
}

// deepest measures the functions that nodes, or nodes of their bodies, call.
func (c *callGraph) deepest(nodes []*pb.NodeProto, depth int) (int, error) {
	most := 0
	for _, n := range nodes {
		id := callID{canonical(n.GetDomain()), n.GetOpType(), n.GetOverload()}
		if c.bodies[id] != nil {
			if depth > c.limit {
				return 0, beyondLimit(c.file, "depth of function calls", int64(depth), int64(c.limit))
			}
			h, err := c.measure(id, depth+1)
			if err != nil {
				return 0, err
			}
			most = max(most, h)
		}
		for _, a := range n.Attribute {
			for _, g := range graphsOf(a) {
				h, err := c.deepest(g.Node, depth)
				if err != nil {
					return 0, err
				}
				most = max(most, h)
			}
		}
	}
	return most, nil
}

// graphsOf lists the graphs an attribute holds.
func graphsOf(a *pb.AttributeProto) []*pb.GraphProto {
	if a.G == nil {
		return a.Graphs
	}
	return append([]*pb.GraphProto{a.G}, a.Graphs...)
}
