package graphsurgery

import (
	"fmt"
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Extract cuts a model out of the main graph of m: what computes the outputs from
// the inputs, both named by values, in the order given. Needed initialisers,
// subgraphs and functions come along, so do operator sets, metadata and the types
// of values; an initialiser named as an input becomes one. Types of the new inputs
// and outputs are those of the file, else inferred. The error names the value that
// is missing where an output needs a graph input that is not among the inputs; m
// itself is not changed.
func Extract(m *Model, inputs, outputs []string) (*Model, error) {
	c := &extraction{from: m, given: map[string]bool{}, nodes: map[*Node]bool{}, constants: map[string]bool{}}
	if err := c.collect(inputs, outputs); err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	x, err := c.model(inputs, outputs)
	if err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	if err := x.Verify(); err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	return x, nil
}

// extraction is what a part of a model consists of.
type extraction struct {
	from      *Model
	given     map[string]bool // names of the inputs
	nodes     map[*Node]bool
	constants map[string]bool
	types     *Types // inferred, once needed
}

// collect walks from the outputs back to the inputs.
func (c *extraction) collect(inputs, outputs []string) error {
	g := c.from.Graph
	if len(outputs) == 0 {
		return fmt.Errorf("no outputs are named")
	}
	for _, name := range inputs {
		switch {
		case g.values[name] == nil:
			return fmt.Errorf("no value %q in the main graph", name)
		case c.given[name]:
			return fmt.Errorf("input %q is named twice", name)
		}
		c.given[name] = true
	}
	var queue []*Node
	seen := map[string]bool{}
	for _, name := range outputs {
		v := g.values[name]
		switch {
		case v == nil:
			return fmt.Errorf("no value %q in the main graph", name)
		case seen[name]:
			return fmt.Errorf("output %q is named twice", name)
		}
		seen[name] = true
		if err := c.need(v, name, &queue); err != nil {
			return err
		}
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, v := range n.captured() {
			if err := c.need(v, n.Label(), &queue); err != nil {
				return err
			}
		}
	}
	return nil
}

// need notes a value that is read, and by whom.
func (c *extraction) need(v *Value, reader string, queue *[]*Node) error {
	switch {
	case c.given[v.name]:
	case v.producer != nil:
		if !c.nodes[v.producer] {
			c.nodes[v.producer] = true
			*queue = append(*queue, v.producer)
		}
	case v.tensor != nil || v.sparse != nil:
		c.constants[v.name] = true
	default:
		return fmt.Errorf("%q cannot be computed from the inputs given: it needs graph input %q", reader, v.name)
	}
	return nil
}

// captured lists the values of its graph that a node reads, through its subgraphs
// too.
func (n *Node) captured() []*Value {
	var list []*Value
	add := func(values []*Value) {
		for _, v := range values {
			if v != nil && v.graph == n.graph {
				list = append(list, v)
			}
		}
	}
	add(n.inputs)
	if len(n.bodies) > 0 {
		walk(n.bodies, func(g *Graph) {
			for _, inner := range g.nodes {
				add(inner.inputs)
			}
			add(g.outputs)
		})
	}
	return list
}

// model builds the new model; it shares the payloads of the old one.
func (c *extraction) model(inputs, outputs []string) (*Model, error) {
	g, err := c.graph(inputs, outputs)
	if err != nil {
		return nil, err
	}
	old := c.from.pb
	p := &pb.ModelProto{
		IrVersion: old.IrVersion, OpsetImport: old.OpsetImport, ProducerName: old.ProducerName, ProducerVersion: old.ProducerVersion,
		Domain: old.Domain, ModelVersion: old.ModelVersion, DocString: old.DocString, MetadataProps: old.MetadataProps,
		Configuration: old.Configuration, Functions: c.functions(), Graph: g,
	}
	p.ProtoReflect().SetUnknown(old.ProtoReflect().GetUnknown())
	p = twin(p)
	c.freeInputs(p.Graph.Node)
	return newModel(p, c.from)
}

// freeInputs renames results of kept nodes that are inputs now: a node with two
// results may be needed for the other one.
func (c *extraction) freeInputs(nodes []*pb.NodeProto) {
	for _, n := range nodes {
		for i, out := range n.Output {
			if c.given[out] {
				n.Output[i] = c.from.FreshName(out + "_unused")
			}
		}
	}
}

// newModel indexes a message as a model that reads external data where from does.
func newModel(p *pb.ModelProto, from *Model) (*Model, error) {
	m := &Model{pb: p, path: from.path, root: from.root, held: from.held}
	m.Graph = &Graph{model: m, pb: p.Graph}
	if err := m.reindex(); err != nil {
		return nil, err
	}
	return m, nil
}

// graph picks what is needed out of the old graph, in its order.
func (c *extraction) graph(inputs, outputs []string) (*pb.GraphProto, error) {
	old := c.from.Graph.pb
	g := &pb.GraphProto{Name: old.Name, DocString: old.DocString, MetadataProps: old.MetadataProps}
	g.ProtoReflect().SetUnknown(old.ProtoReflect().GetUnknown())
	for _, n := range c.from.Graph.nodes {
		if c.nodes[n] {
			g.Node = append(g.Node, n.pb)
		}
	}
	g.Initializer = slices.DeleteFunc(slices.Clone(old.Initializer), func(t *pb.TensorProto) bool { return !c.constants[t.GetName()] })
	g.SparseInitializer = slices.DeleteFunc(slices.Clone(old.SparseInitializer), func(t *pb.SparseTensorProto) bool { return !c.constants[t.GetValues().GetName()] })
	for _, name := range inputs {
		port, err := c.port(old.Input, name)
		if err != nil {
			return nil, err
		}
		g.Input = append(g.Input, port)
	}
	for _, in := range old.Input { // initialisers that are listed as inputs, too
		if c.constants[in.GetName()] {
			g.Input = append(g.Input, in)
		}
	}
	for _, name := range outputs {
		port, err := c.port(old.Output, name)
		if err != nil {
			return nil, err
		}
		g.Output = append(g.Output, port)
	}
	c.notes(g)
	return g, nil
}

// port declares an input or output: as the old graph does, else by the type that
// is known.
func (c *extraction) port(declared []*pb.ValueInfoProto, name string) (*pb.ValueInfoProto, error) {
	for _, p := range declared {
		if p.GetName() == name {
			return p, nil
		}
	}
	v := c.from.Graph.values[name]
	if v.info != nil {
		return &pb.ValueInfoProto{Name: &name, Type: v.info}, nil
	}
	t := v.typ()
	if t.DType == Undefined {
		if c.types == nil {
			types, err := c.from.Infer()
			if err != nil {
				return nil, err
			}
			c.types = types
		}
		t = c.types.Of(v)
	}
	if t.DType == Undefined {
		return nil, &UnsupportedError{File: c.from.path, What: fmt.Sprintf("the type of value %q is not known, so it cannot be an input or output", name), Hint: "cut at another value, or state its type in the model first"}
	}
	return &pb.ValueInfoProto{Name: &name, Type: typeProto(t.DType, t.Shape)}, nil
}

// notes takes along the types of values and quantisation annotations that still
// concern something, but not the types that a port states.
func (c *extraction) notes(g *pb.GraphProto) {
	kept := map[string]bool{}
	for _, n := range g.Node {
		for _, out := range n.Output {
			kept[out] = true
		}
	}
	for _, port := range slices.Concat(g.Input, g.Output) {
		delete(kept, port.GetName())
	}
	old := c.from.Graph.pb
	for _, info := range old.ValueInfo {
		if kept[info.GetName()] || c.constants[info.GetName()] {
			g.ValueInfo = append(g.ValueInfo, info)
		}
	}
	for _, out := range old.Output { // the old outputs that are inner values now
		if kept[out.GetName()] && out.Type != nil {
			g.ValueInfo = append(g.ValueInfo, out)
		}
	}
	for _, a := range old.QuantizationAnnotation {
		if v := c.from.Graph.values[a.GetTensorName()]; v != nil && (c.given[v.name] || c.constants[v.name] || c.nodes[v.producer]) {
			g.QuantizationAnnotation = append(g.QuantizationAnnotation, a)
		}
	}
}

// functions are those that the needed nodes call, directly or through others, in
// the file's order.
func (c *extraction) functions() []*pb.FunctionProto {
	needed := map[*Function]bool{}
	for n := range c.nodes {
		part := &Graph{model: c.from, nodes: []*Node{n}}
		for _, f := range part.calls() {
			needed[f] = true
		}
	}
	var list []*pb.FunctionProto
	for _, f := range c.from.functions {
		if needed[f] {
			list = append(list, f.pb)
		}
	}
	return list
}
