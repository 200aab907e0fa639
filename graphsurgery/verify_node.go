package graphsurgery

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// since helps with an unknown operator: which version brought it, if one did.
func (c *checker) since(domain, op string) string {
	versions := opschema.Versions(domain, op)
	switch {
	case len(versions) == 0:
		return ""
	case versions[0].Runtime:
		return ", which is an extension of ONNX Runtime"
	}
	return fmt.Sprintf(", which came with %d", versions[0].Since)
}

// conform holds a node, whose attributes have the names, against its operator's
// schema.
func (c *checker) conform(n *pb.NodeProto, schema *opschema.Schema, names map[string]bool, s *spot) {
	c.count(s, ruleInputs, "inputs", len(n.Input), schema.MinInputs, schema.MaxInputs, nil)
	c.count(s, ruleOutputs, "outputs", len(n.Output), schema.MinOutputs, schema.MaxOutputs, schema.OutputCounts)
	for i, name := range n.Input {
		if i < len(schema.Inputs) && name == "" && schema.Inputs[i].Option == opschema.Single {
			c.report(s, ruleInputs, "", "input %d (%s) is blank, and must be there", i, schema.Inputs[i].Name)
		}
	}
	for i, name := range n.Output {
		if i < len(schema.Outputs) && name == "" && schema.Outputs[i].Option == opschema.Single {
			c.report(s, ruleOutputs, "", "output %d (%s) is blank, and must be there", i, schema.Outputs[i].Name)
		}
	}
	for _, a := range n.Attribute {
		c.attributeSchema(a, schema, s)
	}
	for _, a := range schema.Attrs {
		if a.Required && !names[a.Name] {
			c.report(s, ruleAttributeMissing, a.Name, "attribute %q is required", a.Name)
		}
	}
}

func (c *checker) count(s *spot, rule ruleID, what string, n, least, greatest int, only []int) {
	switch {
	case n < least || n > greatest:
		c.report(s, rule, "", "%d %s, want %s", n, what, span(least, greatest))
	case only != nil && !slices.Contains(only, n):
		c.report(s, rule, "", "%d %s, want one of %v", n, what, only)
	}
}

func span(least, greatest int) string {
	switch {
	case greatest == opschema.Unbounded:
		return fmt.Sprintf("%d or more", least)
	case least == greatest:
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, greatest)
}

// attributeSchema holds an attribute against the schema. Names that start with
// two underscores are an implementation's notes.
func (c *checker) attributeSchema(a *pb.AttributeProto, schema *opschema.Schema, s *spot) {
	formal, ok := schema.Attr(a.GetName())
	if !ok {
		if !schema.Open && !strings.HasPrefix(a.GetName(), "__") {
			c.report(s, ruleAttributeName, a.GetName(), "operator %s has no attribute %q", schema.Name, a.GetName())
		}
		return
	}
	if got := opschema.AttrType(a.GetType()); got != formal.Type {
		c.report(s, ruleAttributeType, a.GetName(), "attribute %q has type %s, want %s", a.GetName(), got, formal.Type)
		return
	}
	if a.GetRefAttrName() == "" && formal.Type.Message() && len(attributeValues(a)) == 0 {
		c.report(s, ruleAttributeType, a.GetName(), "attribute %q has no value of type %s", a.GetName(), formal.Type)
	}
}

// attributeForm tests an attribute by itself: name, type, at most one value.
func (c *checker) attributeForm(a *pb.AttributeProto, s *spot) {
	name := a.GetName()
	if name == "" {
		c.report(s, ruleAttribute, "", "an attribute has no name")
	}
	if a.Type == nil && c.model.pb.GetIrVersion() >= 2 {
		c.report(s, ruleAttribute, name, "attribute %q has no type", name)
	}
	values := attributeValues(a)
	for _, t := range values {
		if a.Type != nil && t != opschema.AttrType(a.GetType()) {
			c.report(s, ruleAttribute, name, "attribute %q has type %s and a value of type %s", name, opschema.AttrType(a.GetType()), t)
		}
	}
	if len(values) > 1 {
		c.report(s, ruleAttribute, name, "attribute %q has %d values", name, len(values))
	}
	reference := a.RefAttrName != nil
	if reference && len(values) > 0 && s.outer != nil {
		c.report(s, ruleReference, name, "attribute %q has a value and refers to %q too", name, a.GetRefAttrName())
	}
	if len(values) == 0 && !reference && opschema.AttrType(a.GetType()) <= opschema.String {
		c.report(s, ruleAttributeEmpty, name, "attribute %q has no value", name)
	}
}

// attributeValues lists the types of the values that an attribute holds.
func attributeValues(a *pb.AttributeProto) []opschema.AttrType {
	var types []opschema.AttrType
	for _, v := range [...]struct {
		t   opschema.AttrType
		has bool
	}{
		{opschema.Float, a.F != nil},
		{opschema.Int, a.I != nil},
		{opschema.String, a.S != nil},
		{opschema.Tensor, a.T != nil},
		{opschema.Graph, a.G != nil},
		{opschema.TypeProto, a.Tp != nil},
		{opschema.SparseTensor, a.SparseTensor != nil},
		{opschema.Floats, len(a.Floats) > 0},
		{opschema.Ints, len(a.Ints) > 0},
		{opschema.Strings, len(a.Strings) > 0},
		{opschema.Tensors, len(a.Tensors) > 0},
		{opschema.Graphs, len(a.Graphs) > 0},
		{opschema.SparseTensors, len(a.SparseTensors) > 0},
		{opschema.TypeProtos, len(a.TypeProtos) > 0},
	} {
		if v.has {
			types = append(types, v.t)
		}
	}
	return types
}
