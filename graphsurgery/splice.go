package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Splice copies a graph, of this model or another one, into the patch: its nodes
// with their subgraphs, its initialisers, the functions it calls and the operator
// sets it needs. inputs are what its inputs read, in order; the result is its
// outputs. Every name gets the prefix, the patch's label if it is "", and a number
// where it is taken. The error at Apply is a [SeamError] where what an input declares is not the
// inferred type of its wire (symbolic sizes bind, one number each), and an [UnsupportedError] where operator sets differ. Types of the graph's
// values are taken along if the graph it goes to states some.
func (p *Patch) Splice(prefix string, g *Graph, inputs ...Wire) []Wire {
	if prefix == "" {
		prefix = p.label
	}
	if g == nil {
		p.fail("splice of no graph")
		return nil
	}
	s := newSplicer(p, g)
	s.rename = func(name string, kind nameKind) (string, error) {
		return p.names.fresh(prefix+"/"+name, kind), nil
	}
	s.dimension = func(name string) Dim { return Dim{Value: -1, Param: prefix + "/" + name} }
	return s.run(inputs)
}

// Inline puts the body of the model-local function that a node calls in the
// node's place. Attributes that the body refers to become those of the call, or
// their defaults.
func (p *Patch) Inline(n *Node) {
	if !p.mine(n) {
		return
	}
	f := n.Function()
	if f == nil {
		p.fail("node %q calls operator %s, which is not a function of the model", n.Label(), n.Op())
		return
	}
	at := p.In(n.graph)
	inputs := make([]Wire, len(f.body.inputs))
	for i := range inputs {
		if v := n.Input(i); v != nil {
			inputs[i] = at.Tap(v)
		}
	}
	s := newSplicer(at, f.body)
	s.rename = func(name string, kind nameKind) (string, error) {
		return p.names.fresh(n.Label()+"/"+name, kind), nil
	}
	s.call = n
	outputs := s.run(inputs)
	if p.err == nil && len(outputs) < len(n.outputs) {
		p.fail("node %q has %d outputs, its function %d", n.Label(), len(n.outputs), len(outputs))
	}
	if p.err == nil {
		at.Replace(n, outputs[:len(n.outputs)]...)
	}
}

// splicer copies a graph into a patch.
type splicer struct {
	patch     *Patch
	from      *Graph
	call      *Node // when inlining
	rename    func(name string, kind nameKind) (string, error)
	dimension func(name string) Dim // of a symbolic dimension that no input binds
	wires     map[string]Wire       // the graph's values in the patch
	dims      map[string]Dim        // symbols bound by the inputs
	sizes     sizes                 // those bound to numbers
	functions map[functionKey]string
	declare   bool // types are written down
	last      bool // the nodes stand behind all others
	known     bool // the nodes were there before, and are not judged
	err       error
}

func newSplicer(p *Patch, g *Graph) *splicer {
	return &splicer{
		patch: p, from: g, wires: map[string]Wire{}, dims: map[string]Dim{}, sizes: sizes{}, functions: map[functionKey]string{},
		declare:   len(p.graph.pb.ValueInfo) > 0,
		known:     g.model == p.model,
		dimension: func(name string) Dim { return Dim{Value: -1, Param: name} },
	}
}

func (s *splicer) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// run copies everything and gives the wires of the graph's outputs.
func (s *splicer) run(inputs []Wire) []Wire {
	s.bindInputs(inputs)
	s.needFunctions()
	s.needOpsets()
	s.copyConstants()
	for _, n := range s.from.nodes {
		if s.err != nil {
			break
		}
		s.copyNode(n)
	}
	s.copyAnnotations()
	outputs := make([]Wire, len(s.from.outputs))
	for i, v := range s.from.outputs {
		w, ok := s.wires[v.name]
		if !ok {
			s.fail("output %q comes from outside of the graph", v.name)
		}
		outputs[i] = w
	}
	if s.err != nil {
		s.patch.fail("splicing graph %q: %w", s.from.Name(), s.err)
	}
	return outputs
}

func (s *splicer) bindInputs(inputs []Wire) {
	if len(inputs) != len(s.from.inputs) {
		s.fail("%d inputs are given, the graph has %d", len(inputs), len(s.from.inputs))
		return
	}
	for i, v := range s.from.inputs {
		w := inputs[i]
		s.patch.own(w)
		if w.omitted() && s.call == nil {
			s.fail("input %q needs a wire", v.name)
		}
		s.wires[v.name] = w
		s.seam(v, w)
	}
}

func (s *splicer) name(old string, kind nameKind) string {
	name, err := s.rename(old, kind)
	if err != nil {
		s.fail("%w", err)
	}
	return name
}

func (s *splicer) copyConstants() {
	for _, t := range s.from.inits {
		init, err := t.detached(s.patch.model)
		if err != nil {
			s.fail("%w", err)
			return
		}
		name := s.name(t.Name(), valueName)
		init.Name = &name
		s.wires[t.Name()] = s.patch.constant(init)
	}
	for _, sparse := range s.from.pb.SparseInitializer {
		if s.patch.graph.Function() != nil {
			s.fail("a sparse initialiser cannot go into a function")
			return
		}
		old := sparse.GetValues().GetName()
		c, name := twin(sparse), s.name(old, valueName)
		c.Values.Name = &name
		s.patch.inits = append(s.patch.inits, patchInit{graph: s.patch.graph, sparse: c})
		s.wires[old] = Wire{patch: s.patch.change, graph: s.patch.graph, init: &pb.TensorProto{Name: &name, DataType: c.Values.DataType, Dims: c.Dims}}
	}
}

// copyNode adds a node of the graph to the patch.
func (s *splicer) copyNode(n *Node) {
	c := &patchNode{graph: s.patch.graph, pb: twin(n.pb), types: make([]*pb.TypeProto, len(n.pb.Output)), declare: s.declare, last: s.last, copied: s.known}
	for i, name := range n.pb.Input {
		w, ok := s.wires[name]
		if !ok && name != "" {
			s.fail("node %q reads %q, which is outside of the graph", n.Label(), name)
		}
		if c.pb.Input[i] = ""; ok {
			c.pb.Input[i] = w.name()
		}
		c.inputs = append(c.inputs, w)
	}
	for i, v := range n.outputs {
		if v == nil {
			continue
		}
		c.pb.Output[i] = s.name(v.name, valueName)
		c.types[i] = s.typ(v.info)
		s.wires[v.name] = Wire{patch: s.patch.change, graph: s.patch.graph, node: c, index: i}
	}
	s.adapt(c, c.pb, nil)
	s.patch.nodes = append(s.patch.nodes, c)
}

// copyAnnotations takes along the quantisation annotations.
func (s *splicer) copyAnnotations() {
	if s.patch.graph.Function() != nil {
		return
	}
	for _, a := range s.from.pb.QuantizationAnnotation {
		w, ok := s.wires[a.GetTensorName()]
		if !ok || w.tap != nil {
			continue
		}
		c := twin(a)
		c.TensorName = new(w.name())
		for _, p := range c.QuantParameterTensorNames {
			if w, ok := s.wires[p.GetValue()]; ok {
				p.Value = new(w.name())
			}
		}
		s.patch.annotations = append(s.patch.annotations, patchAnnotation{s.patch.graph, c})
	}
}

// typ is a type with the symbols that the inputs bind replaced.
func (s *splicer) typ(t *pb.TypeProto) *pb.TypeProto {
	if t == nil {
		return nil
	}
	t = twin(t)
	shape := t.GetTensorType().GetShape()
	if shape == nil {
		return t
	}
	for i, d := range shape.Dim {
		if d.GetDimParam() == "" {
			continue
		}
		bound, ok := s.dims[d.GetDimParam()]
		if !ok {
			bound = s.dimension(d.GetDimParam())
		}
		shape.Dim[i] = dimProto(bound)
	}
	return t
}
