package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Graph is a graph of a model: the main one, the body of an If, Loop or Scan, or
// the body of a model-local function.
type Graph struct {
	model    *Model
	pb       *pb.GraphProto // of a function: a view, see Function.view
	outer    *Graph         // the graph this is a body in; nil for the main graph and functions
	owner    *Node          // the node whose attribute this is, if outer is not nil
	function *Function      // the function whose body this is, or nil

	nodes   []*Node
	inputs  []*Value
	outputs []*Value
	inits   []*Tensor
	values  map[string]*Value
	tensors map[string]*Tensor
	seen    map[*pb.NodeProto]*Node // keeps Node identity over reindexing
}

// Name is the graph's name.
func (g *Graph) Name() string { return g.pb.GetName() }

// Nodes are the graph's nodes in the file's order, which is topological.
func (g *Graph) Nodes() []*Node { return g.nodes }

// Inputs are the values a caller feeds; initialisers that are also listed as
// inputs are left out.
func (g *Graph) Inputs() []*Value { return g.inputs }

// Outputs are the values a caller gets. That of a subgraph may be a value of a
// graph around it.
func (g *Graph) Outputs() []*Value { return g.outputs }

// Input gives the input of that name, or nil.
func (g *Graph) Input(name string) *Value {
	if v := g.values[name]; v != nil && v.input {
		return v
	}
	return nil
}

// Output gives the output of that name, or nil.
func (g *Graph) Output(name string) *Value {
	if v := g.values[name]; v != nil && v.output {
		return v
	}
	if g.outer == nil {
		return nil
	}
	return find(g.outputs, name)
}

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

// Values are the values defined in this graph: inputs, initialisers, then what
// the nodes compute, in the file's order.
func (g *Graph) Values() []*Value {
	list := make([]*Value, 0, len(g.values))
	done := make(map[*Value]bool, len(g.values))
	add := func(v *Value) {
		if v != nil && v.graph == g && !done[v] {
			done[v] = true
			list = append(list, v)
		}
	}
	for _, v := range g.inputs {
		add(v)
	}
	for _, t := range g.inits {
		add(g.values[t.Name()])
	}
	for _, s := range g.pb.SparseInitializer {
		add(g.values[s.GetValues().GetName()])
	}
	for _, n := range g.nodes {
		for _, v := range n.outputs {
			add(v)
		}
	}
	return list
}

// Initializers are the constant tensors stored with the graph, in order; sparse
// ones are left out.
func (g *Graph) Initializers() []*Tensor { return g.inits }

// Initializer gives the initialiser of that name, or nil.
func (g *Graph) Initializer(name string) *Tensor { return g.tensors[name] }

// Model is the model the graph belongs to.
func (g *Graph) Model() *Model { return g.model }

// Outer is the graph whose values this subgraph can read besides its own; nil
// for the main graph and for functions.
func (g *Graph) Outer() *Graph { return g.outer }

// Owner is the node that the subgraph is an attribute of; nil for the main graph
// and for functions.
func (g *Graph) Owner() *Node { return g.owner }

// Function is the function whose body, or part of it, the graph is; nil in the
// main graph and its subgraphs.
func (g *Graph) Function() *Function { return g.root().function }

// Opset is the operator set version that the graph's nodes of a domain follow:
// the function's, if the graph is in one, else the model's.
func (g *Graph) Opset(domain string) (int64, bool) {
	if f := g.Function(); f != nil {
		return f.Opset(domain)
	}
	return g.model.Opset(domain)
}

// root is the main graph or function body that g is in.
func (g *Graph) root() *Graph {
	for g.outer != nil {
		g = g.outer
	}
	return g
}

// inside reports whether g is o or a subgraph in it.
func (g *Graph) inside(o *Graph) bool {
	for ; g != nil; g = g.outer {
		if g == o {
			return true
		}
	}
	return false
}

// current reports whether the graph is still part of its model.
func (g *Graph) current() bool {
	for g.outer != nil {
		if g.owner.graph.seen[g.owner.pb] != g.owner || !g.owner.has(g) {
			return false
		}
		g = g.outer
	}
	if g.function != nil {
		return g.model.functionOf(g.function.key()) == g.function
	}
	return g == g.model.Graph
}

// Graphs lists the main graph, its subgraphs, and the functions' bodies with
// theirs, outer ones first.
func (m *Model) Graphs() []*Graph {
	var list []*Graph
	m.walkAll(func(g *Graph) { list = append(list, g) })
	return list
}

// walk visits the main graph and every subgraph of it, outer ones first.
func (m *Model) walk(visit func(*Graph)) { walk([]*Graph{m.Graph}, visit) }

// walkAll visits the functions' bodies, too.
func (m *Model) walkAll(visit func(*Graph)) {
	m.walk(visit)
	for _, f := range m.functions {
		walk([]*Graph{f.body}, visit)
	}
}

func walk(queue []*Graph, visit func(*Graph)) {
	for len(queue) > 0 {
		g := queue[0]
		queue = queue[1:]
		visit(g)
		for _, n := range g.nodes {
			queue = append(queue, n.bodies...)
		}
	}
}

// String lists the graph's nodes, one a line, for debugging.
func (g *Graph) String() string {
	var s []byte
	for _, n := range g.nodes {
		s = fmt.Appendln(s, n)
	}
	return string(s)
}
