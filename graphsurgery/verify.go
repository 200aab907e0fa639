package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Verify tests the rules every ONNX model must keep: each name is defined once
// and before it is read (in subgraphs and functions too), inputs and outputs of
// the main graph have types, each tensor's bytes fit its shape, outputs exist,
// and every operator's domain is imported. The error is a [FormatError] that
// names the place.
func (m *Model) Verify() error {
	v := &verifier{model: m, domains: domains(m.pb.OpsetImport, m.pb.Functions)}
	if err := v.graph(m.pb.Graph, nil, 0); err != nil {
		return err
	}
	for _, f := range m.pb.Functions {
		v.domains = domains(f.OpsetImport, m.pb.Functions)
		if err := v.function(f); err != nil {
			return err
		}
	}
	return m.verifyPorts()
}

// domains are those whose operators may be called.
func domains(imports []*pb.OperatorSetIdProto, functions []*pb.FunctionProto) map[string]bool {
	known := map[string]bool{}
	for _, o := range imports {
		known[canonical(o.GetDomain())] = true
	}
	for _, f := range functions {
		known[canonical(f.GetDomain())] = true
	}
	return known
}

// verifyPorts demands an element type on every input and output.
func (m *Model) verifyPorts() error {
	v := &verifier{model: m}
	check := func(kind string, ports []*pb.ValueInfoProto) error {
		for _, p := range ports {
			if p.GetType() == nil || p.GetType().Value == nil {
				return v.broken(nil, "graph %s %q has no type", kind, p.GetName())
			}
			if t := p.GetType().GetTensorType(); t != nil && t.GetElemType() == 0 {
				return v.broken(nil, "graph %s %q has no element type", kind, p.GetName())
			}
		}
		return nil
	}
	if err := check("input", m.pb.Graph.Input); err != nil {
		return err
	}
	return check("output", m.pb.Graph.Output)
}

// verifier walks the message itself, so that functions, which the index leaves
// out, are held to the same rules as graphs.
type verifier struct {
	model   *Model
	domains map[string]bool
}

// scope holds the names defined so far in a graph, and around it.
type scope struct {
	names map[string]bool
	nodes []*pb.NodeProto // all of the graph's, for a better message
	outer *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.names[name] {
			return true
		}
	}
	return false
}

// later reports whether a node further on, here or around, computes the name.
func (s *scope) later(name string) bool {
	for ; s != nil; s = s.outer {
		for _, n := range s.nodes {
			for _, out := range n.Output {
				if out == name {
					return true
				}
			}
		}
	}
	return false
}

func (v *verifier) broken(n *pb.NodeProto, format string, args ...any) error {
	e := &FormatError{File: v.model.path, What: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Node, e.Op = (&Node{pb: n}).Label(), n.GetOpType()
	}
	return e
}

func (v *verifier) graph(g *pb.GraphProto, outer *scope, depth int) error {
	if depth > maxNesting {
		return v.broken(nil, "graphs are nested more than %d deep", maxNesting)
	}
	s := &scope{names: map[string]bool{}, nodes: g.Node, outer: outer}
	if err := v.start(g, s); err != nil {
		return err
	}
	if err := v.body(s, depth); err != nil {
		return err
	}
	for _, out := range g.Output {
		if !s.has(out.GetName()) {
			return v.broken(nil, "graph output %q is computed by nothing", out.GetName())
		}
	}
	return nil
}

// start tests inputs and tensors and defines their names.
func (v *verifier) start(g *pb.GraphProto, s *scope) error {
	for _, in := range g.Input {
		if s.names[in.GetName()] {
			return v.broken(nil, "two graph inputs are named %q", in.GetName())
		}
		s.names[in.GetName()] = true
	}
	tensors := map[string]bool{}
	for _, t := range g.Initializer {
		name := t.GetName()
		if name == "" || tensors[name] {
			return v.broken(nil, "initialiser name %q is empty or used twice", name)
		}
		tensors[name], s.names[name] = true, true
		if err := (&Tensor{pb: t, model: v.model}).check(); err != nil {
			return err
		}
	}
	for _, sparse := range g.SparseInitializer {
		s.names[sparse.GetValues().GetName()] = true
	}
	return nil
}

// function tests a model-local function; it sees no names from outside.
func (v *verifier) function(f *pb.FunctionProto) error {
	s := &scope{names: map[string]bool{}, nodes: f.Node}
	for _, in := range f.Input {
		if s.names[in] {
			return v.broken(nil, "function %q has two inputs named %q", f.GetName(), in)
		}
		s.names[in] = true
	}
	if err := v.body(s, 0); err != nil {
		return err
	}
	for _, out := range f.Output {
		if !s.names[out] {
			return v.broken(nil, "output %q of function %q is computed by nothing", out, f.GetName())
		}
	}
	return nil
}

func (v *verifier) body(s *scope, depth int) error {
	for _, n := range s.nodes {
		if err := v.node(n, s); err != nil {
			return err
		}
		if err := v.attributes(n, s, depth); err != nil {
			return err
		}
		for _, name := range n.Output {
			if name == "" {
				continue
			}
			if s.has(name) {
				return v.broken(n, "computes %q, which is defined already", name)
			}
			s.names[name] = true
		}
	}
	return nil
}

// node tests the operator and that every input is defined.
func (v *verifier) node(n *pb.NodeProto, s *scope) error {
	if n.GetOpType() == "" {
		return v.broken(n, "the node names no operator")
	}
	if !v.domains[canonical(n.GetDomain())] {
		return v.broken(n, "operator domain %q is not imported", n.GetDomain())
	}
	for _, name := range n.Input {
		switch {
		case name == "" || s.has(name):
		case s.later(name):
			return v.broken(n, "reads %q before it is computed", name)
		default:
			return v.broken(n, "reads %q, which nothing computes", name)
		}
	}
	return nil
}

// attributes tests the subgraphs and tensors a node holds.
func (v *verifier) attributes(n *pb.NodeProto, s *scope, depth int) error {
	for _, a := range n.Attribute {
		tensors, graphs := a.Tensors, a.Graphs
		if a.T != nil {
			tensors = append([]*pb.TensorProto{a.T}, tensors...)
		}
		if a.G != nil {
			graphs = append([]*pb.GraphProto{a.G}, graphs...)
		}
		for _, t := range tensors {
			if err := (&Tensor{pb: t, model: v.model}).check(); err != nil {
				return v.broken(n, "attribute %q: %v", a.GetName(), err)
			}
		}
		for _, g := range graphs {
			if err := v.graph(g, s, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
