package graphsurgery

import (
	"fmt"
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// nodeEdit changes a node that is there: an attribute, a metadata key or an
// input.
type nodeEdit struct {
	node  *Node
	attr  string
	value *pb.AttributeProto // nil: the attribute goes
	key   string
	text  string // "": the key goes
	input *int
	wire  Wire
}

type opsetImport struct {
	graph   *Graph // the main graph or a function's body
	domain  string
	version int64
}

// SetAttr sets an attribute of a node; value is as in [Attrs], nil takes the
// attribute away. Apply refuses one that the operator does not have or that is of
// another type, and to take away one that it demands.
func (p *Patch) SetAttr(n *Node, name string, value any) {
	if !p.mine(n) {
		return
	}
	c := nodeEdit{node: n, attr: name}
	if value != nil {
		c.value = &pb.AttributeProto{Name: &name}
		if err := setAttr(c.value, value); err != nil {
			p.fail("node %q: attribute %s: %w", n.Label(), name, err)
			return
		}
	}
	p.nodeEdits = append(p.nodeEdits, c)
}

// SetMeta sets a metadata key of a node (ONNX IR version 10 and later); an empty
// value deletes it.
func (p *Patch) SetMeta(n *Node, key, value string) {
	if p.mine(n) {
		p.nodeEdits = append(p.nodeEdits, nodeEdit{node: n, key: key, text: value})
	}
}

// Import imports an operator set, so that nodes of its domain can be added to the
// model, or to the function the patch works in. Another version of it must not be
// imported already.
func (p *Patch) Import(domain string, version int64) {
	p.imports = append(p.imports, opsetImport{p.graph.root(), canonical(domain), version})
}

// RemoveFunction drops a model-local function. Apply refuses with an
// [InUseError] if a node still calls it.
func (p *Patch) RemoveFunction(f *Function) {
	if f == nil || f.model != p.model || p.model.functionOf(f.key()) != f {
		p.fail("removal of a function that is not in this model")
		return
	}
	p.dropped = append(p.dropped, f)
}

func (e *edit) editNodes() error {
	for _, c := range e.patch.nodeEdits {
		switch {
		case c.input != nil:
			e.setInput(c.node, *c.input, e.nameOf(c.wire))
		case c.attr != "":
			e.setAttr(c)
		default:
			set(e, &c.node.pb.MetadataProps, withEntry(c.node.pb.MetadataProps, c.key, c.text))
		}
	}
	return nil
}

// setInput sets an input's name; those before it that are missing are left out.
func (e *edit) setInput(n *Node, i int, name string) {
	list := slices.Clone(n.pb.Input)
	for len(list) <= i {
		list = append(list, "")
	}
	list[i] = name
	for len(list) > 0 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	set(e, &n.pb.Input, list)
	e.mark(n.graph)
}

func (e *edit) setAttr(c nodeEdit) {
	var list []*pb.AttributeProto
	found := false
	for _, a := range c.node.pb.Attribute {
		switch {
		case a.GetName() != c.attr:
			list = append(list, a)
		case c.value != nil && !found:
			list, found = append(list, c.value), true
		}
	}
	if c.value != nil && !found {
		list = append(list, c.value)
	}
	set(e, &c.node.pb.Attribute, list)
	e.mark(c.node.graph)
}

// withEntry is a list of entries with one key set, or deleted by an empty value.
func withEntry(entries []*pb.StringStringEntryProto, key, value string) []*pb.StringStringEntryProto {
	var list []*pb.StringStringEntryProto
	found := false
	for _, p := range entries {
		switch {
		case p.GetKey() != key:
			list = append(list, p)
		case value != "" && !found:
			list, found = append(list, &pb.StringStringEntryProto{Key: &key, Value: &value}), true
		}
	}
	if value != "" && !found {
		list = append(list, &pb.StringStringEntryProto{Key: &key, Value: &value})
	}
	return list
}

// addImports imports the operator sets asked for.
func (e *edit) addImports() error {
	for _, c := range e.patch.imports {
		list := &e.patch.model.pb.OpsetImport
		if c.graph.function != nil {
			list = &c.graph.function.pb.OpsetImport
		}
		version, found := opsetOf(*list, c.domain)
		switch {
		case found && version != c.version:
			return opsetConflict(c.domain, version, c.version)
		case !found:
			set(e, list, append(clip(*list), &pb.OperatorSetIdProto{Domain: &c.domain, Version: &c.version}))
		}
	}
	if len(e.patch.functions) > 0 {
		m := e.patch.model.pb
		set(e, &m.Functions, append(clip(m.Functions), e.patch.functions...))
	}
	return nil
}

func opsetConflict(domain string, have, want int64) error {
	if domain == "" {
		domain = "ai.onnx"
	}
	return &UnsupportedError{
		What: fmt.Sprintf("the model follows version %d of operator set %s, the added part version %d", have, domain, want),
		Hint: fmt.Sprintf("convert one of them first, so that both follow version %d", max(have, want)),
	}
}

// dropFunctions removes functions that nobody calls.
func (e *edit) dropFunctions() error {
	for _, f := range e.patch.dropped {
		var callers []string
		e.patch.model.walkAll(func(g *Graph) {
			for _, n := range g.nodes {
				if n.Function() == f && !slices.Contains(e.patch.dropped, g.root().function) {
					callers = append(callers, n.Label())
				}
			}
		})
		if len(callers) > 0 {
			return &InUseError{Patch: e.patch.label, Value: f.Name(), Readers: callers}
		}
		m := e.patch.model.pb
		set(e, &m.Functions, slices.DeleteFunc(slices.Clone(m.Functions), func(p *pb.FunctionProto) bool { return p == f.pb }))
	}
	return nil
}
