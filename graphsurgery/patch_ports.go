package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// portChange adds or removes a graph input or output.
type portChange struct {
	graph  *Graph
	add    *pb.ValueInfoProto // a new input, or the new output that wire gives
	wire   Wire
	remove *Value
	output bool
}

// AddInput adds a graph input. Of the main graph, the element type must be given;
// of a body, its node's operator says which inputs it has.
func (p *Patch) AddInput(name string, t Type) Wire {
	if !p.names.take(name, valueName) {
		p.fail("the name %q of a new input is taken", name)
	}
	port := &pb.ValueInfoProto{Name: &name}
	if t.DType != Undefined || t.Shape != nil {
		port.Type = typeProto(t.DType, t.Shape)
	}
	return p.addInput(port)
}

func (p *Patch) addInput(port *pb.ValueInfoProto) Wire {
	p.ports = append(p.ports, portChange{graph: p.graph, add: port})
	return Wire{patch: p.change, graph: p.graph, port: port}
}

// OfferInput lists an initialiser, new or tapped, among the main graph's inputs, so that
// a caller may feed another tensor in its place; its own is the default. A shape, if
// given, is declared instead of the tensor's: sizes that callers may choose are symbols.
// It takes IR version 4: before, all initialisers are listed and none can be fed.
func (p *Patch) OfferInput(w Wire, shape ...Dim) {
	p.own(w)
	t := w.typ()
	switch {
	case p.model.IRVersion() < 4:
		p.fail("an initialiser cannot be offered as input in IR version %d", p.model.IRVersion())
	case w.omitted() || w.graph != p.model.Graph || t.DType == Undefined:
		p.fail("what is offered as input is no initialiser of the main graph")
	case w.init == nil && (w.tap == nil || w.tap.tensor == nil || w.tap.IsListedInput()):
		p.fail("value %q is no initialiser, or is an input already", w.name())
	default:
		if shape == nil {
			shape = t.Shape
		}
		name := w.name()
		p.ports = append(p.ports, portChange{graph: w.graph, add: &pb.ValueInfoProto{Name: &name, Type: typeProto(t.DType, shape)}})
	}
}

// AddOutput lets the caller get a wire under a name, behind the outputs there
// are. With the name "" a tapped value is given under its own name; under another
// one it goes through an Identity node, so that its readers stay as they are. The
// zero Type stands for what is known of the wire.
func (p *Patch) AddOutput(name string, w Wire, t Type) {
	p.own(w)
	if w.omitted() {
		p.fail("output %q needs a wire", name)
		return
	}
	if name == "" {
		name = w.name()
	} else if !p.names.take(name, valueName) && w.name() != name {
		p.fail("the name %q of a new output is taken", name)
		return
	}
	port := &pb.ValueInfoProto{Name: &name}
	switch {
	case t.DType != Undefined:
		p.seam(name, w.typ(), t)
		port.Type = typeProto(t.DType, t.Shape)
	case w.proto() != nil:
		port.Type = twin(w.proto())
	}
	p.ports = append(p.ports, portChange{graph: p.graph, add: port, wire: w, output: true})
}

// RemoveInput drops a graph input, which nobody may read any more.
func (p *Patch) RemoveInput(v *Value) { p.removePort(v, false) }

// RemoveOutput lets the caller not get a value any more; what computes it stays,
// unless [Patch.Prune] finds it unread.
func (p *Patch) RemoveOutput(v *Value) { p.removePort(v, true) }

func (p *Patch) removePort(v *Value, output bool) {
	kind := map[bool]string{false: "input", true: "output"}[output]
	switch {
	case !p.has(v):
		p.fail("removal of an %s that is not in this model", kind)
	case output && !v.output, !output && !v.port:
		p.fail("value %q is not an %s of its graph", v.name, kind)
	default:
		p.ports = append(p.ports, portChange{graph: v.graph, remove: v, output: output})
	}
}

// addInputs declares the new graph inputs.
func (e *edit) addInputs() error {
	for _, c := range e.patch.ports {
		if c.add != nil && !c.output {
			e.setInputs(c.graph, append(clip(c.graph.pb.Input), c.add))
		}
	}
	return nil
}

// changeOutputs declares the new graph outputs and drops the removed ones.
func (e *edit) changeOutputs() error {
	for _, c := range e.patch.ports {
		switch {
		case !c.output:
		case c.remove != nil:
			e.setOutputs(c.graph, without(c.graph.pb.Output, c.remove.name))
		default:
			if err := e.addOutput(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *edit) addOutput(c portChange) error {
	name := c.add.GetName()
	if e.isOutput(c.graph, name) {
		return fmt.Errorf("the graph has an output %q already", name)
	}
	if e.nameOf(c.wire) != name || c.wire.graph != c.graph {
		if c.wire.name() == name { // its own name was asked for, and it got another one
			return fmt.Errorf("value %q is renamed by the patch and cannot be an output under that name", name)
		}
		e.produce(c.graph, c.wire, name)
	}
	e.setOutputs(c.graph, append(clip(c.graph.pb.Output), c.add))
	e.mark(c.graph)
	return nil
}

// removeInputs drops inputs after everything that read them.
func (e *edit) removeInputs() error {
	for _, c := range e.patch.ports {
		if c.output || c.remove == nil {
			continue
		}
		if err := e.unread(c.remove, nil); err != nil && c.remove.input {
			return err
		}
		e.setInputs(c.graph, without(c.graph.pb.Input, c.remove.name))
	}
	return nil
}

// without drops the port of a name.
func without(ports []*pb.ValueInfoProto, name string) []*pb.ValueInfoProto {
	var left []*pb.ValueInfoProto
	for _, p := range ports {
		if p.GetName() != name {
			left = append(left, p)
		}
	}
	return left
}

// clip makes append copy, so that the old list stays for undo.
func clip[T any](list []T) []T { return list[:len(list):len(list)] }
