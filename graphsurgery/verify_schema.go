package graphsurgery

import (
	"math"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// header tests the model around its graph: versions and metadata.
func (c *checker) header() {
	m, top := c.model.pb, &spot{}
	ir := m.GetIrVersion()
	if ir < 1 || ir > opschema.LatestIR() {
		c.report(top, ruleIRVersion, "", "IR version %d, want 1 to %d", ir, opschema.LatestIR())
	}
	switch {
	case ir >= 3 && len(m.OpsetImport) == 0:
		c.report(top, ruleOpset, "", "no operator set is imported, which IR version %d demands", ir)
	case ir < 3 && len(m.OpsetImport) > 0:
		c.report(top, ruleOpset, "", "operator sets are imported, which IR version %d does not know", ir)
	}
	c.opsets(m.OpsetImport, top)
	keys := map[string]bool{}
	for _, p := range m.MetadataProps {
		if keys[p.GetKey()] {
			c.report(top, ruleMetadataTwice, p.GetKey(), "two metadata entries have the key %q", p.GetKey())
		}
		keys[p.GetKey()] = true
	}
}

// opsets tests that imported versions are possible ones.
func (c *checker) opsets(list []*pb.OperatorSetIdProto, s *spot) {
	for _, o := range list {
		if v := o.GetVersion(); v > math.MaxInt32 || v < math.MinInt32 {
			c.report(s, ruleOpset, o.GetDomain(), "version %d of domain %q does not fit 32 bits", v, o.GetDomain())
		}
	}
}

// graphSchema tests a graph's name, its ports and, up to IR 3, that its
// initialisers are inputs.
func (c *checker) graphSchema(g *pb.GraphProto, s *spot) {
	if g.GetName() == "" {
		c.report(s, ruleGraphName, "", "the graph has no name")
	}
	c.ports(s, "input", g.Input)
	c.ports(s, "output", g.Output)
	if c.model.pb.GetIrVersion() > 3 {
		return
	}
	inputs := make(map[string]bool, len(g.Input))
	for _, in := range g.Input {
		inputs[in.GetName()] = true
	}
	for _, t := range g.Initializer {
		if !inputs[t.GetName()] {
			c.report(s, ruleInitializerInput, t.GetName(), "initialiser %q is no input, which IR version %d demands", t.GetName(), c.model.pb.GetIrVersion())
		}
	}
}

func (c *checker) ports(s *spot, kind string, ports []*pb.ValueInfoProto) {
	for _, p := range ports {
		if p.GetName() == "" {
			c.report(s, rulePort, "", "a graph %s has no name", kind)
		}
		if s.outer != nil { // a body may leave types out
			continue
		}
		if missing := missingPart(p.GetType()); missing != "" {
			c.report(s, rulePort, p.GetName(), "graph %s %q has no %s", kind, p.GetName(), missing)
		}
	}
}

// missingPart names what a port's type lacks. Types that are absent, and element
// types of tensors, are a matter of the structure.
func missingPart(t *pb.TypeProto) string {
	switch v := t.GetValue().(type) {
	case *pb.TypeProto_TensorType:
		if v.TensorType.GetShape() == nil {
			return "shape"
		}
	case *pb.TypeProto_SparseTensorType:
		switch {
		case v.SparseTensorType.ElemType == nil:
			return "element type"
		case v.SparseTensorType.GetShape() == nil:
			return "shape"
		}
	case *pb.TypeProto_SequenceType:
		if v.SequenceType.GetElemType() == nil {
			return "element type"
		}
	case *pb.TypeProto_OptionalType:
		if v.OptionalType.GetElemType() == nil {
			return "element type"
		}
	case *pb.TypeProto_MapType:
		if v.MapType.KeyType == nil || v.MapType.GetValueType() == nil {
			return "key or value type"
		}
	}
	return ""
}

// removed are operators that were experiments and left the standard; its checker
// lets them pass.
func removed(op string) bool {
	switch op {
	case "ATen", "Affine", "ConstantFill", "Crop", "DynamicSlice", "GRUUnit", "GivenTensorFill",
		"ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh":
		return true
	}
	return false
}

// domainSpelling tests that a node of the standard's domain finds it among the imports
// as it is spelled. The standard takes "ai.onnx" and the empty name for one domain,
// its checker does so for neither nodes nor, until onnx 1.23, imports.
func (c *checker) domainSpelling(n *pb.NodeProto, s *spot) {
	d := n.GetDomain()
	if canonical(d) != "" {
		return
	}
	_, asSpelled := s.imports[d]
	if _, imported := s.version(d); imported && !asSpelled {
		c.report(s, ruleDomainSpelling, "", "operator domain %q is imported under another spelling, which onnx's checker takes for another domain", d)
	}
}

// nodeSchema tests a node's attributes and holds it against its schema.
func (c *checker) nodeSchema(n *pb.NodeProto, s *spot) {
	if len(n.Input) == 0 && len(n.Output) == 0 {
		c.report(s, ruleNoPorts, "", "the node has neither inputs nor outputs")
	}
	names := make(map[string]bool, len(n.Attribute))
	for _, a := range n.Attribute {
		c.attributeForm(a, s)
		if names[a.GetName()] {
			c.report(s, ruleAttributeTwice, a.GetName(), "two attributes are named %q", a.GetName())
		}
		names[a.GetName()] = true
	}
	c.domainSpelling(n, s)
	opset, imported := s.version(n.GetDomain())
	if !imported || n.GetOpType() == "" {
		return
	}
	domain := canonical(n.GetDomain())
	schema, found := opschema.Find(domain, n.GetOpType(), opset)
	standard := domain == "" || domain == "ai.onnx.ml"
	switch {
	case domain == "" && removed(n.GetOpType()):
		c.report(s, ruleRemoved, "", "operator %s was an experiment and left the standard", n.GetOpType())
	case standard && (!found || schema.Runtime):
		c.report(s, ruleOperator, "", "operator set %d of domain %q has no %s%s", opset, n.GetDomain(), n.GetOpType(), c.since(domain, n.GetOpType()))
	case !found || schema.Runtime && c.level < LevelStrict:
		// A function's, or unknown: see calls.
	case schema.Deprecated:
		c.report(s, ruleDeprecated, "", "operator %s is withdrawn since version %d", n.GetOpType(), schema.Since)
	default:
		c.conform(n, schema, names, s)
	}
}
