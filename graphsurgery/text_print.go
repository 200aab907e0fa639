package graphsurgery

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// TextOption changes what a text form shows.
type TextOption func(*textPrinter)

// Elide shows at most n elements of each tensor, then "..." and their number. A
// text in which that happened cannot be read back.
func Elide(n int) TextOption { return func(p *textPrinter) { p.most = max(n, 0) } }

// WithTypes writes the type of each node's outputs behind the node, as a comment.
func WithTypes(t *Types) TextOption { return func(p *textPrinter) { p.types = t } }

// Text is the model in ONNX's own text syntax (onnx docs/Syntax.md, as onnx 1.22
// prints and parses it). [ParseText] reads it back to a model that computes the
// same under the same names.
//
// These the syntax has no words for, and Text leaves them out: doc strings and
// metadata but the model's own and functions'; denotations; quantisation
// annotations, training information and device configurations; the segment of a
// tensor; unknown fields. It does not tell an absent field from an empty one, raw
// tensor bytes from typed values, or one not-a-number from another; an attribute
// without a type gets the one its value shows.
//
// Where the syntax of onnx is too narrow for something that matters, Text goes
// beyond it, and only there: quoted operators, domains, overloads, attribute
// names and graph names where onnx allows bare ones only; lists of tensors,
// graphs and types; sparse tensors as sparse(values, indices, [dims]); the types
// opaque("domain", "name"), undefined, float6e2m3, float6e3m2 and dtypeN; the key
// metadata_props of a function.
func (m *Model) Text(opts ...TextOption) string {
	p := newTextPrinter(opts)
	p.held = m.held
	p.model(m)
	return p.String()
}

// Text is the graph in ONNX's text syntax; see [Model.Text].
func (g *Graph) Text(opts ...TextOption) string {
	p := newTextPrinter(opts)
	p.held = g.model.held
	p.graph(g.pb, g)
	return p.String()
}

// Text is the node in ONNX's text syntax; see [Model.Text].
func (n *Node) Text(opts ...TextOption) string {
	p := newTextPrinter(opts)
	p.node(n.pb, n)
	return p.String()
}

// textPrinter writes messages. Beside them go their places in the index, where
// they have one, for the types; functions have none.
type textPrinter struct {
	strings.Builder
	depth int
	most  int // elements shown of a tensor; below 0, all
	types *Types
	held  *heldFile // of the model
}

func newTextPrinter(opts []TextOption) *textPrinter {
	p := &textPrinter{most: -1}
	for _, o := range opts {
		o(p)
	}
	return p
}

func (p *textPrinter) put(parts ...string) {
	for _, s := range parts {
		p.WriteString(s)
	}
}

// line begins a new line at the present depth.
func (p *textPrinter) line() {
	p.put("\n", strings.Repeat("   ", p.depth))
}

func (p *textPrinter) model(m *Model) {
	p.put("<\n   ir_version: ", fmt.Sprint(m.pb.GetIrVersion()))
	p.put(",\n   opset_import: ", textOpsets(m.pb.OpsetImport))
	p.header("producer_name", m.pb.ProducerName)
	p.header("producer_version", m.pb.ProducerVersion)
	p.header("domain", m.pb.Domain)
	if m.pb.ModelVersion != nil {
		p.put(",\n   model_version: ", fmt.Sprint(m.pb.GetModelVersion()))
	}
	p.header("doc_string", m.pb.DocString)
	p.metadata(m.pb.MetadataProps)
	p.put("\n>\n")
	p.graph(m.pb.Graph, m.Graph)
	p.put("\n")
	for _, f := range m.pb.Functions {
		p.function(f)
	}
}

func (p *textPrinter) header(key string, value *string) {
	if value != nil {
		p.put(",\n   ", key, ": ", quoteText(*value))
	}
}

func (p *textPrinter) metadata(props []*pb.StringStringEntryProto) {
	if len(props) > 0 {
		p.put(",\n   metadata_props: ", textPairs(props))
	}
}

func textOpsets(list []*pb.OperatorSetIdProto) string {
	return "[" + joinText(list, func(o *pb.OperatorSetIdProto) string {
		return fmt.Sprintf("%s : %d", quoteText(o.GetDomain()), o.GetVersion())
	}) + "]"
}

func textPairs(list []*pb.StringStringEntryProto) string {
	return "[" + joinText(list, func(e *pb.StringStringEntryProto) string {
		return quoteText(e.GetKey()) + ": " + quoteText(e.GetValue())
	}) + "]"
}

func joinText[T any](list []T, text func(T) string) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = text(x)
	}
	return strings.Join(parts, ", ")
}

// graph writes "name (inputs) => (outputs) <tensors, types> { nodes }".
func (p *textPrinter) graph(g *pb.GraphProto, index *Graph) {
	p.put(textID(g.GetName()), " (", joinText(g.GetInput(), textPort), ") => (", joinText(g.GetOutput(), textPort), ")")
	p.depth++
	if n := len(g.GetInitializer()) + len(g.GetSparseInitializer()) + len(g.GetValueInfo()); n > 0 {
		p.line()
		p.put("<")
		for _, t := range g.Initializer {
			p.tensor(t, true)
			p.separate(&n)
		}
		for _, t := range g.SparseInitializer {
			p.put(textID(t.GetValues().GetName()), " = ")
			p.sparseAs("", t)
			p.separate(&n)
		}
		for _, v := range g.ValueInfo {
			p.put(textPort(v))
			p.separate(&n)
		}
	} else {
		p.put(" ")
	}
	p.nodes(g.GetNode(), index)
}

// separate goes on to the next of n entries, or closes the list.
func (p *textPrinter) separate(n *int) {
	if *n--; *n == 0 {
		p.put(">")
		p.depth--
		p.line()
		p.depth++
		return
	}
	p.put(",")
	p.line()
	p.put(" ")
}

// nodes writes the body of a graph or function, whose depth it ends.
func (p *textPrinter) nodes(list []*pb.NodeProto, index *Graph) {
	p.put("{")
	for i, n := range list {
		p.line()
		if index != nil && i < len(index.nodes) && index.nodes[i].pb == n {
			p.node(n, index.nodes[i])
		} else {
			p.node(n, nil)
		}
	}
	p.depth--
	p.line()
	p.put("}")
}

// textPort writes "type name", or the name alone if there is no type.
func textPort(v *pb.ValueInfoProto) string {
	if t := textTypeProto(v.Type); t != "" {
		return t + " " + textID(v.GetName())
	}
	return textID(v.GetName())
}

// node writes "[name] outputs = domain.Op:overload <attributes> (inputs)"; the
// attributes come last if one is a graph.
func (p *textPrinter) node(n *pb.NodeProto, index *Node) {
	if n.GetName() != "" {
		p.put("[", textID(n.GetName()), "] ")
	}
	p.put(joinText(n.Output, textID), " = ", textDomain(n.GetDomain()), textOp(n.GetOpType()))
	if n.GetOverload() != "" {
		p.put(":", textOp(n.GetOverload()))
	}
	last := slices.ContainsFunc(n.Attribute, func(a *pb.AttributeProto) bool { return a.G != nil || len(a.Graphs) > 0 })
	if !last {
		p.attributes(n.Attribute, index)
	}
	p.put(" (", joinText(n.Input, textID), ")")
	if last {
		p.attributes(n.Attribute, index)
	}
	if index != nil && p.types != nil && len(index.outputs) > 0 {
		p.put("  # ", joinText(index.outputs, func(v *Value) string { return p.types.Of(v).String() }))
	}
}

// textOp writes an operator, overload or attribute, which may be spelled like a
// type.
func textOp(s string) string {
	if isIdent(s) {
		return s
	}
	return quoteText(s)
}

func (p *textPrinter) attributes(list []*pb.AttributeProto, index *Node) {
	if len(list) == 0 {
		return
	}
	p.put(" <")
	for i, a := range list {
		if i > 0 {
			p.put(", ")
		}
		p.attribute(a, index)
	}
	p.put(">")
}

func (p *textPrinter) function(f *pb.FunctionProto) {
	p.put("\n<\n   domain: ", quoteText(f.GetDomain()))
	if f.GetOverload() != "" {
		p.header("overload", f.Overload)
	}
	p.put(",\n   opset_import: ", textOpsets(f.OpsetImport))
	p.header("doc_string", f.DocString)
	p.metadata(f.MetadataProps)
	p.put("\n>\n", textID(f.GetName()), " ")
	if len(f.Attribute)+len(f.AttributeProto) > 0 {
		p.put("<", joinText(f.Attribute, textID))
		for i, a := range f.AttributeProto {
			if i+len(f.Attribute) > 0 {
				p.put(", ")
			}
			p.attribute(a, nil)
		}
		p.put("> ")
	}
	p.put("(", joinText(f.Input, textID), ") => (", joinText(f.Output, textID), ")")
	p.depth++
	if len(f.ValueInfo) > 0 {
		p.line()
		p.put("<", joinText(f.ValueInfo, textPort), ">\n")
	} else {
		p.put(" ")
	}
	p.nodes(f.Node, nil)
	p.put("\n")
}
