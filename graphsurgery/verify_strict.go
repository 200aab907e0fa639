package graphsurgery

import (
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// strict tests what the standard's checker lets through.
func (c *checker) strict() {
	m, top := c.model.pb, &spot{}
	c.strictImports(m.OpsetImport, top)
	c.leaks(top, m.MetadataProps)
	used, called := map[string]bool{}, map[*pb.FunctionProto]bool{}
	note := func(n *pb.NodeProto) {
		used[canonical(n.GetDomain())] = true
		if f := c.functions[calleeOf(n)]; f != nil {
			called[f] = true
		}
	}
	eachNode(m.Graph.Node, note)
	for _, o := range m.OpsetImport {
		if d := canonical(o.GetDomain()); d != "" && !used[d] {
			c.report(top, ruleOpsetUnused, o.GetDomain(), "domain %q is imported and not used", o.GetDomain())
		}
	}
	for _, f := range m.Functions {
		eachNode(f.Node, note)
	}
	c.strictGraph(m.Graph, nil, &spot{imports: imports(m.OpsetImport, m.GetIrVersion())})
	for _, f := range m.Functions {
		s := &spot{function: f, imports: imports(f.OpsetImport, 3)}
		if !called[f] {
			c.report(s, ruleUnusedFunction, functionName(f), "function %q is called by nothing", functionName(f))
		}
		c.strictImports(f.OpsetImport, s)
		c.leaks(s, f.MetadataProps)
		names := newReading(nil)
		for _, in := range f.Input {
			names.defined[in] = true
		}
		names.computed(f.Node)
		c.strictNodes(f.Node, names, s)
		c.values(f.ValueInfo, names, s)
	}
}

func (c *checker) strictImports(list []*pb.OperatorSetIdProto, s *spot) {
	seen := map[string]bool{}
	for _, o := range list {
		d := canonical(o.GetDomain())
		if seen[d] {
			c.report(s, ruleOpsetTwice, d, "domain %q is imported twice", o.GetDomain())
		}
		seen[d] = true
		if latest := opschema.Latest(d); opschema.Builtin(d) && (o.GetVersion() > latest || o.GetVersion() < 1) {
			c.report(s, ruleOpsetUnknown, d, "operator set %d of domain %q is not released; the newest known is %d", o.GetVersion(), o.GetDomain(), latest)
		}
	}
}

// leaks looks for stack traces, which PyTorch's exporter writes into metadata.
func (c *checker) leaks(s *spot, props []*pb.StringStringEntryProto) {
	for _, p := range props {
		if strings.HasSuffix(p.GetKey(), "stack_trace") {
			c.report(s, ruleLeak, p.GetKey(), "metadata %q tells paths of the machine that wrote the model", p.GetKey())
		}
	}
}

// reading is what a graph defines and reads, and the graphs around it.
type reading struct {
	defined map[string]bool
	read    map[string]bool
	outer   *reading
}

func newReading(outer *reading) *reading {
	return &reading{defined: map[string]bool{}, read: map[string]bool{}, outer: outer}
}

// computed adds what nodes compute.
func (s *reading) computed(nodes []*pb.NodeProto) {
	for _, n := range nodes {
		for _, name := range n.Output {
			s.defined[name] = true
		}
	}
	delete(s.defined, "")
}

// find gives the innermost set that defines the name.
func (s *reading) find(name string) *reading {
	for ; s != nil && !s.defined[name]; s = s.outer {
	}
	return s
}

func (c *checker) strictGraph(g *pb.GraphProto, outer *reading, s *spot) {
	names := newReading(outer)
	c.define(g, names, s)
	c.leaks(s, g.MetadataProps)
	c.strictNodes(g.Node, names, s)
	outputs := map[string]bool{}
	for _, out := range g.Output {
		if outputs[out.GetName()] {
			c.report(s, ruleOutputTwice, out.GetName(), "two graph outputs are named %q", out.GetName())
		}
		outputs[out.GetName()], names.read[out.GetName()] = true, true
		c.opaque(out, s)
	}
	for _, t := range g.Initializer {
		if !names.read[t.GetName()] {
			c.report(s, ruleUnusedTensor, t.GetName(), "initialiser %q is read by nothing", t.GetName())
		}
	}
	for _, t := range g.SparseInitializer {
		if name := t.GetValues().GetName(); !names.read[name] {
			c.report(s, ruleUnusedTensor, name, "initialiser %q is read by nothing", name)
		}
	}
	c.described(g, names, s)
}

// define collects a graph's names before its bodies are seen.
func (c *checker) define(g *pb.GraphProto, names *reading, s *spot) {
	port := func(name string) {
		if names.outer.find(name) != nil {
			c.report(s, ruleShadow, name, "%q hides a value of the same name around the graph", name)
		}
		names.defined[name] = true
	}
	for _, in := range g.Input {
		port(in.GetName())
		c.opaque(in, s)
	}
	for _, t := range g.Initializer {
		if !names.defined[t.GetName()] {
			port(t.GetName())
		}
		c.leaks(s, t.MetadataProps)
	}
	for _, t := range g.SparseInitializer {
		if name := t.GetValues().GetName(); !names.defined[name] {
			port(name)
		}
	}
	names.computed(g.Node)
}

func (c *checker) opaque(p *pb.ValueInfoProto, s *spot) {
	if o := p.GetType().GetOpaqueType(); o != nil && o.GetName() == "" {
		c.report(s, ruleOpaque, p.GetName(), "the opaque type of %q has no name", p.GetName())
	}
}

// strictNodes tests nodes and, through them, the graphs they hold; names learns
// what is read.
func (c *checker) strictNodes(nodes []*pb.NodeProto, names *reading, s *spot) {
	labels := make(map[string]bool, len(nodes))
	at := *s
	for _, n := range nodes {
		if c.full() {
			return
		}
		at.node = n
		if name := n.GetName(); name != "" && labels[name] {
			c.report(&at, ruleNodeName, name, "two nodes are named %q", name)
		}
		labels[n.GetName()] = true
		for _, in := range n.Input {
			if owner := names.find(in); owner != nil {
				owner.read[in] = true
			}
		}
		c.call(n, &at)
		c.leaks(&at, n.MetadataProps)
		c.strictAttributes(n, names, &at)
	}
}

func (c *checker) strictAttributes(n *pb.NodeProto, names *reading, s *spot) {
	for _, a := range n.Attribute {
		if ref := a.GetRefAttrName(); ref != "" && !c.attributesOf(s.function)[ref] {
			c.report(s, ruleReferenceUnknown, a.GetName(), "attribute %q refers to %q, which no function around it has", a.GetName(), ref)
		}
		if a.G != nil {
			c.strictGraph(a.G, names, s.at(n).body(a.GetName()))
		}
		for _, g := range a.Graphs {
			c.strictGraph(g, names, s.at(n).body(a.GetName()))
		}
	}
}

// attributesOf are a function's attributes, with a default or not.
func (c *checker) attributesOf(f *pb.FunctionProto) map[string]bool {
	if names, ok := c.attributeNames[f]; ok || f == nil {
		return names
	}
	names := map[string]bool{}
	for _, a := range f.Attribute {
		names[a] = true
	}
	for _, a := range f.AttributeProto {
		names[a.GetName()] = true
	}
	c.attributeNames[f] = names
	return names
}

// call tests an operator that the standard does not define.
func (c *checker) call(n *pb.NodeProto, s *spot) {
	domain := canonical(n.GetDomain())
	opset, _ := s.version(n.GetDomain())
	if _, found := opschema.Find(domain, n.GetOpType(), opset); found {
		return // seen at the schema level, ONNX Runtime's too
	}
	f := c.functions[calleeOf(n)]
	switch {
	case f != nil:
		c.arguments(n, f, s)
	case domain == "" && removed(n.GetOpType()), domain == "ai.onnx.ml": // reported already
	case !c.known[domain] && domain != "":
		c.report(s, ruleCustom, "", "nothing defines operator %s of domain %q", n.GetOpType(), n.GetDomain())
	}
}

// arguments tests that a call fits the function. Fewer inputs and outputs are
// allowed: trailing ones may be left out.
func (c *checker) arguments(n *pb.NodeProto, f *pb.FunctionProto, s *spot) {
	if len(n.Input) > len(f.Input) {
		c.report(s, ruleCall, "", "%d inputs for function %s, which has %d", len(n.Input), functionName(f), len(f.Input))
	}
	if len(n.Output) > len(f.Output) {
		c.report(s, ruleCall, "", "%d outputs of function %s, which has %d", len(n.Output), functionName(f), len(f.Output))
	}
	given, has := map[string]bool{}, c.attributesOf(f)
	for _, a := range n.Attribute {
		given[a.GetName()] = true
		if !has[a.GetName()] {
			c.report(s, ruleCall, a.GetName(), "function %s has no attribute %q", functionName(f), a.GetName())
		}
	}
	for _, name := range f.Attribute {
		if !given[name] {
			c.report(s, ruleCall, name, "function %s demands attribute %q", functionName(f), name)
		}
	}
}

// described tests what a graph says of its values beside its nodes.
func (c *checker) described(g *pb.GraphProto, names *reading, s *spot) {
	c.values(g.ValueInfo, names, s)
	for _, q := range g.QuantizationAnnotation {
		if !names.defined[q.GetTensorName()] {
			c.report(s, ruleQuantization, q.GetTensorName(), "a quantisation annotation is of %q, which is not there", q.GetTensorName())
		}
		for _, p := range q.QuantParameterTensorNames {
			if !names.defined[p.GetValue()] {
				c.report(s, ruleQuantization, p.GetValue(), "the quantisation annotation of %q names %q, which is not there", q.GetTensorName(), p.GetValue())
			}
		}
	}
}

// values tests that each value_info describes one value, and each another.
func (c *checker) values(infos []*pb.ValueInfoProto, names *reading, s *spot) {
	seen := make(map[string]bool, len(infos))
	for _, v := range infos {
		name := v.GetName()
		if !names.defined[name] {
			c.report(s, ruleValueInfo, name, "value_info describes %q, which is not there", name)
		}
		if seen[name] {
			c.report(s, ruleValueInfoTwice, name, "value_info describes %q twice", name)
		}
		seen[name] = true
		c.leaks(s, v.MetadataProps)
	}
}
