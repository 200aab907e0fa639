package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// ParseText reads a model from ONNX's text syntax, such as
//
//	<ir_version: 10, opset_import: ["" : 21]>
//	net (float[batch,3] x) => (float[batch,2] y)
//	<float[3,2] w = {1, 2, 3, 4, 5, 6}>
//	{
//	   h = MatMul (x, w)
//	   y = Softmax <axis = -1> (h)
//	}
//
// It takes all that onnx 1.22 takes, and what [Model.Text] writes beyond that.
// The message is the one onnx's parser makes: tensors hold typed values, not raw
// bytes. A model from a text has no folder, so external data is named but cannot
// be read. The error is a [TextError], or a [FormatError] for a text that is
// well-formed but no model.
func ParseText(text string) (*Model, error) {
	if len(text) > maxMessage {
		return nil, &FormatError{What: fmt.Sprintf("a text of %d bytes, more than the 2 GiB a model can have", len(text))}
	}
	p := &textParser{lex: lexer{src: text}}
	p.step()
	m := &Model{pb: p.model()}
	if p.lex.err != nil {
		return nil, p.lex.err
	}
	switch {
	case m.pb.IrVersion == nil:
		return nil, &FormatError{What: "the text names no ir_version; a model begins with a header such as " + header}
	case m.pb.GetIrVersion() >= 3 && len(m.pb.OpsetImport) == 0:
		return nil, &FormatError{What: "the text has no opset_import; a model begins with a header such as " + header}
	}
	m.Graph = &Graph{model: m, pb: m.pb.Graph}
	if err := m.reindex(); err != nil {
		return nil, err
	}
	return m, nil
}

// header is an example of what a model's text begins with.
const header = `<ir_version: 10, opset_import: ["" : 21]>`

// textParser reads messages by recursive descent. After its first error, which
// the lexer keeps, every token is the end of the text, so that all loops end;
// what was read so far is then worth nothing.
type textParser struct {
	lex   lexer
	tok   token
	depth int // of graphs, and of types
}

func (p *textParser) step() { p.tok = p.lex.token() }

func (p *textParser) ok() bool { return p.lex.err == nil }

// fail reports what is wrong at the present token.
func (p *textParser) fail(format string, args ...any) {
	p.lex.fail(min(p.tok.at, len(p.lex.src)), format, args...)
	p.tok = token{kind: tokEnd, at: len(p.lex.src)}
}

// at reports whether the present token is that mark.
func (p *textParser) at(mark string) bool { return p.tok.kind == tokMark && p.tok.text == mark }

// accept passes over the mark, if it is there.
func (p *textParser) accept(mark string) bool {
	if p.at(mark) {
		p.step()
		return true
	}
	return false
}

// want passes over the mark, which must be there.
func (p *textParser) want(mark, where string) {
	if !p.accept(mark) {
		p.fail("want %q %s, got %s", mark, where, p.tok)
	}
}

// take passes over a token of that kind, which must be there, and gives its text.
func (p *textParser) take(kind tokenKind, what string) string {
	if p.tok.kind != kind {
		p.fail("want %s, got %s", what, p.tok)
		return ""
	}
	s := p.tok.text
	p.step()
	return s
}

// isName reports whether the present token can be a name.
func (p *textParser) isName() bool { return p.tok.kind == tokIdent || p.tok.kind == tokString }

// name reads an identifier or a quoted name.
func (p *textParser) name(what string) *string {
	if !p.isName() {
		p.fail("want %s, got %s", what, p.tok)
	}
	s := p.tok.text
	p.step()
	return &s
}

// ahead is the token behind the present one.
func (p *textParser) ahead() token {
	l := p.lex
	return l.token()
}

// nest guards against texts nested too deep; the caller leaves with p.depth--.
func (p *textParser) nest() {
	if p.depth++; p.depth > maxNesting+1 {
		p.fail("nested more than %d deep", maxNesting)
	}
}

func (p *textParser) model() *pb.ModelProto {
	m := &pb.ModelProto{}
	p.headers(func(key string) bool {
		switch key {
		case "ir_version":
			m.IrVersion = p.int64()
		case "opset_import":
			m.OpsetImport = p.opsets()
		case "producer_name":
			m.ProducerName = p.text()
		case "producer_version":
			m.ProducerVersion = p.text()
		case "domain":
			m.Domain = p.text()
		case "model_version":
			m.ModelVersion = p.int64()
		case "doc_string":
			m.DocString = p.text()
		case "metadata_props":
			m.MetadataProps = p.pairs()
		default:
			return false
		}
		return true
	})
	m.Graph = p.graph()
	for p.ok() && p.tok.kind != tokEnd {
		m.Functions = append(m.Functions, p.function())
	}
	return m
}

// headers reads "<key: value, …>", if it is there.
func (p *textParser) headers(read func(key string) bool) {
	if !p.accept("<") {
		return
	}
	for {
		key := p.tok
		p.take(tokIdent, "a key such as opset_import")
		p.want(":", "behind the key")
		if p.ok() && !read(key.text) {
			p.tok = key
			p.fail("there is no key %s here", key)
		}
		if !p.accept(",") {
			break
		}
	}
	p.want(">", "or \",\" in the header")
}

func (p *textParser) text() *string {
	s := p.take(tokString, "a string in double quotes")
	return &s
}

func (p *textParser) opsets() []*pb.OperatorSetIdProto {
	var list []*pb.OperatorSetIdProto
	p.bracketed(func() {
		o := &pb.OperatorSetIdProto{Domain: p.text()}
		p.want(":", "behind the domain")
		o.Version = p.int64()
		list = append(list, o)
	})
	return list
}

func (p *textParser) pairs() []*pb.StringStringEntryProto {
	var list []*pb.StringStringEntryProto
	p.bracketed(func() {
		e := &pb.StringStringEntryProto{Key: p.text()}
		p.want(":", "behind the key")
		e.Value = p.text()
		list = append(list, e)
	})
	return list
}

// bracketed reads "[item, …]".
func (p *textParser) bracketed(item func()) { p.enclosed("[", "]", item) }

// enclosed reads a list, which may be empty, between two marks.
func (p *textParser) enclosed(from, to string, item func()) {
	p.want(from, "before a list")
	if p.accept(to) {
		return
	}
	for item(); p.accept(","); {
		item()
	}
	p.want(to, `or "," in a list`)
}

// graph reads "name (inputs) => (outputs) <tensors, types> { nodes }".
func (p *textParser) graph() *pb.GraphProto {
	p.nest()
	g := &pb.GraphProto{Name: p.name("the name of a graph")}
	if p.at("(") {
		p.enclosed("(", ")", func() { g.Input = append(g.Input, p.port(g)) })
	}
	p.want("=>", "behind the inputs")
	p.enclosed("(", ")", func() { g.Output = append(g.Output, p.port(nil)) })
	if p.at("<") {
		p.enclosed("<", ">", func() { p.entry(g) })
	}
	g.Node = p.nodes()
	p.depth--
	return g
}

// port reads "type name" or "name". An input of g may have a default value.
func (p *textParser) port(g *pb.GraphProto) *pb.ValueInfoProto {
	v := &pb.ValueInfoProto{}
	if p.atType() {
		v.Type = p.typeProto()
	}
	v.Name = p.name("a name")
	if g != nil && p.accept("=") {
		g.Initializer = append(g.Initializer, p.values(v.Type, v.Name))
	}
	return v
}

// entry reads an initialiser or the type of an intermediate value.
func (p *textParser) entry(g *pb.GraphProto) {
	if p.isName() && !p.atType() {
		name := p.name("a name")
		if !p.accept("=") {
			g.ValueInfo = append(g.ValueInfo, &pb.ValueInfoProto{Name: name})
			return
		}
		s := p.sparse()
		if s.Values != nil && *name != "" {
			s.Values.Name = name
		}
		g.SparseInitializer = append(g.SparseInitializer, s)
		return
	}
	v := p.port(nil)
	if p.accept("=") {
		g.Initializer = append(g.Initializer, p.values(v.Type, v.Name))
		return
	}
	g.ValueInfo = append(g.ValueInfo, v)
}

func (p *textParser) nodes() []*pb.NodeProto {
	var list []*pb.NodeProto
	p.want("{", "before the nodes")
	for p.ok() && !p.at("}") {
		if p.tok.kind == tokEnd {
			p.fail("want a node or \"}\", got %s", p.tok)
			break
		}
		list = append(list, p.node())
	}
	p.want("}", "behind the nodes")
	return list
}

// node reads "[name] outputs = domain.Op:overload <attributes> (inputs)"; the
// attributes may come last.
func (p *textParser) node() *pb.NodeProto {
	n := &pb.NodeProto{}
	if p.accept("[") {
		if p.isName() {
			n.Name = p.name("the name of a node")
		}
		p.want("]", "behind the node's name")
	}
	n.Output = p.names()
	p.want("=", "behind the node's outputs")
	domain := ""
	op := p.name("an operator")
	for sep := ""; p.accept("."); sep = "." {
		domain += sep + *op
		op = p.name("an operator behind its domain")
	}
	n.OpType = op
	if domain != "" {
		n.Domain = &domain
	}
	if p.accept(":") {
		n.Overload = p.name("an overload")
	}
	if p.at("<") {
		n.Attribute = p.attributes()
	}
	p.want("(", "before the node's inputs")
	n.Input = p.names()
	p.want(")", `or "," in the node's inputs`)
	if p.at("<") && len(n.Attribute) == 0 {
		n.Attribute = p.attributes()
	}
	return n
}

// names reads names between commas. Nothing before a comma is the empty name;
// nothing behind the last comma is no name.
func (p *textParser) names() []string {
	var list []string
	for p.ok() {
		switch {
		case p.isName():
			list = append(list, *p.name("a name"))
		case p.at(","):
			list = append(list, "")
		default:
			return list
		}
		if !p.accept(",") {
			return list
		}
	}
	return list
}

func (p *textParser) attributes() []*pb.AttributeProto {
	var list []*pb.AttributeProto
	p.want("<", "before the attributes")
	for {
		list = append(list, p.attribute(p.name("the name of an attribute")))
		if !p.accept(",") {
			break
		}
	}
	p.want(">", `or "," in the attributes`)
	return list
}

// function reads a function of the model.
func (p *textParser) function() *pb.FunctionProto {
	f := &pb.FunctionProto{}
	p.headers(func(key string) bool {
		switch key {
		case "opset_import":
			f.OpsetImport = p.opsets()
		case "doc_string":
			f.DocString = p.text()
		case "domain":
			f.Domain = p.text()
		case "overload":
			f.Overload = p.text()
		case "metadata_props":
			f.MetadataProps = p.pairs()
		default:
			return false
		}
		return true
	})
	f.Name = p.name("the name of a function")
	if p.at("<") {
		p.enclosed("<", ">", func() {
			name := p.name("the name of an attribute")
			if p.at(":") || p.at("=") {
				f.AttributeProto = append(f.AttributeProto, p.attribute(name))
			} else {
				f.Attribute = append(f.Attribute, *name)
			}
		})
	}
	port := func(names *[]string) func() {
		return func() {
			v := p.port(nil)
			*names = append(*names, v.GetName())
			if v.Type != nil {
				f.ValueInfo = append(f.ValueInfo, v)
			}
		}
	}
	p.enclosed("(", ")", port(&f.Input))
	p.want("=>", "behind the inputs")
	p.enclosed("(", ")", port(&f.Output))
	if p.at("<") {
		p.enclosed("<", ">", func() { f.ValueInfo = append(f.ValueInfo, p.port(nil)) })
	}
	f.Node = p.nodes()
	return f
}
