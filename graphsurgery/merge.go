package graphsurgery

import (
	"errors"
	"fmt"
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// MergeOptions say how [Merge] joins two models. The zero value puts them side by
// side.
type MergeOptions struct {
	// Connect says which output of the first model each input of the second
	// reads: input name to output name. Other inputs stay inputs.
	Connect map[string]string
	// Prefix begins the names of the second model, and its metadata keys, that
	// the first has already. Without one, such a clash is an error.
	Prefix string
	// KeepConnected leaves the connected outputs of the first model outputs of
	// the whole; else they are not.
	KeepConnected bool
}

// Merge joins two models into a new one: the first, and the second reading the
// first's outputs. Inputs and outputs are the first's, then the second's. The
// operator sets that both use must be of the same version; the IR version is the
// greater one. The error is a [SeamError] where the types of an output and an
// input disagree, an [UnsupportedError] where operator sets do, and else names
// what clashes. Neither model is changed.
func Merge(a, b *Model, o MergeOptions) (*Model, error) {
	if a == nil || b == nil {
		return nil, errors.New("merge: a model is nil, want two models")
	}
	m, err := newModel(twin(a.pb), a)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	raiseIR(m, b.IRVersion())
	if err := mergeMetadata(m, b, o.Prefix); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	p := m.NewPatch("merge")
	j := &joint{patch: p, second: b, options: o}
	j.join()
	if err := p.Apply(); err != nil {
		return nil, err
	}
	return m, nil
}

// joint is a merge under way.
type joint struct {
	patch   *Patch
	second  *Model
	options MergeOptions
}

func (j *joint) join() {
	p, b := j.patch, j.second.Graph
	for _, name := range sortedKeys(j.options.Connect) {
		if b.Input(name) == nil {
			p.fail("the second model has no input %q", name)
		}
	}
	s := newSplicer(p, b)
	s.rename, s.declare, s.last, s.known = j.rename, true, true, true
	inputs := make([]Wire, len(b.inputs))
	for i, v := range b.inputs {
		inputs[i] = j.input(v)
	}
	outputs := s.run(inputs)
	j.listDefaults(s)
	j.dropConnected()
	for i, w := range outputs {
		if p.err == nil {
			j.output(s, b.outputs[i], w)
		}
	}
}

// rename keeps the second model's names where the first does not have them.
func (j *joint) rename(name string, kind nameKind) (string, error) {
	names := j.patch.names
	switch {
	case names.take(name, kind):
		return name, nil
	case j.options.Prefix == "":
		return name, fmt.Errorf("both models have a %s %q; give a prefix", kind, name)
	}
	return names.fresh(j.options.Prefix+name, kind), nil
}

// input is what an input of the second model reads.
func (j *joint) input(v *Value) Wire {
	from, connected := j.options.Connect[v.name]
	if !connected {
		name, err := j.rename(v.name, valueName)
		if err != nil {
			j.patch.fail("%w", err)
		}
		port := twin(v.graph.port(v.name))
		port.Name = &name
		return j.patch.addInput(port)
	}
	out := j.patch.model.Graph.Output(from)
	if out == nil {
		j.patch.fail("the first model has no output %q, which input %q is to read", from, v.name)
		return Wire{patch: j.patch.change, graph: j.patch.graph}
	}
	return j.patch.Tap(out)
}

// port is the listing of a graph input, or nil.
func (g *Graph) port(name string) *pb.ValueInfoProto {
	for _, p := range g.pb.Input {
		if p.GetName() == name {
			return p
		}
	}
	return nil
}

// listDefaults lists the second model's initialisers that a caller may feed among
// the inputs, as there.
func (j *joint) listDefaults(s *splicer) {
	for _, port := range j.second.Graph.pb.Input {
		v := j.second.Graph.values[port.GetName()]
		w, ok := s.wires[port.GetName()]
		if !ok || v.input || !v.IsDefault() {
			continue
		}
		c := twin(port)
		c.Name = new(w.name())
		j.patch.ports = append(j.patch.ports, portChange{graph: j.patch.graph, add: c})
	}
}

func (j *joint) dropConnected() {
	if j.options.KeepConnected {
		return
	}
	used := map[string]bool{}
	for _, from := range j.options.Connect {
		used[from] = true
	}
	for _, out := range slices.Clone(j.patch.model.Graph.outputs) {
		if used[out.name] {
			j.patch.RemoveOutput(out)
		}
	}
}

// output lets the caller get an output of the second model. One that is simply
// what the first model gives goes through an Identity, under its own name.
func (j *joint) output(s *splicer, v *Value, w Wire) {
	port := &pb.ValueInfoProto{}
	for _, out := range j.second.Graph.pb.Output {
		if out.GetName() == v.name {
			port = twin(out)
		}
	}
	name := w.name()
	if w.tap != nil {
		var err error
		if name, err = j.rename(v.name, valueName); err != nil {
			j.patch.fail("%w", err)
		}
	}
	port.Name, port.Type = &name, s.typ(port.Type)
	j.patch.ports = append(j.patch.ports, portChange{graph: j.patch.graph, add: port, wire: w, output: true})
}

// raiseIR lifts the IR version. From version 4 on, an initialiser that is listed
// as an input can be fed; before, all are listed and none can.
func raiseIR(m *Model, version int64) {
	if m.IRVersion() < 4 && version >= 4 {
		g := m.pb.Graph
		g.Input = slices.DeleteFunc(g.Input, func(in *pb.ValueInfoProto) bool { return m.Graph.values[in.GetName()].tensor != nil })
	}
	m.pb.IrVersion = new(max(m.IRVersion(), version))
}

func mergeMetadata(m, b *Model, prefix string) error {
	for _, key := range b.MetadataKeys() {
		value, _ := b.Metadata(key)
		have, clash := m.Metadata(key)
		switch {
		case clash && have == value:
			continue
		case clash && prefix == "":
			return fmt.Errorf("both models have metadata %q, %q and %q; give a prefix", key, have, value)
		case clash:
			key = prefix + key
			if _, taken := m.Metadata(key); taken {
				return fmt.Errorf("metadata key %q is taken", key)
			}
		}
		m.SetMetadata(key, value)
	}
	return nil
}
