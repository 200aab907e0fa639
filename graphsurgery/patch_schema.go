package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// checkSchemas holds the new nodes, those in their subgraphs and in functions that
// come along, against the schemas of their operators in the operator sets that are
// imported by now: the rules of [LevelSchema]. Operators that no schema describes pass,
// if their domain is not the standard's; so do nodes copied inside the model, which had
// them before. Of a node that got an attribute, that attribute is judged.
func (e *edit) checkSchemas() error {
	c := newChecker(e.patch.model, CheckOptions{Level: LevelSchema, Max: 1})
	for _, f := range c.model.pb.Functions {
		c.functions[keyOf(f)] = f
	}
	for _, n := range e.patch.nodes {
		if n.copied {
			continue
		}
		s := e.spotOf(n.graph)
		var err error
		eachNode([]*pb.NodeProto{n.pb}, func(n *pb.NodeProto) {
			if err == nil {
				err = c.addition(n, s.at(n))
			}
		})
		if err != nil {
			return err
		}
	}
	if err := e.checkFunctions(c); err != nil {
		return err
	}
	return e.checkAttributes(c)
}

// checkFunctions judges the bodies of the functions that come along.
func (e *edit) checkFunctions(c *checker) error {
	for _, f := range e.patch.functions {
		s := &spot{function: f, imports: imports(f.OpsetImport, 3)}
		var err error
		eachNode(f.Node, func(n *pb.NodeProto) {
			if err == nil {
				err = c.addition(n, s.at(n))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkAttributes judges the attributes that nodes of the model got or lost, and
// nothing else of these nodes: what was wrong before is no reason to refuse.
func (e *edit) checkAttributes(c *checker) error {
	for _, edit := range e.patch.nodeEdits {
		n := edit.node
		if edit.attr == "" || c.functions[calleeOf(n.pb)] != nil {
			continue
		}
		s := e.spotOf(n.graph).at(n.pb)
		opset, _ := s.version(n.pb.GetDomain())
		schema, found := opschema.Find(canonical(n.pb.GetDomain()), n.Op(), opset)
		if !found {
			continue
		}
		if edit.value != nil {
			c.attributeForm(edit.value, s)
			c.attributeSchema(edit.value, schema, s)
		} else if a, ok := schema.Attr(edit.attr); ok && a.Required && !attributeNames(n.pb)[edit.attr] {
			c.report(s, ruleAttributeMissing, edit.attr, "attribute %q is required", edit.attr)
		}
		if err := c.firstFault(); err != nil {
			return err
		}
	}
	return nil
}

// spotOf is where a graph's operators are looked up.
func (e *edit) spotOf(g *Graph) *spot {
	if f := g.Function(); f != nil {
		return &spot{function: f.pb, imports: imports(f.pb.OpsetImport, 3)}
	}
	m := e.patch.model.pb
	return &spot{imports: imports(m.OpsetImport, m.GetIrVersion())}
}

// addition judges one new node.
func (c *checker) addition(n *pb.NodeProto, s *spot) error {
	opset, imported := s.version(n.GetDomain())
	if !imported || c.functions[calleeOf(n)] != nil {
		return nil // a missing import is a matter of the structure
	}
	domain := canonical(n.GetDomain())
	schema, found := opschema.Find(domain, n.GetOpType(), opset)
	switch {
	case found && schema.Runtime:
		c.conform(n, schema, attributeNames(n), s)
	case found || !standard(n, domain):
		c.nodeSchema(n, s)
	default:
		return c.tooNew(n, domain, opset)
	}
	return c.firstFault()
}

// firstFault is the first problem found as an error.
func (c *checker) firstFault() error {
	if len(c.problems) == 0 {
		return nil
	}
	p := c.problems[0]
	return &FormatError{File: c.model.path, Node: p.Node, Op: p.Op, What: p.What}
}

func attributeNames(n *pb.NodeProto) map[string]bool {
	names := make(map[string]bool, len(n.Attribute))
	for _, a := range n.Attribute {
		names[a.GetName()] = true
	}
	return names
}

// standard reports whether some operator set of the standard has the operator.
func standard(n *pb.NodeProto, domain string) bool {
	versions := opschema.Versions(domain, n.GetOpType())
	return len(versions) > 0 && !versions[0].Runtime
}

// convertible is the newest operator set that passes.ConvertOpset knows.
const convertible = 23

// tooNew refuses an operator that came later than what the model imports.
func (c *checker) tooNew(n *pb.NodeProto, domain string, opset int64) error {
	since := opschema.Versions(domain, n.GetOpType())[0].Since
	hint := fmt.Sprintf("raise it first with passes.ConvertOpset(%d)", since)
	if domain != "" || since > convertible {
		hint = fmt.Sprintf("use operators of version %d, or export the model with version %d", opset, since)
	}
	return &UnsupportedError{
		File: c.model.path, Node: (&Node{pb: n}).Label(), Op: n.GetOpType(), Domain: domain, Opset: opset,
		What: fmt.Sprintf("%s came with opset %d and the model imports %d", n.GetOpType(), since, opset), Hint: hint,
	}
}
