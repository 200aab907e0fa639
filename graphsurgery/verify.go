package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Verify tests the rules every ONNX model must keep: each name is defined once
// and before it is read, inputs and outputs of the main graph have types, each
// tensor's bytes fit its shape, outputs exist, and every operator's domain is
// imported. The error is a [FormatError] that names the place.
func (m *Model) Verify() error {
	var err error
	note := func(e error) {
		if err == nil {
			err = e
		}
	}
	domains := map[string]bool{}
	for _, o := range m.pb.OpsetImport {
		domains[canonical(o.GetDomain())] = true
	}
	for _, f := range m.pb.Functions {
		domains[canonical(f.GetDomain())] = true
	}
	m.walk(func(g *Graph) { note(g.verify(domains)) })
	if err != nil {
		return err
	}
	return m.verifyPorts()
}

func (m *Model) broken(n *Node, format string, args ...any) error {
	e := &FormatError{File: m.path, What: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Node, e.Op = n.Label(), n.Op()
	}
	return e
}

// verifyPorts demands an element type on every input and output.
func (m *Model) verifyPorts() error {
	check := func(kind string, ports []*pb.ValueInfoProto) error {
		for _, p := range ports {
			if p.GetType() == nil || p.GetType().Value == nil {
				return m.broken(nil, "graph %s %q has no type", kind, p.GetName())
			}
			if t := p.GetType().GetTensorType(); t != nil && t.GetElemType() == 0 {
				return m.broken(nil, "graph %s %q has no element type", kind, p.GetName())
			}
		}
		return nil
	}
	if err := check("input", m.pb.Graph.Input); err != nil {
		return err
	}
	return check("output", m.pb.Graph.Output)
}

// verify tests one graph; names of outer graphs are visible.
func (g *Graph) verify(domains map[string]bool) error {
	defined, err := g.verifyStart()
	if err != nil {
		return err
	}
	for _, n := range g.nodes {
		if err := g.verifyNode(n, defined, domains); err != nil {
			return err
		}
	}
	for _, out := range g.pb.Output {
		if name := out.GetName(); !defined[name] && g.outerValue(name) == nil {
			return g.model.broken(nil, "graph output %q is computed by nothing", name)
		}
	}
	return nil
}

// verifyStart tests inputs and tensors and gives the names defined by them.
func (g *Graph) verifyStart() (map[string]bool, error) {
	defined := map[string]bool{}
	for _, in := range g.pb.Input {
		if defined[in.GetName()] {
			return nil, g.model.broken(nil, "two graph inputs are named %q", in.GetName())
		}
		defined[in.GetName()] = true
	}
	tensors := map[string]bool{}
	for _, t := range g.inits {
		if t.Name() == "" || tensors[t.Name()] {
			return nil, g.model.broken(nil, "initialiser name %q is empty or used twice", t.Name())
		}
		tensors[t.Name()], defined[t.Name()] = true, true
		if err := t.check(); err != nil {
			return nil, err
		}
	}
	for _, s := range g.pb.SparseInitializer {
		defined[s.GetValues().GetName()] = true
	}
	return defined, nil
}

func (g *Graph) verifyNode(n *Node, defined, domains map[string]bool) error {
	if n.Op() == "" {
		return g.model.broken(n, "the node names no operator")
	}
	if !domains[n.Domain()] {
		return g.model.broken(n, "operator domain %q is not imported", n.pb.GetDomain())
	}
	for _, name := range n.pb.Input {
		if name != "" && !defined[name] && g.outerValue(name) == nil {
			what := "reads %q, which nothing computes"
			if g.values[name] != nil {
				what = "reads %q before it is computed"
			}
			return g.model.broken(n, what, name)
		}
	}
	for _, name := range n.pb.Output {
		if name != "" && defined[name] {
			return g.model.broken(n, "computes %q, which is defined already", name)
		}
		if name != "" {
			defined[name] = true
		}
	}
	return nil
}

// outerValue finds a name in the graphs around g.
func (g *Graph) outerValue(name string) *Value {
	if g.outer == nil {
		return nil
	}
	return g.outer.resolve(name)
}
