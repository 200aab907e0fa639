package graphsurgery

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Node is one operator call of a graph.
type Node struct {
	graph   *Graph
	pb      *pb.NodeProto
	inputs  []*Value
	outputs []*Value
	bodies  []*Graph
}

// Name is the node's name, often empty.
func (n *Node) Name() string { return n.pb.GetName() }

// Op is the operator's name.
func (n *Node) Op() string { return n.pb.GetOpType() }

// Domain is the operator's domain; "" is ai.onnx.
func (n *Node) Domain() string { return canonical(n.pb.GetDomain()) }

// Overload tells functions of the same domain and name apart, see
// [Function.Overload].
func (n *Node) Overload() string { return n.pb.GetOverload() }

// Graph is the graph the node stands in.
func (n *Node) Graph() *Graph { return n.graph }

// Inputs are the values read; an omitted optional input is nil.
func (n *Node) Inputs() []*Value { return n.inputs }

// Outputs are the values computed; an omitted optional output is nil.
func (n *Node) Outputs() []*Value { return n.outputs }

// Input gives input i, or nil if it is omitted.
func (n *Node) Input(i int) *Value {
	if i < 0 || i >= len(n.inputs) {
		return nil
	}
	return n.inputs[i]
}

// Output gives output i, or nil if it is omitted.
func (n *Node) Output(i int) *Value {
	if i < 0 || i >= len(n.outputs) {
		return nil
	}
	return n.outputs[i]
}

// Label names the node in messages: its name, else its first output.
func (n *Node) Label() string {
	if n.Name() != "" {
		return n.Name()
	}
	for _, o := range n.pb.Output {
		if o != "" {
			return o
		}
	}
	return "(unnamed)"
}

// String renders "out = Op(in, in)".
func (n *Node) String() string {
	return fmt.Sprintf("%s = %s(%s)", strings.Join(n.pb.Output, ", "), n.Op(), strings.Join(n.pb.Input, ", "))
}

func (n *Node) attr(name string) *pb.AttributeProto {
	for _, a := range n.pb.Attribute {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// AttrType is the number of an attribute's type, as in AttributeProto.AttributeType;
// 0 without such an attribute.
func (n *Node) AttrType(name string) int32 {
	for _, a := range n.pb.Attribute {
		if a.GetName() == name {
			return int32(a.GetType())
		}
	}
	return 0
}

// HasAttr reports whether the attribute is given.
func (n *Node) HasAttr(name string) bool { return n.attr(name) != nil }

// AttrNames lists the given attributes in the file's order.
func (n *Node) AttrNames() []string {
	var names []string
	for _, a := range n.pb.Attribute {
		names = append(names, a.GetName())
	}
	return names
}

// literal gives an attribute of a type. In a function's body, one that refers to an
// attribute of the call has no value. Before IR version 2 types need not be stated.
func (n *Node) literal(name string, kind pb.AttributeProto_AttributeType) *pb.AttributeProto {
	a := n.attr(name)
	if a.GetRefAttrName() != "" || a.GetType() != kind && a.GetType() != pb.AttributeProto_UNDEFINED {
		return nil
	}
	return a
}

// Int gives an integer attribute, or def if it is not given, refers to an attribute
// of a function's call, or is no integer.
func (n *Node) Int(name string, def int64) int64 {
	if a := n.literal(name, pb.AttributeProto_INT); a != nil && (a.I != nil || a.GetType() != pb.AttributeProto_UNDEFINED) {
		return a.GetI()
	}
	return def
}

// Ints gives a list of integers, nil if it is not given.
func (n *Node) Ints(name string) []int64 { return n.attr(name).GetInts() }

// Float gives a float attribute, or def where [Node.Int] would give it.
func (n *Node) Float(name string, def float32) float32 {
	if a := n.literal(name, pb.AttributeProto_FLOAT); a != nil && (a.F != nil || a.GetType() != pb.AttributeProto_UNDEFINED) {
		return a.GetF()
	}
	return def
}

// Floats gives a list of floats, nil if it is not given.
func (n *Node) Floats(name string) []float32 { return n.attr(name).GetFloats() }

// Str gives a string attribute, or def where [Node.Int] would give it.
func (n *Node) Str(name, def string) string {
	if a := n.literal(name, pb.AttributeProto_STRING); a != nil && (a.S != nil || a.GetType() != pb.AttributeProto_UNDEFINED) {
		return string(a.GetS())
	}
	return def
}

// Strs gives a list of strings, nil if it is not given.
func (n *Node) Strs(name string) []string {
	var out []string
	for _, s := range n.attr(name).GetStrings() {
		out = append(out, string(s))
	}
	return out
}

// Tensor gives a tensor attribute, or nil.
func (n *Node) Tensor(name string) *Tensor {
	t := n.attr(name).GetT()
	if t == nil {
		return nil
	}
	return &Tensor{pb: t, model: n.graph.model}
}

// Subgraph gives a graph attribute, or nil.
func (n *Node) Subgraph(name string) *Graph {
	p := n.attr(name).GetG()
	for _, g := range n.bodies {
		if g.pb == p && p != nil {
			return g
		}
	}
	return nil
}

// Metadata gives the value of one of the node's metadata keys.
func (n *Node) Metadata(key string) (string, bool) {
	for _, p := range n.pb.MetadataProps {
		if p.GetKey() == key {
			return p.GetValue(), true
		}
	}
	return "", false
}

// Subgraphs are the graphs among the node's attributes, in the file's order.
func (n *Node) Subgraphs() []*Graph { return n.bodies }

// has reports whether g is one of the node's subgraphs.
func (n *Node) has(g *Graph) bool { return slices.Contains(n.bodies, g) }

// current reports whether the node is still part of its model.
func (n *Node) current() bool { return n.graph.seen[n.pb] == n && n.graph.current() }

// defineBodies indexes the node's subgraphs.
func (n *Node) defineBodies(depth int) error {
	old := make(map[*pb.GraphProto]*Graph, len(n.bodies))
	for _, g := range n.bodies {
		old[g.pb] = g
	}
	n.bodies = nil
	add := func(p *pb.GraphProto) error {
		g := old[p]
		if g == nil {
			g = &Graph{}
		}
		g.model, g.pb, g.outer, g.owner = n.graph.model, p, n.graph, n
		n.bodies = append(n.bodies, g)
		return g.define(depth + 1)
	}
	for _, a := range n.pb.Attribute {
		if a.G != nil {
			if err := add(a.G); err != nil {
				return err
			}
		}
		for _, p := range a.Graphs {
			if err := add(p); err != nil {
				return err
			}
		}
	}
	return nil
}
