package importer

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Data is what is fed to a model or comes out of it: a tensor, or a sequence or
// optional of such.
type Data struct {
	// Kind is KindTensor, KindSequence or KindOptional.
	Kind   graphsurgery.Kind
	Tensor *tensors.Tensor
	Items  []Data // of a sequence; of an optional, at most one
}

// layout is the form of a Data without its tensors, which a program is built for.
type layout struct {
	kind  graphsurgery.Kind
	items []layout
}

// flatten appends the tensors of d in order, and gives their layout.
func (d Data) flatten(to *[]*tensors.Tensor) layout {
	if d.Kind == graphsurgery.KindTensor {
		*to = append(*to, d.Tensor)
		return layout{}
	}
	l := layout{kind: d.Kind}
	for _, item := range d.Items {
		l.items = append(l.items, item.flatten(to))
	}
	return l
}

// check says what about d is not possible.
func (d Data) check() error {
	switch d.Kind {
	case graphsurgery.KindTensor:
		if d.Tensor == nil {
			return fmt.Errorf("no tensor")
		}
		return nil
	case graphsurgery.KindSequence, graphsurgery.KindOptional:
	default:
		return fmt.Errorf("a value that is no tensor, sequence or optional")
	}
	if d.Kind == graphsurgery.KindOptional && len(d.Items) > 1 {
		return fmt.Errorf("an optional of %d values", len(d.Items))
	}
	for i, item := range d.Items {
		if err := item.check(); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

// unflatten is the inverse of flatten; it takes the tensors from the front.
func (l layout) unflatten(from *[]*tensors.Tensor) Data {
	d := Data{Kind: l.kind}
	if l.kind == graphsurgery.KindTensor {
		d.Tensor, *from = (*from)[0], (*from)[1:]
		return d
	}
	for _, item := range l.items {
		d.Items = append(d.Items, item.unflatten(from))
	}
	return d
}

// wire makes a wire of the nodes of a fed value, taken from the front.
func (t *tracer) laidOut(l layout, from *[]*graph.Node) *wire {
	if l.kind == graphsurgery.KindTensor {
		n := (*from)[0]
		*from = (*from)[1:]
		return t.wire(n)
	}
	w := &wire{kind: sequenceWire}
	if l.kind == graphsurgery.KindOptional {
		w.kind = optionalWire
	}
	for _, item := range l.items {
		w.items = append(w.items, t.laidOut(item, from))
	}
	return w
}

// spread appends the nodes of a wire in order, and gives their layout.
func (t *tracer) spread(w *wire, to *[]*graph.Node) layout {
	if w.kind == tensorWire {
		*to = append(*to, t.nodeOf(w))
		return layout{}
	}
	l := layout{kind: graphsurgery.KindSequence}
	if w.kind == optionalWire {
		l.kind = graphsurgery.KindOptional
	}
	for _, item := range w.items {
		l.items = append(l.items, t.spread(item, to))
	}
	return l
}

// text tells layouts apart.
func (l layout) text() string {
	if l.kind == graphsurgery.KindTensor {
		return "t"
	}
	items := make([]string, len(l.items))
	for i, item := range l.items {
		items[i] = item.text()
	}
	return fmt.Sprintf("%d(%s)", l.kind, strings.Join(items, " "))
}

// sizes are those of the dimensions that inputs name: one name has one size.
type sizes map[string]boundSize

type boundSize struct {
	size  int
	input string
}

// bind compares the shape of an input with those of the inputs before it.
func (s sizes) bind(v *graphsurgery.Value, dims []int) error {
	for i, d := range v.Shape() {
		if d.Value >= 0 || d.Param == "" || i >= len(dims) {
			continue
		}
		first, ok := s[d.Param]
		if !ok {
			s[d.Param] = boundSize{dims[i], v.Name()}
			continue
		}
		if first.size != dims[i] {
			return &InputError{v.Name(), fmt.Sprintf("has %d in dimension %d (%q), and input %q has %d; want the same size",
				dims[i], i, d.Param, first.input, first.size)}
		}
	}
	return nil
}

// fedPorts lists the values that are fed for targets, in file order: the inputs
// that they depend on, and those initialisers among the given names that a caller
// may override.
func (p *Program) fedPorts(targets []*graphsurgery.Value, given func(name string) bool) []*graphsurgery.Value {
	needed := needed(targets)
	var ports []*graphsurgery.Value
	for _, v := range p.model.Graph.Inputs() {
		if needed[v] && !p.isFixed(v) {
			ports = append(ports, v)
		}
	}
	for _, v := range p.defaults {
		if needed[v] && given(v.Name()) {
			ports = append(ports, v)
		}
	}
	return ports
}

// fed gives the input of that name, or the initialiser that may be overridden.
func (p *Program) fed(name string) (*graphsurgery.Value, error) {
	v := p.model.Graph.Value(name)
	if v != nil && !p.isFixed(v) && (v.IsGraphInput() || v.IsDefault()) {
		return v, nil
	}
	return nil, &InputError{name, "is no input of the model; it has " + portNames(p.Inputs())}
}
