package graphsurgery

import (
	"fmt"
	"slices"
	"strconv"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Graph is a graph of a model: the main one, or the body of an If, Loop or Scan.
type Graph struct {
	model *Model
	pb    *pb.GraphProto
	outer *Graph // the graph this is a body in; nil for the main graph

	nodes   []*Node
	inputs  []*Value
	outputs []*Value
	inits   []*Tensor
	values  map[string]*Value
	tensors map[string]*Tensor
	seen    map[*pb.NodeProto]*Node // keeps Node identity over reindexing
}

// Value is a named tensor of a graph: an input, an initialiser or a node's
// output.
type Value struct {
	name     string
	graph    *Graph
	producer *Node
	index    int
	uses     []Use
	input    bool
	output   bool
	info     *pb.TypeProto
	tensor   *Tensor
}

// Use is one place where a value is read. Input counts from 0; a use inside a
// subgraph names the node of the subgraph.
type Use struct {
	Node  *Node
	Input int
}

// Name is the graph's name.
func (g *Graph) Name() string { return g.pb.GetName() }

// Nodes are the graph's nodes in the file's order, which is topological.
func (g *Graph) Nodes() []*Node { return g.nodes }

// Inputs are the values a caller feeds; initialisers that are also listed as
// inputs are left out.
func (g *Graph) Inputs() []*Value { return g.inputs }

// Outputs are the values a caller gets.
func (g *Graph) Outputs() []*Value { return g.outputs }

// Input gives the input of that name, or nil.
func (g *Graph) Input(name string) *Value { return find(g.inputs, name) }

// Output gives the output of that name, or nil.
func (g *Graph) Output(name string) *Value { return find(g.outputs, name) }

func find(values []*Value, name string) *Value {
	for _, v := range values {
		if v.name == name {
			return v
		}
	}
	return nil
}

// Value gives the value of that name defined in this graph, or nil.
func (g *Graph) Value(name string) *Value { return g.values[name] }

// Initializers are the constant tensors stored with the graph, in order.
func (g *Graph) Initializers() []*Tensor { return g.inits }

// Initializer gives the initialiser of that name, or nil.
func (g *Graph) Initializer(name string) *Tensor { return g.tensors[name] }

// Model is the model the graph belongs to.
func (g *Graph) Model() *Model { return g.model }

// FreshName gives base, or base with a number, such that no value, node or
// tensor of the model has it.
func (g *Graph) FreshName(base string) string {
	used := g.model.names()
	return fresh(base, used)
}

func fresh(base string, used map[string]bool) string {
	name := base
	for i := 1; used[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	return name
}

// names collects every value and node name of the model, subgraphs included.
func (m *Model) names() map[string]bool {
	used := map[string]bool{}
	m.walk(func(g *Graph) {
		for name := range g.values {
			used[name] = true
		}
		for _, n := range g.nodes {
			used[n.Name()] = true
		}
	})
	return used
}

// walk visits the main graph and every subgraph, outer ones first.
func (m *Model) walk(visit func(*Graph)) {
	queue := []*Graph{m.Graph}
	for len(queue) > 0 {
		g := queue[0]
		queue = queue[1:]
		visit(g)
		for _, n := range g.nodes {
			queue = append(queue, n.bodies...)
		}
	}
}

// Name is the value's name.
func (v *Value) Name() string { return v.name }

// Graph is the graph that defines the value.
func (v *Value) Graph() *Graph { return v.graph }

// Producer is the node that computes the value; nil for inputs and initialisers.
func (v *Value) Producer() *Node { return v.producer }

// OutputIndex is the value's place among its producer's outputs.
func (v *Value) OutputIndex() int { return v.index }

// Uses are the places that read the value, in the file's order.
func (v *Value) Uses() []Use { return v.uses }

// IsGraphInput reports whether a caller feeds the value.
func (v *Value) IsGraphInput() bool { return v.input }

// IsGraphOutput reports whether a caller gets the value.
func (v *Value) IsGraphOutput() bool { return v.output }

// Initializer is the value's constant tensor, or nil.
func (v *Value) Initializer() *Tensor { return v.tensor }

// DType is the element type as far as the file says it, else Undefined.
func (v *Value) DType() DType {
	if v.tensor != nil {
		return v.tensor.DType()
	}
	return DType(v.info.GetTensorType().GetElemType())
}

// Shape is the shape as far as the file says it; nil if it does not. A scalar
// has an empty, non-nil shape.
func (v *Value) Shape() []Dim {
	if v.tensor != nil {
		return Known(v.tensor.Shape()...)
	}
	shape := v.info.GetTensorType().GetShape()
	if shape == nil {
		return nil
	}
	dims := make([]Dim, len(shape.Dim))
	for i, d := range shape.Dim {
		dims[i] = Dim{Value: -1, Param: d.GetDimParam()}
		if x, ok := d.Value.(*pb.TensorShapeProto_Dimension_DimValue); ok && x.DimValue >= 0 {
			dims[i] = Dim{Value: x.DimValue}
		}
	}
	return dims
}

// reindex rebuilds the use–def index from the message. Values and nodes that
// still exist keep their identity.
func (m *Model) reindex() error {
	if err := m.Graph.define(0); err != nil {
		return err
	}
	m.walk((*Graph).connect)
	return nil
}

const maxNesting = 32

// define makes the values, nodes and tensors of g and its subgraphs.
func (g *Graph) define(depth int) error {
	if depth > maxNesting {
		return &FormatError{File: g.model.path, What: fmt.Sprintf("graphs are nested more than %d deep", maxNesting)}
	}
	old := g.values
	g.values, g.tensors = map[string]*Value{}, map[string]*Tensor{}
	g.inputs, g.outputs, g.inits = nil, nil, nil
	for _, t := range g.pb.Initializer {
		tensor := &Tensor{pb: t, model: g.model}
		g.inits = append(g.inits, tensor)
		g.tensors[t.GetName()] = tensor
		g.value(old, t.GetName()).tensor = tensor
	}
	for _, in := range g.pb.Input {
		v := g.value(old, in.GetName())
		v.info = in.Type
		if v.tensor == nil {
			v.input = true
			g.inputs = append(g.inputs, v)
		}
	}
	if err := g.defineNodes(old, depth); err != nil {
		return err
	}
	for _, info := range g.pb.ValueInfo {
		if v := g.values[info.GetName()]; v != nil && v.info == nil {
			v.info = info.Type
		}
	}
	for _, out := range g.pb.Output {
		v := g.value(old, out.GetName())
		v.output = true
		if out.Type != nil {
			v.info = out.Type
		}
		g.outputs = append(g.outputs, v)
	}
	return nil
}

// value gives the value of that name, made empty on its first mention in this
// indexing.
func (g *Graph) value(old map[string]*Value, name string) *Value {
	if v := g.values[name]; v != nil {
		return v
	}
	v := old[name]
	if v == nil {
		v = &Value{}
	}
	*v = Value{name: name, graph: g}
	g.values[name] = v
	return v
}

func (g *Graph) defineNodes(old map[string]*Value, depth int) error {
	seen := make(map[*pb.NodeProto]*Node, len(g.pb.Node))
	g.nodes = make([]*Node, 0, len(g.pb.Node))
	for _, p := range g.pb.Node {
		n := g.seen[p]
		if n == nil {
			n = &Node{pb: p}
		}
		n.graph = g
		seen[p] = n
		g.nodes = append(g.nodes, n)
		n.outputs = nil
		for i, name := range p.Output {
			if name == "" {
				n.outputs = append(n.outputs, nil)
				continue
			}
			v := g.value(old, name)
			v.producer, v.index = n, i
			n.outputs = append(n.outputs, v)
		}
		if err := n.defineBodies(depth); err != nil {
			return err
		}
	}
	g.seen = seen
	return nil
}

// connect fills in the inputs of g's nodes and the uses of their values.
func (g *Graph) connect() {
	for _, n := range g.nodes {
		n.inputs = make([]*Value, len(n.pb.Input))
		for i, name := range n.pb.Input {
			if v := g.resolve(name); v != nil {
				n.inputs[i] = v
				v.uses = append(v.uses, Use{n, i})
			}
		}
	}
}

// resolve finds a name in g or the graphs around it.
func (g *Graph) resolve(name string) *Value {
	if name == "" {
		return nil
	}
	for ; g != nil; g = g.outer {
		if v := g.values[name]; v != nil {
			return v
		}
	}
	return nil
}

// String lists the graph's nodes, one a line, for debugging.
func (g *Graph) String() string {
	var s []byte
	for _, n := range g.nodes {
		s = fmt.Appendln(s, n)
	}
	return string(s)
}

// indexOf is the place of a node in the message's list, or -1.
func (g *Graph) indexOf(p *pb.NodeProto) int { return slices.Index(g.pb.Node, p) }
