package onnxgo

import (
	"fmt"
	"maps"
	"slices"

	"github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// operation is a node of the ONNX graph.
type operation struct {
	name    string
	domain  string
	attrs   map[string]any
	outputs []*Node
	inputs  []*Node // filled in by layout; omitted ones are nil, and none at the end
}

// layout is the recorded graph put in order.
type layout struct {
	inputs       []*Node
	initializers []*Node
	operations   []*operation // each behind those that it reads from
	outputs      []*Node      // what Run computes
	values       map[string]*Node
	invented     map[string]bool // inputs that onnx-go gave operators without any
	err          error
}

// ApplyOperation records the operator that computes the given values. Its inputs
// are the edges of the first of them.
func (b *Backend) ApplyOperation(op onnx.Operation, ns ...graph.Node) error {
	if b.err != nil {
		return b.err
	}
	o := &operation{name: op.Name, attrs: op.Attributes}
	for _, n := range ns {
		node, ok := n.(*Node)
		if !ok || node.backend != b {
			return errForeign
		}
		o.outputs = append(o.outputs, node)
		if node.omitted() {
			continue
		}
		if node.op != nil {
			return &graphsurgery.FormatError{What: fmt.Sprintf("value %q is computed by %s and again by %s", node.label(), node.op.name, op.Name)}
		}
		node.placeholder, node.op, node.value = node.value, o, nil
	}
	for n := len(o.outputs); n > 0 && o.outputs[n-1].omitted(); n-- {
		o.outputs = o.outputs[:n-1]
	}
	if len(o.outputs) > 0 { // else nobody can read it
		b.operations = append(b.operations, o)
	}
	b.linked = true
	b.changed()
	return nil
}

// layout orders the graph; what is wrong with it is in its err.
func (b *Backend) layout() *layout {
	if b.laid == nil {
		b.laid = &layout{values: make(map[string]*Node), invented: make(map[string]bool)}
		b.laid.err = b.lay(b.laid)
	}
	return b.laid
}

func (b *Backend) lay(l *layout) error {
	if b.err != nil {
		return b.err
	}
	b.merge(l)
	read := make(map[string]bool)
	for _, o := range b.operations {
		if err := b.connect(o, l); err != nil {
			return err
		}
		for _, n := range o.inputs {
			if n != nil {
				read[n.label()] = true
			}
		}
	}
	b.homonyms(b.operations)
	b.classify(l, read)
	return l.sort(b.operations)
}

// merge finds the node that stands for each name: onnx-go makes one more for a
// value that is listed twice, say as input and as output, and then uses the last.
func (b *Backend) merge(l *layout) {
	for _, n := range b.order {
		if n.omitted() {
			continue
		}
		before, ok := l.values[n.label()]
		if !ok || before.op == nil {
			l.values[n.label()] = n
		}
	}
}

// connect finds the inputs of an operation.
func (b *Backend) connect(o *operation, l *layout) error {
	o.inputs = nil
	o.domain = domainOf(o)
	first := slices.IndexFunc(o.outputs, func(n *Node) bool { return !n.omitted() })
	edges := b.from[o.outputs[first].id]
	if takesNoInput(o) {
		for _, e := range edges {
			l.invented[e.to.(*Node).label()] = true
		}
		return nil
	}
	o.inputs = make([]*Node, len(edges))
	seen := make([]bool, len(edges))
	for _, e := range edges {
		i := int(e.weight)
		if i < 0 || i >= len(edges) || float64(i) != e.weight || seen[i] {
			return &graphsurgery.FormatError{What: fmt.Sprintf("the %d inputs of %s are not numbered 0 to %d: found %v", len(edges), o, len(edges)-1, e.weight)}
		}
		seen[i] = true
		if n := e.to.(*Node); !n.omitted() {
			o.inputs[i] = l.values[n.label()]
		}
	}
	for n := len(o.inputs); n > 0 && o.inputs[n-1] == nil; n-- {
		o.inputs = o.inputs[:n-1]
	}
	return nil
}

func takesNoInput(o *operation) bool {
	versions := opschema.Versions(o.domain, o.name)
	return len(versions) > 0 && !slices.ContainsFunc(versions, func(s *opschema.Schema) bool { return s.MaxInputs > 0 })
}

// classify tells the leaves apart. onnx-go declares inputs, then values with a known
// type, then outputs, each with an empty tensor, and then sets the initialisers,
// making nodes for those it has not seen. So a leaf is an initialiser if it got two
// tensors, or comes behind the last declared value.
func (b *Backend) classify(l *layout, read map[string]bool) {
	members := make(map[string][]int)
	for i, n := range b.order {
		if !n.omitted() {
			members[n.label()] = append(members[n.label()], i)
		}
	}
	declared := b.lastDeclared(members)
	for i, n := range b.order {
		group := members[n.label()]
		if n.omitted() || group[0] != i {
			continue
		}
		stands := l.values[n.label()]
		switch {
		case stands.op != nil:
			if b.isOutput(group) && !read[n.label()] {
				l.outputs = append(l.outputs, stands)
			}
		case b.loaded(group) > 1, n.early && n.loads > 0 && i > declared:
			l.initializers = append(l.initializers, stands)
		case l.invented[n.label()] && !read[n.label()]:
		case n.early || n.value != nil:
			l.inputs = append(l.inputs, stands)
		}
	}
	if len(l.outputs) == 0 {
		l.outputs = b.sinks(read)
	}
	b.remember(l)
}

// lastDeclared finds the last node that is surely declared rather than an
// initialiser: computed, or listed once more. The first operator's output, if the file
// does not declare it, also comes before the first edge, but behind the initialisers
// and without a tensor.
func (b *Backend) lastDeclared(members map[string][]int) int {
	declared, doubtful := -1, -1
	for i, n := range b.order {
		switch {
		case !n.early || n.omitted():
		case n.op != nil && n.loads == 0:
			doubtful = i
		case n.op != nil, members[n.label()][0] != i:
			declared = i
		case n.loads > 0 && doubtful >= 0:
			declared = doubtful // an initialiser is behind it
		}
	}
	if declared < 0 {
		return doubtful // there is nothing else that could be the output
	}
	return declared
}

// isOutput tells whether a computed value may be an output of the model: those are
// declared.
func (b *Backend) isOutput(group []int) bool {
	return slices.ContainsFunc(group, func(i int) bool { return b.order[i].early })
}

// loaded is the most tensors that a node of the group got while decoding.
func (b *Backend) loaded(group []int) int {
	most := 0
	for _, i := range group {
		most = max(most, b.order[i].loads)
	}
	return most
}

// sinks are the computed values that nobody reads.
func (b *Backend) sinks(read map[string]bool) []*Node {
	var out []*Node
	for _, n := range b.order {
		if n.op != nil && !n.omitted() && !read[n.label()] {
			out = append(out, n)
		}
	}
	return out
}

// remember adds the values that were asked for before.
func (b *Backend) remember(l *layout) {
	for _, name := range slices.Sorted(maps.Keys(b.wanted)) {
		if n := l.values[name]; n != nil && n.op != nil && !slices.Contains(l.outputs, n) {
			l.outputs = append(l.outputs, n)
		}
	}
}

// sort puts operations behind those they read from; files have them so, a graph
// built by hand need not.
func (l *layout) sort(all []*operation) error {
	const visiting, done = 1, 2
	state := make(map[*operation]int, len(all))
	leaf := make(map[*Node]bool)
	for _, n := range slices.Concat(l.inputs, l.initializers) {
		leaf[n] = true
	}
	var visit func(o *operation) error
	visit = func(o *operation) error {
		if state[o] == done {
			return nil
		}
		if state[o] == visiting {
			return &graphsurgery.FormatError{What: fmt.Sprintf("%s depends on itself", o)}
		}
		state[o] = visiting
		for _, n := range o.inputs {
			switch {
			case n == nil:
			case n.op != nil:
				if err := visit(n.op); err != nil {
					return err
				}
			case !leaf[n]:
				return &graphsurgery.FormatError{What: fmt.Sprintf("value %q, which %s reads, is neither an input nor an initialiser, and nothing computes it", n.label(), o)}
			}
		}
		state[o] = done
		l.operations = append(l.operations, o)
		return nil
	}
	for _, o := range all {
		if err := visit(o); err != nil {
			return err
		}
	}
	return nil
}

// String names an operation by the value it computes, since onnx-go drops the names
// of nodes.
func (o *operation) String() string {
	for _, n := range o.outputs {
		if !n.omitted() {
			return fmt.Sprintf("%s (%q)", o.name, n.label())
		}
	}
	return o.name
}
