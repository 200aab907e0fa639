package graphsurgery

import (
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

type attrKind = pb.AttributeProto_AttributeType

// attribute reads ": type = value" or "= value" behind an attribute's name.
func (p *textParser) attribute(name *string) *pb.AttributeProto {
	a := &pb.AttributeProto{Name: name}
	given := pb.AttributeProto_UNDEFINED
	if p.accept(":") {
		k, ok := parseTextKind(p.tok.text)
		if !ok || p.tok.kind != tokIdent {
			p.fail("want an attribute type such as ints, got %s", p.tok)
		}
		given = k
		p.step()
	}
	p.want("=", "behind the attribute's name")
	switch {
	case p.accept("@"):
		a.RefAttrName = p.name("the attribute of the function that is meant")
		a.Type = given.Enum()
	case p.at("["):
		p.listValue(a, given)
	default:
		p.single(a, given)
	}
	return a
}

// elementKind is the kind of a list's elements; ok is false for what is no list.
func elementKind(k attrKind) (element attrKind, ok bool) {
	switch k {
	case pb.AttributeProto_FLOATS:
		return pb.AttributeProto_FLOAT, true
	case pb.AttributeProto_INTS:
		return pb.AttributeProto_INT, true
	case pb.AttributeProto_STRINGS:
		return pb.AttributeProto_STRING, true
	case pb.AttributeProto_TENSORS:
		return pb.AttributeProto_TENSOR, true
	case pb.AttributeProto_GRAPHS:
		return pb.AttributeProto_GRAPH, true
	case pb.AttributeProto_SPARSE_TENSORS:
		return pb.AttributeProto_SPARSE_TENSOR, true
	case pb.AttributeProto_TYPE_PROTOS:
		return pb.AttributeProto_TYPE_PROTO, true
	}
	return pb.AttributeProto_UNDEFINED, false
}

// listValue reads "[value, …]"; the first value tells the type if none is given.
func (p *textParser) listValue(a *pb.AttributeProto, given attrKind) {
	element, isList := elementKind(given)
	if given != pb.AttributeProto_UNDEFINED && !isList {
		p.fail("want a single %s, got a list", textKind(given))
		return
	}
	open := p.tok
	a.Type = given.Enum()
	n := 0
	p.bracketed(func() {
		one := &pb.AttributeProto{}
		p.single(one, element)
		element = one.GetType()
		p.gather(a, one)
		n++
	})
	if n == 0 && !isList && p.ok() {
		p.tok = open
		p.fail("an empty list needs its type, as in name: ints = []")
	}
}

// gather appends a single value to a list.
func (p *textParser) gather(a, one *pb.AttributeProto) {
	to := func(k attrKind) { a.Type = k.Enum() }
	switch one.GetType() {
	case pb.AttributeProto_INT:
		a.Ints = append(a.Ints, one.GetI())
		to(pb.AttributeProto_INTS)
	case pb.AttributeProto_FLOAT:
		a.Floats = append(a.Floats, one.GetF())
		to(pb.AttributeProto_FLOATS)
	case pb.AttributeProto_STRING:
		a.Strings = append(a.Strings, one.S)
		to(pb.AttributeProto_STRINGS)
	case pb.AttributeProto_TENSOR:
		a.Tensors = append(a.Tensors, one.T)
		to(pb.AttributeProto_TENSORS)
	case pb.AttributeProto_GRAPH:
		a.Graphs = append(a.Graphs, one.G)
		to(pb.AttributeProto_GRAPHS)
	case pb.AttributeProto_SPARSE_TENSOR:
		a.SparseTensors = append(a.SparseTensors, one.SparseTensor)
		to(pb.AttributeProto_SPARSE_TENSORS)
	case pb.AttributeProto_TYPE_PROTO:
		a.TypeProtos = append(a.TypeProtos, one.Tp)
		to(pb.AttributeProto_TYPE_PROTOS)
	}
}

// single reads one value of the given type, or of the type it shows.
func (p *textParser) single(a *pb.AttributeProto, given attrKind) {
	k := given
	if k == pb.AttributeProto_UNDEFINED {
		k = p.shownKind()
	}
	a.Type = k.Enum()
	switch k {
	case pb.AttributeProto_INT:
		a.I = p.int64()
	case pb.AttributeProto_FLOAT:
		x := float32(p.float(32))
		a.F = &x
	case pb.AttributeProto_STRING:
		a.S = []byte(p.take(tokString, "a string in double quotes"))
	case pb.AttributeProto_TENSOR:
		a.T = p.tensor()
	case pb.AttributeProto_GRAPH:
		a.G = p.graph()
	case pb.AttributeProto_SPARSE_TENSOR:
		a.SparseTensor = p.sparse()
	case pb.AttributeProto_TYPE_PROTO:
		if p.atType() || !p.at(",") && !p.at(">") && !p.at("]") {
			a.Tp = p.typeProto()
		}
	default:
		p.fail("want a list for %s, got %s", textKind(k), p.tok)
	}
}

// shownKind tells from the present token what kind of value begins here.
func (p *textParser) shownKind() attrKind {
	switch {
	case p.tok.kind == tokInt:
		return pb.AttributeProto_INT
	case p.tok.kind == tokFloat || p.tok.kind == tokIdent && isFloatWord(p.tok.text):
		return pb.AttributeProto_FLOAT
	case p.tok.kind == tokString:
		return pb.AttributeProto_STRING
	case p.atType():
		return p.tensorOrType()
	case p.tok.kind == tokIdent:
		return pb.AttributeProto_GRAPH
	}
	p.fail("want a value of an attribute, got %s", p.tok)
	return pb.AttributeProto_INT
}

// tensorOrType reads a type ahead: with a name, = or { behind it, it is a tensor.
func (p *textParser) tensorOrType() attrKind {
	back := *p
	defer func() { *p = back }()
	p.typeProto()
	if p.isName() || p.at("=") || p.at("{") {
		return pb.AttributeProto_TENSOR
	}
	return pb.AttributeProto_TYPE_PROTO
}
