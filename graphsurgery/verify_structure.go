package graphsurgery

import (
	"errors"
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// scope holds the names defined so far in a graph, and around it.
type scope struct {
	names    map[string]bool
	nodes    []*pb.NodeProto // all of the graph's, for a better message
	computed map[string]bool // what they compute, made when a message needs it
	outer    *scope
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
		if s.computed == nil {
			s.computed = map[string]bool{}
			for _, n := range s.nodes {
				for _, out := range n.Output {
					s.computed[out] = true
				}
			}
		}
		if s.computed[name] {
			return true
		}
	}
	return false
}

// structure walks every graph and function once. What can be judged at one place
// is judged on the way, at every level.
func (c *checker) structure() {
	m := c.model.pb
	for _, f := range m.Functions {
		c.functions[keyOf(f)] = f
		c.domains[canonical(f.GetDomain())] = true
	}
	top := &spot{imports: imports(m.OpsetImport, m.GetIrVersion())}
	c.graph(m.Graph, nil, top)
	for _, f := range m.Functions {
		c.function(f)
	}
	c.portTypes(top, "input", m.Graph.Input)
	c.portTypes(top, "output", m.Graph.Output)
}

// imports maps each imported domain, as spelled, to its version. Before IR 3 a
// model imports version 1 of the standard's operators without saying so.
func imports(list []*pb.OperatorSetIdProto, ir int64) map[string]int64 {
	versions := map[string]int64{}
	for _, o := range list {
		versions[o.GetDomain()] = o.GetVersion()
	}
	if len(list) == 0 && ir < 3 {
		versions[""] = 1
	}
	return versions
}

// version finds an import; "" and "ai.onnx" are the same domain.
func (s *spot) version(domain string) (int64, bool) {
	if v, ok := s.imports[domain]; ok || canonical(domain) != "" {
		return v, ok
	}
	if v, ok := s.imports[""]; ok {
		return v, true
	}
	v, ok := s.imports["ai.onnx"]
	return v, ok
}

// portTypes demands an element type on every input and output.
func (c *checker) portTypes(s *spot, kind string, ports []*pb.ValueInfoProto) {
	for _, p := range ports {
		if p.GetType() == nil || p.GetType().Value == nil {
			c.report(s, rulePortType, p.GetName(), "graph %s %q has no type", kind, p.GetName())
		} else if t := p.GetType().GetTensorType(); t != nil && t.GetElemType() == 0 {
			r := rulePortElement
			if t.ElemType == nil {
				r = rulePortType
			}
			c.report(s, r, p.GetName(), "graph %s %q has no element type", kind, p.GetName())
		}
	}
}

func (c *checker) graph(g *pb.GraphProto, outer *scope, s *spot) {
	if s.depth > maxNesting {
		c.report(s, ruleNesting, "", "graphs are nested more than %d deep", maxNesting)
		return
	}
	names := &scope{names: make(map[string]bool, len(g.Node)+len(g.Initializer)), nodes: g.Node, outer: outer}
	c.start(g, names, s)
	if c.level >= LevelSchema {
		c.graphSchema(g, s)
	}
	if c.level >= LevelTypes {
		c.constants(g, s)
	}
	c.body(names, s)
	for _, out := range g.Output {
		if name := out.GetName(); !names.has(name) {
			c.report(s, ruleOutput, name, "graph output %q is computed by nothing", name)
		} else if !names.names[name] {
			c.report(s, ruleOutputElsewhere, name, "output %q is not defined in the graph itself", name)
		}
	}
}

// start tests inputs and tensors and defines their names.
func (c *checker) start(g *pb.GraphProto, names *scope, s *spot) {
	for _, in := range g.Input {
		if names.names[in.GetName()] {
			c.report(s, ruleInputTwice, in.GetName(), "two graph inputs are named %q", in.GetName())
		}
		names.names[in.GetName()] = true
	}
	tensors := make(map[string]bool, len(g.Initializer))
	define := func(name string) {
		if name == "" || tensors[name] {
			c.report(s, ruleTensorName, name, "initialiser name %q is empty or used twice", name)
		}
		tensors[name], names.names[name] = true, true
	}
	for _, t := range g.Initializer {
		define(t.GetName())
		c.tensor(t, s)
	}
	for _, sparse := range g.SparseInitializer {
		define(sparse.GetValues().GetName())
		c.sparse(sparse, s)
	}
}

// function tests a model-local function; it sees no names from outside.
func (c *checker) function(f *pb.FunctionProto) {
	names := &scope{names: map[string]bool{}, nodes: f.Node}
	s := &spot{function: f, imports: imports(f.OpsetImport, 3)}
	for _, in := range f.Input {
		if names.names[in] {
			c.report(s, ruleInputTwice, in, "the function has two inputs named %q", in)
		}
		names.names[in] = true
	}
	if c.level >= LevelSchema {
		c.functionSchema(f, s)
	}
	c.body(names, s)
	for _, out := range f.Output {
		if !names.names[out] {
			c.report(s, ruleFunctionOutput, out, "function output %q is computed by nothing", out)
		}
	}
}

func (c *checker) body(names *scope, s *spot) {
	at := *s
	for _, n := range names.nodes {
		if c.full() {
			return
		}
		at.node = n
		c.node(n, names, &at)
		if c.level >= LevelSchema {
			c.nodeSchema(n, &at)
		}
		c.attributes(n, names, &at)
		for _, name := range n.Output {
			if name == "" {
				continue
			}
			if names.has(name) {
				c.report(&at, ruleDefinedTwice, name, "computes %q, which is defined already", name)
			}
			names.names[name] = true
		}
	}
}

// node tests the operator and that every input is defined.
func (c *checker) node(n *pb.NodeProto, names *scope, s *spot) {
	if n.GetOpType() == "" {
		c.report(s, ruleOperatorName, "", "the node names no operator")
	}
	if _, ok := s.version(n.GetDomain()); !ok {
		if c.domains[canonical(n.GetDomain())] {
			c.report(s, ruleImport, "", "operator domain %q is not imported", n.GetDomain())
		} else {
			c.report(s, ruleDomain, "", "operator domain %q is not imported", n.GetDomain())
		}
	}
	for _, name := range n.Input {
		switch {
		case name == "" || names.has(name):
		case names.later(name):
			c.report(s, ruleOrder, name, "reads %q before it is computed", name)
		default:
			c.report(s, ruleUndefined, name, "reads %q, which nothing computes", name)
		}
	}
}

// attributes tests the subgraphs and tensors a node holds.
func (c *checker) attributes(n *pb.NodeProto, names *scope, s *spot) {
	for _, a := range n.Attribute {
		if a.T != nil {
			c.attributeTensor(a.GetName(), a.T, s)
		}
		for _, t := range a.Tensors {
			c.attributeTensor(a.GetName(), t, s)
		}
		if a.SparseTensor != nil {
			c.sparse(a.SparseTensor, s)
		}
		for _, t := range a.SparseTensors {
			c.sparse(t, s)
		}
		if a.G != nil {
			c.graph(a.G, names, s.at(n).body(a.GetName()))
		}
		for _, g := range a.Graphs {
			c.graph(g, names, s.at(n).body(a.GetName()))
		}
	}
}

func (c *checker) attributeTensor(name string, t *pb.TensorProto, s *spot) {
	c.payload(t, name, fmt.Sprintf("attribute %q: ", name), s)
}

func (c *checker) tensor(t *pb.TensorProto, s *spot) { c.payload(t, t.GetName(), "", s) }

// payload tests a tensor's values; where says what holds the tensor.
func (c *checker) payload(t *pb.TensorProto, name, where string, s *spot) {
	tensor := &Tensor{pb: t, model: c.model}
	if err := tensor.checkForm(); err != nil {
		c.report(s, ruleTensor, name, "%s%s", where, bareWhat(err))
		return
	}
	if c.level >= LevelSchema {
		c.tensorSchema(tensor, s)
	}
	if err := tensor.checkSize(); err != nil {
		c.report(s, ruleTensorSize, name, "%s%s", where, bareWhat(err))
	}
}

// bareWhat is an error's text without the file, which a problem does not name.
func bareWhat(err error) string {
	if format := (*FormatError)(nil); errors.As(err, &format) {
		return format.What
	}
	return err.Error()
}
