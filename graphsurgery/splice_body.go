package graphsurgery

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// bodyScope is the names of a copied subgraph, old to new, and those around it;
// outside the last scope are the splicer's wires.
type bodyScope struct {
	names map[string]string
	outer *bodyScope
}

func (b *bodyScope) find(name string) (string, bool) {
	for ; b != nil; b = b.outer {
		if found, ok := b.names[name]; ok {
			return found, true
		}
	}
	return "", false
}

// adapt finishes a copied node, new node c or one in its subgraphs: its name, the
// function it calls, its attributes.
func (s *splicer) adapt(c *patchNode, n *pb.NodeProto, scope *bodyScope) {
	if n.GetName() != "" {
		name := s.name(n.GetName(), nodeName)
		n.Name = &name
	}
	if name, ok := s.functions[functionKey{canonical(n.GetDomain()), n.GetOpType(), n.GetOverload()}]; ok {
		n.OpType = &name
	}
	var attrs []*pb.AttributeProto
	for _, a := range n.Attribute {
		if a = s.reference(a); a == nil {
			continue
		}
		attrs = append(attrs, a)
		s.settle(a)
		if a.G != nil {
			s.body(c, a.G, scope)
		}
		for _, g := range a.Graphs {
			s.body(c, g, scope)
		}
	}
	n.Attribute = attrs
}

// reference resolves an attribute that refers to one of the function's: to that of
// the call, else the function's default, else none.
func (s *splicer) reference(a *pb.AttributeProto) *pb.AttributeProto {
	from := a.GetRefAttrName()
	if from == "" {
		return a
	}
	if s.call == nil {
		if s.from.Function() != s.patch.graph.Function() {
			s.fail("attribute %q refers to the function's attribute %q, which is not known outside; see Patch.Inline", a.GetName(), from)
		}
		return a
	}
	given := s.call.handed(s.from.function, from)
	if given == nil {
		return nil
	}
	if given.G != nil || len(given.Graphs) > 0 {
		s.fail("attribute %q is a graph and cannot be handed to the function's body", from)
	}
	given = twin(given)
	given.Name = a.Name
	return given
}

// settle makes the attribute's tensors readable in the patch's model.
func (s *splicer) settle(a *pb.AttributeProto) {
	tensors := a.Tensors
	if a.T != nil {
		tensors = append(clip(tensors), a.T)
	}
	for _, t := range tensors {
		if err := (&Tensor{pb: t, model: s.from.model}).settle(t, s.patch.model); err != nil {
			s.fail("%w", err)
		}
	}
}

// body renames everything in a copied subgraph of new node c.
func (s *splicer) body(c *patchNode, g *pb.GraphProto, outer *bodyScope) {
	scope := &bodyScope{names: map[string]string{}, outer: outer}
	define := func(name string) string {
		if name != "" && scope.names[name] == "" {
			scope.names[name] = s.name(name, valueName)
		}
		return scope.names[name]
	}
	for _, in := range g.Input {
		in.Name, in.Type = new(define(in.GetName())), s.typ(in.Type)
	}
	for _, t := range g.Initializer {
		t.Name = new(define(t.GetName()))
		if err := (&Tensor{pb: t, model: s.from.model}).settle(t, s.patch.model); err != nil {
			s.fail("%w", err)
		}
	}
	for _, t := range g.SparseInitializer {
		t.GetValues().Name = new(define(t.GetValues().GetName()))
	}
	for _, n := range g.Node {
		for i, name := range n.Input {
			s.read(c, scope, name, func(name string) { n.Input[i] = name })
		}
		s.adapt(c, n, scope)
		for i, name := range n.Output {
			n.Output[i] = define(name)
		}
	}
	for _, out := range g.Output {
		s.read(c, scope, out.GetName(), func(name string) { out.Name = &name })
		out.Type = s.typ(out.Type)
	}
	s.bodyNotes(g, scope)
}

// read renames one reading in a subgraph; what comes from around the new node is
// named when the patch is applied.
func (s *splicer) read(c *patchNode, scope *bodyScope, name string, set func(string)) {
	if name == "" {
		return
	}
	if found, ok := scope.find(name); ok {
		set(found)
		return
	}
	w, ok := s.wires[name]
	if !ok {
		s.fail("a subgraph of node %q reads %q, which is outside of the graph", c.pb.GetName(), name)
		return
	}
	set(w.name())
	c.captures = append(c.captures, capture{w, set})
}

func (s *splicer) bodyNotes(g *pb.GraphProto, scope *bodyScope) {
	for _, info := range g.ValueInfo {
		if name, ok := scope.find(info.GetName()); ok {
			info.Name = &name
		}
		info.Type = s.typ(info.Type)
	}
	for _, a := range g.QuantizationAnnotation {
		if name, ok := scope.find(a.GetTensorName()); ok {
			a.TensorName = &name
		}
		for _, p := range a.QuantParameterTensorNames {
			if name, ok := scope.find(p.GetValue()); ok {
				p.Value = &name
			}
		}
	}
}

// needFunctions takes along the functions that the graph calls. One that the
// model has already, alike in all it calls, is shared; one of which the model has
// another is renamed.
func (s *splicer) needFunctions() {
	from, to := s.from.model, s.patch.model
	if from == to {
		return
	}
	needed := s.from.calls()
	if len(needed) > 0 && to.IRVersion() < 8 {
		s.err = &UnsupportedError{What: fmt.Sprintf("the added part calls function %q, and the model has IR version %d", needed[0].Name(), to.IRVersion()), Hint: "functions need IR version 8; inline them first, or convert the model"}
		return
	}
	differs := differing(needed, to)
	for _, f := range needed {
		if differs[f] && to.functionOf(f.key()) != nil {
			s.functions[f.key()] = s.patch.names.fresh(f.Name(), anyName)
		}
	}
	for _, f := range needed {
		if !differs[f] || s.patch.hasFunction(f.key()) && s.functions[f.key()] == "" {
			continue
		}
		s.patch.functions = append(s.patch.functions, s.copyFunction(f))
	}
}

func (p *change) hasFunction(k functionKey) bool {
	return slices.ContainsFunc(p.functions, func(f *pb.FunctionProto) bool {
		return k == functionKey{canonical(f.GetDomain()), f.GetName(), f.GetOverload()}
	})
}

// calls lists the functions that a graph's nodes call, directly or through
// others, each once.
func (g *Graph) calls() []*Function {
	var list []*Function
	found := map[*Function]bool{}
	queue := []*Graph{g}
	for len(queue) > 0 {
		walk(queue[:1], func(g *Graph) {
			for _, n := range g.nodes {
				if f := n.Function(); f != nil && !found[f] {
					found[f] = true
					list = append(list, f)
					queue = append(queue, f.body)
				}
			}
		})
		queue = queue[1:]
	}
	return list
}

// differing tells which functions the model does not have just so; a function
// that calls one of those counts, too.
func differing(functions []*Function, m *Model) map[*Function]bool {
	differs := map[*Function]bool{}
	for _, f := range functions {
		own := m.functionOf(f.key())
		differs[f] = own == nil || !proto.Equal(own.pb, f.pb)
	}
	for changed := true; changed; {
		changed = false
		for _, f := range functions {
			if !differs[f] && slices.ContainsFunc(f.body.calls(), func(c *Function) bool { return differs[c] }) {
				differs[f], changed = true, true
			}
		}
	}
	return differs
}

// copyFunction copies a function, with the functions it calls renamed.
func (s *splicer) copyFunction(f *Function) *pb.FunctionProto {
	c := twin(f.pb)
	if name := s.functions[f.key()]; name != "" {
		c.Name = &name
	}
	s.renameCalls(c.Node)
	return c
}

func (s *splicer) renameCalls(nodes []*pb.NodeProto) {
	for _, n := range nodes {
		if name, ok := s.functions[functionKey{canonical(n.GetDomain()), n.GetOpType(), n.GetOverload()}]; ok {
			n.OpType = &name
		}
		for _, a := range n.Attribute {
			s.settle(a)
			for _, g := range append(clip(a.Graphs), a.G) {
				s.renameCalls(g.GetNode())
			}
		}
	}
}

// needOpsets imports the operator sets of the graph's nodes, and refuses another
// version of one.
func (s *splicer) needOpsets() {
	to := s.patch.graph
	done := map[string]bool{}
	walk([]*Graph{s.from}, func(g *Graph) {
		for _, n := range g.nodes {
			domain := n.Domain()
			if done[domain] || s.err != nil {
				continue
			}
			done[domain] = n.Function() == nil
			want, given := s.from.Opset(domain)
			have, known := to.Opset(domain)
			switch {
			case !known && given:
				s.patch.Import(domain, want)
			case known && given && have != want && n.Function() == nil:
				s.err = opsetConflict(domain, have, want)
			}
		}
	})
}
